"""What a stage raised, as JSON that can be read without the project."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

from vcat._running.process.interruption import CancelledError
from vcat.errors import CommandError

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MAX_FRAMES = 100
_MAX_TEXT = 20_000


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
        submitted: The project directory where the job was submitted.
        here: The project directory of this process.
    """

    def __init__(self, submitted: str, here: str) -> None:
        self.submitted = submitted
        self.here = here

    def shown(self, file: str) -> str:
        """Return a file's name relative to the project, or as it is if it lies elsewhere."""
        for root in (self.here, self.submitted):
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

        submitted, lines = os.path.join(self.submitted, file), self.lines(file)
        if self.submitted != self.here and lines:
            # Without a time it is not looked whether the file on the disk is another.
            text = "".join(lines)
            linecache.cache[submitted] = (len(text), None, lines, submitted)

    def line(self, file: str, number: int) -> str:
        """Return one line of a source file, stripped."""
        lines = self.lines(file)
        return lines[number - 1].strip()[:500] if 0 < number <= len(lines) else ""


def describe_failure(error: BaseException, places: Places) -> dict[str, Any]:
    """Return what was raised: its first line, the frames of the user's code, and what caused it."""
    if isinstance(error.__cause__, WorkerTraceback):
        return dict(error.__cause__.described)
    described: dict[str, Any] = {
        "type": type(error).__name__,
        "module": type(error).__module__,
        "first_line": first_line(error),
        "message": _text_of(error)[:_MAX_TEXT],
        "frames": _frames(error.__traceback__, places),
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    seen, innermost = {id(error)}, described
    while cause is not None and id(cause) not in seen and len(seen) < 10:
        seen.add(id(cause))
        if isinstance(cause.__cause__, WorkerTraceback):
            told = cause.__cause__.described
            innermost["cause"] = {each: told[each] for each in _OF_CAUSES if each in told}
            break
        innermost["cause"] = {
            "first_line": first_line(cause),
            "frames": _frames(cause.__traceback__, places),
        }
        innermost = innermost["cause"]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return described


_OF_CAUSES = ("first_line", "frames", "cause")


def traceback_of(error: BaseException) -> str:
    """Return the traceback of what a stage has raised, as Python prints it, from its code on.

    Of a command that has failed only how it ended: its own lines stand above, and we have none.
    """
    if isinstance(error, CommandError):
        return f"vcat: {error}\n"
    try:
        return _chained(error)
    except Exception:  # noqa: BLE001  # a user's exception may fail in being shown
        return f"{first_line(error)}\n"


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
        shown = TracebackException(type(later), later, later.__traceback__)
        own = [frame.filename.startswith(_OWN + os.sep) for frame in shown.stack]
        if False in own:  # else it was raised by vcat itself
            del shown.stack[: own.index(False)]
        texts.append("".join(shown.format(chain=False)))
        earlier, said = later.__cause__, _CAUSE
        if earlier is None and not later.__suppress_context__:
            earlier, said = later.__context__, _CONTEXT
        if earlier is not None and id(earlier) not in seen:
            texts.append(said)
        later = earlier
    return "".join(reversed(texts))


#: What Python prints between the tracebacks of exceptions that belong together.
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def first_line(error: BaseException) -> str:
    """Return ``ValueError: bad input 3``; of a command only what it was and how it ended."""
    text = _text_of(error).partition("\n")[0][:_MAX_TEXT]
    if isinstance(error, CommandError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except CancelledError:  # no doing of the exception's: the job is to end
        raise
    except BaseException:  # noqa: BLE001  # a user's __str__ may raise anything
        return "(its text cannot be shown)"


def _frames(traceback: TracebackType | None, places: Places) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(_OWN):
            frames.append(
                {
                    "file": places.shown(code.co_filename),
                    "line": traceback.tb_lineno,
                    "function": code.co_name,
                    "text": places.line(code.co_filename, traceback.tb_lineno),
                }
            )
        traceback = traceback.tb_next
    if len(frames) > _MAX_FRAMES:  # the last ones say where it was raised
        frames[_MAX_FRAMES // 5 : -_MAX_FRAMES * 4 // 5] = []
    return frames
