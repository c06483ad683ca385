"""The small files that say what a job is and how it ended, each of them written once."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing is not worth its import to a supervisor
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vcat_deploy_localshell.process import Process

#: Their names, in the directory that the job does not know about.
JOB, CLAIM, SHELL, ENDING, END, GAP = (
    *("job.json", "supervisor.json", "shell.json", "ending.json", "end.json", "gap.json"),
)
CANCEL, KILL, BEAT = "cancel", "kill", "beat"

#: What the job writes, under another name in its directory: it is there when that has gone.
SHARED = ("output.log", "events.jsonl")

#: How many bytes are kept free for the record of the end, which must fit even a full disk.
RESERVED = 4096

FORMAT = 2

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a flat document as JSON; json itself would double the start of a supervisor."""
    fields = (f"{_text(name)}: {_value(value)}" for name, value in document.items())
    return ("{" + ", ".join(fields) + "}\n").encode("utf-8", "replace")


def describe_shell(shell: Process, main: Process | None) -> dict[str, object]:
    """Return what says which process runs ``run.sh``, and which is the main one it has started."""
    document: dict[str, object] = {"format": FORMAT, "pid": shell.pid, "started": shell.started}
    if main is not None:
        document |= {"main_pid": main.pid, "main_started": main.started}
    return document


def write_once(path: str, data: bytes, *, durable: bool = False) -> bool:
    """Write a new file so that readers see all of it or nothing; return whether it is this one.

    Whoever comes second changes nothing.

    Args:
        path: The file.
        data: Its content.
        durable: Whether it has to survive a crash of the machine.
    """
    aside = f"{path}.{os.urandom(8).hex()}"
    try:
        with open(os.open(aside, _FLAGS, 0o600), "wb", buffering=0) as file:
            file.write(data)
            if durable:
                os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return False
        if durable:
            synchronize(os.path.dirname(path))
        return True
    finally:
        remove(aside)


def replace(path: str, data: bytes) -> None:
    """Write a file anew so that readers see the old one or this one."""
    aside = f"{path}.{os.urandom(8).hex()}"
    try:
        with open(os.open(aside, _FLAGS, 0o600), "wb", buffering=0) as file:
            file.write(data)
        os.rename(aside, path)
    except BaseException:
        remove(aside)
        raise


def renew(path: str, data: bytes) -> None:
    """Write a file anew, whatever is in its place: a directory is moved aside."""
    try:
        replace(path, data)
    except IsADirectoryError:
        os.rename(path, f"{path}.{os.urandom(8).hex()}")
        replace(path, data)


def remove(path: str) -> None:
    """Remove a file that may be gone already."""
    try:  # noqa: SIM105  # contextlib is not worth its import to a supervisor
        os.unlink(path)
    except FileNotFoundError:
        pass


def make_directory(path: str) -> None:
    """Make a directory of this user's alone, in others of the same kind, where there is none."""
    if os.path.isdir(path):
        return
    make_directory(os.path.dirname(path))
    try:  # noqa: SIM105  # contextlib is not worth its import to a supervisor
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass


def synchronize(directory: str) -> None:
    """Have the names in *directory* survive a crash of the machine."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_exit_code(directory: str) -> int | None:
    """Return the exit code that ``run.sh`` has written into a job's directory, if it has."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(os.path.join(directory, "exit.json"), flags)
    except OSError:
        return None
    try:
        text = os.read(descriptor, 200).decode("ascii", "replace").replace(" ", "").strip()
    except OSError:  # a directory, put there by the job
        return None
    finally:
        os.close(descriptor)
    code = text.removeprefix('{"format":1,"exit_code":').removesuffix("}")
    return int(code) if code.isdecimal() and len(code) < 4 and len(text) > len(code) else None


def _value(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return _text(str(value))


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " else f"\\u{ord(c):04x}" for c in escaped) + '"'
