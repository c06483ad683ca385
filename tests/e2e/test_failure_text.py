"""What `fetch_job_results()` and the log say of what a stage raises, whole."""

import json
import os
import re
import sys

import pytest

STAGES = """\
import json, sys, threading
from vcat import *
from helper import Lockful, check, down, pong

@stage
def helper():
    return check(3)

@stage
def cause():
    try:
        check(3)
    except KeyError as error:
        raise ValueError("bad") from error

@stage
def context():
    try:
        check(3)
    except KeyError:
        raise ValueError("bad")

@stage
def group():
    found = []
    for number in range(2):
        try:
            check(number)
        except KeyError as error:
            found.append(error)
    raise ExceptionGroup("several", found)

@stage
def syntax():
    import broken

@stage
def absent():
    import importer

@stage
def recursion():
    down()

@stage
def mutual():
    pong(60)

@stage
def large():
    raise ValueError("x" * 1_000_000)

@stage
def long():
    raise ValueError("\\n".join(map(str, range(200_000))))

@stage
def lock():
    raise Lockful(3)

@stage
def reported():
    log_metric("rows", "many")

text = stage(int)("x")

@stage
def row(number):
    return check(number)

rows = row.map([7, 8])
other = row(9)

if __name__ == "__main__":
    said = {}
    for name in sys.argv[1:]:
        end = globals()[name]
        job = (end if hasattr(end, "run") else end()).run(job_name=name)
        try:
            job.fetch_job_results()
        except RemoteException as error:
            said[name] = [str(error), job.logs(), list_jobs()[0].reason]
    print(json.dumps(said))
"""

HELPER = """\
import threading

def check(number):
    return {}[number]

def down():
    down()

def ping(left):
    return pong(left - 1)

def pong(left):
    return ping(left) if left else [][left]

class Lockful(Exception):
    def __init__(self, number):
        super().__init__(f"no {number}")
        self.lock = threading.Lock()
"""

#: What is said of each, without its last two lines.
SAID = {
    "helper": """\
KeyError: 3
  stages.py:7 in helper
    return check(3)
  helper.py:4 in check
    return {}[number]
""",
    "cause": """\
ValueError: bad
  stages.py:14 in cause
    raise ValueError("bad") from error
  caused by KeyError: 3
  stages.py:12 in cause
    check(3)
  helper.py:4 in check
    return {}[number]
""",
    "context": """\
ValueError: bad
  stages.py:21 in context
    raise ValueError("bad")
  while handling KeyError: 3
  stages.py:19 in context
    check(3)
  helper.py:4 in check
    return {}[number]
""",
    "group": """\
ExceptionGroup: several (2 sub-exceptions)
  stages.py:31 in group
    raise ExceptionGroup("several", found)
  1 of 2: KeyError: 0
    stages.py:28 in group
      check(number)
    helper.py:4 in check
      return {}[number]
  2 of 2: KeyError: 1
    stages.py:28 in group
      check(number)
    helper.py:4 in check
      return {}[number]
""",
    "syntax": """\
SyntaxError: invalid syntax (broken.py, line 2)
  stages.py:35 in syntax
    import broken
  broken.py:2
    def f(:
""",
    "absent": """\
ModuleNotFoundError: No module named 'nowhere'
  stages.py:39 in absent
    import importer
  importer.py:1 in <module>
    import nowhere
""",
    "recursion": """\
RecursionError: maximum recursion depth exceeded
  stages.py:43 in recursion
    down()
  helper.py:7 in down (N times)
    down()
""",
    "mutual": """\
IndexError: list index out of range
  stages.py:47 in mutual
    pong(60)
"""
    + """\
  helper.py:13 in pong
    return ping(left) if left else [][left]
  helper.py:10 in ping
    return pong(left - 1)
"""
    * 4
    + """\
  helper.py:13 in pong
    return ping(left) if left else [][left]
  [82 calls left out]
"""
    + """\
  helper.py:10 in ping
    return pong(left - 1)
  helper.py:13 in pong
    return ping(left) if left else [][left]
"""
    * 15,
    "large": f"""\
ValueError: {"x" * 1_000}... (1000000 characters)
  stages.py:51 in large
    raise ValueError("x" * 1_000_000)
""",
    "long": "ValueError: 0\n"
    + "".join(f"  {number}\n" for number in range(1, 41))
    + """\
  [the log has the rest of the message]
  stages.py:55 in long
    raise ValueError("\\n".join(map(str, range(200_000))))
""",
    "lock": """\
Lockful: no 3
  stages.py:59 in lock
    raise Lockful(3)
""",
    "text": """\
ValueError: invalid literal for int() with base 10: 'x'
""",
    "rows": """\
ItemsError: 2 of 2 items failed; first: item 0: KeyError: 7
  caused by KeyError: 7
  stages.py:69 in row
    return check(number)
  helper.py:4 in check
    return {}[number]
""",
}

#: What the log has of some: Python's words, without a frame of vcat's.
LOGGED = {
    "cause": """\
Traceback (most recent call last):
  File "SCRIPT/stages.py", line 12, in cause
    check(3)
  File "JOB/helper.py", line 4, in check
    return {}[number]
KeyError: 3

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "SCRIPT/stages.py", line 14, in cause
    raise ValueError("bad") from error
ValueError: bad
""",
    "absent": """\
Traceback (most recent call last):
  File "SCRIPT/stages.py", line 39, in absent
    import importer
  File "JOB/importer.py", line 1, in <module>
    import nowhere
ModuleNotFoundError: No module named 'nowhere'
""",
    "text": """\
ValueError: invalid literal for int() with base 10: 'x'
""",
}

WORKERS = "execution_implementation: {executor_type: vcat.ProcessPoolExecutor}\n"


@pytest.fixture(scope="module", params=["in the job", "in a worker"])
def said(request, tmp_path_factory):
    """What is said and logged of each stage that fails."""
    import subprocess

    names = [each for each in SAID if each != "group" or sys.version_info >= (3, 11)]
    directory = tmp_path_factory.mktemp("home") / "project"
    directory.mkdir()
    (directory / "stages.py").write_text(STAGES)
    (directory / "helper.py").write_text(HELPER)
    (directory / "importer.py").write_text("import nowhere\n")
    (directory / "broken.py").write_text("x = 1\ndef f(:\n    pass\n")
    if request.param == "in a worker":
        (directory / "workers.config.yaml").write_text(WORKERS)
    done = subprocess.run(
        [sys.executable, "stages.py", *names],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=os.environ | {"XDG_STATE_HOME": f"{directory}/state"},
    )
    return directory, json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAID)
def test_what_was_raised_reads_well(said, name):
    """The type and the message, the frames of the user's code, the stage by its id, the log."""
    if name not in said[1]:
        pytest.skip("groups of exceptions came with Python 3.11")
    text, _, reason = said[1][name]
    text = re.sub(r"\(\d\d\d+ times\)", "(N times)", text)
    label = {"text": "int", "rows": "row"}.get(name, name)
    lines = text.splitlines(keepends=True)
    assert "".join(lines[:-2]) == SAID[name]
    assert re.sub(r" \(.*\)", "", lines[-2]) == f"in stage '{label}' of job {name}\n"
    assert lines[-1] == f"full log: vcat logs {name}"
    assert f"{reason}\n" == lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", LOGGED)
def test_the_log_has_it_in_the_words_of_python(said, name):
    """Without frames of vcat's, of imports, or of what stands between vcat and the stage."""
    directory, texts = said
    log = texts[name][1]
    log = log.replace(f"{directory}/.vcat/jobs/{name}/project", "JOB")
    log = log.replace(str(directory), "SCRIPT")
    lines = [each for each in log.splitlines(keepends=True) if each.strip(" ^~\n") or each == "\n"]
    assert "".join(lines).rstrip("\n") + "\n" == LOGGED[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["large", "long"])
def test_the_log_has_a_message_of_any_length(said, name):
    """The whole of it where the stage ran in the job, and beginning and end of it at the least."""
    log = said[1][name][1]
    assert log.startswith("Traceback (most recent call last):\n")
    assert log.rstrip("\n").endswith({"large": "x" * 1_000, "long": "\n199998\n199999"}[name])
    assert len(log) > 1_000_000


HUNG = """\
    import ctypes, json, signal, threading
    from vcat import *
    from native import wait

    @stage(timeout=0.2)
    def hangs():
        print("last words")
        threading.Thread(target=threading.Event().wait).start()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        wait()

    if __name__ == "__main__":
        job = hangs().run(job_name="hung")
        try:
            job.fetch_job_results()
        except RemoteException as error:
            print(json.dumps([str(error), job.logs(), job.logs(stage="hangs")]))
"""

NATIVE = """\
    import ctypes

    def wait():
        ctypes.PyDLL(None).sleep(1000)  # with the lock of the interpreter
"""


@pytest.mark.slow
@pytest.mark.parametrize(("given", "name"), [("", "hangs"), ("1, 2", "hangs[0]")])
def test_a_stage_that_hangs_says_where_in_the_job(project, given, name):
    """Its frames are the first that is said; what it printed is not lost among those of vcat."""
    called = HUNG
    if given:
        called = HUNG.replace("def hangs()", "def hangs(item)").replace(
            "hangs().run", f"hangs.map([{given}]).run"
        )
    project.write("stages.py", called)
    project.write("native.py", NATIVE)
    said, log, _ = json.loads(project.run("stages.py").stdout)
    assert said.splitlines() == [
        f"job hung failed: stage {name} did not end when its timeout of 0.2 seconds was over:"
        " exit code 1",
        "  stages.py:10 in hangs",
        "  native.py:4 in wait",
        "last lines of its log:",
        "  last words",
        "full log: vcat logs hung",
    ]
    assert "engine.py" in log


@pytest.mark.slow
def test_a_stage_that_hangs_says_where_in_a_worker(project):
    """The worker writes it down before it is killed, though it never gets the interpreter again.

    The logs have it as a traceback, and what its other threads did.
    """
    project.write("stages.py", HUNG)
    project.write("native.py", NATIVE)
    project.write("workers.config.yaml", WORKERS)
    said, log, of_stage = json.loads(project.run("stages.py").stdout)
    first = "TimeoutError: timed out after 0.2 seconds; it did not end, and its process was killed"
    assert said.splitlines() == [
        first,
        "  stages.py:10 in hangs",
        "    wait()",
        "  native.py:4 in wait",
        "    ctypes.PyDLL(None).sleep(1000)  # with the lock of the interpreter",
        "in stage 'hangs' (stages.py:5) of job hung",
        "full log: vcat logs hung",
    ]
    place = project.directory / ".vcat" / "jobs" / "hung" / "project" / "native.py"
    for each in (log, of_stage):
        lines = each.splitlines()
        assert lines[:2] == ["last words", "vcat: its other threads:"]
        assert lines[2].endswith(" (most recent call first):")
        assert lines[3].endswith("in wait")
        assert not [line for line in lines if "worker.py" in line or "attempt.py" in line]
        assert lines[-7:] == [
            "",
            "Traceback (most recent call last):",
            f'  File "{project.directory / "stages.py"}", line 10, in hangs',
            "    wait()",
            f'  File "{place}", line 4, in wait',
            "    ctypes.PyDLL(None).sleep(1000)  # with the lock of the interpreter",
            first,
        ]
