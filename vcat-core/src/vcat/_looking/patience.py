"""How long a deployment may take to answer whoever only looks at its jobs."""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread
from typing import TYPE_CHECKING, Any

from vcat.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable

#: How long one answer may take, in seconds; then the deployment is not asked any more.
LIMIT = 10.0


class NoAnswerError(BackendError):
    """A deployment has not answered in time; the message names its class and the operation."""


class Answer:
    """What a function returns, waited for in a thread: it holds up nobody who waits with a limit.

    Args:
        question: The function.
        begin: Has what it is given called in a thread; in a new one if not given.

    Attributes:
        value: What it has returned; ``None`` until then.
    """

    def __init__(
        self,
        question: Callable[[], Any],
        begin: Callable[[Callable[[], None]], object] = lambda call: start_new_thread(call, ()),
    ) -> None:
        self.value: Any = None
        self._question = question
        self._error: BaseException | None = None
        self._over = allocate_lock()
        self._over.acquire()
        begin(self._ask)

    def comes_within(self, seconds: float) -> bool:
        """Return whether the function has returned by then; raise what it has raised."""
        if not self._over.acquire(timeout=max(0.0, seconds)):
            return False
        self._over.release()
        if self._error is not None:
            raise self._error
        return True

    def _ask(self) -> None:
        try:
            self.value = self._question()
        except BaseException as error:  # noqa: BLE001  # it is raised where somebody waits
            self._error = error
        finally:
            self._over.release()


class Patience:
    """What whoever looks has with a deployment: once it has not answered, it is asked no more.

    One thread asks all questions, until it is closed.

    Attributes:
        silence: What has not been answered; ``None`` while everything is.
    """

    def __init__(self) -> None:
        self.silence: str | None = None
        self._thread: _Thread | None = None

    def ask(self, backend: Any, operation: str, question: Callable[[], Any]) -> Any:
        """Return what *question* returns, which asks *operation* of a deployment.

        Raises:
            NoAnswerError: The deployment takes too long, or has before.
        """
        if self.silence is None:
            if self._thread is None or self._thread.process != os.getpid():
                self._thread = _Thread()  # a child that was forked has none of its parent's
            answer = Answer(question, self._thread.begin)
            if answer.comes_within(LIMIT):
                return answer.value
            who = f"{type(backend).__name__}.{operation}"
            self.silence = f"{who}: no answer within {LIMIT:g} seconds"
        raise NoAnswerError(self.silence)

    def close(self) -> None:
        """End the thread that asks: a process that forks should have none that nobody needs."""
        if self._thread is not None:
            self._thread.begin(None)
            self._thread = None

    def __enter__(self) -> Patience:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Thread:
    """A thread that calls one function after the other: a log takes thousands of questions.

    Attributes:
        process: The process that it runs in.
    """

    def __init__(self) -> None:
        self.process = os.getpid()
        self._calls: list[Callable[[], None] | None] = []
        self._begin = allocate_lock()
        self._begin.acquire()
        start_new_thread(self._work, ())

    def begin(self, call: Callable[[], None] | None) -> None:
        """Have *call* called when the one before has returned; with ``None`` the thread ends."""
        self._calls.append(call)
        if self._begin.locked():
            self._begin.release()

    def _work(self) -> None:
        while True:
            self._begin.acquire()
            while self._calls:
                call = self._calls.pop(0)
                if call is None:
                    return
                call()
                del call  # or whoever asked last would live as long as the thread
