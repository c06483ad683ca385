"""`vcat run --plan`: what it says is what jobs then do, and it does nothing itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap

import pytest

PROJECT = {
    "features/__init__.py": "",
    "features/clean.py": """
        LIMIT = 3

        def outliers(values):
            return [each for each in values if each < LIMIT]

        class Scale:
            factor = 2

            def apply(self, value):
                return value * self.factor
        """,
    "data.csv": "1\n2\n3\n4\n",
    "notes.txt": "1",
    "train.py": """
        import json
        from dataclasses import dataclass
        from pathlib import Path

        from vcat import *
        from features import clean
        from features.clean import Scale

        ROOT = Path(__file__).parent
        SETTINGS = {"depth": [1, 2]}

        @dataclass
        class Model:
            weight: float

        def shift(value):
            return value + SETTINGS["depth"][0]

        @stage
        def load(path):
            print("load runs")
            return [int(line) for line in open(path)]

        @stage(outputs=2)
        def split(values, share=0.5):
            cut = int(len(values) * share)
            return values[:cut], values[cut:]

        @stage
        def scaled(values, options):
            factor = Scale().apply(options["by"][0])
            return [shift(each) * factor for each in clean.outliers(values)]

        @stage(version=1)
        def fit(values, C, verbose=False):
            return Model(sum(values) * C)

        @stage
        def read():
            return (ROOT / "notes.txt").read_text()

        @stage
        def merge(parts):
            return len(parts)

        train, test = split(load(Path("data.csv")))
        model = fit(scaled(train, {"by": (2, 3)}), C=Hyperparameter("C", default=1.0))
        pipe = merge([model, {"test": test, "all": (load(Path("data.csv")), [read()])}])

        if __name__ == "__main__":
            print(pipe.run().fetch_job_results())
        """,
}


@pytest.fixture
def write(tmp_path):
    """Write files of the project in the working directory, dedented."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip())

    return write


@pytest.fixture
def edit(tmp_path):
    """Replace a text of a file that stands there once."""

    def edit(name, before, after):
        path = tmp_path / name
        text = path.read_text()
        assert text.count(before) == 1, before
        modified = path.stat().st_mtime
        path.write_text(text.replace(before, after))
        # Python itself takes a source of the same size and second for the one it has compiled.
        os.utime(path, (modified + 2, modified + 2))

    return edit


@pytest.fixture
def planned(process):
    """What a plan of a script says of each stage that is not an item, by id."""

    def planned(*words, number=0):
        ended = process("run", "--plan", "--json", *words)
        assert ended.code == 0, ended.err
        stages = json.loads(ended.out)["pipelines"][number]["stages"]
        return {each["id"]: each for each in stages if "[" not in each["id"]}

    return planned


@pytest.fixture
def happened(process, command):
    """Run a script as a job and return what became of each stage that is not an item, by id."""

    def happened(*words):
        ended = process("run", *words)
        assert ended.code == 0, ended.err
        stages = json.loads(command("show", "@", "--json").out)["stages"]
        return {each["id"]: each["status"] for each in stages if "[" not in each["id"]}

    return happened


@pytest.mark.slow
def test_a_plan_is_what_the_job_then_does(write, edit, planned, happened, tmp_path):
    """What it calls cached is cached, what runs runs: with modules, paths, outputs, containers."""
    write(PROJECT)
    undecided = []

    def compare(*words):
        plan = planned("train.py", *words)
        jobs = happened("train.py", *words)
        assert plan.keys() == jobs.keys()
        for name, each in plan.items():
            if each["status"] == "depends":
                undecided.append(name)
                assert {plan[on]["status"] for on in each["depends_on"]} == {"runs"}
            else:
                expected = {"cached": "cached", "runs": "completed"}[each["status"]]
                assert jobs[name] == expected, (name, each)
        return {name: each["status"] for name, each in plan.items()}

    first = compare()
    # The same call twice: the second finds what the first has computed.
    assert (first["load"], first["load#2"], first["read"]) == ("runs", "cached", "runs")
    assert first["split"] == first["fit"] == first["merge"] == "depends"
    assert set(compare().values()) == {"cached"}
    assert compare("-p", "C=0.5") == dict.fromkeys(first, "cached") | {
        "fit": "runs",
        "merge": "depends",
    }
    for edits, runs in (
        ([("features/clean.py", "LIMIT = 3", "LIMIT = 4"), ("notes.txt", "1", "2")], "scaled read"),
        ([("features/clean.py", "factor = 2", "factor = 3")], "scaled"),
        ([("train.py", '"depth": [1, 2]', '"depth": [2, 2]')], "scaled"),
        ([("train.py", "weight: float", "weight: complex")], "fit"),
        ([("train.py", "return len(parts)", "return len(parts)  # a comment")], ""),
    ):
        for each in edits:
            edit(*each)
        said = compare()
        assert [each for each, status in said.items() if status == "runs"] == runs.split(), said
    (tmp_path / "data.csv").write_text("2\n2\n3\n4\n")
    said = compare()
    assert (said["load"], said["load#2"], said["read"]) == ("runs", "cached", "cached")
    assert {"split", "scaled", "fit", "merge"} <= set(undecided)


@pytest.mark.slow
def test_a_plan_reads(write, process, tmp_path):
    """The whole of what is printed, and that nothing is written but by Python itself."""
    write(PROJECT)

    def tree():
        return {
            path: os.stat(path).st_mtime_ns
            for path in map(str, tmp_path.rglob("*"))
            if "__pycache__" not in path and os.path.isfile(path)
        }

    before = tree()
    ended = process("run", "--plan", "train.py", "-p", "C=2")
    assert ended.code == 0
    assert ended.out == (
        "pipeline 1: 2 to run, 1 cached, 4 undecided  C=2\n"
        "  load: runs: first time\n"
        "  split: runs or cached: depends on load\n"
        "  scaled: runs or cached: depends on load\n"
        "  fit: runs or cached: depends on load\n"
        "  load#2: cached by then: load computes it\n"
        "  read: runs: first time\n"
        "  merge: runs or cached: depends on load, read\n"
    )
    at = (tmp_path / "train.py").read_text().split("print(pipe.run()")[0].count("\n") + 1
    assert ended.err == (
        f"vcat: the script asks for what only a job has in train.py:{at}; what it does then is"
        " not planned\n"
    )
    assert tree() == before

    subprocess.run([sys.executable, "train.py"], check=True, capture_output=True)
    before = tree()
    ended = process("run", "--plan", "train.py", "-p", "C=2")
    first, *lines = ended.out.splitlines()
    assert first == "pipeline 1: 1 to run, 5 cached, 1 undecided  C=2"
    assert lines[3] == "  fit: runs: argument C 1.0 -> 2"
    assert lines[-1] == "  merge: runs or cached: depends on fit"
    cached = r"  load: cached, computed by job train-\S+ \(20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\)"
    assert re.fullmatch(cached, lines[0])
    assert tree() == before


HEAD = """
    from vcat import *

    @stage
    def work(C):
        raise SystemError("a plan runs nothing")
"""


@pytest.fixture
def plan(process, tmp_path):
    """Plan a script that begins with HEAD; return exit code, standard output and error."""

    def plan(source, *words):
        text = textwrap.dedent(HEAD) + textwrap.dedent(source)
        (tmp_path / "script.py").write_text(text)
        return process("run", "--plan", "script.py", *words)

    return plan


def ended_at(line):
    """What is said of a script that asked for a result in a line, counted after HEAD."""
    line += HEAD.count("\n") + 1
    return (
        f"vcat: the script asks for what only a job has in script.py:{line}; what it does then is"
        " not planned\n"
    )


RUNS = "pipeline {}: 1 to run, 0 cached, 0 undecided\n  work: runs: first time\n"


@pytest.mark.parametrize(
    ("source", "out", "err"),
    [
        ("work(1).run()", RUNS.format(1), ""),
        (
            "jobs = [work(C).run() for C in (1, 2)]\nprint(jobs)\njobs[1].fetch_job_results()",
            RUNS.format(1) + "\n" + RUNS.format(2),
            "[<planned job 'planned-1'>, <planned job 'planned-2'>]\n" + ended_at(2),
        ),
        (
            "for C in (1, 2):\n    try:\n        work(C).run().wait_for_deployment_to_complete()\n"
            "    except Exception:\n        print('caught')",
            RUNS.format(1),
            ended_at(2),
        ),
        (
            "for C in (1, 2):\n    try:\n        work(C).run_same_process()\n"
            "    except BaseException:\n        print('caught')",
            RUNS.format(1) + "\n" + RUNS.format(2),
            "caught\ncaught\n" + ended_at(2),
        ),
        (
            "job = work(1).run(job_name='mine')\nprint(job.job_name)",
            "job mine: 1 to run, 0 cached, 0 undecided\n  work: runs: first time\n",
            "mine\n",
        ),
        (
            "work(1).run()\nwork(1).run()",
            RUNS.format(1) + "\npipeline 2: 0 to run, 1 cached, 0"
            " undecided\n  work: cached by then: a pipeline before computes it\n",
            "",
        ),
        ("if __name__ == '__main__':\n    work(1).run()", RUNS.format(1), ""),
        (
            "work(object()).run()",
            "pipeline 1: 1 to run, 0 cached, 0 undecided\n  work: runs: it is not cached: argument"
            " 'C' cannot be hashed: C is a bare object(), which has no content; use an enum"
            " member\n",
            "vcat: stage 'work' (script.py:4) is not cached: argument 'C' cannot be hashed: C is a"
            " bare object(), which has no content; use an enum member\n",
        ),
        (
            "work(1).disable_caching().run()",
            "pipeline 1: 1 to run, 0 cached, 0 undecided\n  work: runs: it is not cached"
            " (cache=False)\n",
            "",
        ),
        ("pass", "", "vcat: the script runs no pipeline\n"),
    ],
)
def test_scripts_that_go_on_and_that_end(plan, source, out, err):
    """Whatever a script does with its deployments: it is planned up to what a plan has not."""
    ended = plan(source)
    assert (ended.code, ended.out, ended.err) == (0, out, err)


def test_a_script_that_fails(plan):
    """What was planned before is printed; the error and the exit code are the script's."""
    ended = plan("work(1).run()\nraise SystemExit(3)")
    assert (ended.code, ended.out, ended.err) == (3, RUNS.format(1), "")
    ended = plan("work(1).run()\nwork(Hyperparameter('C')).run()")
    assert (ended.code, ended.out) == (1, RUNS.format(1))
    assert "hyperparameter 'C' of <stage 'work' (script.py:4)> has no value" in ended.err
    ended = plan("work(1).run()\n1 / 0")
    assert (ended.code, ended.out) == (1, RUNS.format(1))
    assert ended.err.endswith("ZeroDivisionError: division by zero\n")


def test_a_plan_as_json(plan):
    """Standard output has the JSON and nothing else."""
    ended = plan("print('hello')\nwork(Hyperparameter('C', default=1)).run().logs()", "--json")
    assert (ended.code, ended.err) == (0, "hello\n" + ended_at(1))
    (reason,) = json.loads(ended.out)["pipelines"][0]["stages"][0].pop("reasons")
    assert reason["kind"] == "first"
    shown = json.loads(ended.out)
    del shown["pipelines"][0]["stages"][0]["reasons"]
    assert shown == {
        "format": 1,
        "record": "plan",
        "pipelines": [
            {
                "job_name": None,
                "parameters": {"C": 1},
                "stages": [
                    {
                        "id": "work",
                        "status": "runs",
                        "last_job": None,
                        "computed_by": None,
                        "computed_at": None,
                        "depends_on": [],
                        "same_as": None,
                        "items": None,
                        "item_of": None,
                    }
                ],
            }
        ],
        "complete": False,
        "ended_at": HEAD.count("\n") + 2,
    }


def test_json_goes_with_a_plan(command):
    """Jobs have no output of vcat's that could be JSON."""
    ended = command("run", "--json", "script.py")
    said = "vcat: run: --json goes with --plan; see `vcat run --help`\n"
    assert (ended.code, ended.out, ended.err) == (2, "", said)


def test_the_item_of_a_result_that_no_job_has_taken(process, write, tmp_path):
    """What only the value would tell stays open: no result is loaded for a plan."""
    script = """
        from vcat import *

        @stage(outputs=2)
        def pair(): return 1, 2
        @stage
        def use(x): return x

        first, _ = pair()
        """
    write({"train.py": script})
    subprocess.run(
        [sys.executable, "-c", "import train; train._.run_same_process()"],
        check=True,
        cwd=tmp_path,
    )
    with (tmp_path / "train.py").open("a") as file:
        file.write("use(first).run()\n")
    assert process("run", "--plan", "train.py").out == (
        "pipeline 1: 0 to run, 1 cached, 1 undecided\n"
        "  pair: cached, computed by a run in one process\n"
        "  use: runs or cached: depends on pair[0]\n"
    )


def test_the_plan_of_a_map_of_one_item(process, tmp_path):
    """One item is no items."""
    source = "from vcat import *\n@stage\ndef load(x):\n    return x\n\nload.map([1]).run()\n"
    (tmp_path / "one.py").write_text(source)
    ended = process("run", "--plan", "one.py")
    assert (ended.code, ended.out.splitlines()[1]) == (0, "  load: 1 item: 1 to run")


def test_the_plan_of_a_script_that_raises_is_not_complete(process, tmp_path):
    """Whoever reads the JSON knows that there may be more pipelines."""
    source = "from vcat import *\nstage(abs)(1).run()\n"
    (tmp_path / "good.py").write_text(source)
    (tmp_path / "bad.py").write_text(f"{source}raise ValueError('no more')\n")
    for name, code in (("good.py", 0), ("bad.py", 1)):
        ended = process("run", "--plan", name, "--json")
        plan = json.loads(ended.out)
        assert (ended.code, len(plan["pipelines"]), plan["complete"]) == (code, 1, not code)
