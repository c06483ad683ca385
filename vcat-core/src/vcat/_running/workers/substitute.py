"""What a worker sends in the place of an answer for which there is no room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcat._running.failure import shorten
from vcat._running.workers.exchange import UnsentError, pack
from vcat._running.workers.task import FAILED, Answer

if TYPE_CHECKING:
    from collections.abc import Callable

#: So many characters of a traceback there is always room for: they are part of the message.
_LONGEST = 4_000


def pack_answer(answer: Answer, directory: str, fail: Callable[[UnsentError], Answer]) -> bytes:
    """Return an answer as a message, or where there is no room for it what matters most.

    That is how the stage has failed; of one that has not, that its answer cannot be sent.

    Args:
        answer: The answer.
        directory: Where large messages go.
        fail: Makes the answer of a stage that has failed by some error.

    Raises:
        UnsentError: There is no room for that either.
    """
    try:
        return pack([tuple(answer)], directory)
    except UnsentError as error:
        if answer.outcome != FAILED:
            answer = fail(error)._replace(began=answer.began, memory=answer.memory)
    text = shorten(answer.traceback, _LONGEST)
    answer = answer._replace(told=None, events=(), artifacts=(), warnings=(), traceback=text)
    return pack([tuple(answer)], directory)
