"""Jobs that are sent signals: the stage ends by an exception, and the records say what happened."""

import json

import pytest

# The stage says which process it is; who waits for that line sends the signal.
SCRIPT = """\
    import os, signal, sys, time
    from vcat import *

    def before():
        print("before")
        return 1

    def wait(x):
        print("pid", os.getpid(), flush=True)
        {body}

    def after(x):
        return x

    deployment = (pipeline | before | wait | after).run(job_name="ended")
    for line in deployment.logs(follow=True):
        if line.startswith("pid"):
            break
    pid = int(line.split()[1])
    {signals}
    deployment.wait_for_deployment_to_complete(timeout=60)
    """

READ = """
    job = get_job("ended")
    archive = job._archive
    provenance = job.provenance()
    print(json.dumps({
        "exit": job.status().exit_code,
        "outcome": archive.fetch_document("outcome"),
        "listed": [[each.state, each.reason] for each in list_jobs()],
        "stages": [[each.id, each.status, each.error] for each in job.stages()],
        "provenance": [[each["id"], each["status"]] for each in provenance["stages"]],
        "complete": provenance["complete"],
        "events": (archive.fetch_log("events.jsonl") or b"").decode().splitlines(),
        "log": job.logs(),
        "archived": (archive.fetch_log("output.log") or b"").decode(),
        "stage": (archive.fetch_log("stage-000001.log") or b"").decode(),
    }))
"""


def run(project, body, signals):
    lines = body.replace("\n", "\n        ")
    project.write("train.py", SCRIPT.format(body=lines, signals=signals))
    project.run("train.py")
    return project.ask(READ)


SLEEP = """\
try:
    time.sleep(600)
finally:
    print("cleaned up")"""


@pytest.mark.parametrize(("name", "number", "code"), [("SIGTERM", 15, 143), ("SIGINT", 2, 130)])
def test_a_signal_ends_the_stage_and_all_is_written_down(project, name, number, code):
    """Blocks of ``finally`` run; outcome, provenance, log, events and listing say ``cancelled``."""
    read = run(project, SLEEP, f"os.kill(pid, signal.{name})")
    reason = f"ended by signal {number} ({name})"
    assert read["exit"] == code
    assert read["outcome"]["state"] == "cancelled"
    assert (read["outcome"]["result"], read["outcome"]["error"]) == (None, None)
    assert read["listed"] == [["cancelled", reason]]
    assert read["stages"] == [
        ["before", "completed", None],
        ["wait", "failed", f"the job was {reason}"],
        ["after", "not run", None],
    ]
    assert read["complete"] is True
    assert read["provenance"] == [["before", "completed"], ["wait", "failed"], ["after", "not run"]]
    last = json.loads(read["events"][-1])
    assert (last["event"], last["state"], last["reason"]) == ("job ended", "cancelled", reason)
    said = f"cleaned up\nvcat: the job was {reason} while wait ran\n"
    assert read["archived"].endswith(said)
    assert read["stage"].endswith("cleaned up\n")


def test_a_stage_that_swallows_the_exception_has_no_value(project):
    """What a library returns that stops in the middle is neither the result nor cached."""
    body = """\
try:
    time.sleep(600)
except KeyboardInterrupt:
    return "half a model" """
    read = run(project, body, "os.kill(pid, signal.SIGTERM)")
    assert read["exit"] == 143
    assert read["listed"][0][0] == "cancelled"
    assert [status for _, status, _ in read["stages"]] == ["completed", "failed", "not run"]
    assert not any('"value"' in each for each in read["events"])


def test_a_stage_that_makes_an_error_of_it_was_cancelled_all_the_same(project):
    """The job did not fail by itself, and nothing is called again."""
    body = """\
try:
    time.sleep(600)
except BaseException:
    raise ValueError("training failed")"""
    read = run(project, body, "os.kill(pid, signal.SIGTERM)")
    assert (read["exit"], read["listed"][0][0]) == (143, "cancelled")
    assert ["wait", "failed", "ValueError: training failed"] in read["stages"]


def test_two_signals_at_once_are_one_request(project):
    """Whoever ends a group and a process of it does not take its records from the job."""
    body = """\
try:
    time.sleep(600)
finally:
    os.kill(os.getpid(), signal.SIGTERM)
    print("cleaned up")"""
    read = run(project, body, "os.kill(pid, signal.SIGTERM)")
    assert (read["exit"], read["complete"]) == (143, True)
    assert read["stage"].endswith("cleaned up\n")


def test_the_second_signal_ends_a_stage_that_goes_on(project):
    """Whoever asks again does not want to wait, not for the stage and not for records."""
    body = """\
while True:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        print("no", flush=True)"""
    signals = """\
os.kill(pid, signal.SIGTERM)
    while not deployment.is_job_complete():
        time.sleep(0.1)
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            break"""
    read = run(project, body, signals)
    assert read["exit"] == 143
    assert read["outcome"] is None
    assert read["complete"] is False
    assert read["log"].count("no\n") == 1


def test_processes_of_a_stage_end_as_any_others(project):
    """A pool that a stage closes by SIGTERM says nothing in the log, and the job goes on."""
    project.write(
        "train.py",
        """\
        import multiprocessing
        from vcat import *

        def double(x):
            return 2 * x

        def pooled():
            with multiprocessing.get_context("fork").Pool(2) as pool:
                return pool.map(abs, [-1, 2])

        deployment = stage(pooled)().run()
        print(deployment.fetch_job_results(), repr(deployment.logs()))
        """,
    )
    assert project.run("train.py").stdout == "[1, 2] ''\n"


def test_signals_while_records_are_written_break_none(project):
    """The result is there, and so the job has completed; asked before the stages, it has not."""
    project.write(
        "store.py",
        """\
        import os, signal
        from vcat import LocalFileSystemPipelineArchive

        class Archive(LocalFileSystemPipelineArchive):
            def store(self, job_name, name, data):
                self.strike(name)
                super().store(job_name, name, data)

            def store_parts(self, job_name, name, parts):
                self.strike(name)
                super().store_parts(job_name, name, parts)

            def strike(self, name):
                if name.startswith(os.environ["AT"]) and "VCAT_PYTHON" in os.environ:
                    print("sent", flush=True)
                    os.kill(os.getpid(), signal.SIGTERM)
        """,
    )
    project.write(
        "my.config.yaml",
        """\
        archive_implementation:
          archive_type: store:Archive
          constructor_arguments: [archive]
        """,
    )
    project.write(
        "train.py",
        """\
        import os, sys
        from vcat import *

        def one():
            return 1

        os.environ["AT"] = sys.argv[1]
        deployment = stage(one)().run(job_name=sys.argv[2])
        deployment.wait_for_deployment_to_complete(timeout=60)
        outcome = deployment._archive.fetch_document("outcome")
        print("sent" in deployment.logs(), outcome["state"], list_jobs()[0].state)
        """,
    )
    cases = [
        ("log/output.log", "True completed completed"),
        ("job/outcome.json", "True completed completed"),
        ("log/events.jsonl", "True completed completed"),
        ("source/", "True cancelled cancelled"),
    ]
    seen = [
        (at, project.run("train.py", at, f"job{number}").stdout.strip())
        for number, (at, _) in enumerate(cases)
    ]
    assert seen == cases


def test_a_killed_job_leaves_its_provenance(project):
    """What is known before the first stage, so that ``vcat why`` and people have something."""
    read = run(project, SLEEP, "os.kill(pid, signal.SIGKILL)")
    assert read["outcome"] is None
    assert read["complete"] is False
    assert read["provenance"] == [["before", "not run"], ["wait", "not run"], ["after", "not run"]]
    assert read["stages"] == [
        ["before", "completed", None],
        ["wait", "failed", "the job failed while it ran: killed by signal 9 (SIGKILL)"],
        ["after", "not run", None],
    ]


REPEATED = """\
    import os, signal, time
    from vcat import *

    @stage(cache=False, retries=2, retry_delay=600)
    def fetch():
        raise OSError("refused")

    @stage(cache=False, retries=2)
    def wait():
        if not os.path.exists("again"):
            open("again", "w").close()
            raise OSError("refused")
        time.sleep(600)

    job = {stage}().run(job_name="ended")
    for event in job.events(follow=True):
        if event["event"] == "{event}":
            break
    while "attempt" not in job.logs():
        time.sleep(0.01)
    """


@pytest.mark.slow
@pytest.mark.parametrize(("end", "workers"), [("cancel", 0), ("cancel", 1), ("kill", 0)])
@pytest.mark.parametrize(
    ("stage", "attempts", "when"),
    [("fetch", 1, " before attempt 2"), ("wait", 2, None)],
)
def test_only_calls_that_were_made_are_counted(project, end, workers, stage, attempts, when):
    """Neither is one left out that was cut short, nor one told of that was still to come."""
    if workers:
        project.use_workers(1)
    project.write("train.py", REPEATED.format(stage=stage, event="stage failed"))
    project.run("train.py")
    read = project.ask(
        f"""
        import os, signal
        job = get_job("ended")
        running = job.stages()[0]
        if "{end}" == "cancel":
            job.cancel()
        else:
            pid = next(e["pid"] for e in job.events() if e["event"] == "job started")
            os.kill(pid, signal.SIGKILL)
            job.wait_for_deployment_to_complete(timeout=60)
        (record,) = job.stages()
        document = job.provenance()["stages"][0]
        print(json.dumps([running[:4], running.attempts, record.to_json(), document]))
        """
    )
    running, called, record, document = read
    assert (running[3], called) == ("running", 1)
    said = "the job was ended by signal 15 (SIGTERM)" + (when or "")
    if end == "kill":
        said = f"the job failed{when or ' while it ran'}: killed by signal 9 (SIGKILL)"
    assert (record["status"], record["attempts"]) == ("failed", attempts)
    assert (record["error"], record["cut_short"]) == (said, True)
    assert record["before_attempt"] == (attempts + 1 if when else None)
    if end == "cancel":
        assert (document["attempts"], document["cut_short"]) == (attempts, True)
        assert document["errors"] == ["OSError: refused", said]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("SIGTERM", "the job was ended by signal 15 (SIGTERM) before attempt 2"),
        ("SIGKILL", "the job failed before attempt 2: killed by signal 9 (SIGKILL)"),
    ],
)
def test_a_call_whose_turn_has_not_come_is_not_counted(project, end, said):
    """Its delay was over, and there was no worker for it."""
    project.use_workers(1)
    project.write(
        "train.py",
        """\
        import os, signal, sys, time
        from vcat import *

        @stage(cache=False, retries=1, retry_delay=0.3)
        def flaky():
            raise OSError("refused")

        @stage(cache=False)
        def wait():
            print("begun", flush=True)
            time.sleep(600)

        job = pipeline.join([flaky(), wait()], lambda *all: all).run(job_name="ended")
        for line in job.logs(follow=True):
            if line == "begun":
                break
        while job.stages()[0].again_at > time.time():
            time.sleep(0.01)
        os.kill(next(job.events())["pid"], getattr(signal, sys.argv[1]))
        job.wait_for_deployment_to_complete(timeout=60)
        """,
    )
    project.run("train.py", end)
    record = project.ask('print(json.dumps(get_job("ended").stages()[0].to_json()))')
    assert (record["attempts"], record["before_attempt"], record["error"]) == (1, 2, said)


@pytest.mark.slow
@pytest.mark.parametrize(
    "end",
    [
        pytest.param("deployment.cancel()", id="all"),
        pytest.param("os.kill(next(deployment.events())['pid'], signal.SIGTERM)", id="main"),
    ],
)
def test_stages_in_workers_are_ended_too(project, end):
    """Whether all processes of a job are told or the main one is, each stage cleans up."""
    project.use_workers(2)
    project.write(
        "train.py",
        """\
        import os, signal, sys, time
        from vcat import *

        @stage
        def wait(name):
            print("begun", name, flush=True)
            try:
                time.sleep(600)
            finally:
                print("cleaned up", name, flush=True)

        def both(*values):
            return values

        deployment = pipeline.join([wait("a"), wait("b")], both).run(job_name="ended")
        begun = 0
        for line in deployment.logs(follow=True):
            begun += line.startswith("begun")
            if begun == 2:
                break
        exec(sys.argv[1])
        deployment.wait_for_deployment_to_complete(timeout=60)
        """,
    )
    project.run("train.py", end)
    read = project.ask(
        """
        job = get_job("ended")
        logs = [job._archive.fetch_log(f"stage-{n:06d}.log") for n in range(2)]
        print(json.dumps({
            "state": [job.get_job_status(), list_jobs()[0].state],
            "stages": [[e.id, e.status] for e in job.stages()],
            "complete": job.provenance()["complete"],
            "logs": [each and each.decode() for each in logs],
            "log": job.logs(),
        }))
        """
    )
    assert read["state"] == ["cancelled", "cancelled"]
    assert read["complete"] is True
    assert read["stages"] == [["wait", "failed"], ["wait#2", "failed"], ["both", "not run"]]
    assert read["logs"] == [f"begun {each}\ncleaned up {each}\n" for each in "ab"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), [("SIGTERM", 15), ("SIGINT", 2)])
def test_a_worker_that_is_ended_alone_is_no_end_of_the_job(project, name, number):
    """Its stage has failed, is called again where it may be, and what else runs goes on."""
    project.use_workers(2)
    project.write(
        "train.py",
        """\
        import os, signal, sys, time
        from vcat import *

        @stage
        def wait(name):
            print("pid", os.getpid(), flush=True)
            try:
                time.sleep(600)
            finally:
                print("cleaned up", flush=True)

        @stage(retries=1)
        def again(name):
            if not os.path.exists("again"):
                open("again", "w").close()
                time.sleep(0.1)
                os.kill(os.getpid(), getattr(signal, name))
                time.sleep(600)
            return name

        @stage
        def both(*values):
            return values

        deployment = both(wait("a"), again(sys.argv[1])).run(job_name="ended")
        for line in deployment.logs(follow=True):
            if line.startswith("pid"):
                os.kill(int(line.split()[1]), getattr(signal, sys.argv[1]))
                break
        deployment.wait_for_deployment_to_complete(timeout=60)
        """,
    )
    project.run("train.py", name)
    read = project.ask(
        """
        job = get_job("ended")
        print(json.dumps({
            "status": job.status()[:3],
            "stages": [[e.id, e.status, e.attempts, e.error] for e in job.stages()],
            "log": job.logs(stage="wait"),
            "again": [e["error"] for e in job.events() if e["event"] == "stage failed"],
        }))
        """
    )
    said = f"WorkerEndedError: its process was ended by signal {number} ({name})"
    assert read["status"] == ["failed", 1, said]
    assert read["stages"] == [
        ["wait", "failed", 1, said],
        ["again", "completed", 2, None],
        ["both", "not run", 0, None],
    ]
    assert read["log"].splitlines()[1] == "cleaned up"
    assert read["again"] == [said]
