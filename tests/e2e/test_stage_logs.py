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


FLOOD = """
    import os, signal
    from vcat import *

    @stage(cache=False)
    def flood():
        for number in range(200_000):
            print(f"{number:063}")
        os.kill(os.getpid(), signal.SIGKILL)

    if __name__ == "__main__":
        flood().run(job_name="flood").wait_for_deployment_to_complete()
"""

LIMIT = """
    deployment_implementation:
      deployment_type: vcat.LocalShellJobDeployment
      constructor_keyword_arguments: {path: .vcat/jobs, log_limit: 1 MiB}
"""


def test_the_end_of_a_flood_is_kept_when_the_job_is_killed(project):
    """47: so is the beginning, and the rest is counted once, there and in the archive."""
    project.write("train.py", FLOOD)
    project.write("limit.config.yaml", LIMIT)
    project.run("train.py")
    for _ in range(2):
        code = "print(json.dumps(list(get_job('flood').log_lines(stage='flood'))))"
        lines = project.ask(code)
        (marker,) = [n for n, line in enumerate(lines) if line.startswith("[vcat: ")]
        assert lines[: marker - 1] == [f"{number:063}" for number in range(marker - 1)]
        last = len(lines) - marker - 2
        assert lines[-last:] == [f"{number:063}" for number in range(200_000 - last, 200_000)]
        assert 16_000 < len(lines) < 20_000
        shutil.rmtree(project.directory / ".vcat" / "jobs", ignore_errors=True)


PRINTS = """
    import logging, os, subprocess, sys, threading, warnings
    from vcat import *

    @stage(cache=False)
    def speak():
        print("print")
        print("error", file=sys.stderr)
        logging.getLogger("mine").warning("logging")
        warnings.warn("warnings")
        thread = threading.Thread(target=print, args=("thread",))
        thread.start()
        thread.join()
        pid = os.fork()
        if pid == 0:
            print("fork", flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        subprocess.run(["echo", "program"], check=True)
        os.write(1, b"native\\n")
        sys.stdout.buffer.write(b"buffer\\n")
        sys.stdout.buffer.flush()
        print("beneath", file=sys.__stdout__, flush=True)
        for line in subprocess.Popen(["echo", "piped"], stdout=-1, text=True).stdout:
            print(line, end="")

    if __name__ == "__main__":
        speak().run(job_name="speak").fetch_job_results()
"""


@pytest.mark.parametrize("where", ["in the job's process", "in workers"])
def test_the_log_of_a_stage_has_what_python_prints(project, where):
    """That of the job has all, in order; docs/reference/jobs.md says what the other one lacks."""
    if where == "in workers":
        project.write("workers.config.yaml", WORKERS)
    project.write("train.py", PRINTS)
    project.run("train.py")
    words = ["print", "error", "logging", "warnings", "thread", "fork"]
    beneath = ["program", "native", "buffer", "beneath"]
    for stage, expected in (("'speak'", [*words, "piped"]), ("None", [*words, *beneath, "piped"])):
        lines = project.ask(f"print(json.dumps(list(get_job('speak').log_lines(stage={stage}))))")
        lines = [line for line in lines if not line.startswith("  ")]  # a warning shows its line
        assert [line.split()[-1] for line in lines] == expected


MAP = """
    import os, sys, time
    from vcat import *

    @stage(cache=False)
    def load(number):
        if number == 1:
            while not os.path.exists(sys.argv[1]):
                time.sleep(0.01)
        if number != 2:
            print("item", number, end="\\nand more" if number == 0 else "\\n")
        return number

    if __name__ == "__main__":
        load.map(range(4)).run(job_name="map")
"""

LOOK_AT_MAP = """
    import os, subprocess, sys

    job = get_job("map")
    whole = "item 0\\nand more\\nitem 1\\nitem 3\\n"
    lines = job.logs(follow=True, stage="load")
    found = [next(lines), next(lines)]
    open(GATE, "w").close()
    found += lines
    assert found == whole.splitlines(), found
    job.wait_for_deployment_to_complete()
    assert job.logs(stage="load") == whole
    tails = [job.logs(stage="load", tail=count) for count in (0, 1, 3, 4, 9)]
    ends = ["".join(whole.splitlines(True)[-count:]) for count in (1, 3, 4, 9)]
    assert tails == ["", *ends], tails
    assert list(job.logs(follow=True, stage="load", tail=2)) == ["item 1", "item 3"]
    command = [sys.executable, "-m", "vcat_cli", "logs", "map", "--stage"]
    said = [subprocess.check_output([*command, each], text=True) for each in ("load", "load[3]")]
    print(json.dumps(said))
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_the_log_of_a_map_is_that_of_its_items(project, workers):
    """In the order of the items, while they run and afterwards, each line whole."""
    if workers:
        project.use_workers(workers)
    project.write("train.py", MAP.replace("sys.argv[1]", repr(str(project.parent / "gate"))))
    project.run("train.py")
    said = project.ask(LOOK_AT_MAP.replace("GATE", repr(str(project.parent / "gate"))))
    assert said == ["item 0\nand more\nitem 1\nitem 3\n", "item 3\n"]
