"""A disk that is full, and files that may not grow: the end is written down all the same."""

import errno
import os
import resource
import subprocess

import pytest

from vcat.errors import BackendError

FILL = "head -c 64000000 /dev/zero > filling; rm -f filler; head -c 64000000 /dev/zero > filler"


@pytest.fixture
def small(jobs):
    """The directory of all jobs on a disk of its own, of two megabytes."""
    jobs.path.mkdir(mode=0o700)
    options = ["-o", "size=2m,mode=0700", "tmpfs", str(jobs.path)]
    done = subprocess.run(["mount", "-t", "tmpfs", *options], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield jobs.path
    subprocess.run(["umount", "--lazy", str(jobs.path)], check=True)


@pytest.mark.parametrize("code", [0, 3])
def test_end_is_written_on_a_full_disk(jobs, small, code):
    """Room was kept for it; the reason says that the disk is full."""
    job = jobs.submit(f"{FILL} 2> /dev/null; exit {code}")
    status = jobs.ended(job)
    assert (status.state, status.exit_code) == ("failed", code)
    what = "exit code 3" if code else "run.sh ended with exit code 0 but left no exit.json"
    assert status.reason == f"{what}; the disk of {jobs.path} is full"
    assert jobs.record(job, "end.json")["state"] == "failed"


def test_a_job_on_a_full_disk_can_be_cancelled(jobs, small):
    """Asking for it takes no room."""
    job = jobs.submit(f"{FILL} 2> /dev/null; reach full; await never")
    jobs.await_file("full")
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"


def test_a_log_that_fills_the_disk_gives_room_back(jobs, small):
    """A log is cut on a full disk as well, and the end is told."""
    job = jobs.submit("head -c 1500000 /dev/zero; exit 3", log_limit="1 MB")
    status = jobs.ended(job)
    assert (status.state, status.reason) == ("failed", "exit code 3")
    assert jobs.deployment.gap(job, "output.log") is not None


@pytest.mark.parametrize("left", [0, 65536], ids=["no room", "room for some of it"])
def test_no_room_for_a_job_is_said_with_what_is_needed(jobs, small, left):
    """What cannot be placed leaves nothing behind, nor what was placed of it before."""
    subprocess.run(["dd", "if=/dev/zero", f"of={small}/filler"], capture_output=True, check=False)
    os.truncate(small / "filler", os.path.getsize(small / "filler") - left)
    bundle = jobs.bundle("true", name="job")
    with open(bundle.path, "wb") as file:
        file.write(bytes(200_000))
    bundle = bundle._replace(size=200_000)
    needed = 200_000 + sum(map(len, bundle.files.values()))
    with pytest.raises(BackendError) as caught:
        jobs.deployment.submit(bundle)
    disk = os.statvfs(small)
    assert str(caught.value) == (
        f"LocalShellJobDeployment: {small / 'job'}: no space left on device: {needed:,} bytes are"
        f" to be written, and there is room for {disk.f_bavail * disk.f_frsize:,}; make room there,"
        " or name another path in deployment_implementation"
    )
    assert sorted(each.name for each in small.glob("*")) == [".supervised", "filler"]
    assert list((small / ".supervised").iterdir()) == []
    assert os.path.exists(bundle.path)
    os.truncate(small / "filler", 0)
    assert jobs.ended(jobs.deployment.submit(bundle)).state == "completed"


def test_a_job_that_may_not_be_written_is_said_without_figures(jobs, monkeypatch):
    """How much a quota leaves is not known."""
    mkdir = os.mkdir

    def refuse(path, mode=0o777):
        if path == str(jobs.path / "job"):
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        mkdir(path, mode)

    bundle = jobs.bundle("true", name="job")
    needed = 7 + sum(map(len, bundle.files.values()))
    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(BackendError) as caught:
        jobs.deployment.submit(bundle)
    assert str(caught.value) == (
        f"LocalShellJobDeployment: {jobs.path / 'job'}: disk quota exceeded: {needed:,} bytes are"
        " to be written; make room there, or name another path in deployment_implementation"
    )


def test_end_is_written_where_files_may_not_grow(jobs):
    """A job that limits its files limits neither the record nor who writes it."""
    body = (
        "#!python\nimport resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\nprint('x')"
    )
    job = jobs.submit(body)
    status = jobs.ended(job)
    assert status.state == "failed"
    assert jobs.record(job, "end.json")["state"] == "failed"


def test_a_submitter_whose_files_may_not_grow_gets_an_end(jobs):
    """The limit is inherited by all; the record is short."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        job = jobs.submit("head -c 100000 /dev/zero; exit 3")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    status = jobs.ended(job)
    assert (status.state, status.reason) == ("failed", "exit code 3")
    assert os.path.getsize(jobs.control(job) / "output.log") == 8192
