"""What stages print beyond measure costs the job little memory, and neither beginning nor end."""

import shutil
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process"),
]

MIB = 1 << 20

SCRIPT = """
    import os
    from vcat import *

    def peak(process):
        # Of its own: what ru_maxrss counts begins with that of the process that started it.
        with open(f"/proc/{process}/status") as file:
            return int(file.read().partition("VmHWM:")[2].split()[0]) << 10

    @stage(cache=False)
    def job_process(is_worker):
        return os.getppid() if is_worker else os.getpid()

    @stage(cache=False)
    def flood(process):
        before = peak(process)
        print("first")
        for number in range(100):
            print("x" * ((1 << 20) - 1))
        print("last")
        return before

    @stage(cache=False)
    def growth(before, process):
        return peak(process) - before

    if __name__ == "__main__":
        process = job_process(os.path.exists("workers.config.yaml"))
        growth(flood(process), process).run(job_name="flood")
"""

WORKERS = """
    execution_implementation:
      executor_type: vcat.ProcessPoolExecutor
      constructor_keyword_arguments: {workers: 1}
"""


LIMIT = """
    deployment_implementation:
      deployment_type: vcat.LocalShellJobDeployment
      constructor_keyword_arguments: {path: .vcat/jobs, log_limit: 16 MiB}
"""

LOOK = """
    log = "".join(get_job("flood").logs(stage="flood"))
    gap = log.partition("[vcat: ")[2].partition(" bytes left out]")[0]
    print(json.dumps([len(log), log[:6], log[-9:], int(gap or 0)]))
"""

PRINTED = len("first\n") + 100 * MIB + len("last\n")


@pytest.mark.parametrize("limit", ["", LIMIT], ids=["as it comes", "limited"])
@pytest.mark.parametrize("where", ["in the job's process", "in a worker"])
def test_what_a_stage_prints_is_archived_piece_by_piece(project, where, limit):
    """47: the peak of the process that archives it grows by pieces; head and tail are kept."""
    project.write("train.py", SCRIPT)
    if where == "in a worker":
        project.write("workers.config.yaml", WORKERS)
    if limit:
        project.write("limit.config.yaml", limit)
    project.run("train.py")
    assert project.ask("print(get_job('flood').fetch_job_results())") < 16 * MIB
    jobs = project.directory / ".vcat" / "jobs"
    for most in (16 * MIB if limit else PRINTED, 16 * MIB if limit else 64 * MIB):
        size, first, last, gap = project.ask(LOOK)
        assert (first, last) == ("first\n", "xxx\nlast\n")
        marker = len(f"\n[vcat: {gap} bytes left out]\n") if gap else 0
        assert size == PRINTED - gap + marker
        assert most <= size <= most * 9 // 8 + 2 * MIB
        assert project.ask("print(len(list(get_job('flood').log_lines())))") > 10
        for each in jobs.rglob("stage-*.log"):
            assert each.stat().st_blocks * 512 <= most * 9 // 8 + 2 * MIB
        shutil.rmtree(jobs, ignore_errors=True)
