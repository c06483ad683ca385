"""The job's own output, as it goes into the archive."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

#: More than this is kept as its head and its tail.
MAX_SIZE = 64 * 1024 * 1024


def stored_log(directory: str) -> bytes:
    """Return what the job has printed so far, head and tail where that is very much."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a stage may have closed it, or put anything in its place
            stream.flush()
    try:
        with open(os.path.join(directory, "output.log"), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= MAX_SIZE:
                return file.read()
            head = file.read(MAX_SIZE // 2)
            file.seek(size - MAX_SIZE // 2)
            left_out = size - MAX_SIZE
            return head + b"\n[vcat: %d bytes left out]\n" % left_out + file.read()
    except FileNotFoundError:  # started by hand, without a deployment to keep the output
        return b""
