"""Stages that harm the process they run in: the job's state is truthful, and the job ends."""

import json
import re

import pytest

SCRIPT = """\
    import atexit, os, shutil, signal, sys, tempfile, threading, time
    from vcat import *

    @stage(cache=False)
    def harm(x):
        {body}

    @stage
    def after(x):
        print("after it")
        return x, os.path.basename(os.getcwd())

    deployment = after(harm(1)).run(job_name="harmed")
    try:
        print("result", deployment.fetch_job_results())
    except RemoteException as error:
        print(str(error))
    print(deployment.get_job_status(), list_jobs()[0].state)
    """


CONFIGURATION = """\
execution_implementation:
  executor_type: vcat.ProcessPoolExecutor
  constructor_keyword_arguments: {workers: 2}
"""


#: Where the stages run.
JOB, WORKER = "in the job", "in a worker"


@pytest.fixture(params=[JOB, pytest.param(WORKER, marks=pytest.mark.slow)], autouse=True)
def where(request, project):
    """Where the stages run: what one does to its process is done to that of the job, or not."""
    if request.param == WORKER:
        project.write("executor.config.yaml", CONFIGURATION)
    return request.param


def run(project, body):
    project.write("train.py", SCRIPT.format(body=body.replace("\n", "\n        ")))
    *lines, states = project.run("train.py").stdout.splitlines()
    read = project.ask(
        """
        job = get_job("harmed")
        archive = job._archive
        print(json.dumps({
            "log": (archive.fetch_log("output.log") or b"").decode(),
            "now": job.logs(),
            "events": (archive.fetch_log("events.jsonl") or b"").decode().splitlines(),
            "stage": (archive.fetch_log("stage-000000.log") or b"").decode(),
            "warnings": [e["text"] for e in job.events() if e["event"] == "warning"],
        }))
        """
    )
    return lines, states, read


COMPLETED = ["result (2, 'project')"]


@pytest.mark.parametrize(
    "body",
    [
        "os.close(0); os.close(1); os.close(2)",
        "null = os.open(os.devnull, os.O_WRONLY); os.dup2(null, 1); os.dup2(null, 2)",
        "sys.stdout = sys.stderr = None",
        "sys.stdout = open(os.devnull, 'w'); sys.stdout.close()",
        "sys.stdout.close(); sys.stderr.close()",
        "os.chdir('/')",
        "os.chdir(tempfile.mkdtemp()); os.rmdir(os.getcwd())",
    ],
)
def test_the_next_stage_finds_the_process_as_the_job_began_it(project, body):
    """Descriptors, streams and directory are put back; log and events go on where they were."""
    lines, states, read = run(project, f"print('before it')\n{body}\nreturn x + 1")
    assert (lines, states) == (COMPLETED, "completed completed")
    assert read["log"] == "before it\nafter it\n"
    assert read["stage"] == "before it\n"
    assert json.loads(read["events"][-1])["state"] == "completed"


def test_a_stage_that_closes_all_descriptors_cannot_hide_it(project, where):
    """The stores have lost theirs, so nothing can be kept: the job has failed, and says why."""
    lines, states, read = run(project, "os.closerange(0, 256)\nreturn x + 1")
    assert states == "failed failed"
    if where == WORKER:
        assert lines[0] == (
            "WorkerEndedError: its process ended with exit code 1 and without a result: the stage"
            " had closed file descriptors of the job"
        )
        assert "multiprocessing" not in read["now"]
        return
    reason = "BackendError: LocalFileSystemPipelineArchive.store: OSError: [Errno 9] Bad file desc"
    assert lines[0].startswith(reason)
    assert lines[0].endswith("; stage harm had closed file descriptors of the job")
    assert lines[-2] == "between the stages of job harmed"
    assert "Bad file descriptor" in read["now"]


def test_a_disk_that_fills_up_ends_the_job_as_failed(project, where):
    """Nothing can be archived or said any more; what could be printed before is kept."""
    body = """\
print('before it')
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))
return x + 1"""
    lines, states, read = run(project, body)
    assert states == "failed failed"
    # The limit is that of the process: what has none can say what it was.
    said = "job harmed failed: its records cannot be written: exit code 74"
    assert lines[0].startswith("OSError: [Errno 27] " if where == WORKER else said)
    assert read["now"].startswith("before it\n")


def test_a_limit_that_a_stage_has_set_for_files_is_named(project, where):
    """Where the job may lift it again, to say so."""
    body = """\
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
return x + 1"""
    lines, states, read = run(project, body)
    assert states == "failed failed"
    if where == WORKER:  # the limits of a worker are its own
        assert "OSError: [Errno 27] File too large" in lines[0]
        return
    failed, _, said = lines[0].partition("; its records cannot be written: ")
    assert failed.startswith("job harmed failed: BackendError: ")
    assert said.partition(": OSError: [Errno 27] File too large: ")[2].endswith(
        "provenance.json'; no file of the job may have more than 20 bytes, a limit that a stage may"
        " have set (RLIMIT_FSIZE)"
    )
    assert any(
        each.endswith(f"; its records cannot be written: {said}")
        for each in read["now"].splitlines()
    )


def test_a_job_that_can_write_nothing_at_all_leaves_that_it_could_not(project, where):
    """Neither open a file: then the exit code is still not taken for that of a stage."""
    body = """\
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
return x + 1"""
    lines, states, _ = run(project, body)
    assert states == "failed failed"
    if where == JOB:  # the limits of a worker are its own
        assert lines[0] == "job harmed failed: its records cannot be written: exit code 74"


def test_what_cannot_be_written_is_said_after_what_a_stage_raised(project, where):
    """Where the job could say it: it can open no file any more, but its events and its log are."""
    body = """\
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
raise ValueError('no model')"""
    lines, states, read = run(project, body)
    assert states == "failed failed"
    if where == WORKER:  # the limit is its own
        assert lines[0] == "ValueError: no model"
        return
    said = "job harmed failed: ValueError: no model; its records cannot be written: "
    assert lines[0].startswith(said)
    assert "Too many open files" in lines[0]
    assert f"vcat: {lines[0].removeprefix('job harmed failed: ')}" in read["now"].splitlines()


def test_a_deleted_directory_takes_no_record_along(project):
    """The archive has the result, the log and the events of a job whose directory is gone."""
    body = "print('before it')\nshutil.rmtree(os.path.dirname(os.getcwd()))\nreturn x + 1"
    project.write("train.py", SCRIPT.format(body=body.replace("\n", "\n        ")))
    done = project.run("train.py").stdout.splitlines()
    read = project.ask(
        """
        archive = get_job("harmed")._archive
        print(json.dumps({
            "outcome": archive.fetch_document("outcome"),
            "provenance": archive.fetch_document("provenance"),
            "log": (archive.fetch_log("output.log") or b"").decode(),
            "events": (archive.fetch_log("events.jsonl") or b"").decode().splitlines(),
            "listed": [each.state for each in list_jobs()],
        }))
        """
    )
    assert done[-1] == f"{read['outcome']['state']} {read['listed'][0]}"
    assert read["provenance"]["complete"] is True
    assert "def harm(x):" in read["provenance"]["stages"][0]["source"]
    assert json.loads(read["events"][-1])["state"] == read["outcome"]["state"]
    assert read["log"].startswith("before it\n")


def test_a_child_that_comes_back_from_its_stage_writes_nothing(project):
    """One result, one set of events, one log; whichever way the child comes back."""
    body = """\
for way in range(4):
    pid = os.fork()
    if pid == 0:
        if way == 0:
            return "of the child"
        if way == 1:
            sys.exit(0)
        if way == 2:
            raise ValueError("in the child")
        sys.exit("said")
    print("child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
return x + 1"""
    lines, states, read = run(project, body)
    assert (lines, states) == (COMPLETED, "completed completed")
    assert re.findall(r"child (\d)", read["log"]) == ["0", "0", "1", "1"]
    assert "ValueError: in the child" in read["log"]
    assert (
        "vcat: warning: stage 'harm' (train.py:4): a process that it forked came back from it and"
        " ends here; end it with os._exit()\n"
    ) in read["log"]
    kinds = [json.loads(each)["event"] for each in read["events"]]
    assert (kinds.count("job started"), kinds.count("job ended"), kinds.count("value")) == (1, 1, 1)


def test_a_daemon_of_a_stage_does_not_hold_the_job(project):
    """A process in a session of its own that keeps the log open is not waited for."""
    body = """\
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
return x + 1"""
    lines, states, _ = run(project, body)
    assert (lines, states) == (COMPLETED, "completed completed")


def test_threads_that_go_on_are_left_behind(project, where):
    """Python would wait for them for ever; the job says so, writes its records and ends."""
    body = """\
threading.Thread(target=time.sleep, args=(600,), name="endless").start()
return x + 1"""
    lines, states, read = run(project, body)
    assert (lines, states) == (COMPLETED, "completed completed")
    if where == WORKER:  # which nobody waits for: it is killed when there is nothing left to do
        assert read["warnings"] == []
        return
    assert read["warnings"] == [
        "the stages have left threads behind that go on, and the job ends: 'endless'",
        "the job ends after 5 seconds without waiting for threads that go on: 'endless'",
    ]
    assert read["now"].splitlines()[-1] == f"vcat: warning: {read['warnings'][-1]}"


def test_threads_of_pools_are_no_reason_to_warn(project, where):
    """They end as Python does, so that nobody waits for them."""
    body = """\
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
sys.kept = [ThreadPoolExecutor(1)]
if "WHERE" != "in a worker":
    sys.kept.append(ProcessPoolExecutor(1))
return x + max(each.submit(len, "a").result() for each in sys.kept)""".replace("WHERE", where)
    lines, states, read = run(project, body)
    assert (lines, states) == (COMPLETED, "completed completed")
    assert read["warnings"] == []


def test_an_exit_handler_that_hangs_is_left_behind(project, where):
    """What a library does at the end of the process cannot keep the job from ending."""
    body = "atexit.register(time.sleep, 600)\nreturn x + 1"
    lines, states, read = run(project, body)
    assert (lines, states) == (COMPLETED, "completed completed")
    said = "the job ends after 5 seconds without waiting for an exit handler that does not end"
    assert read["warnings"] == ([] if where == WORKER else [said])


def test_an_exit_handler_that_raises_changes_nothing(project, where):
    """The result was there before, and Python says what was raised; workers call none."""
    lines, states, read = run(project, "atexit.register(int, 'no number')\nreturn x + 1")
    assert (lines, states) == (COMPLETED, "completed completed")
    assert ("ValueError: invalid literal for int()" in read["now"]) == (where != WORKER)


@pytest.mark.parametrize(
    ("handler", "code"),
    [("os._exit, 3", "exit code 3"), ("os.abort", "killed by signal 6 (SIGABRT)")],
)
def test_a_job_that_crashes_after_its_result_has_failed(project, where, handler, code):
    """Completed is what ends with exit code 0 besides; a worker calls no exit handlers."""
    lines, states, _ = run(project, f"atexit.register({handler})\nreturn x + 1")
    if where == WORKER:
        assert (lines, states) == (COMPLETED, "completed completed")
    else:
        assert (lines[0], states) == (f"job harmed failed: {code}", "failed failed")


def test_an_exit_handler_cannot_make_a_failed_job_complete(project):
    """``os._exit(0)`` at the end of a job that has failed leaves a failed job."""
    body = "atexit.register(os._exit, 0)\nraise ValueError('no model')"
    lines, states, _ = run(project, body)
    assert (lines[0], states) == ("ValueError: no model", "failed failed")


ENDED = "WorkerEndedError: its process "


@pytest.mark.parametrize(
    ("body", "first", "of_worker"),
    [
        ("sys.exit()", "SystemExit", None),
        ("sys.exit(0)", "SystemExit: 0", None),
        ("sys.exit('a text')", "SystemExit: a text", None),
        ("sys.exit(255)", "SystemExit: 255", None),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", None),
        (
            "signal.raise_signal(signal.SIGABRT)",
            "job harmed failed: killed by signal 6 (SIGABRT) while stage harm ran",
            ENDED + "was killed by signal 6 (SIGABRT)",
        ),
        (
            "os._exit(0)",
            "job harmed failed: it ended with exit code 0 while stage harm ran but left no result",
            ENDED + "ended with exit code 0 and without a result",
        ),
        (
            "os._exit(3)",
            "job harmed failed: exit code 3 while stage harm ran",
            ENDED + "ended with exit code 3 and without a result",
        ),
        (
            "os.killpg(0, signal.SIGKILL)",
            "job harmed failed: run.sh was killed by signal 9 (SIGKILL) while stage harm ran",
            ENDED + "was killed by signal 9 (SIGKILL)",
        ),
        (
            "os.kill(os.getppid(), signal.SIGKILL); time.sleep(600)",
            "job harmed failed: run.sh was killed by signal 9 (SIGKILL)",
            "job harmed failed: killed by signal 9 (SIGKILL) while stage harm ran",
        ),
        (
            "os.execv(sys.executable, [sys.executable, '-c', ''])",
            "job harmed failed: it ended with exit code 0 while stage harm ran but left no result",
            ENDED + "ended with exit code 0 and without a result",
        ),
    ],
)
def test_leaving_is_never_success(project, where, body, first, of_worker):
    """An exit of any kind in a stage is a failed job, and its later stages did not run."""
    lines, states, read = run(project, body)
    assert lines[0] == ((of_worker or first) if where == WORKER else first)
    assert states == "failed failed"
    assert "after it" not in read["now"]


@pytest.mark.slow
def test_a_flooded_log_is_kept_in_part(project):
    """Of 100 MB, head and tail of the stage's output are kept; the rest is counted."""
    body = """\
line = "x" * 1048575
for _ in range(100):
    print(line)
print("the end")
return x + 1"""
    lines, states, read = run(project, body)
    assert (lines, states) == (COMPLETED, "completed completed")
    head, left_out, tail = re.split(r"\n\[vcat: (\d+) bytes left out\]\n", read["stage"])
    assert tail.endswith("x\nthe end\n")
    assert len(head) == len(tail) == 32 << 20
    assert len(head) + int(left_out) + len(tail) == 100 * 1048576 + 8


def test_what_is_logged_by_nobodys_configuration_is_in_the_log(project):
    """At the level of the configuration, whoever imports logging; a stage may configure it."""
    project.write("my.config.yaml", "log_level: DEBUG\n")
    body = """\
import logging
logging.getLogger("mine").debug("seen %s", 1)
return x + 1"""
    _, states, read = run(project, body)
    assert states == "completed completed"
    assert re.match(r"\d{4}-\S+ \S+ DEBUG mine: seen 1\n", read["stage"])


def test_a_stage_configures_logging_as_anywhere(project):
    """``basicConfig`` does what it does without vcat."""
    body = """\
import logging
logging.basicConfig(format="own %(message)s", stream=sys.stdout, level=logging.ERROR)
logging.warning("no")
logging.error("seen")
return x + 1"""
    _, states, read = run(project, body)
    assert states == "completed completed"
    assert read["stage"] == "own seen\n"
