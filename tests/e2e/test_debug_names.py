"""`vcat debug` names a stage as it was asked for, and says that a job goes on that still runs."""

import re

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """\
    import os, time
    from vcat import *

    @stage
    def load(row):
        return row * 2

    @stage
    def fit(row):
        if row == 2:
            raise KeyError("two")
        return row + 1

    @stage
    def add(rows, one, other):
        return sum(rows) + one + other

    @stage
    def wait(total):
        while os.path.exists("../../../../go on"):
            time.sleep(0.01)
        return total

    if __name__ == "__main__":
        loaded = load.map([1, 2, 3]).persist()
        job = add(loaded, fit(1), fit(3)).run(job_name="good")
        job.wait_for_deployment_to_complete()
        job = add(loaded, fit(1), fit(2)).run(job_name="bad")
        job.wait_for_deployment_to_complete()
        fit.map([1, 2]).run(job_name="items").wait_for_deployment_to_complete()
        wait(add(loaded, fit(1), fit(3))).run(job_name="long")
"""


@pytest.fixture
def debug(project):
    """Debug a stage of one of the project's jobs, the last of which still runs."""
    (project.directory / "go on").touch()
    project.write("train.py", SCRIPT)
    project.run("train.py")

    def debug(*words):
        done = project.run("-m", "vcat_cli", "debug", *words, check=False)
        return done.returncode, done.stdout, re.sub(r"after \S+ s", "after N s", done.stderr)

    yield debug
    (project.directory / "go on").unlink()
    project.ask("get_job('long').wait_for_deployment_to_complete(); print('null')")


def test_a_stage_is_named_by_its_id(debug):
    """Of two stages of one function the second, an item of a map, and one of a map that is kept."""
    assert debug("good", "fit#2", "--run") == (
        0,
        "4\n",
        "vcat: stage 'fit#2' (train.py:8) of job good\n"
        "vcat: stage 'fit#2' returned int after N s\n",
    )
    assert debug("good", "load[2]", "--run") == (
        0,
        "6\n",
        "vcat: stage 'load[2]' (train.py:4) of job good\n"
        "vcat: stage 'load[2]' returned int after N s\n",
    )
    assert debug("good", "add", "--run") == (
        0,
        "18\n",
        "vcat: stage 'add' (train.py:14) of job good, load from the archive, fit from the cache,"
        " fit#2 from the cache\nvcat: stage 'add' returned int after N s\n",
    )
    for way, said in (
        ("--pdb", "vcat: stage 'fit#2' returned 4\n"),
        ("--post-mortem", "vcat: stage 'fit#2' did not raise; it returned 4\n"),
        ("--shell", "vcat: fit(row) is stage 'fit#2'; its arguments are\n  row = 3\n"),
    ):
        code, out, err = debug("good", "fit#2", way)
        assert code == 0
        assert way == "--pdb" or said in out + err


def test_the_stage_that_failed_is_named_by_its_id(debug):
    """What it raises has no frame of vcat's."""
    for words, label in ((["bad"], "fit#2"), (["items"], "fit[1]"), (["items", "fit"], "fit[1]")):
        code, out, err = debug(*words, "--run")
        assert (code, out) == (1, "")
        first, *lines = [each for each in err.splitlines() if each.strip(" ^~")]
        assert first == f"vcat: stage {label!r} (train.py:8) of job {words[0]}"
        assert re.sub(r'"/.*/vcat-debug-[^/]*', '"', "\n".join(lines)) == (
            "Traceback (most recent call last):\n"
            '  File "/project/train.py", line 11, in fit\n'
            '    raise KeyError("two")\n'
            "KeyError: 'two'"
        )


def test_an_item_that_is_not_there(debug):
    """Those that are there are named."""
    assert debug("good", "load[3]") == (
        2,
        "",
        "vcat: debug: job good has no stage 'load[3]': load is a map; name one of load[0] to"
        " load[2]\n",
    )


def test_a_job_that_still_runs(debug, project):
    """What it has computed is used, and that it goes on is said; it is left alone."""
    assert project.ask("print(json.dumps(get_job('long').get_job_status()))") == "running"
    assert debug("long") == (
        2,
        "",
        "vcat: debug: no stage of job long has failed so far; name one of load, fit, fit#2, add,"
        " wait\n",
    )
    assert debug("long", "add", "--run") == (
        0,
        "18\n",
        "vcat: job long is running and goes on; what it has computed so far can be used\n"
        "vcat: stage 'add' (train.py:14) of job long, load from the archive, fit from the cache,"
        " fit#2 from the cache\nvcat: stage 'add' returned int after N s\n",
    )
    assert project.ask("print(json.dumps(get_job('long').get_job_status()))") == "running"
