"""What is asked of the construction of every backend, whatever its role."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from vcat.testing._process import pickled

_INPUT_OUTPUT = (
    "open",
    "os.chmod",
    "os.link",
    "os.listdir",
    "os.mkdir",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.scandir",
    "os.symlink",
    "os.system",
    "os.truncate",
    "os.utime",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "sqlite3.connect",
    "subprocess.Popen",
)


class Built:
    """How the suites of all roles come by their backends."""

    #: The backend's type string, as in a configuration file.
    type_name: str

    @pytest.fixture
    def options(self) -> dict[str, object]:
        """The constructor's keyword arguments for one empty store, fresh for each test."""
        raise NotImplementedError("override the fixture `options`")

    @pytest.fixture
    def backend_type(self) -> Any:
        """The class to test, found by its type string."""
        raise NotImplementedError

    @pytest.fixture
    def backend(self, backend_type: Any, options: Mapping[str, object]) -> Any:
        """The backend to test."""
        return backend_type(**options)


class ConstructionTests(Built):
    """The part that the suites of all roles share."""

    def test_unknown_option_is_refused(
        self, backend_type: Any, options: Mapping[str, object]
    ) -> None:
        """A misspelt option in a configuration file is an error, not silence."""
        with pytest.raises(TypeError):
            backend_type(**options, no_such_option=1)

    def test_construction_does_no_input_output(
        self, backend_type: Any, options: Mapping[str, object]
    ) -> None:
        """Reading a configuration touches no store, so that a mistake in it costs nothing."""
        backend_type(**options)  # what it imports is imported now
        with audited() as events:
            backend_type(**options)
        assert events == []

    def test_equal_options_make_equal_backends(
        self, backend_type: Any, options: Mapping[str, object]
    ) -> None:
        """A backend is its options: equal ones are equal, and equal as keys of a dictionary."""
        one, two = backend_type(**options), backend_type(**options)
        assert one == two
        assert hash(one) == hash(two)

    def test_survives_pickling(self, backend: Any) -> None:
        """A backend can be handed to another process; pickling gives an equal one."""
        assert pickled(backend) == backend


@contextmanager
def audited() -> Iterator[list[str]]:
    """Collect the names of the input-output operations made inside."""
    if not _Audit.is_installed:
        sys.addaudithook(_Audit.note)  # for good: there is no way to remove one
        _Audit.is_installed = True
    events: list[str] = []
    _Audit.events = events
    try:
        yield events
    finally:
        _Audit.events = None


class _Audit:
    is_installed = False
    events: list[str] | None = None

    @classmethod
    def note(cls, event: str, _arguments: tuple[object, ...]) -> None:
        if cls.events is not None and event in _INPUT_OUTPUT:
            cls.events.append(event)
