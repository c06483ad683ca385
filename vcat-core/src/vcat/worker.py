"""What a worker process of any executor calls: ``begin`` once, then ``work`` for every task.

An executor hands both over as bytes that only vcat reads: what ``begin`` is given came to
:meth:`vcat.abc.ExecutorBackend.open`, what ``work`` is given to :meth:`vcat.abc.Workers.submit`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcat._running.workers.worker import Worker

_worker: Worker | None = None


def begin(beginning: bytes) -> None:
    """Get ready for tasks: this process is one of a run's from now on.

    Args:
        beginning: What the executor was opened with.
    """
    global _worker  # there is one in a process
    from vcat._running.workers.worker import Worker

    _worker = Worker(beginning)


def work(task: bytes) -> bytes:
    """Run the bodies of the stages in *task*, in this thread, and return what became of them.

    Whatever a stage does short of ending the process is part of the answer.

    Raises:
        RuntimeError: ``begin`` was not called in this process.
    """
    if _worker is None:
        raise RuntimeError("vcat.worker.work() before vcat.worker.begin() in this process")
    return _worker.work(task)
