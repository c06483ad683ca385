"""What thousands of short stages print is all there, whenever it is asked for, and in few files."""

import shutil

import pytest

pytestmark = pytest.mark.slow

COUNT = 300

SCRIPT = """
    import os, signal, sys
    from vcat import *

    @stage(cache=False)
    def speak(number):
        print("item", number)
        return number

    @stage(cache=False)
    def end(numbers, how):
        print("the end")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return sum(numbers)

    if __name__ == "__main__":
        job = end(speak.map(list(range(300))), sys.argv[1]).run(job_name="burst")
        job.wait_for_deployment_to_complete()
"""

WORKERS = """
    execution_implementation:
      executor_type: vcat.ProcessPoolExecutor
      constructor_keyword_arguments: {workers: 2}
"""

LOOK = """
    job = get_job("burst")
    state = job.get_job_status()
    logs = ["".join(job.logs(stage=f"speak[{each}]")) for each in range(300)]
    logs.append("".join(job.logs(stage="end")))
    print(json.dumps([state, logs]))
"""


@pytest.mark.parametrize(
    ("where", "state"),
    [
        ("in the job's process", "completed"),
        ("in the job's process", "failed"),
        ("in workers", "completed"),
    ],
)
def test_logs_of_short_stages_are_complete(project, where, state):
    """When the job was killed before it had archived them, and when its directory is gone."""
    if where == "in workers":
        project.write("workers.config.yaml", WORKERS)
    project.write("train.py", SCRIPT)
    project.run("train.py", "killed" if state == "failed" else "")
    expected = [f"item {number}\n" for number in range(COUNT)] + ["the end\n"]
    for _ in range(2):
        assert project.ask(LOOK) == [state, expected]
        shutil.rmtree(project.directory / ".vcat" / "jobs", ignore_errors=True)
    logs = [each.name for each in project.directory.rglob("archive/burst/log+/*")]
    assert "stages-000.logs" in logs
    assert len(logs) < 20
