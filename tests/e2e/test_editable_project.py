"""A project that is installed in editable mode: its jobs import their copy of it."""

import os
import subprocess
import sys
import sysconfig
import venv

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def installed(project):
    """Run a Python that has the project installed, as `pip install -e .` leaves it."""
    environment = project.parent / "environment"
    venv.create(environment)
    there = {"base": str(environment), "platbase": str(environment)}
    site = sysconfig.get_path("purelib", "venv" if os.name == "posix" else None, there)
    ours = [each for each in sys.path if os.path.isdir(each) and "site-packages" in each]
    ours += [os.path.dirname(os.path.dirname(sys.modules[each].__file__)) for each in PACKAGES]
    with open(os.path.join(site, "tests.pth"), "w", encoding="utf-8") as file:
        file.write("\n".join(ours))
    with open(os.path.join(site, "proj.pth"), "w", encoding="utf-8") as file:
        file.write(f"{project.directory}/src\n")
    project.write("src/proj/__init__.py", "WHAT = 'as it was'\n")

    def run(*words):
        done = subprocess.run(
            [f"{environment}/bin/python", *words],
            cwd=project.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


PACKAGES = ("vcat", "vcat_cli", "vcat_backend_localfs", "vcat_deploy_localshell")

for each in PACKAGES:
    __import__(each)

SHOW = "import proj\nprint(proj.WHAT, proj.__file__)\n"


def test_a_command_imports_the_copy(project, installed):
    """It does so in a rerun as well, when the project has been edited."""
    project.write("show.py", SHOW)
    job = f"{project.directory}/.vcat/jobs/first/project/src/proj/__init__.py"
    submit = ("-m", "vcat_cli", "submit", "-n", "first", "-f", "--", "python", "show.py")
    assert installed(*submit) == f"as it was {job}\n"
    project.write("src/proj/__init__.py", "WHAT = 'edited'\n")
    again = installed("-m", "vcat_cli", "rerun", "first", "-n", "again", "-f")
    assert again == f"as it was {job.replace('/first/', '/again/')}\n"


def test_so_does_a_command_that_a_stage_runs_or_submits(project, installed):
    """It is so in a worker too, and for the job that is submitted from there."""
    project.use_workers(1)
    project.write("show.py", SHOW)
    project.write(
        "train.py",
        """
        from vcat import *
        import proj, vcat

        @stage
        def outer():
            print(proj.WHAT)
            vcat.run_command(["python", "show.py"])
            job = vcat.submit_command(["python", "show.py"], job_name="inner")
            job.fetch_job_results()
            print(job.logs(), end="")

        if __name__ == "__main__":
            job = outer().run(job_name="outer")
            job.fetch_job_results()
            print(job.logs(), end="")
        """,
    )
    place = project.directory / ".vcat" / "jobs"
    outer, inner = (f"{place}/{name}/project/src/proj/__init__.py" for name in ("outer", "inner"))
    said = [line for line in installed("train.py").splitlines() if "as it was" in line]
    assert said == ["as it was", f"as it was {outer}", f"as it was {inner}"]
