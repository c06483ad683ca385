"""The code of a job that a stage submits is the project's: named, kept, shown and found as such."""

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """\
    import os
    import sys
    from vcat import *

    HERE = os.path.dirname(os.path.abspath(__file__))

    @stage
    def inner(x):
        return os.path.basename(HERE)[:0] + str(1 / x)

    @stage(cache=False)
    def outer(x, name):
        job = inner(x).run(job_name=name)
        job.wait_for_deployment_to_complete()

    if __name__ == "__main__":
        plain, nested, x = sys.argv[1:]
        inner(int(x)).run(job_name=plain).wait_for_deployment_to_complete()
        outer(int(x), nested).run().wait_for_deployment_to_complete()
"""

FAILED = """
    def told(name):
        job = get_job(name)
        kept = job.provenance()["stages"][0]
        try:
            job.fetch_job_results()
        except RemoteException as error:
            return kept["file"], kept["source"], str(error).replace(name, "NAME")

    print(json.dumps([told("plain"), told("nested")]))
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_failure_and_the_source_are_those_of_any_job(project, workers):
    """Files are named as in the project, and lines are those that the job ran."""
    if workers:
        project.use_workers(workers)
    project.write("train.py", SCRIPT)
    project.run("train.py", "plain", "nested", "0")
    project.write("train.py", SCRIPT.replace("1 / x", "2 / x"))
    plain, nested = project.ask(FAILED)
    assert nested == plain
    assert nested[0] == "train.py"
    assert "str(1 / x)" in nested[1]


def test_its_results_are_those_of_any_job(project):
    """What a stage finds in a constant of the script that names the project has the same key."""
    project.write("train.py", SCRIPT)
    project.run("train.py", "plain", "nested", "1")
    code = 'print(json.dumps([each.status for each in get_job("nested").stages()]))'
    assert project.ask(code) == ["cached"]


def test_the_debugger_shows_the_code_of_the_job(project):
    """The script was edited since."""
    project.write("train.py", SCRIPT)
    project.run("train.py", "plain", "nested", "0")
    project.write("train.py", SCRIPT.replace("1 / x", "2 / x"))
    done = project.run("-m", "vcat_cli", "debug", "nested", "--run", check=False)
    assert "str(1 / x)" in done.stderr
    assert "2 / x" not in done.stderr
