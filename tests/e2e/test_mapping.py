"""Maps in jobs: one changed file runs one item, and the job's records tell which and why."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
    import json, os, sys
    from vcat import *

    @stage
    def files():
        return [f"data/{name}" for name in sorted(os.listdir("data"))]

    @stage
    def number(path, add=0):
        with open(os.environ["RAN"], "a") as log:
            log.write(path + "\\n")
        return int(open(path).read()) + add

    @stage
    def total(numbers):
        return sum(numbers)

    if __name__ == "__main__":
        job = total(number.map(files())).run(job_name=sys.argv[1])
        job.wait_for_deployment_to_complete()
        statuses = [[each.id, each.status] for each in job.stages()]
        print(json.dumps({
            "state": job.get_job_status(),
            "value": job.fetch_job_results() if job.get_job_status() == "completed" else None,
            "stages": statuses,
        }))
"""


@pytest.fixture
def mapped(project, tmp_path, monkeypatch):
    """The project of the script, and what runs it: its report, and what the bodies have read."""
    ran = tmp_path / "ran.txt"
    monkeypatch.setenv("RAN", str(ran))
    project.write("main.py", SCRIPT)
    project.write("vcat.config.yaml", f"run_script_environment: {{RAN: {ran}}}\n")
    for index in range(30):
        project.write(f"data/{index:02}.txt", str(index))

    def run(name):
        ran.write_text("")
        report = json.loads(project.run("main.py", name).stdout)
        return report, ran.read_text().split()

    return run


def command(project, *words):
    return subprocess.run(
        [sys.executable, "-m", "vcat_cli", *words],
        cwd=project.directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout.splitlines()


@pytest.mark.slow
def test_one_changed_file_runs_one_item(project, mapped):
    """Of all files that a stage has listed the one is read again; every record says which."""
    first, ran = mapped("first")
    assert (first["state"], first["value"], len(ran)) == ("completed", 435, 30)
    assert first["stages"][:3] == [
        ["files", "completed"],
        ["number", "completed"],
        ["total", "completed"],
    ]
    assert first["stages"][3:] == [[f"number[{n}]", "completed"] for n in range(30)]

    project.write("data/17.txt", "1017")
    planned = command(project, "run", "--plan", "main.py", "planned")
    assert planned[1:4] == [
        "  files: cached, computed by job first (" + planned[1].partition("first (")[2],
        "  number: 30 items: 1 to run, 29 cached",
        "    number[17]: data/17.txt changed",
    ]
    second, ran = mapped("second")
    assert (second["value"], ran) == (1435, ["data/17.txt"])
    assert dict(second["stages"])["number[17]"] == "completed"
    assert [status for _, status in second["stages"]].count("cached") == 30
    assert command(project, "why", "second") == [
        "total: upstream number gave another result",
        "number[17]: data/17.txt changed",
    ]
    shown = command(project, "show", "second")
    assert "  30 items: 29 cached, 1 completed  " in next(e for e in shown if e[:8] == "number  ")
    assert "stages      32, 30 cached" in shown

    project.write("main.py", SCRIPT.replace("+ add", "- add"))
    assert mapped("third")[0]["value"] == 1435
    assert command(project, "why", "third") == [
        "number[0] ... number[29] (30 items): its own code changed"
    ]


@pytest.mark.slow
def test_a_failed_item_fails_the_job_and_keeps_the_others(project, mapped):
    """The error names the first, its record has its own, and the next job reads the rest."""
    project.write("data/03.txt", "three")
    failed, ran = mapped("failed")
    assert (failed["state"], len(ran)) == ("failed", 30)
    assert dict(failed["stages"])["total"] == "not run"
    shown = project.ask(
        """
        job = get_job("failed")
        try:
            job.fetch_job_results()
        except RemoteException as error:
            said = str(error)
        stages = job.stages()
        print(json.dumps({
            "said": said.splitlines()[0],
            "frame": "in number" in said or "number" in said,
            "map": stages[1].error,
            "item": [stages[6].id, stages[6].status, stages[6].error],
            "provenance": [each["status"] for each in job.provenance()["stages"]],
        }))
        """
    )
    error = (
        "1 of 30 items failed; item 3: ValueError: invalid literal for int() with base 10: 'three'"
    )
    assert shown["said"].endswith(error)
    assert shown["map"].endswith(error)
    assert shown["item"][:2] == ["number[3]", "failed"]
    assert shown["item"][2].startswith("ValueError: invalid literal")
    assert shown["provenance"].count("completed") == 30

    project.write("data/03.txt", "3")
    again, ran = mapped("again")
    assert (again["value"], ran) == (435, ["data/03.txt"])


@pytest.mark.slow
def test_the_value_of_an_item_is_that_in_the_list(project):
    """What is kept of a map is the list, and the ids of its items find what is in it."""
    project.write(
        "main.py",
        """
        import json
        from vcat import *

        @stage
        def double(value):
            return 2 * value

        if __name__ == "__main__":
            kept, lost = double.map([1, 2]).persist(), stage(name="lost")(abs).map([-3])
            job = pipeline.join([kept, lost], max).run()
            job.wait_for_deployment_to_complete()
            found = [job.value_of(kept), job.value_of("double[1]")]
            found.append(get_job(job.job_name).value_of(kept))
            try:
                job.value_of("lost[0]")
            except LookupError as error:
                found.append(str(error).replace(job.job_name, "JOB"))
            print(json.dumps(found))
        """,
    )
    assert json.loads(project.run("main.py").stdout) == [
        [2, 4],
        4,
        [2, 4],
        "stage 'lost[0]' of job JOB is completed and its value is not kept; add .persist() to the"
        " stage to keep it",
    ]


CHAIN = """
    from vcat import *

    @stage
    def load(n):
        if n == 2:
            raise ValueError("no two")
        return n

    @stage
    def clean(n):
        return 10 * n

    @stage
    def total(all):
        return sum(all)

    if __name__ == "__main__":
        job = total(clean.map(load.map(range(4)))).run(job_name="chain")
        job.wait_for_deployment_to_complete()
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [False, True], ids=["alone", "workers"])
def test_all_records_say_what_became_of_each_item_of_a_chain(project, workers):
    """The map over the one that has failed has no value, and says of which item; what failed is
    the reason, once.
    """
    project.write("main.py", CHAIN)
    if workers:
        project.write(
            "vcat.config.yaml",
            """
            execution_implementation:
              executor_type: vcat.ProcessPoolExecutor
              constructor_keyword_arguments: {workers: 2}
            """,
        )
    project.run("main.py")
    told = project.ask(
        """
        job = get_job("chain")
        try:
            job.fetch_job_results()
        except RemoteException as error:
            said = str(error)
        print(json.dumps({
            "said": said,
            "state": job.get_job_status(),
            "stages": [[each.id, each.status, each.error] for each in job.stages()],
            "provenance": [each["status"] for each in job.provenance()["stages"]],
        }))
        """
    )
    failed = "ItemsError: 1 of 4 items failed; item 2: ValueError: no two"
    missing = (
        "ItemsError: 1 of 4 items did not run, because item 2 of stage 'load' (main.py:4) failed"
    )
    assert told["state"] == "failed"
    assert told["said"].startswith(failed)
    assert "did not run" not in told["said"]
    assert told["said"].count("items failed") == 1
    assert told["stages"] == [
        ["load", "failed", failed],
        ["clean", "failed", missing],
        ["total", "not run", None],
        ["load[0]", "completed", None],
        ["load[1]", "completed", None],
        ["load[2]", "failed", "ValueError: no two"],
        ["load[3]", "completed", None],
        ["clean[0]", "completed", None],
        ["clean[1]", "completed", None],
        ["clean[2]", "not run", None],
        ["clean[3]", "completed", None],
    ]
    assert told["provenance"] == [each[1] for each in told["stages"]]
    shown = command(project, "show", "chain")
    row = next(each for each in shown if each.startswith("clean "))
    assert "4 items: 3 completed, 1 not run" in row
    assert f"stage clean: {missing}" in shown
