"""Files, directories and their absence count in a job as they do in the script."""

import json

import pytest

SCRIPT = """
    import json, os
    from vcat import *

    @stage
    def total():
        found = []
        for name in sorted(os.listdir("data")):
            with open(f"data/{name}") as file:
                found.append(int(file.read()))
        try:
            with open("extra.txt") as file:
                found.append(int(file.read()))
        except FileNotFoundError:
            pass
        with open("scratch.txt", "w") as file:
            file.write("x")
        return sum(found)

    @stage
    def report(value):
        return {"value": value}

    if __name__ == "__main__":
        deployment = report(total()).run()
        deployment.wait_for_deployment_to_complete()
        result = deployment.fetch_job_results()
        print(json.dumps([result["value"], deployment.stages()[0].status]))
"""


def run(project):
    return json.loads(project.run("main.py").stdout)


@pytest.mark.slow
def test_a_job_is_computed_again_when_its_files_changed(project):
    """Each has a copy of the project in a place of its own, and finds the results of the others."""
    project.write("main.py", SCRIPT)
    project.write("data/a.txt", "1")
    assert run(project) == [1, "completed"]
    assert run(project) == [1, "cached"]
    project.write("data/b.txt", "10")
    assert run(project) == [11, "completed"]
    project.write("data/b.txt", "20")
    assert run(project) == [21, "completed"]
    project.write("extra.txt", "100")
    assert run(project) == [121, "completed"]
    assert run(project) == [121, "cached"]
    (project.directory / "data" / "b.txt").unlink()
    assert run(project) == [101, "completed"]


MODULE = """
    import os
    from pathlib import Path
    from vcat import stage

    HERE = Path(__file__).parent
    FILE = os.path.join(os.path.dirname(__file__), "data", "a")

    @stage
    def read(name, path=HERE / "data" / "b", text=FILE, where=HERE / "data"):
        with open(FILE) as file:
            return (HERE / "data" / name).read_text() + file.read() + path.read_text()
"""

IMPORTS_IT = """
    from vcat import *
    import reading

    if __name__ == "__main__":
        deployment = reading.read("a").run()
        deployment.wait_for_deployment_to_complete()
        print(deployment.fetch_job_results(), deployment.stages()[0].status)
        print(reading.read("a").run_same_process())
"""


@pytest.mark.slow
def test_where_a_module_lies_in_its_job_is_no_reason_to_compute_again(project):
    """Jobs run below the project they come from, each in a directory that bears its name."""
    project.write("main.py", IMPORTS_IT)
    project.write("reading.py", MODULE)
    project.write("data/a", "1")
    project.write("data/b", "5")
    assert project.run("main.py").stdout == "115 completed\n115\n"
    assert [*project.directory.glob(".vcat/jobs/*/project/reading.py")]
    assert project.run("main.py").stdout == "115 cached\n115\n"
    project.write("data/a", "2")
    assert project.run("main.py").stdout == "225 completed\n225\n"
    project.write("data/b", "6")
    assert project.run("main.py").stdout == "226 completed\n226\n"


FINDS = """
    import os
    from pathlib import Path
    from vcat import stage

    DATA = Path(__file__).parent / "data"

    @stage
    def found():
        return sorted(DATA.glob("*"))

    @stage
    def named():
        return [os.path.abspath(f"data/{each}") for each in sorted(os.listdir("data"))]

    @stage
    def relative():
        return sorted(Path("data").glob("*"))

    @stage
    def load(path):
        return int(Path(path).read_text())

    @stage
    def total(*numbers):
        return [sum(each) for each in numbers]
"""

TOTALS = """
    from finding import *
    from vcat import *

    if __name__ == "__main__":
        pipe = total(load.map(found()), load.map(named()), load.map(relative()))
        deployment = pipe.run()
        deployment.wait_for_deployment_to_complete()
        print(deployment.fetch_job_results())
        print(*[f"{each.name}: {each.status}" for each in deployment.stages()], sep="\\n")
        print(deployment.logs())
"""

NOT_CACHED = (
    "vcat: warning: stage '{}' (finding.py:{}) is not cached: result: it names {}, which is"
    " the copy of the project that this job alone has; return paths relative to the project"
)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_path_into_one_job_is_no_result_for_another(project, workers):
    """It would read the files that the first one had. What is read is found again all the same."""
    project.write("main.py", TOTALS)
    project.write("finding.py", FINDS)
    if workers:
        project.use_workers(workers)
    project.write("data/a", "1")
    project.write("data/b", "2")
    first = project.run("main.py").stdout
    assert first.startswith("[3, 3, 3]\n")
    (copy,) = project.directory.glob(".vcat/jobs/*/project")
    assert sorted(each for each in first.splitlines() if "is not cached" in each) == [
        NOT_CACHED.format("found", 8, copy),
        NOT_CACHED.format("named", 12, copy),
    ]
    again = project.run("main.py").stdout
    assert "found: completed\nload: cached\nnamed: completed\nload: cached\n" in again
    assert "relative: cached\n" in again
    project.write("data/a", "10")
    assert project.run("main.py").stdout.startswith("[12, 12, 12]\n")
