"""What every executor must do that runs stages in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from vcat import stage
from vcat.abc import ExecutorBackend
from vcat.errors import StageError
from vcat.testing._construction import ConstructionTests

Run = Callable[[Any], Any]

#: A stage that nobody ends goes on for so many seconds: longer than it takes to end one.
_HANGING = 15.0


def process_number(note: str) -> int:
    """Return the process in which this runs, and write it down."""
    Path(f"{note}-{os.getpid()}").touch()
    return os.getpid()


def both(*values: Any) -> tuple[Any, ...]:
    """Return what is given."""
    return values


def meet(own: str, other: str, patience: float) -> bool:
    """Return whether the other one is there while this one is."""
    Path(own).touch()
    return _is_there(other, patience)


def end_process(number: int, patience: float) -> None:
    """End the process by a signal, or with an exit code, while another stage runs."""
    _is_there("waiting", patience)
    Path("ending").touch()
    if number < 0:
        os.kill(os.getpid(), -number)
    os._exit(number)


def outlast(patience: float) -> str:
    """Return when another process has been about to end for a while."""
    Path("waiting").touch()
    _is_there("ending", patience)
    time.sleep(1.0)
    return "here"


def hang(patience: float) -> str:
    """Do not end, whatever happens, and have a child that does not either."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGTERM, signal.SIGINT])
    program = f"import time; time.sleep({3 * patience})"
    child = subprocess.Popen([sys.executable, "-c", program])  # noqa: S603  # our own interpreter
    Path(f"child-{child.pid}").touch()
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        time.sleep(0.05)
    return "ended by itself"


def main_file() -> str:
    """Return what the worker takes for the script."""
    return str(getattr(sys.modules["__main__"], "__file__", ""))


def _call(function: Callable[..., Any], *arguments: Any, timeout: float | None = None) -> Any:
    """Return a stage that calls *function*, and is not cached."""
    return stage(function, cache=False, timeout=timeout)(*arguments)


def _is_there(name: str, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not os.path.exists(name):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class ExecutorBackendTests(ConstructionTests):
    """What an executor must do whose workers are processes; at least two of them at a time.

    Subclass it, set ``type_name`` and override the fixture ``options``. The stages of the tests
    stand in a module, so that workers import them.
    """

    #: Seconds until something that should happen counts as not happening.
    patience: float = 20.0

    @pytest.fixture
    def backend_type(self) -> type[ExecutorBackend]:
        """The class to test, found by its type string."""
        from vcat._plugins.registry import installed

        return installed().executor_type(self.type_name)

    @pytest.fixture
    def run(
        self,
        backend_type: type[ExecutorBackend],
        options: Mapping[str, object],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Run:
        """Run a pipeline by workers of the executor, in a directory of its own."""
        name = getattr(self, "type_name", "")
        if not name:
            name = f"{backend_type.__module__}:{backend_type.__qualname__}"
        settings = {"executor_type": name, "constructor_keyword_arguments": dict(options)}
        (tmp_path / "suite.config.yaml").write_text(
            json.dumps({"execution_implementation": settings})
        )
        monkeypatch.chdir(tmp_path)

        def run_pipeline(end: Any) -> Any:
            return end.run_same_process()

        return run_pipeline

    def test_independent_stages_overlap(self, run: Run) -> None:
        """Two workers work at the same time."""
        end = _call(
            both, _call(meet, "one", "two", self.patience), _call(meet, "two", "one", self.patience)
        )
        assert run(end) == (True, True)

    @pytest.mark.parametrize(
        ("number", "said"),
        [
            (0, "its process ended with exit code 0 and without a result"),
            (3, "its process ended with exit code 3 and without a result"),
            (-9, "its process was killed by signal 9 (SIGKILL)"),
            (-15, "its process was ended by signal 15 (SIGTERM)"),
        ],
    )
    def test_how_a_process_ended_is_told(self, run: Run, number: int, said: str) -> None:
        """An exit code of 0 is no result either."""
        with pytest.raises(StageError) as caught:
            run(_call(end_process, number, 0.0))
        assert f"WorkerEndedError: {said}" in str(caught.value)

    def test_a_process_that_ends_harms_no_other_task(self, run: Run) -> None:
        """Only the stage that it had fails."""
        with pytest.raises(StageError) as caught:
            run(_call(both, _call(outlast, self.patience), _call(end_process, -9, self.patience)))
        assert "outlast" not in str(caught.value)

    def test_another_process_takes_the_place_of_one_that_ended(self, run: Run) -> None:
        """However many have ended before."""
        ended = [_call(end_process, 1, 0.0) for _ in range(4)]
        with pytest.raises(StageError) as caught:
            run(_call(both, *ended, *[_call(process_number, "still") for _ in range(4)]))
        assert "process_number" not in str(caught.value)
        assert list(Path.cwd().glob("still-*"))

    def test_a_killed_task_ends_with_all_that_it_has_started(self, run: Run) -> None:
        """A stage that has had its time and hears nothing is killed, and its children are."""
        with pytest.raises(StageError) as caught:
            run(_call(hang, _HANGING, timeout=0.2))
        assert "and its process was killed" in str(caught.value)
        (child,) = [int(each.name[6:]) for each in Path.cwd().glob("child-*")]
        self.await_that(lambda: not _exists(child), "the child of a killed worker is gone")

    def test_workers_end_with_the_run(self, run: Run) -> None:
        """They are other processes, and nothing is left of them when the result is there."""
        run(_call(both, _call(process_number, "at"), _call(process_number, "at")))
        numbers = [int(each.name[3:]) for each in Path.cwd().glob("at-*")]
        assert numbers
        assert os.getpid() not in numbers
        self.await_that(lambda: not any(map(_exists, numbers)), "the workers are gone")

    def test_workers_never_run_the_script(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """How ever its processes are started, the user's script is not run again in them."""
        script = Path("script.py")
        script.write_text("open('ran', 'w').close()\n")
        main = sys.modules["__main__"]  # which has no file where pytest is run by another process
        monkeypatch.setattr(main, "__file__", str(script.absolute()), raising=False)
        monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
        assert run(_call(main_file)) == str(script.absolute())
        assert not Path("ran").exists()

    def await_that(self, condition: Callable[[], bool], words: str) -> None:
        """Wait until *condition* holds; fail with *words* if that takes too long."""
        assert _comes_true(condition, self.patience), f"not within {self.patience} s: {words}"


def _comes_true(condition: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _exists(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()  # gone just now, or not a Linux
    return status.rpartition(")")[2].split()[0] not in "ZX"
