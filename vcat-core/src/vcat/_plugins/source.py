"""Which configuration files there are, and the bytes of one, if it may be believed."""

from __future__ import annotations

import os
import stat

from vcat._plugins.problem import Place, Problems

VARIABLE = "VCAT_CONFIG"

_ENDING = ".config.yaml"
_SIZE_LIMIT = 1 << 20


def find_files(directory: str, problems: Problems) -> list[tuple[str, Place]]:
    """Return the configuration files for *directory*, in the order in which they are merged.

    They are its ``*.config.yaml`` by name, or what the variable ``VCAT_CONFIG`` names instead.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return _in_directory(directory, "", problems)
    path = os.path.abspath(os.path.expanduser(named))
    if os.path.isdir(path):
        files = _in_directory(path, named, problems)
        if not files:
            problems.add(
                Place(VARIABLE),
                None,
                f"directory {named!r} has no *{_ENDING}; put one there or unset {VARIABLE}",
            )
        return files
    if not os.path.lexists(path):
        problems.add(
            Place(VARIABLE),
            None,
            f"there is no file or directory {named!r}; correct or unset {VARIABLE}",
        )
        return []
    return [(path, Place(named, directory=os.path.dirname(path)))]


def _in_directory(directory: str, prefix: str, problems: Problems) -> list[tuple[str, Place]]:
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        problems.add(Place(prefix or directory), None, f"cannot be read: {error.strerror}")
        return []
    # As the shell's *, a leading dot is not matched: editors keep such files beside the real ones.
    names = [each for each in names if each.endswith(_ENDING) and not each.startswith(".")]
    return [
        (os.path.join(directory, each), Place(os.path.join(prefix, each), directory=directory))
        for each in names
    ]


def read(path: str, place: Place, problems: Problems) -> str | None:
    """Return the text of the file *path*, or ``None`` after noting why it is not read.

    A configuration names code to run. So it counts only as a regular file that belongs to the user
    or to root; a symbolic link has to belong to them as well.
    """
    try:
        link_owner = os.lstat(path).st_uid
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            reason = _refusal(status, link_owner)
            data = b"" if reason else stream.read(_SIZE_LIMIT + 1)
    except OSError as error:  # a directory is refused by open() already
        reason = "is a directory, expected a file" if os.path.isdir(path) else None
        problems.add(place, None, reason or f"cannot be read: {error.strerror}")
        return None
    if reason is None and len(data) > _SIZE_LIMIT:
        reason = "has more than 1 MiB, which no configuration needs; is it the right file?"
    if reason is not None:
        problems.add(place, None, reason)
        return None
    return _decoded(data, place, problems)


def _refusal(status: os.stat_result, link_owner: int) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file; write the configuration into one"
    me = os.geteuid()
    for owner in (status.st_uid, link_owner):
        if owner not in (me, 0):
            return (
                f"belongs to user {owner}, not to you (user {me}) or root; a configuration names"
                " code to run, so read it and make a copy of your own"
            )
    return None


def _decoded(data: bytes, place: Place, problems: Problems) -> str | None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0")) or data[1:2] == b"\0":
        problems.add(place, None, "is UTF-16 or UTF-32; save it as UTF-8")
        return None
    try:
        return data.decode("utf-8")  # YAML itself skips a byte order mark
    except UnicodeDecodeError as error:
        where = Place(place.label, data.count(b"\n", 0, error.start) + 1, place.directory)
        byte = data[error.start]
        problems.add(where, None, f"is not UTF-8: byte 0x{byte:02x}; save the file as UTF-8")
        return None
