"""Who submits a job: a process, named so that others can tell whether it has ended.

A number alone names nothing, because another process has it later. With the time at which the
process started, the boot of its machine and the namespace of its number it names one for ever.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any


def describe_submitter() -> dict[str, Any] | None:
    """Return what names this process among all; ``None`` where the system does not tell it."""
    started, boot = _started(os.getpid()), _boot_id()
    if not started or not boot:
        return None
    return {
        "pid": os.getpid(),
        "started": started,
        "boot_id": boot,
        "namespace": _namespace(),
        "host": os.uname().nodename,
        "at": time.time(),
    }


def has_ended(named: Mapping[str, Any] | None) -> bool | None:
    """Return whether the process that :func:`describe_submitter` has *named* has ended.

    ``None`` where nothing here proves either: on another machine, or in another container.
    """
    boot = _boot_id()
    if not named or not boot:
        return None
    if named["boot_id"] != boot:
        # Machines may share a name: one that has been up since before is another one.
        is_here = named["host"] == os.uname().nodename and named["at"] < _booted_at()
        return True if is_here else None
    if named["namespace"] != _namespace():
        return None
    started = _started(named["pid"])
    if started:
        return bool(started != named["started"])
    try:
        os.kill(named["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return None  # another user's, which not every system shows


def _started(pid: int) -> str:
    """When a process started, in the system's own words; ``ended`` where only its status is left.

    Empty where that cannot be seen.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # the name may contain anything
    except OSError:
        if os.path.exists("/proc/self/stat"):
            return ""
        state, _, started = _run("ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)).partition(
            " "
        )
    else:
        state, started = fields[0].decode(), fields[19].decode()
    return "ended" if state[:1] in ("Z", "X") else started.strip()


def _boot_id() -> str:
    """What changes when the machine is started again; empty where that cannot be seen."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        # Not kern.boottime, which changes whenever the clock is set.
        return _run("sysctl", "-n", "kern.bootsessionuuid")


def _booted_at() -> float:
    """When this machine was started; where that cannot be seen it may have been just now."""
    try:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    except AttributeError:  # macOS, whose machines have names of their own
        return time.time()


def _namespace() -> str:
    """Where numbers of processes mean the same; empty where they do so everywhere."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _run(*command: str) -> str:
    import subprocess

    alike = os.environ | {"LC_ALL": "C", "TZ": "UTC0"}  # whoever asks reads the same time
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=alike)  # noqa: S603  # constant commands
    except OSError:
        return ""
    return done.stdout.strip()
