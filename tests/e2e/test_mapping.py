"""Maps in jobs: one changed file runs one item, and the job's records tell which and why."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

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
        "number[17]: data/17.txt changed",
        "total: upstream number gave another result",
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
    """What is kept of a map are its items, which are found by their ids, and its list by them."""
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
        "stage 'lost[0]' of job JOB is completed and its value is not kept; add .persist() to its"
        " map to keep it; run again unchanged, it is taken from the cache as long as that has it",
    ]


KEEPS = """
    import json, os, sys, threading, time
    from vcat import *

    @stage
    def it(number):
        if number == 3 and os.environ["DOES"] == "fail":
            raise ValueError("no 3")
        if number == 3 and os.environ["DOES"] == "lock":
            return threading.Lock()
        while number == 3 and os.environ["DOES"] == "hang":
            print("hanging", os.getpid(), flush=True)
            time.sleep(600)
        return {"number": number}

    if __name__ == "__main__":
        mapped = it.map([1, 2, 3, 4]).persist()
        end = stage(len, name="count")(mapped) if "count" in sys.argv else mapped
        job = end.run(job_name=sys.argv[1])
        if "leave" not in sys.argv:
            job.wait_for_deployment_to_complete()
"""

WORKERS = """
execution_implementation:
  executor_type: vcat.ProcessPoolExecutor
  constructor_keyword_arguments: {workers: 2}
"""

ASKED = """
    found = {}
    for each in ["it", *(f"it[{index}]" for index in range(4))]:
        try:
            found[each] = get_job(NAME).value_of(each)
        except LookupError as error:
            found[each] = str(error)
    print(json.dumps(found))
"""


def await_that(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def keeping(project):
    """Write the project whose map keeps its items, and how its third item does."""

    def write(does, *, workers=False):
        project.write("main.py", KEEPS)
        executor = WORKERS if workers else ""
        project.write("vcat.config.yaml", f"run_script_environment: {{DOES: {does}}}\n{executor}")

    return write


def values(project, name):
    return project.ask(f"NAME = {name!r}\n" + textwrap.dedent(ASKED))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [False, True])
def test_the_items_of_a_killed_job_are_kept(project, keeping, workers):
    """Those that had ended when it was killed by SIGKILL, found from another process.

    The next job has them from the cache, and keeps them as well.
    """
    keeping("hang", workers=workers)
    project.run("main.py", "killed", "leave")
    project.ask("next(get_job('killed').logs(follow=True)); print(1)")  # the third hangs
    ended = "[each.status for each in get_job('killed').stages()].count('completed')"
    await_that(lambda: project.ask(f"print({ended})") == (3 if workers else 2))
    assert values(project, "killed")["it[2]"] == (
        "stage 'it[2]' of job killed is running and has no value yet; wait until it has ended, or"
        " ask again later"
    )
    os.kill(project.ask("print(next(get_job('killed').events())['pid'])"), signal.SIGKILL)
    project.ask("get_job('killed').wait_for_deployment_to_complete(timeout=60); print(1)")
    assert project.ask("print(json.dumps(get_job('killed').get_job_status()))") == "failed"
    found = values(project, "killed")
    there = {"it[0]": 1, "it[1]": 2} | ({"it[3]": 4} if workers else {})
    assert {name: found.pop(name)["number"] for name in there} == there
    cut = (
        "(main.py:5) of job killed was cut short and has no value: the job failed while it ran:"
        " killed by signal 9 (SIGKILL);"
    )
    count = len(there)
    assert found.pop("it") == (
        f"stage 'it' {cut} `vcat logs killed --stage it` has more; {count} of its items have"
        " values, the first is it[0]"
    )
    assert found.pop("it[2]") == f"stage 'it[2]' {cut} `vcat logs killed --stage 'it[2]'` has more"
    for text in found.values():
        assert text.startswith("stage 'it[3]' of job killed did not run and has no value: the job")

    keeping("go", workers=workers)
    project.run("main.py", "second")
    whole = [{"number": number} for number in (1, 2, 3, 4)]
    assert values(project, "second") == {
        "it": whole,
        **{f"it[{index}]": each for index, each in enumerate(whole)},
    }
    statuses = project.ask("print(json.dumps([e.status for e in get_job('second').stages()]))")
    assert statuses.count("cached") == count
    assert project.ask("print(json.dumps(get_job('second').fetch_job_results()))") == whole


@pytest.mark.slow
@pytest.mark.parametrize("workers", [False, True])
@pytest.mark.parametrize(
    ("does", "error"),
    [
        ("fail", "ValueError: no 3"),
        (
            "lock",
            "UnpicklableError: stage 'it' (main.py:5): result cannot be sent back: cannot pickle"
            " '_thread.lock' object; return something that can be pickled",
        ),
    ],
)
def test_what_the_others_have_given_is_kept_where_an_item_fails(
    project, keeping, does, error, workers
):
    """Each by its id; the map has no value, and says which of its items have."""
    keeping(does, workers=workers)
    project.run("main.py", "bad", "count")
    found = values(project, "bad")
    for index, number in ((0, 1), (1, 2), (3, 4)):
        assert found[f"it[{index}]"] == {"number": number}
    assert found["it[2]"] == (
        f"stage 'it[2]' (main.py:5) of job bad failed and has no value: {error}; `vcat logs"
        " bad --stage 'it[2]'` has more"
    )
    assert found["it"] == (
        "stage 'it' (main.py:5) of job bad failed and has no value: ItemsError: 1 of 4 items"
        f" failed; item 2: {error}; `vcat logs bad --stage it` has more; 3 of its items have"
        " values, the first is it[0]"
    )


@pytest.mark.slow
def test_a_persisted_list_is_kept_once(project, keeping):
    """As its items; whoever reads it, in whatever way, reads those and notices what is damaged."""
    keeping("go")
    project.run("main.py", "last")
    project.run("main.py", "inside", "count")
    archive = project.directory / ".vcat" / "archive"
    for name, stages in (("last", 1), ("inside", 2)):
        (directory,) = [each for each in archive.rglob(name) if each.is_dir()]
        kept = sorted(each.name for each in directory.rglob("*.pickle"))
        items = [f"{number:06}.pickle" for number in range(stages, stages + 4)]
        assert kept == (items if name == "last" else ["000001.pickle", *items])
        assert [each.name for each in directory.rglob("*.items")] == ["000000.items"]
        (outcome,) = [json.loads(each.read_text()) for each in directory.rglob("outcome.json")]
        told = {each["number"]: each for each in outcome["values"]}
        assert sorted(told) == ([0] if name == "last" else [0, 1])
        assert {"first": stages, "count": 4}.items() <= told[0].items()
        assert told[0]["digest"].startswith("items:")
    whole = [{"number": number} for number in (1, 2, 3, 4)]
    shown = command(project, "show", "last", "--result")
    assert shown == [repr(whole)]
    assert command(project, "show", "inside", "--stage", "it", "--result") == shown
    done = project.run("-m", "vcat_cli", "debug", "inside", "count", "--run")
    assert (done.stdout, ", it from the archive\n" in done.stderr) == ("4\n", True)

    (directory,) = [each for each in archive.rglob("inside") if each.is_dir()]
    (damaged,) = directory.rglob("000004.pickle")
    data = bytearray(damaged.read_bytes())
    data[-2] ^= 1
    damaged.write_bytes(data)
    for stage in ("it", "it[2]"):
        done = project.run(
            "-m", "vcat_cli", "show", "inside", "--stage", stage, "--result", check=False
        )
        assert done.stderr.startswith(
            "vcat: 000004.pickle of job inside: stored value is damaged: its digest is not "
        )
    assert command(project, "show", "inside", "--stage", "it[3]", "--result") == ["{'number': 4}"]
    done = project.run("-m", "vcat_cli", "debug", "inside", "count", "--run")
    assert (done.stdout, ", it from its items\n" in done.stderr) == ("4\n", True)


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
    """The map over it says why it has no value; the reason of the job is what failed, once."""
    project.write("main.py", CHAIN)
    if workers:
        project.use_workers(2)
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
