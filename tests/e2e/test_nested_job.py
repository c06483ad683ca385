"""A job that a stage submits is one of the project's: listed, stopped and kept there."""

import os

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
    import json
    import os
    import subprocess
    import sys

    from vcat import *

    @stage
    def inner(x):
        print("inner has", x)
        return x + 1

    @stage(cache=False)
    def outer(x):
        {how}

    if __name__ == "__main__":
        print(outer(20).run(job_name="outer").fetch_job_results())
"""

RUNS = """\
job = inner(x).run(job_name="inner")
        found = [each.job_name for each in list_jobs()]
        return job.fetch_job_results(), get_job("inner").get_job_status(), found"""

STARTS = """\
text = "from train import *; print(inner(20).run(job_name='inner').fetch_job_results())"
        return subprocess.check_output([sys.executable, "-c", text], text=True)"""

ELSEWHERE = """\
archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [../elsewhere/archive]
archive_listing_implementation:
  archive_listing_type: vcat.LocalFileSystemPipelineListing
  constructor_arguments: [../elsewhere/listing]
cache_implementation:
  cache_type: vcat.LocalFileSystemCacheBackend
  constructor_arguments: [../elsewhere/cache]
run_script_environment: {TOKEN: hunter2}
"""


def seen(project):
    """What the project knows of both jobs, the newest first."""
    return project.ask(
        """
        job = get_job("inner")
        print(json.dumps([
            [[each.job_name, each.state] for each in list_jobs()], job.fetch_job_results(),
            job.logs(), len(job.source()) > 100, [each.file for each in job.stages()],
        ]))
        """
    )


SEEN = [[["inner", "completed"], ["outer", "completed"]], 21, "inner has 20\n", True, ["train.py"]]


def stores_in_jobs(project):
    """The stores that lie in copies of the project instead of in the project."""
    return [str(each) for each in project.parent.rglob("project/.vcat") if "jobs" in each.parts]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_it_is_listed_and_kept_with_the_projects_jobs(project, workers, is_elsewhere):
    """Whatever the configuration names, and from a worker too; no bundle of it is left.

    Its stages are named by where they lie in the project, as those of any other job.
    """
    if workers:
        project.use_workers(workers)
    if is_elsewhere:
        (project.directory / "stores.config.yaml").write_text(ELSEWHERE)
    project.write("train.py", SCRIPT.format(how=RUNS))
    variables = os.environ | {"XDG_STATE_HOME": str(project.parent / ".user-state")}
    done = project.run("train.py", env=variables)
    assert done.stdout == "(21, 'completed', ['inner', 'outer'])\n"
    assert seen(project) == SEEN
    assert not stores_in_jobs(project)
    assert project.leftovers() == ["elsewhere"] * is_elsewhere
    bundles = [each.name for each in project.parent.rglob("*inner*.tgz")]
    assert bundles == []
    assert not [*project.parent.rglob(".vcat-bundle-*")]


def test_a_process_that_a_stage_starts_submits_as_the_stage_does(project):
    """As long as it works in the job's copy of the project."""
    project.write("train.py", SCRIPT.format(how=STARTS))
    assert project.run("train.py").stdout == "21\n\n"
    assert seen(project) == SEEN
    assert not stores_in_jobs(project)


def test_it_is_stopped_from_the_project(project):
    """When the job whose stage has submitted it is cancelled, it goes on, and can be cancelled."""
    project.write(
        "train.py",
        """
        import time
        from vcat import *

        @stage
        def inner():
            time.sleep(600)

        @stage
        def outer():
            inner().run(job_name="inner").fetch_job_results()

        if __name__ == "__main__":
            outer().run(job_name="outer")
        """,
    )
    project.run("train.py")
    states = project.ask(
        """
        import time

        end = time.monotonic() + 60
        while "inner" not in (rows := {each.job_name: each.state for each in list_jobs()}) or (
            rows["inner"] != "running"
        ):
            assert time.monotonic() < end, rows
            time.sleep(0.05)
        get_job("outer").cancel()
        get_job("outer").wait_for_deployment_to_complete()
        states = [get_job("inner").get_job_status()]
        get_job("inner").cancel()
        get_job("inner").wait_for_deployment_to_complete()
        print(json.dumps([*states, *(each.state for each in list_jobs())]))
        """
    )
    assert states == ["running", "cancelled", "cancelled"]


@pytest.mark.parametrize("workers", [0, 1])
def test_it_goes_on_when_the_job_has_completed_whose_stage_has_submitted_it(project, workers):
    """From a worker too, which ends with the processes that it has started."""
    if workers:
        project.use_workers(workers)
    script = project.write(
        "train.py",
        """
        import os
        import time
        from vcat import *

        @stage(timeout=60)
        def inner(end):
            while not os.path.exists(end):
                time.sleep(0.01)
            return "ended"

        @stage
        def outer(end):
            inner(end).run(job_name="inner")

        if __name__ == "__main__":
            outer(END).run(job_name="outer").wait_for_deployment_to_complete()
        """,
    )
    end = project.parent / "end"
    script.write_text(script.read_text().replace("END", repr(str(end))))
    project.run("train.py")
    assert project.ask("print(json.dumps(get_job('outer').get_job_status()))") == "completed"
    end.touch()
    assert project.ask("print(json.dumps(get_job('inner').fetch_job_results()))") == "ended"


def test_elsewhere_a_process_has_the_files_that_are_there(project, tmp_path):
    """A project of its own that a job happens to work on keeps its own configuration."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "one.py").write_text(
        "from vcat import *\n@stage\ndef one():\n    return 1\n"
        "if __name__ == '__main__':\n    print(one().run(job_name='own').fetch_job_results())\n"
    )
    text = f"""\
return subprocess.check_output(
            [sys.executable, "one.py"], cwd={str(other)!r}, text=True
        )"""
    project.write("train.py", SCRIPT.format(how=text))
    assert project.run("train.py").stdout == "1\n\n"
    names = "print(json.dumps([each.job_name for each in list_jobs()]))"
    assert project.ask(names) == ["outer"]
    assert project.ask(names, cwd=other) == ["own"]


NESTING = """
    import sys
    from vcat import *

    @stage
    def load(x):
        return x + {by}

    @stage(cache=False)
    def outer(x, name):
        return load(-1).run(job_name=f"inner-{{name}}").fetch_job_results()

    if __name__ == "__main__":
        outer(load(1), sys.argv[1]).run(job_name="outer-" + sys.argv[1]).fetch_job_results()
"""

EXPLAINED = """
found = []
for row in list_jobs():
    load = vcat.explain_job(row.job_name).stages[0]
    why = [each.text for each in load.reasons]
    found.append([row.job_name, row.submitted_by, row.project, row.script, why, load.last_job])
print(json.dumps(found))
"""


def test_it_is_compared_with_those_that_stages_of_its_script_submitted_before(project):
    """It is listed with the project, and by whom; who ran the script is compared with his own."""
    for name, by in (("1", 1), ("2", 2)):
        project.write("train.py", NESTING.format(by=by))
        project.run("train.py", name)
    here, changed = str(project.directory), ["its own code changed"]
    assert project.ask(EXPLAINED) == [
        ["inner-2", "outer-2", here, "train.py", changed, "inner-1"],
        ["outer-2", None, here, "train.py", changed, "outer-1"],
        ["inner-1", "outer-1", here, "train.py", ["first time"], None],
        ["outer-1", None, here, "train.py", ["first time"], None],
    ]


def test_what_a_command_submits_is_compared_with_what_its_script_does_elsewhere(project):
    """A script that is run, and one that is the command of a job, have the same earlier jobs."""
    script = NESTING.replace("outer(load(1), sys.argv[1])", "load(1)")
    project.write("train.py", script.format(by=1))
    project.run("train.py", "1")
    project.write("train.py", script.format(by=2))
    argv = ["python", "train.py", "2"]
    wait = "fetch_job_results()"
    assert project.ask(f"print(vcat.submit_command({argv}, job_name='command').{wait})") == 0
    project.write("train.py", script.format(by=3))
    project.run("train.py", "3")
    found = [[name, by, last] for name, by, _, _, _, last in project.ask(EXPLAINED)]
    assert found == [
        ["outer-3", None, "outer-2"],
        ["outer-2", "command", "outer-1"],
        ["command", None, None],
        ["outer-1", None, None],
    ]
    project.write("again.py", "import vcat\nvcat.rerun_job('outer-2', job_name='again')")
    project.run("again.py")
    rows = project.ask(
        "get_job('again').fetch_job_results()\nrow = list_jobs()[0]\n"
        "print(json.dumps([row.job_name, row.submitted_by, row.rerun_of, row.project]))"
    )
    assert rows == ["again", None, "outer-2", str(project.directory)]


SIDE_BY_SIDE = """
    import sys
    from vcat import *

    @stage
    def inner(x):
        return x * 10

    @stage
    def outer(x, round):
        first = inner(x).run()
        return inner(x + 100).run().fetch_job_results() + first.fetch_job_results()

    if __name__ == "__main__":
        job = outer.map([1, 2, 3], round=sys.argv[1]).run()
        print(job.fetch_job_results(), "warning" in job.logs())
"""


def test_stages_that_run_side_by_side_submit_jobs(project):
    """What one prepares for that is nothing that another stumbles over, or is warned of."""
    project.use_workers(3)
    project.write("train.py", SIDE_BY_SIDE)
    for each in "12":
        assert project.run("train.py", each).stdout == "[1020, 1040, 1060] False\n"
    assert "3 of 3 stages cached" in project.run("train.py", "1").stderr
    assert not [*project.directory.glob(".vcat/jobs/*/runtime.*")]


FIRST_IMPORT = """
    from vcat import *

    @stage(cache=False)
    def inner(n):
        import numpy.random
        return len(numpy.random.normal(0, 1, n))

    @stage(cache=False)
    def outer(n):
        return inner(n).run_same_process()

    if __name__ == "__main__":
        print(outer(3).run().fetch_job_results())
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pipeline_within_a_stage_may_be_the_first_to_import_numpy(project, workers):
    """Beside the job's own care for the seeds of its stages."""
    if workers:
        project.use_workers(workers)
    project.write("train.py", FIRST_IMPORT)
    assert project.run("train.py").stdout == "3\n"
