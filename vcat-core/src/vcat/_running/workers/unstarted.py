"""Workers that cannot be started: a stage fails of that, and says what is to be done."""

from __future__ import annotations

import errno
import os
from concurrent.futures import Future

from vcat.errors import VcatError


class UnstartedError(VcatError, OSError):
    """A task needs a worker, and none can be started."""


def find_here() -> str:
    """Return the directory in which workers begin; empty where it is gone already."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def explain_unstarted(error: OSError, here: str) -> UnstartedError:
    """Return what to say of a worker that cannot be started.

    Args:
        error: What the system says of it.
        here: The directory in which it would have begun.
    """
    if here and error.errno == errno.ENOENT and not os.path.isdir(here):
        why = f": {here}, where it would begin, was removed; leave it there while stages run"
    else:
        why = f" ({(error.strerror or str(error)).lower()})"
    if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
        why += "; configure fewer workers, or allow more processes and open files (ulimit -a)"
    return UnstartedError(f"no worker can be started{why}")


def failed(error: BaseException) -> Future[bytes]:
    """Return the answer to a task that has not come to a worker."""
    answer: Future[bytes] = Future()
    answer.set_exception(error)
    return answer
