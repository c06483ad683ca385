"""A file system with one file, of which no read is ever answered: ``python silence.py DIRECTORY``.

Who reads it is in a system call that no signal ends, SIGKILL included, until this process ends. It
says ``mounted`` when the file is there, and ``reading`` when somebody waits for it, and ends with
the process that started it.
"""

import ctypes
import os
import signal
import struct
import sys

LOOKUP, FORGET, GETATTR, OPEN, READ, INIT, INTERRUPT, BATCH_FORGET = 1, 2, 3, 14, 15, 26, 36, 42
UNANSWERED = (FORGET, INTERRUPT, BATCH_FORGET)
DIRECTORY, FILE = 1, 2
SECONDS = 60  # for which the kernel believes what it is told
NOT_IMPLEMENTED = 38
UNCACHED = 1
SET_DEATH_SIGNAL = 1


def mount(where: str) -> int:
    """Return the device from which the requests come."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    if libc.mount(b"silence", os.fsencode(where), b"fuse", 0, options.encode()):
        sys.exit(os.strerror(ctypes.get_errno()))
    return device


def attributes(node: int) -> bytes:
    """Return what ``stat`` says of it."""
    mode = 0o040755 if node == DIRECTORY else 0o100644
    return struct.pack("<6Q10I", node, 4096, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(operation: int, node: int) -> bytes | None:
    """Return the answer to a request; ``None`` where it is not known."""
    if operation == INIT:
        return struct.pack("<IIIIHHII36x", 7, 31, 0, 0, 0, 0, 4096, 1)
    if operation == LOOKUP:
        return struct.pack("<4Q2I", FILE, 0, SECONDS, SECONDS, 0, 0) + attributes(FILE)
    if operation == GETATTR:
        return struct.pack("<Q2I", SECONDS, 0, 0) + attributes(node)
    if operation == OPEN:
        return struct.pack("<Q2I", 0, UNCACHED, 0)
    return None


def serve(device: int) -> None:
    """Answer all requests but reads, for ever."""
    while True:
        _, operation, unique, node = struct.unpack_from("<IIQQ", os.read(device, 1 << 20))
        if operation == READ:
            print("reading", flush=True)
        elif operation not in UNANSWERED:
            said = answer(operation, node)
            error, said = (-NOT_IMPLEMENTED, b"") if said is None else (0, said)
            os.write(device, struct.pack("<IiQ", 16 + len(said), error, unique) + said)


if __name__ == "__main__":
    found = mount(sys.argv[1])
    print("mounted", flush=True)
    serve(found)
