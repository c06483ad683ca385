"""What Python says of files, processes and the network while stages run, told to observations.

By an audit hook, which hears of an attempt before it is made. It is called for everything that
Python does and says, so it returns at once from what nobody asked for.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from vcat._keeping.guard import at_work
from vcat.abc import unobserved

if TYPE_CHECKING:
    from vcat._running.observing.observation import Observation
    from vcat._running.observing.overlap import Overlap

    Watcher: TypeAlias = Observation | Overlap

#: What an import opens, and what shows lines of source in warnings and tracebacks.
_SOURCES = (".py", ".pyc", ".so", ".pyd", ".dylib")
_IMPORTING = frozenset({"importlib._bootstrap_external", "_frozen_importlib_external"})
_LISTING = _IMPORTING | {"importlib.metadata", "importlib_metadata"}

#: What is told, and in which thread its stage runs.
_watching: list[tuple[int, Watcher]] = []
_hooked = False


def watch(observation: Watcher) -> None:
    """Tell *observation* what happens from now on."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_hook)  # for ever: a hook cannot be taken away
        # What a forked process does is told to nobody who could keep it; and to look at it there
        # may need what a thread held that has not come along, such as the import of a module.
        os.register_at_fork(after_in_child=_watching.clear)
        _hooked = True
    _watching.append((get_ident(), observation))


def unwatch(observation: Watcher) -> None:
    """Tell *observation* nothing more."""
    with suppress(ValueError):  # in a process that was forked meanwhile
        _watching.remove((get_ident(), observation))


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event not in _TOLD:
        return
    thread = get_ident()
    if thread in at_work:
        return
    try:
        at_work.add(thread)
        _tell(thread, _TOLD[event], arguments)
    finally:
        at_work.discard(thread)


def met(project: str, record: Mapping[str, Any], files: Iterable[str]) -> None:
    """Tell the stage that runs a pipeline what it depends on without having read it itself.

    Args:
        project: What the names in *record* are relative to.
        record: What a stage met whose result is used again, as its entry has it.
        files: The files and directories that the arguments of a stage name.
    """
    if not _watching:
        return
    from vcat._running.observing.project import Project

    thread, path = get_ident(), Project(project).path
    with unobserved():
        for each in (*record.get("files", ()), *record.get("absent", ())):
            _tell(thread, _told("read"), (path(each),))
        for each in record.get("directories", ()):
            _tell(thread, _told("scan"), (path(each),))
        for each in record.get("marks", ()):
            _tell(thread, _met_mark, each)
        for each in files:
            _tell(thread, _told("read"), (each,))
            for directory, _, names in os.walk(each, followlinks=True):
                _tell(thread, _told("scan"), (directory,))
                for name in names:
                    _tell(thread, _told("read"), (os.path.join(directory, name),))


def _met_mark(observation: Watcher, mark: str) -> None:
    observation.mark(mark)


def _tell(thread: int, tell: Callable[[Watcher, Any], None], about: Any) -> None:
    """Tell the observations of stages in *thread*; all of them if that is of none of the stages."""
    watching = tuple(_watching)
    own = [each for of, each in watching if of == thread]
    for each in own or [each for _, each in watching]:
        try:
            tell(each, about)
        except TimeoutError as error:  # of the stage, which hears of it again
            each.fail(error)
        except (OSError, ValueError):
            pass  # a name or a descriptor of nothing: the attempt is in vain
        except Exception as error:  # noqa: BLE001  # what is raised here fails the stage's call
            each.fail(error)


def _opened(observation: Watcher, arguments: tuple[Any, ...]) -> None:
    name, mode, flags = arguments
    if isinstance(name, int):
        return  # open already, and seen then
    flags = flags or 0
    if not flags & _CHANGING and not (mode and mode[0] in "wax"):
        path = _path(name)
        # Modules in an archive are looked up in it, by whatever name the archive has.
        archived = _callers(4)[:1] == ["zipimport"]
        if not archived and not (path.endswith(_SOURCES) and _is_import()):
            observation.read(path)
    elif flags & os.O_TRUNC or (mode and mode[0] == "w"):
        observation.replace(_path(name))
    elif flags & os.O_CREAT and flags & os.O_EXCL:
        observation.create(_path(name))
    elif flags & os.O_RDWR:
        observation.update(_path(name))
    elif flags & os.O_APPEND:
        observation.append(_path(name))
    else:
        observation.patch(_path(name))


_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC


def _connected_to_database(observation: Watcher, arguments: tuple[Any, ...]) -> None:
    name = os.fsdecode(arguments[0])
    if name.startswith("file:"):
        from urllib.parse import unquote  # few databases are named so

        name, _, query = name[5:].partition("?")
        name = unquote(name[name.index("/", 2) :] if name.startswith("//") else name)
        if "mode=memory" in query:
            return
    if name and name != ":memory:":
        path = _path(name)
        for suffix in ("-wal", "-journal"):  # what is committed may be there still
            observation.connect(path + suffix)
        observation.connect(path)


def _loaded(observation: Watcher, arguments: tuple[Any, ...]) -> None:
    name = arguments[0]
    if name and os.sep in os.fsdecode(name):  # else the system searches its own places
        observation.read(_path(name))


def _listed(observation: Watcher, arguments: tuple[Any, ...]) -> None:
    if not _LISTING.issuperset(_callers(4)[:1]):
        observation.scan(_path(arguments[0]))


def _is_import() -> bool:
    # A module's get_data(), which pkgutil.get_data() calls, opens data; where an import calls it,
    # its caller is importing too.
    callers = _callers(5)
    return callers[1:] == ["linecache"] or _IMPORTING.issuperset(callers)


def _callers(depth: int) -> list[str | None]:
    """Return the modules of who did what the event is about, *depth* up, and of who called that."""
    try:
        frame = sys._getframe(depth)  # noqa: SLF001  # not in the event
    except ValueError:
        return [None]  # a thread without any Python
    found = [frame.f_globals.get("__name__")]
    if frame.f_back is not None:
        found.append(frame.f_back.f_globals.get("__name__"))
    return found


def _told(method: str) -> Callable[[Watcher, tuple[Any, ...]], None]:
    """Return what tells *method* of an observation the path that an event begins with."""

    def tell(observation: Watcher, arguments: tuple[Any, ...]) -> None:
        # Of these events a directory that the path is relative to comes last, -1 for none.
        base = arguments[-1] if len(arguments) > 1 else -1
        getattr(observation, method)(_path(arguments[0], base))

    return tell


def _renamed(observation: Watcher, arguments: tuple[Any, ...]) -> None:
    source, target, source_base, target_base = arguments
    observation.move(_path(source, source_base), _path(target, target_base))


def _linked(observation: Watcher, arguments: tuple[Any, ...]) -> None:
    source, target, source_base, target_base = arguments
    observation.link(_path(source, source_base), _path(target, target_base))


def _symlinked(observation: Watcher, arguments: tuple[Any, ...]) -> None:
    observation.symlink(_path(arguments[1], arguments[2]))


def _truncated(observation: Watcher, arguments: tuple[Any, ...]) -> None:
    if not isinstance(arguments[0], int):
        observation.patch(_path(arguments[0]))


def _reached(observation: Watcher, arguments: tuple[Any, ...]) -> None:  # noqa: ARG001  # that it happened is all
    observation.mark("network")


def _started(observation: Watcher, arguments: tuple[Any, ...]) -> None:  # noqa: ARG001  # that it happened is all
    observation.mark("process")


_TOLD: dict[str, Callable[[Watcher, tuple[Any, ...]], None]] = {
    "open": _opened,
    "sqlite3.connect": _connected_to_database,
    "ctypes.dlopen": _loaded,
    "os.listdir": _listed,
    "os.scandir": _listed,
    "os.mkdir": _told("make"),
    "os.remove": _told("remove"),
    "os.truncate": _truncated,
    "os.rename": _renamed,
    "os.link": _linked,
    "os.symlink": _symlinked,
    # The content stays, the time of the last change does not.
    **dict.fromkeys(("os.chmod", "os.chown", "os.utime"), _told("touch")),
    **dict.fromkeys(("os.setxattr", "os.removexattr"), lambda each, a: each.touch(_path(a[0]))),
    **dict.fromkeys(
        (
            "socket.connect",
            "socket.bind",
            "socket.sendto",
            "socket.sendmsg",
            "socket.getaddrinfo",
            "socket.gethostbyname",
            "socket.gethostbyaddr",
        ),
        _reached,
    ),
    **dict.fromkeys(
        (
            "subprocess.Popen",
            "os.system",
            "os.exec",
            "os.fork",
            "os.forkpty",
            "os.posix_spawn",
            "os.spawn",
            "pty.spawn",
        ),
        _started,
    ),
}


def _path(name: Any, base: int = -1) -> str:
    """Return the absolute path of *name*: a text, bytes, a path, a descriptor, or nothing."""
    if name is None:
        return os.getcwd()
    if isinstance(name, int):
        return _path_of(name)
    path = os.fsdecode(name)
    if not path.startswith(os.sep):
        path = os.path.join(os.getcwd() if base < 0 else _path_of(base), path)
    head, tail = os.path.split(path)
    if ".." in path.split(os.sep):
        # Up from where a link leads, not from where it lies.
        return (
            os.path.join(os.path.realpath(head), tail) if tail != ".." else os.path.realpath(path)
        )
    path = os.path.normpath(path)
    return path[1:] if path.startswith("//") else path


def _path_of(descriptor: int) -> str:
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{descriptor}")
