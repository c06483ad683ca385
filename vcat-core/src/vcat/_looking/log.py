"""What a job prints, read piece by piece: from where it runs, else from its archive.

A log may be larger than the memory, and so may one line of it: no more than a few pieces are held
at a time, whoever asks.
"""

from __future__ import annotations

import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from vcat._keeping.archive import log_name
from vcat._keeping.event import FILE
from vcat._looking.patience import NoAnswerError

if TYPE_CHECKING:
    from vcat._looking.place import Place

#: What the whole job prints.
LOG = "output.log"

#: How many bytes are read at a time.
PIECE = 256 * 1024

#: How many characters of a line are held until its end is known; a longer one comes in parts.
LONGEST_LINE = 1024 * 1024

#: How long a reader who has read everything waits for more, in seconds.
POLL = 0.1


def log_of(place: Place, number: int | None) -> JobFile:
    """Return what a stage prints, or the whole job."""
    if number is None:
        return JobFile(place, LOG)
    definition = place.archive.fetch_document("definition") or {}
    # A command prints to the job's log itself, and is all there is in the job.
    is_command = "command" in definition.get("submitted", {})
    return JobFile(place, LOG if is_command else log_name(number))


def check_tail(tail: Any) -> None:
    """Refuse what is no number of lines.

    Raises:
        TypeError: It is something else than a whole number or ``None``.
        ValueError: It is less than 0.
    """
    if tail is None:
        return
    if isinstance(tail, bool) or not hasattr(tail, "__index__"):
        raise TypeError(f"tail is {tail!r}, expected a whole number of lines, or None for all")
    if tail < 0:
        raise ValueError(f"tail is {tail!r}; give a number of lines from 0 on, or None for all")


class JobFile:
    """A file of a job, which grows while the job runs.

    Args:
        place: Where the job is.
        name: ``output.log`` or that of a stage.
    """

    def __init__(self, place: Place, name: str) -> None:
        self._place = place
        self._name = name
        self._archived: bytes | None = None

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield what there is from *start* on, and empty bytes whenever that is all there is.

        Never ends: whoever reads knows when nothing more can come. Nothing is read from *end* on.
        What the deployment has not kept is left out, with a line in its place that says so.
        """
        fresh = True
        while True:
            data = self._read(start) if end is None or start < end else None
            if not data:
                yield b""
                continue
            # Asked after the reading: what was taken out before it is zeros in what was read.
            gap = self.gap()
            if gap is not None and gap[0] < start + len(data) and start < gap[1]:
                data = data[: max(0, gap[0] - start)]
                left_out = gap[1] - start - len(data)
                newline = b"" if (fresh and not data) or data.endswith(b"\n") else b"\n"
                yield data + newline + b"[vcat: %d bytes left out]\n" % left_out
                start, fresh = gap[1], True
                continue
            start += len(data)
            fresh = data.endswith(b"\n")
            yield data

    def arriving(
        self, start: int, ended: Callable[[], bool], end: int | None = None
    ) -> Iterator[bytes | None]:
        """Yield the pieces as they come, and ``None`` whenever there is none yet.

        Args:
            start: The first byte.
            ended: Returns whether nothing more will come.
            end: Where to stop in any case.
        """
        pieces = self.pieces(start, end)
        while True:
            over = ended()  # asked first, so that nothing printed later is missed
            while data := next(pieces):
                yield data
            if over:
                return
            yield None

    def until_end(
        self, start: int = 0, *, ended: Callable[[], bool] | None = None
    ) -> Iterator[bytes]:
        """Yield the pieces from *start* on, those that come until the job has *ended* included.

        Args:
            start: The first byte.
            ended: Returns whether nothing more will come; without it only what there is is read.
        """
        # A job may print faster than anybody reads: without a follower there is an end.
        end = self.size() if ended is None else None
        for piece in self.arriving(start, ended or (lambda: True), end):
            if piece is None:
                time.sleep(POLL)
            else:
                yield piece

    def beginning_of_last(self, count: int) -> int:
        """Return where the last *count* lines begin, without reading what is before them."""
        position = self.size()
        if count == 0:
            return position
        gap = self.gap()
        wanted, last = count, True
        while position > 0:
            start = max(0, position - PIECE)
            if gap is not None and start < gap[1] <= position:
                start = gap[1]
            if start == position:  # the gap ends here; the line that stands for it counts as one
                if wanted <= 1 or gap is None:
                    return position
                position, last = gap[0], False
                # Its own newline, and the one that is put before it where there is none.
                whole = position == 0 or self._read(position - 1, 1) == b"\n"
                wanted -= 1 if whole else 2
                if wanted <= whole:
                    return position
                continue
            data = self._read(start, position - start) or b""
            if last and data.endswith(b"\n"):
                wanted += 1  # the newline at the very end begins no line
            last = False
            if (found := _nth_from_end(data, wanted)) is not None:
                return start + found + 1
            wanted -= data.count(b"\n")
            position = start
        return 0

    def size(self) -> int:
        """Return how long the file is, which nobody says, by looking where it ends."""
        data = self._read(-PIECE)
        if not data:
            return 0
        if len(data) < PIECE:
            return len(data)
        least, most = PIECE, 2 * PIECE
        while self._read(most - 1, 1):
            least, most = most, 2 * most
        while most - least > 1:
            middle = (least + most) // 2
            if self._read(middle - 1, 1):
                least = middle
            else:
                most = middle
        return least

    def gap(self) -> tuple[int, int] | None:
        """Return where the bytes begin and end that have not been kept, if any."""
        if self._archived is not None:
            return None
        if self._name in (LOG, FILE):
            return self._place.gap(self._name)
        # Of what a stage prints, the job itself has told.
        told = self._place.document(f"{self._name.removesuffix('.log')}.gap")
        try:
            return None if told is None else (int(told["start"]), int(told["end"]))
        except (KeyError, TypeError, ValueError):  # damaged by the job: its zeros are shown
            return None

    def _read(self, start: int, size: int = PIECE) -> bytes | None:
        if self._archived is None:
            silence, data = None, None
            try:
                data = self._place.read(self._name, start, size)
                if data or (data is not None and start > 0):
                    return data
            except NoAnswerError as error:
                silence = error
            # Where it ran there is nothing of it, or not any more, or nobody says.
            archive = self._place.archive
            self._archived = archive.fetch_log(self._name)
            if self._archived is None:
                if silence is None:
                    return data
                raise NoAnswerError(
                    f"{silence}, and {self._name} of job {archive.job_name} is not in its archive"
                    " yet; try again later"
                )
        start = max(0, len(self._archived) + start) if start < 0 else start
        return self._archived[start : start + size]


def whole_lines(pieces: Iterable[bytes | None]) -> Iterator[str | None]:
    """Yield texts that end with a line, made of *pieces* that may end within a character.

    Only the last line, and one that is too long to be held, may come without its newline.
    ``None`` is passed on.
    """
    decoder = getincrementaldecoder("utf-8")("replace")
    parts: list[str] = []
    held = 0
    for data in pieces:
        if data is None:
            yield None
            continue
        text = decoder.decode(data)
        end = text.rfind("\n") + 1
        if end:
            yield "".join([*parts, text[:end]])
            parts, held = [], 0
        parts.append(text[end:])
        held += len(text) - end
        if held > LONGEST_LINE:
            yield "".join(parts)
            parts, held = [], 0
    if last := "".join([*parts, decoder.decode(b"", final=True)]):
        yield last


def single_lines(pieces: Iterable[bytes | None]) -> Iterator[str]:
    """Yield the lines that *pieces* are made of, without their newlines."""
    for text in whole_lines(pieces):
        if text is not None:
            yield from text.removesuffix("\n").split("\n")


def _nth_from_end(data: bytes, count: int) -> int | None:
    """Return where the newline is that is *count* from the end, if there are so many."""
    position = len(data)
    for _ in range(count):
        position = data.rfind(b"\n", 0, position)
        if position < 0:
            return None
    return position
