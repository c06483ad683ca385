"""What is asked of the disk beside reading and writing: to keep, and to have room."""

from __future__ import annotations

import errno
import os
import sys

if sys.platform == "darwin":

    def flush(descriptor: int) -> None:
        """Wait until what was written survives a crash of the machine."""
        import fcntl

        # fsync of macOS leaves the data in the drive's own cache
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:
            os.fsync(descriptor)  # network and FAT volumes have only this
else:

    def flush(descriptor: int) -> None:
        """Wait until what was written survives a crash of the machine."""
        os.fsync(descriptor)


if sys.platform == "linux":

    def reserve(descriptor: int, size: int) -> None:
        """Set space aside for a file of *size* bytes; where that is not possible do nothing."""
        # In one piece the space is found faster than block by block: half a gigabyte is written in
        # two thirds of the time on ext4, and a disk that is too small says so at the beginning.
        # os.posix_fallocate writes into every block where the file system cannot reserve.
        try:
            import ctypes

            fallocate = ctypes.CDLL(None, use_errno=True).fallocate
        except (ImportError, OSError, AttributeError):  # a Python or a C library without
            return
        arguments = (ctypes.c_int(descriptor), ctypes.c_int(1), ctypes.c_int64(0))  # 1: keep size
        if fallocate(*arguments, ctypes.c_int64(size)) != 0:
            number = ctypes.get_errno()
            if number in {errno.ENOSPC, errno.EDQUOT}:
                raise OSError(number, os.strerror(number))
else:

    def reserve(descriptor: int, size: int) -> None:
        """Do nothing: macOS reserves without being asked."""
