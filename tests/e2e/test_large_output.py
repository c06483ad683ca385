"""What stages print beyond measure costs the job little memory, and neither beginning nor end."""

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


@pytest.mark.parametrize("where", ["in the job's process", "in a worker"])
def test_what_a_stage_prints_is_archived_piece_by_piece(project, where):
    """47: the peak of the process that archives it grows by pieces; head and tail are kept."""
    project.write("train.py", SCRIPT)
    if where == "in a worker":
        project.write("workers.config.yaml", WORKERS)
    project.run("train.py")
    grown, size, first, last = project.ask(
        """
        job = get_job("flood")
        grown = job.fetch_job_results()
        log = "".join(job.logs(stage="flood"))
        print(json.dumps([grown, len(log), log[:6], log[-40:]]))
        """
    )
    printed, kept = len("first\n") + 100 * MIB + len("last\n"), 65 * MIB + len("last\n")
    assert first == "first\n"
    assert last.endswith("xxx\nlast\n")
    assert size == kept + len(f"\n[vcat: {printed - kept} bytes left out]\n")
    assert grown < 16 * MIB
