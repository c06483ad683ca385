"""The limit that the system sets for the size of a file, which a stage may set for its process."""

from __future__ import annotations

import errno
from contextlib import suppress

from vcat._keeping.amount import say_count


def lift_size_limit(error: BaseException) -> str:
    """Let this process write files of any size again, as far as it may, where it could not.

    Args:
        error: Why something could not be written.

    Returns:
        What to say of the limit after *error*; nothing where that is not why.
    """
    if not _is_too_large(error):
        return ""
    import resource

    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == resource.RLIM_INFINITY:  # then it is the file system that has no larger ones
        return ""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    return (
        f"; no file of the job may have more than {say_count(limit, 'byte')}, a limit that a stage"
        " may have set (RLIMIT_FSIZE)"
    )


def _is_too_large(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            return True
        error = error.__cause__
    return False
