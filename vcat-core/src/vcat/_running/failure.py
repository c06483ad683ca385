"""What a stage raised, as JSON that can be read without the project."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from vcat._keeping.amount import say_count
from vcat._running.frame import describe_frames, is_called, named_frames, shown
from vcat._running.process.interruption import CancelledError
from vcat.errors import BackendError, CommandError, VcatError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from traceback import TracebackException

#: A message of more characters is cut, and its first line after so many.
_LONGEST, _LONGEST_LINE = 20_000, 1_000

#: So many exceptions of a group are described, and so many that one was raised because of.
_MEMBERS, _CAUSES = 10, 10


class WorkerTraceback(Exception):  # noqa: N818  # no error of its own: where one was raised
    """The cause of what was raised in another process: where that was.

    Attributes:
        described: What was raised, as :func:`describe_failure` has it.
    """

    def __init__(self, text: str, described: dict[str, Any]) -> None:
        super().__init__(text)
        self.described = described

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def raised_elsewhere(error: BaseException, text: str, described: dict[str, Any]) -> BaseException:
    """Return *error*, which was raised in another process, with what is known of where.

    Args:
        error: The exception, or one like it.
        text: Its traceback as Python prints it.
        described: What :func:`describe_failure` said of it there.
    """
    error.__cause__ = WorkerTraceback(text, described)
    return error


class Places:
    """Where the project's files are: as the script knew them, and as they are here.

    Functions of the script itself name the file they were compiled from, those of the project's
    modules the file they were imported from, which lies in the run directory.

    Args:
        submitted: The project directory where the job was submitted, and what that is a copy of.
        here: The project directory of this process.
    """

    def __init__(self, submitted: Iterable[str], here: str) -> None:
        self.submitted = list(dict.fromkeys(submitted))
        self.here = here

    def shown(self, file: str) -> str:
        """Return a file's name relative to the project, or as it is if it lies elsewhere."""
        for root in (self.here, *self.submitted):
            if file.startswith(root + os.sep):
                return file[len(root) + 1 :]
        return file

    def lines(self, file: str) -> list[str]:
        """Return the lines of a source file, as the job has it; nothing where it is not at hand."""
        from linecache import getlines

        return getlines(os.path.join(self.here, self.shown(file)))

    def keep_lines(self, file: str) -> None:
        """Let tracebacks have lines of a file as the job has it, whatever has become of it since.

        Args:
            file: The file, relative to the project.
        """
        import linecache

        lines = self.lines(file)
        text = "".join(lines)
        for each in self.submitted:
            submitted = os.path.join(each, file)
            if each != self.here and lines:
                # Without a time it is not looked whether the file on the disk is another.
                linecache.cache[submitted] = (len(text), None, lines, submitted)

    def line(self, file: str, number: int) -> str:
        """Return one line of a source file, stripped."""
        lines = self.lines(file)
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def describe_failure(error: BaseException, places: Places) -> dict[str, Any]:
    """Return what was raised: its first line, the frames of the user's code, and what caused it."""
    if isinstance(error.__cause__, WorkerTraceback):
        described = dict(error.__cause__.described)
        return described | {"frames": named_frames(described["frames"], places)}
    return {
        "type": type(error).__name__,
        "module": type(error).__module__,
        "message": _whole_text_of(error)[:_LONGEST],
        **_described(error, places, {id(error)}),
    }


def _described(error: BaseException, places: Places, seen: set[int]) -> dict[str, Any]:
    """Return what is said of an exception, and in it of what came before and of its members."""
    described: dict[str, Any] = {
        "first_line": first_line(error),
        "frames": describe_frames(error, places),
    }
    members = _members(error)
    if members:
        described["count"] = len(members)
        described["members"] = [
            _described(each, places, seen | {id(each)}) for each in members[:_MEMBERS]
        ]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is None or id(cause) in seen or len(seen) > _CAUSES:
        return described
    if isinstance(cause.__cause__, WorkerTraceback):
        told = cause.__cause__.described
        described["cause"] = {each: told[each] for each in _OF_CAUSES if each in told}
    else:
        described["cause"] = _described(cause, places, seen | {id(cause)})
    if error.__cause__ is None:
        described["cause"]["is_context"] = True
    return described


_OF_CAUSES = ("first_line", "frames", "count", "members", "cause")


def _members(error: BaseException) -> tuple[BaseException, ...]:
    """Return the exceptions of a group, which came with Python 3.11 or a package before that."""
    if any(each.__name__ == "BaseExceptionGroup" for each in type(error).__mro__):
        return tuple(getattr(error, "exceptions", ()))
    return ()


def traceback_of(error: BaseException, longest: int | None = None) -> str:
    """Return the traceback of what a stage has raised, as Python prints it, without our frames.

    Of a command that has failed only how it ended: its own lines stand above, and we have none.

    Args:
        error: What was raised.
        longest: Of a longer text the middle is left out.
    """
    if isinstance(error, CommandError):
        return f"vcat: {error}\n"
    try:
        text = _chained(error)
    except Exception:  # noqa: BLE001  # a user's exception may fail in being shown
        text = f"{first_line(error)}\n"
    return text if longest is None else shorten(text, longest)


def shorten(text: str, longest: int) -> str:
    """Return a text without its middle, if it has more than so many characters."""
    if len(text) <= longest:
        return text
    half = longest // 2
    left_out = f"\n[vcat: {say_count(len(text) - 2 * half, 'character')} left out]\n"
    return text[:half] + left_out + text[-half:]


def _chained(error: BaseException) -> str:
    from traceback import TracebackException

    texts: list[str] = []
    seen: set[int] = set()
    later: BaseException | None = error
    while later is not None and id(later) not in seen:
        seen.add(id(later))
        if isinstance(later.__cause__, WorkerTraceback):  # where it was raised, and that whole
            texts.append(str(later.__cause__.args[0]))
            break
        text = TracebackException(type(later), later, later.__traceback__)
        _prune(text, is_ours=isinstance(later, (VcatError, ImportError, SyntaxError)))
        text.__cause__ = text.__context__ = None
        has_frames = bool(text.stack) or bool(_members(later))
        texts.append("".join(text.format() if has_frames else text.format_exception_only()))
        if _is_full(later):
            break
        earlier, said = later.__cause__, _CAUSE
        if earlier is None and not later.__suppress_context__:
            earlier, said = later.__context__, _CONTEXT
        if earlier is not None and id(earlier) not in seen:
            texts.append(said)
        later = earlier
    return "".join(reversed(texts))


def _is_full(error: BaseException) -> bool:
    """Return whether a backend has no room left, so that where in it that was says nothing."""
    cause = error.__cause__ if isinstance(error, BackendError) else None
    return isinstance(cause, OSError) and cause.errno in _FULL


def _prune(text: TracebackException, *, is_ours: bool = True) -> None:
    """Leave out the frames that are not shown, of what is behind it and of its members as well.

    Args:
        text: The traceback.
        is_ours: Whether it may be without any. Else it has all: a fault of vcat's own.
    """
    pending: list[Any] = [text]
    while pending:
        each = pending.pop()
        files = [frame.filename for frame in each.stack]
        kept = shown(files)
        if each is not text or is_ours or is_called(files) or any(kept):
            each.stack[:] = [
                frame for frame, is_kept in zip(each.stack, kept, strict=True) if is_kept
            ]
        pending += [other for other in (each.__cause__, each.__context__) if other is not None]
        pending += getattr(each, "exceptions", None) or ()


#: The errors of a system that has no room for what is written.
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

#: What Python prints between the tracebacks of exceptions that belong together.
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def first_line(error: BaseException) -> str:
    """Return ``ValueError: bad input 3``; of a command only what it was and how it ended."""
    text = _text_of(error).partition("\n")[0]
    if len(text) > _LONGEST_LINE:
        text = f"{text[:_LONGEST_LINE]}... ({len(text)} characters)"
    if isinstance(error, CommandError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _whole_text_of(error: BaseException) -> str:
    """Return the message with the notes that were added to it."""
    notes = error.__dict__.get("__notes__")
    notes = notes if isinstance(notes, (list, tuple)) else ()
    return "\n".join([_text_of(error), *(each for each in notes if isinstance(each, str))])


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except CancelledError:  # no doing of the exception's: the job is to end
        raise
    except BaseException:  # noqa: BLE001  # a user's __str__ may raise anything
        return "(its text cannot be shown)"
