"""A job whose submitter is killed is soon in a true state, whenever that happens."""

import os
import time

import pytest

#: Deployments whose process kills itself at some moment of handing a job over.
DEPLOYMENTS = """\
    import os
    from vcat import LocalShellJobDeployment
    from vcat.errors import BackendError
    from vcat_deploy_localshell import record, submission

    def die(*_, **__):
        os.kill(os.getpid(), 9)

    class Before(LocalShellJobDeployment):
        def submit(self, bundle):
            die()

    class Placed(LocalShellJobDeployment):
        def submit(self, bundle):
            submission._start = die
            return super().submit(bundle)

    class Started(LocalShellJobDeployment):
        def submit(self, bundle):
            submission.record.write_once = die
            return super().submit(bundle)

    class After(LocalShellJobDeployment):
        def submit(self, bundle):
            super().submit(bundle)
            die()

    class Refusing(LocalShellJobDeployment):
        def submit(self, bundle):
            raise BackendError("there is no room")

    class Numbered(LocalShellJobDeployment):
        \"\"\"Has numbers for jobs and finds none by its name.\"\"\"

        find = None

        def submit(self, bundle):
            super().submit(bundle)
            if "DIE" in os.environ:
                die()
            return "7"

        def status(self, job_id):
            if job_id != "7":
                raise LookupError(job_id)
            return super().status("job")

    class Forgetful(Numbered):
        def submit(self, bundle):
            die()
    """

SCRIPT = """\
    import sys
    from pathlib import Path
    from vcat import *

    @stage
    def load(x):
        import time
        while Path(GATE).exists():
            time.sleep(0.01)
        return x + 1

    if __name__ == "__main__":
        load(1).run(job_name="job")
    """

#: What a handle, its row and the listing tell, as soon as the job is in a state that is wanted.
TOLD = """
    import time
    deadline = time.monotonic() + 60
    while get_job("job").get_job_status() not in WANTED and time.monotonic() < deadline:
        time.sleep(0.02)
    job = get_job("job")
    seen = job.status(), job.record(), list_jobs()[0]
    print(json.dumps([[each.state, each.exit_code, each.reason] for each in seen]))
    """

ENDED = {"completed", "failed", "lost"}
ABANDONED = "the process that submitted it ended before it was handed over"


def told(project, wanted):
    """What everybody is told, which is one thing."""
    first, *others = project.ask(TOLD.replace("WANTED", repr(wanted)))
    assert others == [first] * 2
    return first


def stored(project):
    """The row as it is stored, and the job's documents."""
    return project.ask(
        """
        from vcat._plugins.configuration import load
        row = load(".").listing.get("job")
        print(json.dumps([row.state, row.reason, row.ended_at == row.submitted_at, row.stages]))
        """
    )


def submit(project, deployment, **variables):
    """Submit a job by a process that kills itself; return what became of that."""
    project.write("deployments.py", DEPLOYMENTS)
    project.write("train.py", SCRIPT.replace("GATE", repr(str(project.parent / "gate"))))
    configure(project, deployment)
    return project.run("train.py", check=False, env=os.environ | variables).returncode


def configure(project, deployment, path=".vcat/jobs"):
    """Name the deployment."""
    project.write(
        "test.config.yaml",
        f"""\
        deployment_implementation:
          deployment_type: deployments:{deployment}
          constructor_keyword_arguments: {{path: {path}}}
        """,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        ("Before", ["lost", None, ABANDONED]),
        (
            "Placed",
            ["lost", None, "the process that submitted it ended before it could be started"],
        ),
        ("Started", ["completed", 0, None]),
        ("After", ["completed", 0, None]),
    ],
)
def test_a_submitter_that_is_killed(project, deployment, expected):
    """Before, while and after it hands a job over: others know at once, and it is put down."""
    assert submit(project, deployment) == -9
    if deployment == "Started":  # a supervisor that comes later than whoever looks starts nothing
        deadline = time.monotonic() + 60
        while not (project.directory / ".vcat/jobs/.supervised/job/supervisor.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert told(project, ENDED) == expected
    state, reason, _, stages = stored(project)
    assert [state, reason, stages] == [expected[0], expected[2], 1]
    starts = project.ask(
        """
        starts = [get_job("job").status().started_at, list_jobs()[0].started_at]
        print(json.dumps([each is None for each in starts]))
        """
    )
    assert starts == [state == "lost"] * 2, "who has not begun has no start"


@pytest.mark.slow
def test_a_job_that_was_never_handed_over_can_be_looked_at(project):
    """It has the time of its submission as its end, no log, and no stage that has run."""
    assert submit(project, "Before") == -9
    assert project.ask("print(json.dumps(get_job('job').logs()))") == ""
    assert project.ask("print(json.dumps([e.status for e in get_job('job').stages()]))") == [
        "not run"
    ]
    said = project.ask(
        """
        try:
            get_job("job").fetch_job_results()
        except RemoteException as error:
            print(json.dumps(str(error)))
        """
    )
    assert said.splitlines()[0] == f"job job was lost: {ABANDONED}"
    assert stored(project) == ["lost", ABANDONED, True, 1]


@pytest.mark.slow
def test_what_the_submitter_has_put_down_counts_more_than_its_end(project):
    """A job that was refused has failed, and is not lost when the process ends that was told so."""
    assert submit(project, "Refusing") == 1
    expected = ["failed", None, "it could not be handed over: there is no room"]
    assert told(project, ENDED) == expected
    assert stored(project)[:2] == ["failed", expected[2]]


@pytest.mark.slow
def test_a_deployment_that_finds_no_names_proves_nothing(project):
    """Then a job is queued while it may yet turn up under an id that nobody knows."""
    assert submit(project, "Forgetful") == -9
    assert told(project, {"queued"}) == ["queued", None, "it has not been handed over yet"]
    assert stored(project)[0] == "queued"


@pytest.mark.slow
def test_a_job_under_an_id_that_nobody_knows_is_never_lost(project):
    """It says itself that it runs, and how it has ended."""
    (project.parent / "gate").touch()
    assert submit(project, "Numbered", DIE="yes") == -9
    reason = "it says so itself; what its deployment calls it is not written down"
    assert told(project, {"running"}) == ["running", None, reason]
    (project.parent / "gate").unlink()
    assert told(project, ENDED) == ["completed", None, None]


@pytest.mark.slow
def test_another_deployment_than_the_one_it_was_meant_for_proves_nothing(project):
    """A job that runs where the configuration no longer leads is not put down as lost."""
    (project.parent / "gate").touch()
    assert submit(project, "After") == -9
    configure(project, "After", path=".vcat/other")
    assert told(project, {"queued", "running"})[0] in ("queued", "running")
    configure(project, "After")
    (project.parent / "gate").unlink()
    assert told(project, ENDED) == ["completed", 0, None]


#: Submits jobs by processes that kill themselves before each thing they do to a file, one further
#: in each job, until one comes to its end.
SWEEP = """\
    import os, sys
    import vcat._shipping.handover
    from vcat import *

    @stage
    def load(x):
        return x + 1

    def strike(event, _):
        global left
        if left is not None and event.startswith(("open", "os.")) and event != "os.kill":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), 9)

    def begin(*given):
        global left
        left = number
        return give(*given)

    if __name__ == "__main__":
        left, give = None, vcat._shipping.handover._give
        load(1).run(job_name="first")  # imports and packs what the others need as well
        vcat._shipping.handover._give = begin
        sys.addaudithook(strike)
        for number in range(1000):
            pid = os.fork()
            if pid == 0:
                load(1).run(job_name=f"job-{number:03}")
                os._exit(0)
            if os.waitpid(pid, 0)[1] == 0:
                break
        print(number)
    """

SWEPT = """
    import time
    deadline, found = time.monotonic() + 100, []
    for number in range(COUNT):
        try:
            job = get_job(f"job-{number:03}")
        except UnknownJobError:
            found.append(None)
            continue
        while job.get_job_status() in ("queued", "running") and time.monotonic() < deadline:
            time.sleep(0.02)
        found.append([[e.state, e.exit_code, e.reason] for e in (job.status(), job.record())])
    listed = {e.job_name: [e.state, e.exit_code, e.reason] for e in list_jobs()}
    for number, told in enumerate(found):
        if told:
            told.append(listed.pop(f"job-{number:03}"))
    print(json.dumps([found, listed]))
    """


@pytest.mark.slow
def test_a_submitter_that_is_killed_at_any_step_of_handing_over(project):
    """There is no job, then one that is lost for one of two reasons, then one that completes."""
    project.write("train.py", SWEEP)
    count = int(project.run("train.py").stdout)
    found, more = project.ask(SWEPT.replace("COUNT", str(count)))
    assert set(more) == {"first", f"job-{count:03}"}  # whose submitters came to their ends
    course = []
    for told in found:
        assert told is None or told == [told[0]] * 3, found
        if [told and told[0]] != course[-1:]:
            course.append(told and told[0])
    assert course == [
        None,
        ["lost", None, ABANDONED],
        ["lost", None, "the process that submitted it ended before it could be started"],
        ["completed", 0, None],
    ]
    assert count > 40, "this test does not see what the submitter does"
