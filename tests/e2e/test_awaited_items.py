"""Items of a map that has not begun: they are waited for, or what they wait for is said."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
    import os, sys, time
    from vcat import *

    @stage(cache=False)
    def up(gate):
        while not os.path.exists(gate):
            time.sleep(0.02)
        if os.path.getsize(gate):
            raise ValueError("no")
        return [1, 2, 3]

    @stage(cache=False)
    def it(item, n=0):
        print("item", item)

    if __name__ == "__main__":
        items, gate = sys.argv[1:]
        whole = it.map(up(gate)) if items == "computed" else it.map([1, 2, 3], n=up(gate))
        whole.run(job_name="job")
"""

SAID = (
    "vcat: job job has no stage 'it[2]' so far: it is there when its map, 'it', begins, which"
    " waits for 'up'\n"
)


@pytest.fixture
def vcat(project):
    """Start a command, which the test outlives."""
    started = []

    def vcat(*arguments):
        command = [sys.executable, "-m", "vcat_cli", *arguments]
        started.append(
            subprocess.Popen(command, cwd=project.directory, stdout=-1, stderr=-1, text=True)
        )
        return started[-1]

    yield vcat
    for each in started:
        each.kill()
        each.communicate()


def ended(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize("items", ["literal", "computed"])
def test_an_item_is_waited_for_while_the_job_runs(project, vcat, items):
    """By `logs -f`; whoever asks for something else hears what its map waits for."""
    gate = project.directory / "gate"
    project.write("train.py", SCRIPT)
    project.run("train.py", items, str(gate))
    follower = vcat("logs", "-f", "job", "--stage", "it[2]")
    for arguments in (
        ("logs", "job", "--stage", "it[2]"),
        ("show", "job", "--stage", "it[2]"),
        ("debug", "job", "it[2]"),
        ("why", "job", "it[2]"),
    ):
        assert ended(vcat(*arguments)) == (2, "", SAID)
    if items == "literal":
        said = "vcat: job job has no stage 'it[7]'; stages: up, it\n"
        assert ended(vcat("logs", "-f", "job", "--stage", "it[7]")) == (2, "", said)
    assert (
        project.ask(
            """
        try:
            get_job("job").logs(stage="it[2]")
        except UnknownJobError as error:
            print(json.dumps(str(error)))
        """
        )
        == SAID.removeprefix("vcat: ").rstrip()
    )
    gate.touch()
    assert ended(follower) == (0, "item 3\n", "")


def test_an_item_of_a_map_that_never_began(project, vcat):
    """When the job has ended there is nothing to wait for."""
    gate = project.directory / "gate"
    project.write("train.py", SCRIPT)
    project.run("train.py", "literal", str(gate))
    follower = vcat("logs", "-f", "job", "--stage", "it[2]")
    gate.write_text("fail")
    said = (
        "vcat: job job has no stage 'it[2]': its map, 'it', did not run; the job failed:"
        " ValueError: no\n"
    )
    assert ended(follower) == (2, "", said)
    assert ended(vcat("debug", "job", "it[2]")) == (2, "", said)
