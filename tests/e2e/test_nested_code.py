"""The code of a job that a stage submits is the project's: named, kept, shown and found as such."""

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """\
    import sys
    from vcat import *

    @stage
    def inner(x):
        return str(1 / x)

    @stage(cache=False)
    def outer(x, name):
        inner(x).run(job_name=name).wait_for_deployment_to_complete()

    if __name__ == "__main__":
        plain, nested = sys.argv[1:]
        inner(0).run(job_name=plain).wait_for_deployment_to_complete()
        outer(0, nested).run().wait_for_deployment_to_complete()
"""

PLACES = """\
    import os
    import sys
    import place
    from vcat import *

    HERE = os.path.dirname(os.path.abspath(__file__))

    @stage
    def inner(given, default=place.TOP):
        return len([HERE, given, default])

    @stage(cache=False)
    def outer(name):
        inner(place.TOP).run(job_name=name).wait_for_deployment_to_complete()

    if __name__ == "__main__":
        plain, nested = sys.argv[1:]
        inner(place.TOP).run(job_name=plain).wait_for_deployment_to_complete()
        outer(nested).run().wait_for_deployment_to_complete()
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
    project.run("train.py", "plain", "nested")
    project.write("train.py", SCRIPT.replace("1 / x", "2 / x"))
    plain, nested = project.ask(FAILED)
    assert nested == plain
    assert nested[0] == "train.py"
    assert "str(1 / x)" in nested[1]


def test_its_results_are_those_of_any_job(project):
    """What names the project has the same key: a constant of the script, an argument, a default."""
    project.write("place.py", "TOP = __file__[: -len('/place.py')]\n")
    project.write("train.py", PLACES)
    project.run("train.py", "plain", "nested")
    code = 'print(json.dumps([each.status for each in get_job("nested").stages()]))'
    assert project.ask(code) == ["cached"]


def test_the_debugger_shows_the_code_of_the_job(project):
    """The script was edited since."""
    project.write("train.py", SCRIPT)
    project.run("train.py", "plain", "nested")
    project.write("train.py", SCRIPT.replace("1 / x", "2 / x"))
    done = project.run("-m", "vcat_cli", "debug", "nested", "--run", check=False)
    assert "str(1 / x)" in done.stderr
    assert "2 / x" not in done.stderr
