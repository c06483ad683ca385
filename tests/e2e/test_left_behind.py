"""What stages have left behind is ended and named, wherever they have run."""

import sys

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
    import os
    import subprocess
    import sys
    import time
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import Process

    from vcat import *

    def serve():
        time.sleep(600)

    @stage
    def start(how):
        global pool
        if how == "session":
            subprocess.Popen(["setsid", "sleep", "600"])
        elif how == "plain":
            subprocess.Popen(["sleep", "600"])
        elif how == "fork":
            if os.fork() == 0:
                os.setsid()
                os.execlp("sleep", "sleep", "600")
        elif how == "copy":
            if os.fork() == 0:
                os.setsid()
                serve()
        elif how == "pool":
            pool = ProcessPoolExecutor(2)
            return list(pool.map(str, range(4)))
        elif how == "daemonic":
            Process(target=serve, daemon=True).start()

    if __name__ == "__main__":
        job = start(sys.argv[1]).run(job_name="it")
        job.wait_for_deployment_to_complete()
"""

TOLD = """
job = get_job("it")
print(json.dumps([job.get_job_status(), job.status().reason, job.logs()]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a session of its own hides it")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("how", ["session", "plain", "fork", "copy"])
def test_what_a_stage_has_left_behind_is_named(project, how, workers):
    """In the reason of the job that completed and in its log."""
    if workers:
        project.use_workers(workers)
    project.write("train.py", SCRIPT)
    project.run("train.py", how)
    state, reason, log = project.ask(TOLD)
    name = "sleep"
    if how == "copy":  # as whatever Python is called here
        name = (reason or "").rpartition(" ")[2]
        assert name.startswith("python")
    said = f"left behind and killed: {name}"
    # From Python 3.12 on it warns of processes with threads that fork.
    assert (state, reason, log.splitlines()[-1]) == ("completed", said, f"vcat: {said}")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("how", ["pool", "daemonic", "nothing"])
def test_what_a_library_ends_itself_is_not_named(project, how, workers):
    """Such as a pool of processes that a stage keeps for the next one."""
    if workers:
        project.use_workers(workers)
    project.write("train.py", SCRIPT)
    project.run("train.py", how)
    assert project.ask(TOLD) == ["completed", None, ""]
