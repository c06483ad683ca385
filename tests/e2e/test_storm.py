"""Real jobs whose submitters, supervisors, shells, processes and workers are killed."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

SCRIPT = """\
import sys, time
from vcat import *

@stage
def load(count):
    time.sleep(0.03)
    print("loaded", flush=True)
    return list(range(count))

@stage(cache=False)
def weigh(rows):
    time.sleep(0.03)
    return bytes(100_000 + len(rows))

@stage
def double(row):
    time.sleep(0.01)
    return 2 * row

@stage(persist=True)
def total(doubled, weight):
    time.sleep(0.02)
    return sum(doubled) + len(weight)

if __name__ == "__main__":
    name, count = sys.argv[1:]
    rows = load(int(count))
    total(double.map(rows), weigh(rows)).run(job_name=name)
"""

CONFIGURATION = """\
deployment_implementation:
  deployment_type: vcat.LocalShellJobDeployment
  constructor_keyword_arguments: {grace: 0.5, path: PATH}
"""

WORKERS = """\
execution_implementation:
  executor_type: vcat.ProcessPoolExecutor
  constructor_keyword_arguments: {workers: 2}
"""

#: Forks a process for each request: one that submits, or one that asks as any other process would.
SERVER = """\
import json, os, runpy, signal, sys, time
import vcat, vcat._looking.jobs, vcat._shipping.submission, vcat._shipping.handover
import vcat_backend_localfs
import vcat_deploy_localshell.deployment
from vcat import *

# Has this process killed so many seconds after it has begun to list a job, or to hand it over.
def strike(begun, seconds):
    call = vcat._shipping.handover.call

    def calling(backend, operation, *given):
        own = os.pidfd_open(os.getpid())
        if operation == begun and os.fork() == 0:
            time.sleep(seconds)
            try:
                signal.pidfd_send_signal(own, 9)
            finally:
                os._exit(0)
        os.close(own)
        return call(backend, operation, *given)

    vcat._shipping.handover.call = calling

print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if "over" in request:  # until then its number stays its own
        print(os.waitpid(request["over"], 0)[1], flush=True)
        continue
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(read)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
        os.dup2(1, 2)
        os.environ["STORM"] = request["mark"]
        os.chdir(request["directory"])
        try:
            if "code" in request:
                namespace = {}
                exec(request["code"], namespace)
                os.write(write, json.dumps(namespace["answer"](*request["given"])).encode())
            else:
                if request["strike"] is not None:
                    strike(*request["strike"])
                sys.argv = ["train.py", *request["given"]]
                sys.path.insert(0, request["directory"])
                runpy.run_path("train.py", run_name="__main__")
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    if "code" in request:
        with open(read, "rb") as file:
            answer = file.read().decode()
        os.waitpid(pid, 0)
        print(answer, flush=True)
    else:
        os.close(read)
        print(pid, flush=True)
"""

#: Waits for the end of the job, by its handle or by the listing alone.
WAIT = """\
import time
from vcat import *

def answer(name, way, patience):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if way == "handle":
                job = get_job(name)
                try:
                    job.wait_for_deployment_to_complete(timeout=0.5)
                except TimeoutError:
                    pass
                found = job.status()
            else:
                (found,) = [each for each in list_jobs() if each.job_name == name] or [None]
        except UnknownJobError:
            found = None
        if found is None:
            return None
        if found.state not in ("queued", "running"):
            break
        time.sleep(0.05)
    return [found.state, found.exit_code, found.reason]
"""

#: What a new process is told, by the handle, its row and the listing, and the result.
LOOK = """\
from vcat import *

def answer(name):
    (listed,) = [each for each in list_jobs() if each.job_name == name]
    job = get_job(name)
    told = [[e.state, e.exit_code, e.reason] for e in (listed, job.status(), job.record())]
    result = None
    if job.get_job_status() == "completed":
        result = job.fetch_job_results(timeout=0)
    stages = [each.status for each in job.stages()]
    return {"told": told, "result": result, "stages": stages}
"""

#: Runs the script once more under another name.
AGAIN = """\
import runpy, sys
from vcat import *

def answer(name, count, patience):
    sys.argv = ["train.py", name, count]
    sys.path.insert(0, ".")
    runpy.run_path("train.py", run_name="__main__")
    return get_job(name).fetch_job_results(timeout=patience)
"""

PATIENCE = 60.0

ABANDONED = "the process that submitted it ended before it was handed over"

KILLED = (
    r"killed by signal 9 \(SIGKILL\)",
    r"run\.sh was killed by signal 9 \(SIGKILL\)",
    r"(ItemsError: \d of \d items failed; item \d: )?"
    r"WorkerEndedError: its process was killed by signal 9 \(SIGKILL\)",
)


class Lane:
    """Rounds that are played one after the other, in two projects of their own.

    Args:
        parent: Where the projects are.
        seed: What the kills depend on.
    """

    def __init__(self, parent: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.parent = parent
        self.seen: Counter[str] = Counter()
        self.projects = []
        for name, more in (("alone", ""), ("workers", WORKERS)):
            project = parent / name
            project.mkdir(parents=True)
            (project / "train.py").write_text(SCRIPT)
            (project / "storm.config.yaml").write_text(
                CONFIGURATION.replace("PATH", str(parent / f"{name}-jobs")) + more
            )
            self.projects.append(project)
        self.server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.server.stdout.readline() == "ready\n"

    def close(self) -> None:
        """End the server."""
        self.server.communicate(timeout=PATIENCE)

    def play(self, number: int) -> None:
        """Submit a job, strike, and look at what is left of it."""
        project, name = self.projects[number % 2], f"job-{number}"
        mark, count = f"{self.parent}-{number}", 2 + number % 5
        early = self.dice.random() < 0.3  # its submitter is struck while it hands the job over
        begun = self.dice.choice(["put", "submit", "submit"])
        strike = (begun, self.dice.random() * self.dice.choice([0.003, 0.01, 0.04]))
        given = [name, str(count)]
        submitter = int(self.send(project, mark, given=given, strike=strike if early else None))
        struck = set()
        try:
            if self.dice.random() < 0.85:  # the others are struck while they are bundled
                job = control(project, name) / "job.json"
                await_that(lambda: job.exists() or not is_alive(submitter), "the job")
            for _ in range(0 if early else self.dice.choice([1, 1, 1, 2, 3])):
                time.sleep(self.dice.random() * self.dice.choice([0.1, 0.4, 0.8, 1.2]))
                struck |= self.strike(project, name, mark, submitter)
            if "submitter" not in struck:
                await_that(lambda: not is_alive(submitter), "the end of the submitter")
        finally:
            status = int(self.send_line({"over": submitter}))
        if status == signal.SIGKILL:
            struck.add("submitter")
        way = self.dice.choice(["handle", "listing"])
        ended = self.ask(project, WAIT, name, way, PATIENCE)
        about = (number, sorted(struck), way, ended, project)
        self.check(project, name, mark, struck, ended, about, count)
        assert self.ask(project, AGAIN, f"{name}-again", str(count), PATIENCE) == right(count)

    def check(self, project, name, mark, struck, ended, about, count) -> None:
        """The state is a truth, is the same for everybody, and nothing is left of the job."""
        if ended is None:
            assert "submitter" in struck, about
            self.seen["never listed"] += 1
            await_that(lambda: bearing(mark) == [], f"the end of all processes {about}")
            return
        state, _, reason = ended
        assert state in {"completed", "failed", "lost", "cancelled"}, about
        self.seen["never handed over" if reason == ABANDONED else state] += 1
        claim = read_json(control(project, name) / "supervisor.json")
        if claim is None or claim["pid"] == 0:  # one that comes too late finds that out
            await_that(lambda: bearing(mark) == [], f"the end of all processes {about}")
        assert bearing(mark) == [], about
        seen = self.ask(project, LOOK, name)
        assert [each == ended for each in seen["told"]] == [True] * 3, (about, seen)
        assert "running" not in seen["stages"], (about, seen)
        assert (seen["result"] == right(count)) == (state == "completed"), (about, seen)
        if not struck:
            assert state == "completed", about
        if state == "failed":
            assert struck & {"shell", "job", "worker"}, about
            assert re.match("|".join(KILLED), reason), about
        if state == "lost":
            assert struck & {"supervisor", "submitter"}, about
            assert reason != ABANDONED or struck == {"submitter"}, about
        if state == "cancelled":
            assert "cancel" in struck, about

    def strike(self, project, name, mark, submitter) -> set[str]:
        """Kill one of those who have to do with the job, or all; return whom it has hit."""
        living = {"submitter": [submitter]} if is_alive(submitter) else {}
        living |= roles(mark)
        wanted = self.dice.choice(
            ["submitter", "supervisor", "shell", "job", "worker", "worker", "any", "all", "cancel"]
        )
        if wanted == "cancel":
            told = self.ask(project, CANCEL, name) if "submitter" not in living else False
            return {"cancel"} if told else set()
        if wanted == "any" and living:
            wanted = self.dice.choice(list(living))
        hit = set()
        groups = list(living.items())
        self.dice.shuffle(groups)
        for role, pids in groups:
            if role == wanted or wanted == "all":
                for pid in pids if wanted == "all" else [self.dice.choice(pids)]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        hit.add(role)
        return hit

    def send(self, project: Path, mark: str, **request: object) -> str:
        """Send a request to the server and return its answer."""
        log = str(self.parent / f"log-{Path(mark).name}")
        return self.send_line({"directory": str(project), "mark": mark, "log": log, **request})

    def send_line(self, request: object) -> str:
        """Send one line and return the answer."""
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        return self.server.stdout.readline()

    def ask(self, project: Path, code: str, *given: object):
        """What *code* says in a process of its own."""
        answer = self.send(project, "asked", code=code, given=given)
        assert answer != "\n", (self.parent / "log-asked").read_text()[-3000:]
        return json.loads(answer)


CANCEL = """\
from vcat import *

def answer(name):
    try:
        get_job(name).cancel()
    except UnknownJobError:
        return False
    return True
"""


def right(count: int) -> int:
    """The result of the job."""
    return sum(2 * each for each in range(count)) + 100_000 + count


def roles(mark: str) -> dict[str, list[int]]:
    """The processes of a job by what they are."""
    parents = {pid: parent_of(pid) for pid in bearing(mark)}
    found: dict[str, list[int]] = {}
    for pid, parent in parents.items():
        command = command_of(pid)
        if "vcat_deploy_localshell.supervisor" in command:
            role = "supervisor"
        elif "run.sh" in command:
            role = "shell"
        elif "run.sh" in command_of(parent):
            role = "job"
        else:
            role = "worker"
        found.setdefault(role, []).append(pid)
    return found


def control(project: Path, name: str) -> Path:
    """Where the records of a job are."""
    return project.parent / f"{project.name}-jobs" / ".supervised" / name


def read_json(path: Path):
    """What is in a file, if it is there."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def bearing(mark: str) -> list[int]:
    """All living processes whose variables say that they are of that round."""
    wanted, found = b"STORM=" + os.fsencode(mark), []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (each / "environ").read_bytes().split(b"\0") and is_alive(int(each.name)):
                found.append(int(each.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process has not ended; a zombie has."""
    return stat_of(pid)[:1] not in ([], ["Z"], ["X"])


def parent_of(pid: int) -> int:
    """The parent of a process."""
    return int((stat_of(pid) or ["", "0"])[1])


def stat_of(pid: int) -> list[str]:
    """What the system says of a process, from its state on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def command_of(pid: int) -> str:
    """The command of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def await_that(condition, words: str) -> None:
    """Wait until *condition* holds; fail with *words* if that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {words}"
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="whose process it is, is read from /proc")
@pytest.mark.parametrize(
    ("lanes", "rounds"), [(1, 5), pytest.param(4, 50, marks=pytest.mark.storm)]
)
def test_whoever_is_killed_no_job_is_in_a_false_state(tmp_path, lanes, rounds):
    """Each job ends, is what everybody is told, leaves no process, and can be run again."""
    seed = random.randrange(1 << 32)
    print("seed", seed)

    def play(number: int) -> Counter[str]:
        lane = Lane(tmp_path / f"lane-{number}", seed + number)
        try:
            for each in range(rounds):
                lane.play(each)
        finally:
            lane.close()
        return lane.seen

    with ThreadPoolExecutor(lanes) as pool:
        played = [pool.submit(play, number) for number in range(lanes)]
    for each in played:
        if each.exception() is not None:  # all are shown, the first is raised below
            print(each.exception())
    seen = sum((each.result() for each in played), Counter())
    print(dict(seen))
    assert seen.total() == lanes * rounds
    if rounds > 5:
        expected = {"completed", "failed", "lost", "cancelled", "never handed over"}
        assert expected <= set(seen), seen
