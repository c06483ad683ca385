"""What a stage tells about itself while it runs: metrics, parameters, tags and artifacts.

The functions here belong to the script; who listens is set by the engine. One stage runs at a time
in a thread, and as a rule in a process: threads that a stage starts report too, which a context
variable would lose. Where nobody listens, in a script that is run bare or a function that is called
alone, what is reported is checked all the same, and dropped with one warning.
"""

from __future__ import annotations

import os
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Listener(Protocol):
        """What the engine sets while a stage runs."""

        def metric(self, name: str, value: Any, step: int | None) -> None: ...
        def param(self, name: str, value: Any) -> None: ...
        def tag(self, name: str, value: str) -> None: ...
        def artifact(self, path: Any, name: str | None) -> None: ...


#: The variable that says where a process of a command sends what it reports.
SPOOL = "VCAT_REPORTS"

#: Who listens, by the thread of the stage; who came last listens to threads without a stage.
_listeners: dict[int, Listener] = {}


def listen(listener: Listener | None) -> Listener | None:
    """Send what this thread reports to *listener* from now on; return who listened before."""
    thread = get_ident()
    before = _listeners.pop(thread, None)
    if listener is not None:
        _listeners[thread] = listener
    return before


def is_heard() -> bool:
    """Return whether a stage runs in this process."""
    return bool(_listeners)


def log_metric(name: str, value: float, step: int | None = None) -> None:
    """Record a number about the running stage; the latest value of a name is the job's metric.

    Args:
        name: What is measured.
        value: An int or a float, or what converts to one, as NumPy scalars do.
        step: Which of a series of values this is, an epoch for example.

    Raises:
        TypeError: *value* is not a number.
        ValueError: *name* is empty.
    """
    _named("log_metric", name).metric(name, _number(name, value), step)


def log_param(name: str, value: Any) -> None:
    """Record an input worth remembering; kept as JSON where it can be, else as its ``repr``.

    Raises:
        ValueError: *name* is empty.
    """
    _named("log_param", name).param(name, value)


def set_tag(name: str, value: str = "") -> None:
    """Label the job.

    Raises:
        ValueError: *name* is empty.
    """
    _named("set_tag", name).tag(name, str(value))


def log_artifact(path: Any, name: str | None = None) -> None:
    """Keep a file that the stage made, a plot for example, in the artifact archive.

    The file is read now; it may be changed or deleted afterwards.

    Args:
        path: The file.
        name: What the artifact is called, with ``/`` between parts; the file's own name where
            none is given.

    Raises:
        OSError: The file cannot be read.
        VcatError: It is a directory, or *name* cannot be the name of an artifact.
    """
    _heard("log_artifact", name if name is not None else "").artifact(path, name)


def _named(function: str, name: str) -> Listener:
    listener = _heard(function, name)
    if not name.strip():
        raise ValueError(f"{function}(): the name is {name!r}; give one to be asked for by")
    return listener


def _heard(function: str, name: str) -> Listener:
    if not isinstance(name, str):
        raise TypeError(f"{function}(): the name is a string, not {name!r}")
    listener = _listeners.get(get_ident()) or next(reversed(_listeners.values()), None)
    if listener is not None:
        return listener
    from vcat._authoring.door import nobody, sender

    spool = os.environ.get(SPOOL)
    told: Listener = nobody() if spool is None else sender(spool)
    return told


def _number(name: str, value: Any) -> float | int:
    if isinstance(value, (int, float)):
        return value
    item = getattr(value, "item", None)  # NumPy scalars and one-element arrays
    value = item() if callable(item) else value
    if not isinstance(value, (int, float)):
        raise TypeError(f"log_metric({name!r}): {value!r} is not a number")
    return value
