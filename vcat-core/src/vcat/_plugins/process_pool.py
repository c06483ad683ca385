"""The executor that runs the bodies of stages in processes of their own, several at a time."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import weakref
from concurrent.futures import BrokenExecutor, Future
from concurrent.futures import ProcessPoolExecutor as Pool
from contextlib import suppress
from multiprocessing import parent_process, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.util import Finalize
from types import ModuleType
from typing import Any

from vcat import worker
from vcat._plugins.processor import available_processors
from vcat.abc import Configured, ExecutorBackend, WorkerEndedError, Workers

#: How many seconds a process whose end has been noticed may take until its exit code is there.
_PATIENCE = 1.0

#: How many seconds workers that have been killed may take to be gone. One that waits for a disk or
#: a network file system inside the kernel takes as long as that.
_LAST = 5.0

#: How many seconds workers may take to end what libraries have started in them.
_FAREWELL = 1.0

#: The variable with the mark of a job that the local shell supervises, and the size of that.
_MARK, _MARK_SIZE = b"VCAT_SUPERVISED", 32


class ProcessPoolExecutor(Configured, ExecutorBackend):
    """Call each function in one of several worker processes.

    Each worker is a :class:`concurrent.futures.ProcessPoolExecutor` of its own with one process, so
    that one can end, or be ended, without harming the others. They start when they are first
    needed.

    Args:
        workers: How many; as many as there are processors for this process if not given.
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and (type(workers) is not int or workers < 1):
            raise ValueError(f"workers is {workers!r}; give a whole number from 1 on, or leave out")
        self._keep(workers=workers)

    def open(self, beginning: bytes) -> Workers:
        """Return the workers; none has been started yet."""
        count: int | None = self.__dict__["workers"]
        return _Workers(count or available_processors(), beginning)


class _Workers:
    """Workers of one run, as :class:`vcat.abc.Workers` has it."""

    def __init__(self, count: int, beginning: bytes) -> None:
        self.count = count
        self._beginning = beginning
        self._idle: list[_Worker] = []
        self._busy: dict[Future[bytes], _Worker] = {}
        self._ended: list[_Worker] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def submit(self, task: bytes) -> Future[bytes]:
        """Have a worker do the task: an idle one, or else a new one."""
        self._bury()
        answer: Future[bytes] = Future()
        with self._lock:
            doing = self._idle.pop() if self._idle else _Worker(self._beginning)
            self._busy[answer] = doing
        try:
            done = self._begun(answer, doing, task)
        except BrokenExecutor:  # it ended while it was idle, which nobody had noticed
            with self._lock:
                self._ended.append(doing)
                self._busy[answer] = doing = _Worker(self._beginning)
            done = self._begun(answer, doing, task)
        done.add_done_callback(lambda done: self._settle(answer, doing, done))
        return answer

    def _begun(self, answer: Future[bytes], doing: _Worker, task: bytes) -> Future[bytes]:
        """Give a worker a task; forget the worker where its process cannot be started."""
        try:
            return doing.pool.submit(worker.work, task)
        except OSError:
            with self._lock:
                del self._busy[answer]
                self._ended.append(doing)
            raise

    def kill(self, future: Future[bytes]) -> None:
        """End the process that has the task, if it still has."""
        with self._lock:
            doing = self._busy.get(future)
            if doing is not None:
                doing.kill()

    def interrupt(self, future: Future[bytes]) -> None:
        """Send SIGTERM to the process that has the task, if it still has."""
        with self._lock:
            doing = self._busy.get(future)
            if doing is not None:
                doing.interrupt()

    def close(self) -> None:
        """Kill all workers and wait until they are no more, but for what nothing ends."""
        with self._lock:
            self._is_closed = True
            idle, busy = self._idle, [*self._busy.values()]
            workers = [*idle, *busy]
            self._idle = []
            for each in busy if _is_supervised() else workers:
                each.kill()
        if _is_supervised():
            _dismiss(idle)
        deadline = time.monotonic() + _LAST
        for each in workers:
            has_ended = each.has_ended(max(0.0, deadline - time.monotonic()))
            # An idle one has nothing that its pool would still wait for.
            waits = has_ended and (each not in busy or each.is_noticed())
            each.pool.shutdown(wait=waits, cancel_futures=True)
        self._bury()

    def _bury(self) -> None:
        """Let go of the pools of workers that have ended.

        Neither what a pool calls when a worker has ended nor what drops the last reference to it
        there may do that: from Python 3.12.1 on it holds the lock meanwhile that either needs.
        """
        with self._lock:
            ended, self._ended = self._ended, []
        for each in ended:
            each.pool.shutdown()

    def _settle(self, answer: Future[bytes], doing: _Worker, done: Future[bytes]) -> None:
        error = None if done.cancelled() else done.exception()
        ended = done.cancelled() or isinstance(error, BrokenExecutor)
        code = doing.end() if ended else None
        with self._lock:
            self._busy.pop(answer, None)
            if ended:
                self._ended.append(doing)
            elif not self._is_closed:
                self._idle.append(doing)
        if ended:
            answer.set_exception(WorkerEndedError(code))
        elif error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(done.result())


def _dismiss(idle: list[_Worker]) -> None:
    """End workers that have nothing to do, and leave what stages have left in them.

    Whoever supervises the job ends that, and names it, when the job has ended. What libraries have
    started for themselves, such as a pool of processes, they end when a process ends by itself.
    """
    leaving = [each for each in idle if each.has_children()]
    for each in leaving:
        each.pool.shutdown(wait=False)
    deadline = time.monotonic() + _FAREWELL
    for each in leaving:
        each.has_ended(max(0.0, deadline - time.monotonic()))
    for each in idle:
        each.kill_alone()
    if leaving:
        # From Python 3.12 on this process waits at its end for that of the tracker, which waits for
        # all that have its pipe: for what a stage has forked, until the supervisor ends that.
        resource_tracker._resource_tracker._pid = None  # type: ignore[attr-defined]  # noqa: SLF001  # nothing else keeps it from waiting


def _is_supervised() -> bool:
    """Return whether this process is of a job, all of which is ended when the job has ended."""
    return len(os.environb.get(_MARK, b"")) == _MARK_SIZE


class _Worker:
    """A pool of one process."""

    def __init__(self, beginning: bytes) -> None:
        self._context = _Context()
        # In a job the process imports vcat from the one compiled file, as the job does.
        compiled = sys.modules.get("vcat_compiled")
        if compiled is None:
            self.pool = Pool(1, self._context, _begin, (beginning,))
        else:
            told = (__name__, _begin.__name__, beginning)
            self.pool = Pool(1, self._context, compiled.begin, told)

    def interrupt(self) -> None:
        """Ask the process to end, alone: it ends what it has started."""
        if (pid := self._pid()) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the process with all it has started."""
        if (pid := self._pid()) is not None:
            _kill_tree(pid)

    def kill_alone(self) -> None:
        """End the process, and nothing that it has started."""
        if (pid := self._pid()) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def has_children(self) -> bool:
        """Return whether there are processes that it has started, as far as that can be told."""
        return (pid := self._pid()) is not None and bool(_started_by(pid))

    def _pid(self) -> int | None:
        """Return the number of the process; that of one that has ended may be another's by now."""
        process = self._context.process
        return None if process is None or process.exitcode is not None else process.pid

    def has_ended(self, seconds: float) -> bool:
        """Return whether there is no process (any more), within some seconds."""
        process = self._context.process
        if process is None or process.pid is None:
            return True
        return _exit_code(process, seconds) is not None

    def is_noticed(self) -> bool:
        """Return whether the pool can tell that its process has ended; see ``sentinel``."""
        process = self._context.process
        return process is None or process.pid is None or bool(wait([process.sentinel], 0))

    def end(self) -> int | None:
        """Return how the process has ended; end it where it only seemed to have."""
        process = self._context.process
        if process is None or process.pid is None:
            return None
        code = _exit_code(process, _PATIENCE)
        _kill_tree(process.pid)  # also what it has left, just now
        return code


class _Context(SpawnContext):
    """Starts processes without a trace of the script, and remembers the last one."""

    process: _Process | None = None

    def Process(self, *arguments: Any, **keywords: Any) -> _Process:  # type: ignore[override]  # noqa: N802  # an attribute of the class there, and named so
        self.process = _Process(*arguments, **keywords)
        return self.process


class _Process(SpawnProcess):
    _ended: int | None = None

    @property
    def sentinel(self) -> int:
        """What can be waited for until the process has ended.

        Elsewhere than on Linux it is the end of a pipe, which a process that a stage has forked
        keeps open: then the end of this one is noticed when that one has ended as well.
        """
        return super().sentinel if self._ended is None else self._ended

    def __reduce__(self) -> tuple[Any, ...]:
        # As the plain one: nothing of vcat is imported there before the worker is begun.
        return object.__new__, (SpawnProcess,), self.__dict__

    def start(self) -> None:
        # A process that is spawned runs the script again, which is what __main__ was made from, to
        # find in it what it is sent. Nothing that workers are sent is found there: functions of the
        # script are sent by value.
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = main
        if self.pid is not None and hasattr(os, "pidfd_open"):
            with suppress(OSError):  # a system that only looks like Linux
                self._ended = os.pidfd_open(self.pid)
                weakref.finalize(self, os.close, self._ended)


def _exit_code(process: _Process, seconds: float) -> int | None:
    """Return how a process has ended, which may take some seconds.

    Not by join(), which waits for the end of a pipe that others may keep open.
    """
    deadline = time.monotonic() + seconds
    while (code := process.exitcode) is None and time.monotonic() < deadline:
        time.sleep(0.001)
    return code


def _begin(beginning: bytes) -> None:
    """Become a worker: the head of a group that ends with the process that started it."""
    # Control-C at the terminal is for the process that started this one, which ends it.
    os.setpgid(0, 0)
    _end_with_parent()
    # A program that a stage becomes, or has forked, is nothing that the tracker is to wait for.
    if (tracker := resource_tracker.getfd()) is not None:
        os.set_inheritable(tracker, False)  # noqa: FBT003  # it has no name there
    # At the end children are waited for; those of a pool end when its thread is told to, so that
    # goes first.
    Finalize(None, threading._shutdown, exitpriority=100)  # type: ignore[attr-defined]  # noqa: SLF001  # it is how Python itself tells them
    worker.begin(beginning)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is None:
        return
    ended = parent.sentinel
    if sys.platform == "linux":
        # The system itself sends the signal, whatever this process is busy with.
        import fcntl

        fcntl.fcntl(ended, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(ended, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(ended, fcntl.F_GETFL)
        fcntl.fcntl(ended, fcntl.F_SETFL, flags | os.O_ASYNC)
        if wait([ended], 0):  # before that
            os.kill(os.getpid(), signal.SIGKILL)
    else:
        threading.Thread(target=_await_end, args=(ended,), daemon=True).start()


def _await_end(ended: Any) -> None:
    wait([ended])
    _kill_tree(os.getpid())


def _kill_tree(pid: int) -> None:
    """Kill a worker and what it has started, in groups of their own too where that can be told."""
    started = _started_by(pid)
    for kill, target in ((os.killpg, pid), (os.kill, pid), *((os.kill, each) for each in started)):
        with suppress(ProcessLookupError, PermissionError):
            kill(target, signal.SIGKILL)


def _started_by(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have.

    A job that a stage has submitted goes on: its supervisor, and what that has started, is none.
    """
    found: list[int] = []
    pending = [pid]
    while pending:
        tasks = f"/proc/{pending.pop()}/task"
        with suppress(OSError):
            for each in os.listdir(tasks):
                with open(f"{tasks}/{each}/children") as file:
                    children = [int(child) for child in file.read().split()]
                children = [child for child in children if not _is_other_job(child)]
                found += children
                pending += children
    return found


def _is_other_job(pid: int) -> bool:
    """Return whether a process bears the mark of a job, and another than this process."""
    with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
        for each in file.read().split(b"\0"):
            name, _, mark = each.partition(b"=")
            if name == _MARK and len(mark) == _MARK_SIZE:
                return mark != os.environb.get(_MARK)
    return False
