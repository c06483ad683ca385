"""How a process ends in which stages ran, whatever they have left behind in it."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from vcat._running.record.log import flush_streams

if TYPE_CHECKING:
    from vcat._keeping.event import EventLog

#: How long threads and exit handlers of stages may take when all is written down, in seconds.
GRACE = 5.0


def remaining_threads(*, with_pools: bool = True) -> list[str]:
    """Return the names of the threads that Python would wait for at its end, for ever.

    Args:
        with_pools: Whether also of those of pools, which the libraries that keep them tell to end;
            whether they obey is seen then.
    """
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    main = threading.main_thread()
    left = [e for e in threading.enumerate() if e is not main and not e.daemon]
    if not with_pools:
        pooled = getattr(sys.modules.get("concurrent.futures.thread"), "_threads_queues", ())
        left = [e for e in left if e not in pooled and type(e).__name__ != _OF_A_POOL]
    return [each.name for each in left]


#: The class of the thread of a pool of processes, in concurrent.futures and in loky.
_OF_A_POOL = "_ExecutorManagerThread"


def depart(code: int, log: EventLog | None = None) -> int:
    """Return *code* for :func:`sys.exit`, and see that the process has ended soon after.

    Python waits for threads and calls exit handlers before it ends; those that do not come to an
    end are left behind.

    Args:
        code: The exit code, which nothing that fails at the end changes.
        log: Where it is written down that something was left behind.
    """
    from _thread import allocate_lock, start_new_thread

    begun = allocate_lock()
    begun.acquire()

    def end() -> None:
        begun.release()
        time.sleep(GRACE)
        threads = ", ".join(repr(each) for each in remaining_threads())
        what = f"threads that go on: {threads}" if threads else "an exit handler that does not end"
        text = f"the job ends after {GRACE:g} seconds without waiting for {what}"
        with suppress(Exception):
            if log is not None:
                log.append("warning", text=text)
        with suppress(OSError):
            os.write(2, f"vcat: warning: {text}\n".encode("utf-8", "backslashreplace"))
        os._exit(code)

    with suppress(RuntimeError):  # no thread can be started any more
        start_new_thread(end, ())
        # Python crashes where a thread begins while it ends, which on a busy machine may be late.
        begun.acquire()
    # Python flushes these as it ends and takes a failure for one of the job: a full disk, a
    # descriptor that a stage has closed.
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except (Exception, AttributeError):  # noqa: BLE001  # a stage may have put anything there
            setattr(sys, name, None)
    return code


def leave_child(label: str, error: BaseException | None = None) -> NoReturn:
    """End a process that a stage has forked and that came back from the stage's function.

    With the exit code that a script would have that ended so.
    """
    code = 0
    with suppress(Exception):
        if isinstance(error, SystemExit):
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        elif error is not None:
            from traceback import print_exception

            code = 1
            print_exception(type(error), error, error.__traceback__)
        else:
            text = (
                f"vcat: warning: {label}: a process that it forked came back from it and ends here;"
                " end it with os._exit()\n"
            )
            sys.stderr.write(text)
    flush_streams()
    os._exit(code & 0xFF)
