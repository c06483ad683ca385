"""Jobs as such: many submitted at once, one that will not end, one that prints without end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.measurement import Bench, Row

_ONE_OF_MANY = """
import sys
from vcat import *

@stage
def work(number):
    return number

if __name__ == "__main__":
    job = work(int(sys.argv[1])).run(job_name=f"one-{sys.argv[1]}")
    assert job.fetch_job_results() == int(sys.argv[1])
"""

_STUBBORN = """
import signal, time
from vcat import *

@stage
def stay():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("here", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    job = stay().run(job_name="stubborn")
    next(job.logs(follow=True))
    before = time.perf_counter()
    job.cancel()
    print(time.perf_counter() - before, job.get_job_status())
"""

_FLOOD = """
import sys
from vcat import *

@stage
def flood(size):
    line = "x" * 99 + "\\n"
    piece = line * 10_000
    for _ in range(size // len(piece)):
        sys.stdout.write(piece)
    return size

if __name__ == "__main__":
    job = flood(int(sys.argv[1])).run(job_name="flood")
    for line in job.logs(follow=True):
        pass
    job.fetch_job_results()
    # What getrusage() counts begins with the peak of the process that started this one.
    with open("/proc/self/status") as file:
        print(int(file.read().partition("VmHWM:")[2].split()[0]) * 1024)
"""

#: What the local shell deployment gives a job to end by itself, in seconds.
_GRACE = 5


def crowd_rows(bench: Bench) -> list[Row]:
    """Fifty jobs submitted at once to a store that did not exist."""
    lost: list[float] = []
    for _ in range(max(1, bench.repeat_long // 2)):
        directory, environment = _project(bench, _ONE_OF_MANY)
        command = [sys.executable, "script.py"]
        started = [
            subprocess.Popen([*command, str(number)], cwd=directory, env=environment)
            for number in range(50)
        ]
        good = sum(each.wait() == 0 for each in started)
        listed = json.loads(
            subprocess.run(
                [sys.executable, "-m", "vcat_cli", "ls", "--json", "-n", "0"],
                cwd=directory,
                env=environment,
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        )
        complete = sum(each["state"] == "completed" for each in listed)
        lost.append(50 - min(good, complete))
    name = "of 50 jobs submitted at once to a new store, lost or damaged"
    return [Row(name, lost, unit="jobs", goal=0)]


def end_rows(bench: Bench) -> list[Row]:
    """How long a job takes to be cancelled that ignores being asked to end."""
    taken = []
    for _ in range(bench.repeat_long):
        directory, environment = _project(bench, _STUBBORN)
        seconds, state = _printed(directory, environment).split()
        assert state == "cancelled", state
        taken.append(float(seconds) - _GRACE)
    name = "cancel() of a job that ignores SIGTERM, beyond the grace"
    return [Row(name, taken, unit="s", goal=2)]


def flood_rows(bench: Bench) -> list[Row]:
    """How much memory its follower takes while a job prints 3 GB."""
    directory, environment = _project(bench, _FLOOD)
    peak = float(_printed(directory, environment, "3000000000"))
    name = "peak memory of who follows a job that prints 3 GB"
    return [Row(name, [peak / 1e6], unit="MB", goal=150)]


def _project(bench: Bench, script: str) -> tuple[Path, dict[str, str]]:
    directory = bench.directory("project")
    (directory / "script.py").write_text(script)
    environment = bench.environment(bench.directory("cache"))
    told = {"XDG_STATE_HOME": str(bench.directory("state")), "VCAT_QUIET": "1"}
    return directory, environment | told


def _printed(directory: Path, environment: dict[str, str], *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "script.py", *arguments],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
