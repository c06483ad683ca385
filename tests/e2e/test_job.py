"""The whole way of the data: a script becomes a job, and another process reads what it left."""

import io
import os
import re
import tarfile

SCRIPT = """
    from vcat import *
    from helper import scaled

    @stage
    def load(path):
        print("loading", path)
        with open(path) as file:
            return [int(line) for line in file]

    @stage(outputs=2)
    def split(numbers, share=0.5):
        cut = int(len(numbers) * share)
        return numbers[:cut], numbers[cut:]

    @stage
    def fit(numbers, C):
        log_metric("sum", sum(numbers))
        log_param("C", C)
        set_tag("kind", "test")
        with open("plot.txt", "w") as file:
            file.write("a plot")
        log_artifact("plot.txt")
        return scaled(sum(numbers), C)

    @stage
    def score(model, numbers):
        return {"model": model, "rest": len(numbers)}

    train, test = split(load("numbers.csv"))
    fitted = fit(train, C=Hyperparameter("C", default=1.0)).persist()
    pipe = score(fitted, test)

    deployment = pipe.run(C=0.5)
    deployment.wait_for_deployment_to_complete()
    result = deployment.fetch_job_results()
    print(result)
    print(deployment.job_name)
    print(deployment.value_of(fitted))
"""


def write_project(project):
    project.write("train.py", SCRIPT)
    project.write("helper.py", "def scaled(x, by):\n    return x * by\n")
    project.write("numbers.csv", "1\n2\n3\n4\n")


def test_a_script_prints_the_result_of_its_job(project):
    """Bundle, shell, engine, archive and back; nothing is left beside the project or in it."""
    write_project(project)
    before = set(os.listdir(project.directory))
    result, name, fitted = project.run("train.py").stdout.splitlines()
    assert result == "{'model': 1.5, 'rest': 2}"
    assert name.startswith("train-")
    assert fitted == "1.5"
    assert project.leftovers() == []
    assert set(os.listdir(project.directory)) - before <= {".vcat", "__pycache__"}


def test_another_process_reads_everything_back(project):
    """State, log, metrics, stages, values, artifacts, provenance and source, by the job's name."""
    write_project(project)
    name = project.run("train.py").stdout.splitlines()[1]
    (listed,) = project.ask("print(json.dumps([each.to_json() for each in list_jobs()]))")
    assert listed["job_name"] == name
    assert listed["state"] == "completed"
    assert listed["metrics"] == {"sum": 3}
    assert listed["parameters"] == {"C": 0.5}
    assert listed["tags"] == {"kind": "test"}
    assert listed["script"] == "train.py"
    assert listed["started_at"] >= listed["submitted_at"]
    assert listed["ended_at"] >= listed["started_at"]
    read = project.ask(
        f"""
        job = get_job({name[:-2]!r})
        print(json.dumps({{
            "name": job.job_name,
            "status": job.get_job_status(),
            "complete": job.is_job_complete(),
            "log": job.logs(),
            "followed": list(job.logs(follow=True)),
            "metrics": job.metrics(),
            "params": job.params(),
            "tags": job.tags(),
            "stages": [each.to_json() for each in job.stages()],
            "value": job.value_of("fit"),
            "result": job.fetch_job_results(),
            "artifacts": job.artifacts(),
            "plot": job.artifact("plot.txt").decode(),
            "provenance": job.provenance(),
            "source": job.source().hex(),
        }}))
        """
    )
    assert read["name"] == name
    assert (read["status"], read["complete"]) == ("completed", True)
    assert read["log"] == "loading numbers.csv\n"
    assert read["followed"] == ["loading numbers.csv"]
    assert read["metrics"] == {"sum": 3}
    assert read["params"] == {"C": 0.5}
    assert read["tags"] == {"kind": "test"}
    assert [(each["id"], each["status"]) for each in read["stages"]] == [
        ("load", "completed"),
        ("split", "completed"),
        ("split[0]", "completed"),
        ("fit", "completed"),
        ("split[1]", "completed"),
        ("score", "completed"),
    ]
    assert read["stages"][0]["file"] == "train.py"
    assert read["stages"][0]["line"] == 5
    assert len(read["stages"][0]["key"]) == 64
    assert read["value"] == 1.5
    assert read["result"] == {"model": 1.5, "rest": 2}
    assert read["artifacts"] == ["plot.txt"]
    assert read["plot"] == "a plot"
    check_provenance(read["provenance"], project)
    with tarfile.open(fileobj=io.BytesIO(bytes.fromhex(read["source"]))) as archive:
        assert {"project/train.py", "project/helper.py", "project/numbers.csv"} <= set(
            archive.getnames()
        )


def check_provenance(provenance, project):
    assert provenance["format"] == 1
    assert provenance["parameters"] == {"C": 0.5}
    assert provenance["submitted"]["script"] == "train.py"
    assert provenance["distributions"]["vcat-core"]
    assert provenance["configuration"]["default_cache_enabled"] is True
    stages = {each["id"]: each for each in provenance["stages"]}
    assert stages["fit"]["source"].startswith("@stage\ndef fit(numbers, C):\n")
    assert stages["fit"]["source"].endswith("return scaled(sum(numbers), C)\n")
    assert stages["fit"]["inputs"][0]["stage"] == "split[0]"
    assert stages["score"]["inputs"][0]["digest"] == stages["fit"]["output"]
    assert stages["score"]["status"] == "completed"
    assert stages["score"]["max_memory_bytes"] > 1_000_000


def test_a_second_run_is_cached_and_reports_the_same(project):
    """Cached stages restore their metrics and artifacts; an edited helper runs its stage again."""
    write_project(project)
    project.run("train.py")
    name = project.run("train.py").stdout.splitlines()[1]
    ask = f"""
        job = get_job({name!r})
        print(json.dumps([
            [[each.id, each.status] for each in job.stages()],
            job.metrics(), job.artifact("plot.txt").decode(), job.logs(),
        ]))
    """
    stages, metrics, plot, log = project.ask(ask)
    assert dict(stages) == {
        "load": "cached",
        "split": "cached",
        "split[0]": "completed",
        "fit": "cached",
        "split[1]": "completed",
        "score": "cached",
    }
    assert (metrics, plot) == ({"sum": 3}, "a plot")
    assert re.fullmatch(
        r"vcat: stage 'load' \(train.py:\d+\) is cached; in job train-\S+ it printed:\n"
        r"loading numbers.csv\n",
        log,
    )
    project.write("helper.py", "def scaled(x, by):\n    return x * by + 1\n")
    result, name, _ = project.run("train.py").stdout.splitlines()
    assert result == "{'model': 2.5, 'rest': 2}"
    stages = dict(project.ask(ask.replace(ask.split("'")[1], name))[0])
    assert stages["split"] == "cached"
    assert stages["fit"] == "completed"
    assert stages["score"] == "completed"


def test_a_changed_data_file_is_noticed(project):
    """A string that names a file counts by the file's content."""
    write_project(project)
    project.run("train.py")
    project.write("numbers.csv", "10\n20\n30\n40\n")
    assert project.run("train.py").stdout.startswith("{'model': 15.0, 'rest': 2}")


def test_run_returns_at_once_and_the_job_is_listed_before_it_ends(project):
    """The listing has the job from its submission on; its log can be read while it runs."""
    project.write(
        "wait.py",
        """
        import os, sys, time
        from vcat import *

        def wait(path):
            print("waiting", flush=True)
            while not os.path.exists(path):
                time.sleep(0.01)
            return "done"

        gate = os.path.abspath("../gate")
        deployment = stage(wait, cache=False)(gate).run()
        states = [each.state for each in list_jobs()]
        assert states in (["queued"], ["running"]), states
        for line in deployment.logs(follow=True):
            assert line == "waiting"
            break
        assert deployment.get_job_status() == "running"
        assert [each.status for each in deployment.stages()] == ["running"]
        assert not deployment.is_job_complete()
        try:
            deployment.wait_for_deployment_to_complete(timeout=0.01)
        except TimeoutError as error:
            print(str(error).replace(deployment.job_name, "NAME"))
        open(gate, "w").close()
        print(deployment.fetch_job_results(), list_jobs()[0].state)
        """,
    )
    assert project.run("wait.py").stdout == (
        "job NAME is running after 0.01 seconds; it goes on\ndone completed\n"
    )


def test_the_job_survives_its_submitter(project):
    """A script that ends at once has still submitted a job, which another process waits for."""
    project.write(
        "leave.py",
        """
        import os
        from vcat import *

        def slow():
            import time
            time.sleep(0.3)
            return "from afar"

        print(stage(slow)().run(job_name="left-behind").job_name, flush=True)
        os._exit(9)
        """,
    )
    assert project.run("leave.py", check=False).stdout == "left-behind\n"
    assert project.ask('print(json.dumps(get_job("left").fetch_job_results()))') == "from afar"


def test_scripts_below_the_project_import_their_neighbours(project):
    """``python scripts/train.py`` finds ``scripts/near.py`` in the job as in the script."""
    project.write("scripts/near.py", "def near():\n    return 'near'\n")
    project.write("package/__init__.py", "")
    project.write("package/far.py", "def far():\n    return 'far'\n")
    project.write(
        "scripts/train.py",
        """
        from near import near
        from vcat import *

        def both(one):
            from package.far import far
            return one, far()

        print((pipeline | near | both).run().fetch_job_results())
        """,
    )
    assert project.run("scripts/train.py").stdout == "('near', 'far')\n"


def test_stages_of_a_project_module_travel_by_name(project):
    """A decorated function of an imported module is found by its name in the job."""
    project.write(
        "stages.py",
        """
        from vcat import *

        @stage
        def double(x):
            return inner.function(x) * 2

        @stage
        def inner(x):
            return x + 1
        """,
    )
    project.write(
        "train.py",
        """
        from stages import double
        print(double(1).run().fetch_job_results())
        """,
    )
    assert project.run("train.py").stdout == "4\n"


def test_a_result_of_a_class_of_the_script_is_the_scripts_own(project):
    """``isinstance`` holds, and another process still reads the result."""
    project.write(
        "train.py",
        """
        from dataclasses import dataclass
        from vcat import *

        @dataclass
        class Score:
            value: float

        def score():
            return Score(0.5)

        deployment = stage(score)().run()
        result = deployment.fetch_job_results()
        print(result, isinstance(result, Score), deployment.job_name)
        """,
    )
    shown, own, name = project.run("train.py").stdout.split()
    assert (shown, own) == ("Score(value=0.5)", "True")
    assert project.ask(f"print(json.dumps(repr(get_job({name!r}).fetch_job_results())))") == shown


def test_all_kinds_of_classes_of_a_script_hold_together(project):
    """Enumerations, dataclasses, named tuples, abstract bases and exceptions stay themselves.

    Between two stages of the job, between the job and its script, and out of the cache.
    """
    project.write(
        "train.py",
        """
        import abc
        from dataclasses import dataclass, field
        from enum import Enum
        from typing import NamedTuple
        from vcat import *

        class Color(Enum):
            RED = 1
            BLUE = 2

            def other(self):
                return Color.RED if self is Color.BLUE else Color.BLUE

        class Point(NamedTuple):
            x: int = 1

            def doubled(self):
                return Point(self.x * 2)

            @property
            def half(self):
                return self.x / 2

        class Base(abc.ABC):
            @abc.abstractmethod
            def area(self): ...

        class Square(Base):
            __slots__ = ("side",)
            def __init__(self, side):
                super().__init__()
                self.side = side
            def area(self):
                return self.side ** 2

        @dataclass
        class Result:
            color: Color = Color.RED
            points: list = field(default_factory=list)
            shape: Square = None

        class Wrong(Exception):
            pass

        @stage
        def make(color):
            return Result(color, [Point(3)], Square(2))

        @stage
        def use(result):
            try:
                raise Wrong("x")
            except Wrong:
                pass
            checks = (
                result.color is Color.BLUE, result.color.other() is Color.RED,
                isinstance(result, Result), isinstance(result.shape, Base),
                isinstance(result.points[0], Point), result.shape.area() == 4,
                result.points[0].doubled() == (6,), result.points[0].half == 1.5,
            )
            return checks, result

        for _ in range(2):
            checks, result = use(make(Color.BLUE)).run().fetch_job_results()
            print(all(checks), result.color is Color.BLUE, isinstance(result, Result),
                  isinstance(result.shape, Square), result.points)
        """,
    )
    assert project.run("train.py").stdout == "True True True True [Point(x=3)]\n" * 2
