"""Wrong executors, each with what the suite must find."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import BrokenExecutor, Future
from concurrent.futures import ProcessPoolExecutor as Pool
from multiprocessing.context import SpawnContext
from typing import Any, ClassVar

from vcat import worker
from vcat._plugins import process_pool
from vcat.abc import ExecutorBackend, WorkerEndedError

#: What would hang waits so long; a process may take a while to start.
_SHORTLY = {"patience": 3.0}
_PATIENTLY = {"patience": 20.0}


class Right(process_pool.ProcessPoolExecutor):
    """Nothing is wrong with it."""

    settings: ClassVar[dict[str, Any]] = _PATIENTLY
    fails: ClassVar[set[str]] = set()


class OneByOne(process_pool.ProcessPoolExecutor):
    """Says that there are two workers, lets one wait for the other, and does not know of kills."""

    def open(self, beginning: bytes) -> Any:
        workers = process_pool._Workers(1, beginning)
        workers.submit = _Queue(workers)  # type: ignore[method-assign]  # that is what is wrong
        workers.count = 2
        return workers

    settings: ClassVar[dict[str, Any]] = _SHORTLY
    fails: ClassVar[set[str]] = {
        "test_a_killed_task_ends_with_all_that_it_has_started",
        "test_independent_stages_overlap",
    }


class _Queue:
    def __init__(self, workers: process_pool._Workers) -> None:
        self._submit = workers.submit
        self._last: Future[bytes] | None = None

    def __call__(self, task: bytes) -> Future[bytes]:
        future: Future[bytes] = Future()
        before, self._last = self._last, future

        def begin(_: Any = None) -> None:
            self._submit(task).add_done_callback(end)

        def end(done: Future[bytes]) -> None:
            error = done.exception()
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(done.result())

        if before is None:
            begin()
        else:
            # Not in the thread that calls this, which is that of a pool to be shut down.
            before.add_done_callback(lambda _: threading.Thread(target=begin).start())
        return future


class _Settling(process_pool._Workers):
    """Tells ends in another way."""

    def settled(self, error: BaseException) -> BaseException:
        return error

    def submit(self, task: bytes) -> Future[bytes]:
        future: Future[bytes] = Future()

        def end(done: Future[bytes]) -> None:
            error = done.exception()
            if error is not None:
                future.set_exception(self.settled(error))
            else:
                future.set_result(done.result())

        real = super().submit(task)
        self.__dict__.setdefault("real", {})[future] = real
        real.add_done_callback(end)
        return future

    def kill(self, future: Future[bytes]) -> None:
        super().kill(self.__dict__["real"][future])


class _Raw(_Settling):
    def settled(self, error: BaseException) -> BaseException:
        return BrokenExecutor("a process in the pool was terminated abruptly")


class Raw(process_pool.ProcessPoolExecutor):
    """Lets its pool's own exception through."""

    def open(self, beginning: bytes) -> Any:
        return _Raw(2, beginning)

    settings: ClassVar[dict[str, Any]] = _PATIENTLY
    fails: ClassVar[set[str]] = {
        "test_how_a_process_ended_is_told",
    }


class _Deaf(process_pool._Workers):
    def kill(self, future: Future[bytes]) -> None:
        """Do nothing."""


class Deaf(process_pool.ProcessPoolExecutor):
    """Kills nobody."""

    def open(self, beginning: bytes) -> Any:
        return _Deaf(2, beginning)

    settings: ClassVar[dict[str, Any]] = _PATIENTLY
    fails: ClassVar[set[str]] = {"test_a_killed_task_ends_with_all_that_it_has_started"}


class _Shared:
    """One pool for all."""

    count = 2

    def __init__(self, beginning: bytes) -> None:
        self._pool = Pool(2, SpawnContext(), worker.begin, (beginning,))

    def submit(self, task: bytes) -> Future[bytes]:
        future: Future[bytes] = Future()

        def end(done: Future[bytes]) -> None:
            error = done.exception()
            if error is not None:
                future.set_exception(WorkerEndedError(None))
            else:
                future.set_result(done.result())

        try:
            self._pool.submit(worker.work, task).add_done_callback(end)
        except BrokenExecutor:
            future.set_exception(WorkerEndedError(None))
        else:
            # Python's pool does not look after a process that was started since it last woke up.
            self._pool._executor_manager_thread_wakeup.wakeup()
        return future

    def kill(self, future: Future[bytes]) -> None:
        for each in list(self._pool._processes or ()):
            os.kill(each, signal.SIGKILL)

    def close(self) -> None:
        self._pool.shutdown(wait=False)


class Shared(process_pool.ProcessPoolExecutor):
    """Has one pool, of which a process that ends takes all others along, and lets it be."""

    def open(self, beginning: bytes) -> Any:
        return _Shared(beginning)

    settings: ClassVar[dict[str, Any]] = _PATIENTLY
    fails: ClassVar[set[str]] = {
        "test_a_process_that_ends_harms_no_other_task",
        "test_another_process_takes_the_place_of_one_that_ended",
        "test_a_killed_task_ends_with_all_that_it_has_started",
        "test_workers_never_run_the_script",
        *Raw.fails,
    }


class _Staying(process_pool._Workers):
    def close(self) -> None:
        """Do nothing."""


class Staying(process_pool.ProcessPoolExecutor):
    """Leaves its workers behind."""

    def open(self, beginning: bytes) -> Any:
        return _Staying(2, beginning)

    settings: ClassVar[dict[str, Any]] = _SHORTLY
    fails: ClassVar[set[str]] = {"test_workers_end_with_the_run"}


class Sloppy(ExecutorBackend):
    """Takes an option too many, asks the system when it is built, and is equal to nothing."""

    def __init__(self, workers: int, no_such_option: int = 0) -> None:
        self.workers = workers
        self.lock = threading.Lock()
        os.listdir(".")

    def open(self, beginning: bytes) -> Any:
        return process_pool._Workers(2, beginning)

    settings: ClassVar[dict[str, Any]] = _PATIENTLY
    fails: ClassVar[set[str]] = {
        "test_construction_does_no_input_output",
        "test_equal_options_make_equal_backends",
        "test_survives_pickling",
        "test_unknown_option_is_refused",
    }
