"""Where tests stand, what signals their children find, how patient they are, and their order."""

from __future__ import annotations

import re
import signal

import pytest
from hypothesis import HealthCheck, settings


def pytest_configure() -> None:
    """Let children be interrupted, even where this process cannot be, and examples take their time.

    A shell starts background commands with SIGINT ignored, `nohup` what it runs with SIGHUP, and
    processes inherit that: a test that sends it to a child would wait for ever. Hypothesis fails an
    example that takes a fifth of a second, as any may on a machine that has other things to do.
    """
    settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("patient")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _own_directory(
    tmp_path: object, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stand in an empty directory; caches and states of vcat go where pytest cleans up."""
    monkeypatch.chdir(str(tmp_path))
    # One cache for the whole run: it is what every start after the first one finds.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "user-cache"))
    monkeypatch.setenv("XDG_STATE_HOME", f"{tmp_path}/.user-state")
    monkeypatch.delenv("VCAT_CONFIG", raising=False)


@pytest.fixture
def without_progress():
    """Take out of standard error what only a job that takes seconds has said of its progress.

    What is left is the same on a machine that has other things to do.
    """
    line = re.compile(r"^vcat: \S+: \d+ of \d+ stages? done, .*\n", re.M)
    return lambda err: line.sub("", err)


@pytest.fixture
def is_alive():
    """Tell whether a process is there and has not ended; a zombie has."""

    def is_alive(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return is_alive


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests marked ``slow`` last, so that most mistakes show within seconds.

    Those marked ``storm`` are in a session of their own.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
