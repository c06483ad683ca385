"""The log of a job within its limit: head and tail are kept where they are."""

import subprocess
import sys

import pytest

from vcat.abc import SupportsGaps
from vcat_deploy_localshell.log import CappedLog

MIB = 1 << 20


def lines(count: int) -> str:
    """A body that prints so many numbered lines of 64 bytes."""
    return f"#!python\nfor number in range({count}): print(f'{{number:063}}')"


def test_a_log_within_the_limit_is_whole(jobs):
    """Nothing is cut that fits."""
    job = jobs.submit(lines(1000), log_limit="64 KiB")
    assert jobs.ended(job).state == "completed"
    assert isinstance(jobs.deployment, SupportsGaps)
    assert jobs.deployment.gap(job, "output.log") is None
    assert jobs.deployment.read(job, "output.log") == b"".join(
        b"%063d\n" % number for number in range(1000)
    )


def test_a_log_beyond_the_limit_keeps_head_and_tail_where_they_are(jobs):
    """The middle is a hole; positions stay, the disk has no more than the limit and a little."""
    count = 200_000
    job = jobs.submit(lines(count), log_limit="1 MiB")
    assert jobs.ended(job).state == "completed"
    gap = jobs.deployment.gap(job, "output.log")
    assert gap is not None
    start, end = gap
    size = (jobs.control(job) / "output.log").stat().st_size
    assert size == count * 64
    assert start == MIB // 2
    assert MIB // 2 <= size - end <= MIB // 2 + 4096
    read = jobs.deployment.read
    assert read(job, "output.log", 0, 128) == b"%063d\n%063d\n" % (0, 1)
    assert read(job, "output.log", start - 64, 128) == b"%063d\n" % (start // 64 - 1) + bytes(64)
    assert read(job, "output.log", end - 64, 128) == bytes(64) + b"%063d\n" % (end // 64)
    assert read(job, "output.log", -64) == b"%063d\n" % (count - 1)
    assert (jobs.control(job) / "output.log").stat().st_blocks * 512 <= MIB + 2 * 4096
    assert jobs.record(job, "end.json")["log"] is None


def test_only_the_log_has_a_gap(jobs):
    """Other files are whole; asking for a job that is not there is an error."""
    job = jobs.submit(lines(10_000), log_limit="64 KiB")
    assert jobs.ended(job).state == "completed"
    assert jobs.deployment.gap(job, "output.log") is not None
    assert jobs.deployment.gap(job, "events.jsonl") is None
    with pytest.raises(LookupError):
        jobs.deployment.gap("unknown", "output.log")


def test_output_without_lines_is_cut_too(jobs):
    """One line of NULs and random bytes is output like any other."""
    job = jobs.submit("head -c 3000000 /dev/zero; head -c 3000000 /dev/urandom", log_limit="1 MB")
    assert jobs.ended(job).state == "completed"
    assert jobs.deployment.gap(job, "output.log") is not None
    assert (jobs.control(job) / "output.log").stat().st_blocks * 512 <= 1_000_000 + 2 * 4096


def test_a_file_system_that_has_no_holes_is_told_of(tmp_path, monkeypatch):
    """The log is whole then, and the record says why it is longer than it should be."""

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("vcat_deploy_localshell.log._punch_hole", refuse)
    path = tmp_path / "output.log"
    path.write_bytes(b"x" * MIB)
    with path.open("r+b") as file:
        log = CappedLog(file.fileno(), 64 << 10, str(tmp_path / "gap.json"))
        log.cut()
    assert log.problem == "its log could not be cut: [Errno 95] Operation not supported"
    assert path.read_bytes() == b"x" * MIB
    assert not (tmp_path / "gap.json").exists()


@pytest.mark.slow
def test_three_gigabytes_of_output_need_little_memory(jobs):
    """Neither the supervisor nor who reads ranges of the log holds what a job prints."""
    job = jobs.submit(
        "head -c 3000000000 /dev/zero | tr '\\0' 'x'; reach printed; await gate",
        log_limit="64 MiB",
    )
    jobs.await_file("printed")
    status = (jobs.path / f"/proc/{jobs.supervisor(job)}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    (jobs.shared / "gate").touch()
    assert jobs.ended(job).state == "completed"
    code = f"""
from vcat_deploy_localshell import LocalShellJobDeployment
deployment = LocalShellJobDeployment({str(jobs.path)!r})
assert deployment.read({job!r}, "output.log", -1000) == b"x" * 1000
start, end = deployment.gap({job!r}, "output.log")
for position in range(0, 3_000_000_000, 50_000_000):
    assert len(deployment.read({job!r}, "output.log", position, 1 << 20)) == 1 << 20
# The peak of its own: what the system counts begins with that of the process that started it.
with open("/proc/self/status") as file:
    print(int(file.read().partition("VmHWM:")[2].split()[0]) * 1024)
"""
    reader = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert peak < 150e6
    assert int(reader.stdout) < 150e6
    # The blocks that list the blocks of a file count too: the more, the more scattered it lies.
    assert (jobs.control(job) / "output.log").stat().st_blocks * 512 < (64 << 20) + (1 << 20)
    print(f"supervisor {peak / 1e6:.0f} MB, reader {int(reader.stdout) / 1e6:.0f} MB")
