"""Handing over: once for each submission, whatever becomes of the one who hands over."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vcat.errors import BackendError
from vcat_deploy_localshell import LocalShellJobDeployment


def test_a_second_submission_of_the_same_job_starts_nothing(jobs):
    """Whose reply got lost asks again and gets the same job, while it runs and afterwards."""
    body = 'echo run >> "$SHARED/runs"; await gate'
    first = jobs.deployment.submit(jobs.bundle(body, "job"))
    assert jobs.deployment.submit(jobs.bundle(body, "job")) == first
    (jobs.shared / "gate").touch()
    assert jobs.ended("job").state == "completed"
    assert jobs.deployment.submit(jobs.bundle(body, "job")) == first
    assert jobs.ended("job").state == "completed"
    assert (jobs.shared / "runs").read_text() == "run\n"


def test_another_job_of_the_same_name_is_refused(jobs):
    """And the first one is left as it is."""
    jobs.submit("exit 3", name="job")
    with pytest.raises(BackendError) as caught:
        jobs.submit("exit 4", name="job")
    assert str(caught.value) == (
        f"LocalShellJobDeployment: there is another job 'job' in {jobs.path}; give this one"
        " another name"
    )
    assert jobs.ended("job").exit_code == 3


def test_many_submissions_at_once_are_one(jobs):
    """Eight threads, one run."""
    from threading import Barrier, Thread

    barrier = Barrier(8)
    bundles = [jobs.bundle('echo run >> "$SHARED/runs"', "job") for _ in range(8)]
    replies = []

    def submit(bundle):
        barrier.wait()
        replies.append(jobs.deployment.submit(bundle))

    threads = [Thread(target=submit, args=(each,)) for each in bundles]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert replies == ["job"] * 8
    assert jobs.ended("job").state == "completed"
    assert (jobs.shared / "runs").read_text() == "run\n"


def forged(jobs, **submitter):
    """A job that was placed and never started, by another process."""
    job = jobs.submit("true", name="job")
    jobs.ended(job)
    control = jobs.control(job)
    for name in ("supervisor.json", "end.json", "beat"):
        (control / name).unlink()
    path = control / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | submitter))
    for name in ("exit.json", "bootstrap.error"):
        (jobs.path / job / name).unlink()
    return job


def test_a_job_that_is_being_handed_over_is_queued(jobs):
    """While the one who does so lives, it may still start."""
    job = forged(jobs)
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("queued", "it is being handed over")


def test_a_queued_job_can_be_cancelled(jobs):
    """It never starts then."""
    job = forged(jobs)
    jobs.deployment.cancel(job)
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("cancelled", "it was cancelled before it began")
    assert status.started_at is None
    assert abs(status.ended_at - time.time()) < 60


def test_a_job_whose_submitter_died_before_it_started_is_lost(jobs):
    """It is queued no longer, and will not start any more."""
    job = forged(jobs, pid=1 << 22)
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == (
        "lost",
        "the process that submitted it ended before it could be started",
    )
    assert jobs.deployment.status(job) == status


def test_a_job_that_never_started_did_not_last_until_somebody_looked(jobs):
    """It has no start, and ended when its submitter had written the last that is there of it."""
    job = forged(jobs, pid=1 << 22)
    then = time.time() - 3600
    for each in (*jobs.control(job).iterdir(), *(jobs.path / job).iterdir()):
        os.utime(each, (then, then))
    status = jobs.deployment.status(job)
    assert (status.state, status.started_at) == ("lost", None)
    assert abs(status.ended_at - then) < 1
    assert jobs.deployment.status(job) == status
    assert (jobs.record(job, "end.json")["started_at"], status.exit_code) == (None, None)


def test_a_supervisor_that_finds_the_job_given_up_starts_nothing(jobs):
    """Who has written down first that nobody runs the job is right for ever."""
    job = forged(jobs, pid=1 << 22)
    assert jobs.deployment.status(job).state == "lost"
    source = Path(sys.modules["vcat_deploy_localshell"].__file__).parents[1]
    code = (
        "import sys; sys.path.append(sys.argv[1])\n"
        "from vcat_deploy_localshell.supervisor import main; main(sys.argv[2:])"
    )
    options = {
        "directory": jobs.path / job,
        "control": jobs.control(job),
        "bash": "/bin/bash",
        "mark": json.loads((jobs.control(job) / "job.json").read_text())["mark"],
        "timeout": "",
        "grace": "5",
        "log_limit": "1000",
    }
    arguments = [f"{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-I", "-S", "-c", code, str(source), *arguments]
    subprocess.run(command, check=True, env={"SHARED": str(jobs.shared)})
    assert not (jobs.path / job / "exit.json").exists()
    assert not (jobs.control(job) / "beat").exists()


def test_a_job_survives_its_submitter_with_all_its_group(jobs):
    """A killed shell with all its jobs takes no job of vcat with it."""
    code = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
        "from pathlib import Path\nimport conftest, time\n"
        "jobs = conftest.Jobs.__new__(conftest.Jobs)\n"
        f"jobs.tmp_path, jobs.shared = Path({str(jobs.tmp_path)!r}), Path({str(jobs.shared)!r})\n"
        f"deployment = conftest.LocalShellJobDeployment({str(jobs.path)!r})\n"
        "deployment.submit(jobs.bundle('reach begun; await gate', 'job'))\n"
        "time.sleep(600)"
    )
    submitter = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    jobs.await_file("begun")
    os.killpg(submitter.pid, signal.SIGKILL)
    submitter.wait()
    assert jobs.deployment.status("job").state == "running"
    (jobs.shared / "gate").touch()
    assert jobs.ended("job").state == "completed"


def test_a_supervisor_that_cannot_start_bash_says_so(jobs, monkeypatch):
    """The job has failed, and the reason is the system's."""
    broken = jobs.tmp_path / "bash"
    broken.write_text("#!/nowhere\n")
    broken.chmod(0o700)
    monkeypatch.setenv("PATH", f"{jobs.tmp_path}{os.pathsep}{os.environ['PATH']}")
    status = jobs.run("true")
    assert (status.state, status.reason) == (
        "failed",
        f"{broken} cannot be started: No such file or directory",
    )


def test_the_signals_of_the_submitter_are_not_the_jobs(jobs):
    """A job hears of what its submitter ignores or has blocked."""
    before = (
        signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        job = jobs.submit("grep -E 'Sig(Blk|Ign)' /proc/$$/status")
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGHUP, before[1])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    assert jobs.ended(job).state == "completed"
    masks = jobs.deployment.read(job, "output.log").split()[1::2]
    assert [int(each, 16) & 0b1000000011 for each in masks] == [0, 0]


def test_a_jobs_environment_has_nothing_of_another_job(jobs):
    """Each job bears its own mark."""
    deployment = LocalShellJobDeployment(str(jobs.path))
    marks = set()
    for _ in range(2):
        job = deployment.submit(jobs.bundle('echo "$VCAT_SUPERVISED"'))
        jobs.ended(job)
        marks.add(deployment.read(job, "output.log"))
    assert len(marks) == 2


def test_the_directory_of_a_job_that_never_starts_goes(jobs):
    """When it is known to be lost; its records stay."""
    job = forged(jobs, pid=1 << 22)
    assert (jobs.path / job / "bundle.tgz").exists()
    status = jobs.deployment.status(job)
    assert status.state == "lost"
    assert not (jobs.path / job).exists()
    assert jobs.deployment.status(job) == status
    assert jobs.deployment.read(job, "output.log") == b""


@pytest.mark.parametrize("name", ["project", "exit.json", "mine.txt"])
def test_a_directory_that_something_has_run_in_stays(jobs, name):
    """An earlier job's whose records were deleted, or the user's: it is not that of this one."""
    job = forged(jobs, pid=1 << 22)
    (jobs.path / job / name).mkdir()
    assert jobs.deployment.status(job).state == "lost"
    assert (jobs.path / job / "bundle.tgz").exists()


def test_the_directory_of_a_cancelled_job_goes_when_nobody_fills_it(jobs):
    """Not before: whoever hands it over may still be at it."""
    job = forged(jobs)
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"
    assert (jobs.path / job / "bundle.tgz").exists()
    path = jobs.control(job) / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 1 << 22}))
    assert jobs.deployment.status(job).state == "cancelled"
    assert not (jobs.path / job).exists()


#: Submits a job and is killed when it puts the directory of its records in place, or waits there.
PLACING = """\
import os, sys
sys.path.insert(0, {here!r})
from pathlib import Path
import conftest
jobs = conftest.Jobs.__new__(conftest.Jobs)
jobs.tmp_path, jobs.shared = Path({tmp!r}), Path({shared!r})

def rename(*_):
    if {kill!r}:
        os.kill(os.getpid(), 9)
    print("here", flush=True)
    sys.stdin.readline()
    os._exit(0)

os.rename = rename
conftest.LocalShellJobDeployment({path!r}).submit(jobs.bundle("true", "placed"))
"""


def placing(jobs, *, kill):
    """A process that has made the records of a job aside."""
    given = {"tmp": str(jobs.tmp_path), "shared": str(jobs.shared), "path": str(jobs.path)}
    code = PLACING.format(here=os.path.dirname(__file__), kill=kill, **given)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def asides(jobs):
    """What is in the place of records and is of no job."""
    return sorted(each for each in os.listdir(jobs.path / ".supervised") if each.startswith("."))


def test_records_of_a_submitter_that_was_killed_before_there_was_a_job_go(jobs):
    """With the next submission; those of one that is at it stay."""
    placing(jobs, kill=True).communicate()
    (left,) = asides(jobs)
    living = placing(jobs, kill=False)
    try:
        assert living.stdout.readline() == "here\n"
        (aside,) = {*asides(jobs)} - {left}
        assert jobs.ended(jobs.submit("true", name="placed")).state == "completed"
        assert asides(jobs) == [aside]
    finally:
        living.communicate("\n")
    jobs.run("true")
    assert asides(jobs) == []


def test_records_that_are_not_complete_go_a_day_later(jobs):
    """Whose they are is not to be seen; they may be about to be written."""
    jobs.run("true")
    for name, content in {"none": None, "empty": "", "half": "{"}.items():
        for age in (86_000, 87_000):
            aside = jobs.path / ".supervised" / f".{name}-{age}"
            aside.mkdir()
            if content is not None:
                (aside / "job.json").write_text(content)
            os.utime(aside, (1, time.time() - age))
    jobs.run("true")
    assert asides(jobs) == [".empty-86000", ".half-86000", ".none-86000"]
