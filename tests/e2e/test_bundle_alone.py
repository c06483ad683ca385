"""The bundle alone, unpacked anywhere, runs with a Python that has nothing installed."""

import json
import os
import subprocess
import sys
import tarfile

SCRIPT = """
    from dataclasses import dataclass
    from vcat import *
    import helper

    @dataclass
    class Answer:
        value: int

    @stage
    def load():
        log_metric("loaded", 1)
        return helper.numbers()

    @stage
    def add(numbers):
        print("adding", numbers)
        return Answer(sum(numbers))

    deployment = add(load()).persist().run(job_name="alone")
    print(deployment.fetch_job_results())
"""


def unpacked(project, directory, script=SCRIPT, printed="Answer(value=6)"):
    """Run the job once and unpack a copy of its bundle with the system's own tar."""
    project.write("train.py", script)
    project.write("helper.py", "def numbers():\n    return [1, 2, 3]\n")
    assert project.run("train.py").stdout == f"{printed}\n"
    (bundle,) = directory.parent.rglob("jobs/alone/bundle.tgz")
    directory.mkdir()
    subprocess.run(["tar", "xzf", str(bundle), "-C", str(directory)], check=True)
    return directory


def empty_python(tmp_path):
    """An interpreter of an empty virtual environment: no pip, no packages at all."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True
    )
    python = tmp_path / "bare" / "bin" / "python"
    count = "import importlib.metadata as m; print(len(list(m.distributions())))"
    installed = subprocess.run(
        [python, "-I", "-c", count],
        capture_output=True,
        text=True,
        check=True,
    )
    assert installed.stdout == "0\n"
    return str(python)


def outcome(project, name="alone"):
    return project.ask(
        f"""
        job = get_job({name!r})
        print(json.dumps([repr(job.fetch_job_results()), job.metrics(),
                          [each.status for each in job.stages()]]))
        """
    )


def test_unpacked_by_hand_it_runs_in_isolation(project, tmp_path):
    """``python -I main.py`` in an empty environment: vcat and dill come from the bundle."""
    there = unpacked(project, tmp_path / "there")
    python = empty_python(tmp_path)
    config = there / "job" / "config.json"
    frozen = json.loads(config.read_text())
    frozen["default_cache_enabled"] = False
    config.write_text(json.dumps(frozen))
    done = subprocess.run(
        [python, "-I", "main.py"], cwd=there, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "adding [1, 2, 3]\n"
    events = [json.loads(line) for line in (there / "events.jsonl").read_text().splitlines()]
    assert [each["event"] for each in events if "stage" in each["event"]] == [
        "stage started",
        "stage ended",
    ] * 2
    assert events[-1]["state"] == "completed"
    assert outcome(project)[0] == "Answer(value=6)"


def test_started_by_its_own_shell_script(project, tmp_path):
    """``bash run.sh`` from anywhere does the same and writes down the exit code."""
    there = unpacked(project, tmp_path / "an odd\nplace -rf")
    done = subprocess.run(
        ["bash", str(there / "run.sh")],
        cwd="/",
        env={**os.environ, "VCAT_PYTHON": empty_python(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((there / "exit.json").read_text()) == {"format": 1, "exit_code": 0}


def test_workers_and_maps_need_nothing_installed(project, tmp_path):
    """Worker processes in an empty environment find vcat and dill in the bundle as well."""
    project.write(
        "my.config.yaml",
        """\
        execution_implementation:
          executor_type: vcat.ProcessPoolExecutor
          constructor_keyword_arguments: {workers: 2}
        default_cache_enabled: false
        """,
    )
    mapped = SCRIPT.replace("return Answer(sum(numbers))", "return Answer(numbers)")
    mapped = mapped.replace("add(load())", "add.map(load())")
    answers = "[Answer(value=1), Answer(value=2), Answer(value=3)]"
    there = unpacked(project, tmp_path / "there", mapped, answers)
    done = subprocess.run(
        [empty_python(tmp_path), "-I", "main.py"],
        cwd=there,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["adding 1", "adding 2", "adding 3"]
    assert outcome(project)[0] == answers


def test_members_are_plain_and_private(project, tmp_path):
    """Files and directories only, no owner, no time, the project in a folder of its own."""
    unpacked(project, tmp_path / "there")
    bundle = project.directory / ".vcat" / "jobs" / "alone" / "bundle.tgz"
    with tarfile.open(bundle) as archive:
        members = archive.getmembers()
    assert all(each.isfile() or each.isdir() for each in members)
    assert {each.mtime for each in members} == {0}
    assert {(each.uid, each.uname) for each in members} == {(0, "")}
    names = {each.name for each in members}
    assert {
        "run.sh",
        "main.py",
        "unpacking.py",
        "bundle.json",
        "job/definition.json",
        "job/values.bin",
    } <= names
    assert {"project/train.py", "project/helper.py"} <= names
    assert {each.split("/")[0] for each in names} == {
        *("run.sh", "main.py", "unpacking.py", "bundle.json"),
        *("job", "project", "runtime", "requirements"),
    }


def test_workers_import_as_the_job_does(project):
    """From the one compiled file: they compile nothing, and leave no file for each module."""
    project.write(
        "two.config.yaml",
        """\
        execution_implementation:
          executor_type: vcat.ProcessPoolExecutor
          constructor_keyword_arguments: {workers: 2}
        deployment_implementation:
          deployment_type: vcat.LocalShellJobDeployment
          constructor_keyword_arguments: {path: ../jobs}
        """,
    )
    project.write(
        "train.py",
        """\
        import gc, os, sys
        from vcat import *

        @stage
        def look(number):
            import vcat
            return type(vcat.__loader__).__module__, gc.isenabled(), os.getpid()

        @stage
        def join(*seen):
            return seen

        if __name__ == "__main__":
            seen = join(look(1), look(2)).run(job_name="several").fetch_job_results()
            print(*(each[:2] for each in seen))
        """,
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = project.run("train.py", env=environment)
    assert done.stdout == "('vcat_compiled', True) ('vcat_compiled', True)\n"
    made = (project.parent / "jobs" / "several" / "runtime" / "vcat").rglob("*.pyc")
    assert list(made) == []


def test_a_job_that_writes_into_its_runtime_harms_itself_at_most(project):
    """What a job unpacks is its own: another one, and one after it, run what was sent with them."""
    project.write(
        "vandal.py",
        """\
        import os, sys
        from pathlib import Path
        from vcat import *

        @stage(cache=False)
        def harm(name):
            runtime = Path(sys.path[0])
            assert runtime.parts[-2:] == (name, "runtime")
            for path in runtime.rglob("*"):
                if path.is_file():
                    path.write_bytes(b"raise SystemExit('harmed')")
            return name

        @stage(cache=False)
        def look(before):
            import vcat, zipfile
            with zipfile.ZipFile(Path(sys.path[0]) / "vcat_sources.zip") as archive:
                return before, archive.testzip()

        if __name__ == "__main__":
            other = look(1).run(job_name="other")
            harmed = harm("harmed").run(job_name="harmed")
            print(harmed.fetch_job_results(), harmed.get_job_status())
            print(other.fetch_job_results(), other.get_job_status())
            after = look(2).run(job_name="after")
            print(after.fetch_job_results(), after.get_job_status())
        """,
    )
    assert project.run("vandal.py").stdout.splitlines() == [
        "harmed completed",
        "(1, None) completed",
        "(2, None) completed",
    ]


def test_a_process_that_a_stage_starts_imports_vcat(project):
    """A pool of multiprocessing, which has nothing but the job's path, finds the job's vcat."""
    project.write(
        "pooled.py",
        """\
        import multiprocessing, sys
        from vcat import *

        import part

        @stage(cache=False)
        def fit():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return pool.apply(part.look, ())

        if __name__ == "__main__":
            print(fit().run(job_name="pooled").fetch_job_results())
        """,
    )
    project.write(
        "part.py",
        """\
        def look():
            import gc, sys, vcat
            here = sys.path[0]
            is_its_own = vcat.__file__ == here + "/vcat/__init__.py" and "/jobs/pooled/" in here
            return is_its_own, callable(vcat.stage), gc.isenabled()
        """,
    )
    assert project.run("pooled.py").stdout == "(True, True, True)\n"
