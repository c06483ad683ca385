"""A library registers its type: keys are the same in the script and in a job."""

import os
from pathlib import Path

import pytest

FAKE = Path(__file__).parents[1] / "fakes" / "grid"

SCRIPT = """
    import os, sys, warnings
    from vcat import *
    from acme_grid import Grid

    warnings.simplefilter("always")

    @stage
    def total(grid):
        os.write(2, b"computing\\n")  # not through the streams: a hit prints those again
        return sum(grid.cells)

    pipe = total(Grid(*eval(sys.argv[2])))
    if sys.argv[1] == "here":
        print(pipe.run_same_process())
    else:
        deployment = pipe.run()
        print(deployment.fetch_job_results())
        print([each.status for each in deployment.stages()])
        print(deployment.logs())
"""


@pytest.fixture
def run(project):
    """Run the script in a process in which the library is installed, and nothing else of it."""
    project.write("train.py", SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(FAKE), "PYTHONWARNINGS": "default"}

    def run(*arguments):
        return project.run("train.py", *arguments, env=environment)

    return run


@pytest.mark.slow
def test_keys_are_the_same_in_the_script_and_in_jobs(run):
    """What pickling would keep of the value besides its parts does not count, in any process."""

    def computed(*arguments):
        done = run("here", *arguments)
        return done.stdout, "computing" in done.stderr

    assert computed("'m', [1, 2]") == ("3.0\n", True)
    assert computed("'m', [1, 2]") == ("3.0\n", False)
    assert run("job", "'m', [1, 2]").stdout.splitlines()[:2] == ["3.0", "['cached']"]
    assert run("job", "'m', [1, 5]").stdout.splitlines()[:2] == ["6.0", "['completed']"]
    assert run("job", "'m', [1, 5]").stdout.splitlines()[:2] == ["6.0", "['cached']"]
    assert computed("'m', [1, 5]") == ("6.0\n", False)
    assert computed("'s', [1, 5]") == ("6.0\n", True)


@pytest.mark.slow
def test_a_failing_function_leaves_the_stage_uncached(run):
    """The job computes each time, and its log says whose function did what."""
    reason = (
        "stage 'total' (train.py:8) is not cached: argument 'grid' cannot be hashed: grid is a"
        " 'acme_grid.Grid', whose content cannot be told: acme_grid_vcat:parts_of_grid of acme-grid"
        " raised ValueError('a grid without a unit'); upgrade acme-grid or uninstall it"
    )
    for _ in range(2):
        done = run("job", "None, [1]").stdout
        assert done.splitlines()[:2] == ["1.0", "['completed']"]
        assert reason in done
    assert reason in run("here", "None, [1]").stderr
