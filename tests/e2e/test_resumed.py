"""44: what had been computed when Ctrl-C ended a job is whole, and is used by the next one."""

import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
    import os, signal, time
    from vcat import *

    @stage
    def load():
        return list(range(100_000))

    @stage
    def add(numbers):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while not os.path.exists(os.environ["GO"]):
            print("adding", flush=True)
            time.sleep(600)
        return sum(numbers)

    if __name__ == "__main__":
        add(load()).run()
"""

CONFIGURATION = """
    run_script_environment: {GO: PATH}
    deployment_implementation:
      deployment_type: vcat.LocalShellJobDeployment
      constructor_keyword_arguments: {grace: GRACE}
"""

ENDS = "print(json.dumps([(e.state, e.stages_done, e.stages_cached) for e in list_jobs()]))"


@pytest.mark.slow
@pytest.mark.parametrize(("times", "grace"), [(1, "0.2"), (2, "600")])
def test_an_interrupted_job_leaves_the_cache_intact(project, tmp_path, times, grace):
    """Whether it is asked to end and then killed, or killed at once by a second Ctrl-C."""
    go = tmp_path / "go"
    project.write("train.py", SCRIPT)
    configuration = CONFIGURATION.replace("PATH", str(go)).replace("GRACE", grace)
    project.write("a.config.yaml", configuration)
    process = subprocess.Popen(
        [sys.executable, "-m", "vcat_cli", "run", "train.py"],
        cwd=project.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "adding\n"
    for heard in ("cancelling", "killing")[:times]:
        time.sleep(0.3)  # what arrives just before whoever waits does so does not wake it
        os.killpg(process.pid, signal.SIGINT)
        while heard not in process.stderr.readline():
            assert process.poll() is None
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert project.ask(ENDS) == [["cancelled", 1, 0]]
    go.touch()
    project.run("train.py")
    value = project.ask("print(get_job(list_jobs()[0].job_name).fetch_job_results())")
    assert value == sum(range(100_000))
    assert project.ask(ENDS)[0] == ["completed", 2, 1]
