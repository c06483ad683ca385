"""The configuration of the design page works as it stands, wherever it sends things."""

import os
import re
import subprocess

import pytest

ROLES = ["stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous"]

SCRIPT = """
    from vcat import *

    @stage
    def make():
        log_metric("size", 3)
        with open("note.txt", "w") as file:
            file.write("kept")
        log_artifact("note.txt")
        print("made")
        return [1, 2, 3]

    deployment = make().run(job_name=JOB)
    print(deployment.fetch_job_results())
"""


def configuration(cache, listing, archives):
    """The blocks of the design page, with these directories."""
    blocks = f"""\
cache_implementation:
  cache_type: vcat.LocalFileSystemCacheBackend
  constructor_arguments: [{cache}]
archive_listing_implementation:
  archive_listing_type: vcat.LocalFileSystemPipelineListing
  constructor_arguments: [{listing}]
"""
    for role in ROLES:
        blocks += f"""\
{role}_archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [{archives[role]}]
"""
    return blocks + "job_source_bundle:\n  bundle_name: test_bundle\n  target_path: .\n"


def write_project(project, text, job="configured"):
    project.write("train.py", SCRIPT.replace("JOB", repr(job)))
    (project.directory / "local_deploy.config.yaml").write_text(text)


def read_back(project):
    return project.ask(
        """
        job = get_job("configured")
        print(json.dumps([
            job.get_job_status(), job.fetch_job_results(), job.metrics(),
            job.artifact("note.txt").decode(), job.logs(),
            job.provenance()["job_name"], len(job.source()) > 100,
            [each.job_name for each in list_jobs()],
        ]))
        """
    )


READ = ["completed", [1, 2, 3], {"size": 3}, "kept", "made\n", "configured", True, ["configured"]]


def test_all_eight_blocks_in_two_directories(project):
    """Six archives and the listing share one directory; the project stays as it was."""
    archive = project.parent / "foundations-archive"
    text = configuration(
        project.parent / "foundations-cache", archive, dict.fromkeys(ROLES, archive)
    )
    write_project(project, text)
    before = set(os.listdir(project.directory))
    assert project.run("train.py").stdout == "[1, 2, 3]\n"
    assert read_back(project) == READ
    assert set(os.listdir(project.directory)) == before
    assert project.leftovers() == ["foundations-archive", "foundations-cache"]


def test_all_eight_blocks_in_eight_directories(project):
    """Each archive in a directory of its own holds what is its own."""
    root = project.parent
    text = configuration(root / "c", root / "l", {role: root / f"a-{role}" for role in ROLES})
    write_project(project, text)
    assert project.run("train.py").stdout == "[1, 2, 3]\n"
    assert read_back(project) == READ
    found = {
        role: {
            re.sub(r"^.*configured/", "", str(path)).replace("+/", "/")
            for path in (root / f"a-{role}").rglob("*")
            if path.is_file() and "configured" in path.parts
        }
        for role in ROLES
    }
    assert found == {
        "stage_log": {"log/output.log", "log/stage-000000.log", "log/events.jsonl"},
        "persisted_data": {"values/000000.pickle"},
        "provenance": {"provenance/provenance.json"},
        "job_source": {"source/test_bundle.tgz", "source/values.bin"},
        "artifact": {"artifacts/note.txt"},
        "miscellaneous": {"job/definition.json", "job/deployment.json", "job/outcome.json"},
    }


def test_without_configuration_everything_is_below_vcat(project):
    """Cache, archive, listing and run directories lie in ``.vcat`` of the project, private."""
    write_project(project, "")
    (project.directory / "local_deploy.config.yaml").unlink()
    project.run("train.py")
    store = project.directory / ".vcat"
    assert sorted(os.listdir(store)) == [".gitignore", "archive", "cache", "jobs", "listing"]
    for path in store.rglob("*"):
        if "configured" not in path.parts:
            assert path.stat().st_mode & 0o077 == 0, path
    assert read_back(project) == READ


@pytest.mark.parametrize("run", ["run().fetch_job_results()", "run_same_process()"])
def test_git_does_not_take_in_the_stores(project, run):
    """`git add .` commits the project and nothing that vcat keeps beside it."""
    project.write(
        "one.py",
        f"""
        from vcat import *

        @stage
        def one():
            return 1

        print(one().{run})
        """,
    )

    def git(*words):
        command = ["git", *words]
        done = subprocess.run(command, cwd=project.directory, capture_output=True, check=True)
        return done.stdout.decode().split()

    git("init")
    project.run("one.py")
    hidden = project.directory / ".vcat" / ".gitignore"
    assert hidden.read_text() == "# Made by vcat.\n*\n"
    git("add", ".")
    assert git("ls-files") == ["one.py"]
    hidden.write_text("jobs\n")
    project.run("one.py")
    assert hidden.read_text() == "jobs\n"


def test_stores_of_the_users_own_choice_are_left_to_the_user(project):
    """Where everything is configured there is no ``.vcat``, and no file of git's anywhere."""
    local = "constructor_arguments: [stores/kept]"
    project.write(
        "all.config.yaml",
        f"""
        cache_implementation: {{cache_type: vcat.LocalFileSystemCacheBackend, {local}}}
        archive_implementation: {{archive_type: vcat.LocalFileSystemPipelineArchive, {local}}}
        archive_listing_implementation:
          archive_listing_type: vcat.LocalFileSystemPipelineListing
          {local}
        """,
    )
    project.write("one.py", "from vcat import *\nprint(stage(str)(1).run_same_process())\n")
    project.run("one.py")
    assert (project.directory / "stores" / "kept" / "vcat-store.json").exists()
    assert not list(project.directory.rglob(".gitignore"))


def test_relative_paths_mean_the_project_in_the_job_too(project):
    """A store named by a relative path is one store, whoever opens it; it does not travel."""
    write_project(
        project,
        """\
        cache_implementation:
          cache_type: vcat.LocalFileSystemCacheBackend
          constructor_arguments: [stores/cache]
        archive_implementation:
          archive_type: vcat.LocalFileSystemPipelineArchive
          constructor_keyword_arguments: {path: stores/archive}
        archive_listing_implementation:
          archive_listing_type: vcat.LocalFileSystemPipelineListing
          constructor_arguments: [stores/listing]
        run_script_environment: {GREETING: "it's $(touch x) \\"quoted\\"", NUMBER: 3}
        default_cache_enabled: false
        """.replace("        ", ""),
    )
    project.write(
        "train.py",
        """
        import os
        from vcat import *
        def look():
            files = sorted(name for _, _, names in os.walk(".") for name in names)
            return os.environ["GREETING"], os.environ["NUMBER"], files
        deployment = stage(look)().run()
        print(deployment.fetch_job_results())
        print(deployment.stages()[0].key)
        """,
    )
    for _ in range(2):
        assert project.run("train.py").stdout == (
            "('it\\'s $(touch x) \"quoted\"', '3', ['local_deploy.config.yaml', 'train.py'])\n"
            "None\n"
        )
    assert sorted(os.listdir(project.directory / "stores")) == ["archive", "listing"]


def test_a_class_of_the_project_is_a_backend(project):
    """A type string with a colon names the user's own class, in the job too."""
    project.write(
        "stores.py",
        """
        import os
        from dataclasses import dataclass
        from vcat.abc import CacheBackend

        @dataclass(frozen=True)
        class CountingCache(CacheBackend):
            path: str

            def __post_init__(self):
                object.__setattr__(self, "path", os.path.abspath(self.path))

            def get(self, key):
                try:
                    with open(f"{self.path}.{key}", "rb") as file:
                        return file.read()
                except FileNotFoundError:
                    return None

            def put(self, key, value):
                with open(f"{self.path}.{key}", "wb") as file:
                    file.write(value)
        """,
    )
    write_project(
        project,
        "cache_implementation:\n"
        "  cache_type: stores:CountingCache\n"
        "  constructor_arguments: [../counted]\n",
    )
    assert project.run("train.py").stdout == "[1, 2, 3]\n"
    assert [name.split(".")[0] for name in project.leftovers()] == ["counted"]
    project.write("train.py", SCRIPT.replace("JOB", repr("again")))
    project.run("train.py")
    stages = project.ask('print(json.dumps([s.status for s in get_job("again").stages()]))')
    assert stages == ["cached"]


@pytest.mark.parametrize("python", ["relative", "missing"])
def test_an_interpreter_that_cannot_be_run_is_refused(project, python):
    """Before anything is sent."""
    write_project(
        project,
        "deployment_implementation:\n"
        "  deployment_type: vcat.LocalShellJobDeployment\n"
        f"  constructor_keyword_arguments: {{python: {python}/python}}\n",
    )
    done = project.run("train.py", check=False)
    assert done.stderr.splitlines()[-1] == (
        "vcat.errors.BackendError: LocalShellJobDeployment: python:"
        f" '{python}/python' cannot be executed; name an interpreter, or leave it out for the one"
        " that submits"
    )


def test_a_configuration_of_another_name_is_not_passed_over_in_silence(project):
    """One that is meant for vcat is warned of; what a project calls so for itself is not."""
    project.write("train.py", SCRIPT.replace("JOB", "None"))
    quiet = os.environ | {"VCAT_QUIET": "1"}
    project.write("config.yaml", "rate: 0.1\n")
    assert project.run("train.py", env=quiet).stderr == ""
    project.write("config.yaml", "default_cache_enabled: false\n")
    said = "vcat: config.yaml is not read; a configuration is called my.config.yaml\n"
    assert f"RuntimeWarning: {said}" in project.run("train.py").stderr
    project.write("my.config.yaml", "")
    assert project.run("train.py", env=quiet).stderr == ""
