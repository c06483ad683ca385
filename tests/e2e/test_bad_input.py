"""Bad input is answered before anything is sent, and leaves nothing behind."""

import os
import shutil
import socket
import subprocess

import pytest

SIMPLE = """
    from vcat import *
    @stage
    def f(x=1):
        return x
    pipe = f()
    print(pipe.run().fetch_job_results())
"""


def refused(project, **options):
    """Run ``train.py``, which must fail; return the last line of its error and check the rest."""
    before = snapshot(project)
    done = project.run("train.py", check=False, **options)
    assert done.returncode == 1, done.stdout
    assert snapshot(project) == before
    return done.stderr.splitlines()[-1]


def snapshot(project):
    """Everything below the project's parent, by name, but for Python's own caches."""
    return sorted(
        os.path.join(where, name)
        for where, directories, files in os.walk(os.fsencode(project.parent))
        for name in directories + files
        if b"__pycache__" not in os.path.join(where, name)
    )


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (
            "f().run(y=1)",
            "vcat.errors.GraphError: run(): no hyperparameter 'y'; the pipeline has none",
        ),
        (
            "f(Hyperparameter('n')).run()",
            "vcat.errors.GraphError: run(): hyperparameter 'n' of <stage 'f' (train.py:3)> has no"
            " value and no default; give it with run(n=...)",
        ),
        (
            "f(1, 2)",
            "vcat.errors.GraphError: stage 'f' (train.py:3): 2 positional arguments given, it takes"
            " 1; its signature is f(x=1)",
        ),
        (
            "f({'callbacks': [1, __import__('threading').Lock()]}).run()",
            "vcat.errors.UnpicklableError: stage 'f' (train.py:3): argument 'x' cannot be sent to a"
            " job: x['callbacks'][1]: cannot pickle '_thread.lock' object; create it inside the"
            " function",
        ),
        (
            "f().run(job_name='../x')",
            "vcat.errors.GraphError: run(): job_name '../x': a job's name is letters, digits, '.',"
            " '_' and '-', begins with a letter or a digit and has at most 100 of them",
        ),
    ],
)
def test_mistakes_in_the_script(project, run, text):
    """Parameters, arguments, values and names are checked before a byte is written."""
    project.write("train.py", f"from vcat import *\n\n@stage\ndef f(x=1):\n    return x\n{run}\n")
    assert refused(project) == text


def test_a_cycle(project):
    """A graph that could never run is named, not tried."""
    project.write(
        "train.py",
        "from vcat import *\n\n@stage\ndef f(x=1):\n    return x\n"
        "hole = []\na = f(hole)\nb = f(a)\nhole.append(b)\nb.run()\n",
    )
    assert refused(project) == (
        "vcat.errors.GraphError: <stage 'f' (train.py:3)> depends on itself: 'f' -> 'f' -> 'f'; a"
        " graph of stages has no cycles"
    )


def test_a_job_name_that_is_taken(project):
    """Two jobs never share a name."""
    project.write("train.py", "from vcat import *\nstage(int)().run(job_name='x')\n")
    project.run("train.py")
    done = project.run("train.py", check=False)
    assert done.stderr.splitlines()[-1] == (
        "vcat.errors.GraphError: run(): job_name 'x' is taken by an earlier job; choose another"
    )


def test_an_unknown_type_string(project):
    """The error has the place, the nearest name and what is installed."""
    project.write("train.py", SIMPLE)
    project.write(
        "a.config.yaml",
        """\
        cache_implementation:
          cache_type: vcat.LocalFilesystemCacheBackend
        """,
    )
    assert refused(project) == (
        "vcat.errors.UnknownTypeError: a.config.yaml:2: cache_type: no cache type"
        " 'vcat.LocalFilesystemCacheBackend'; did you mean 'vcat.LocalFileSystemCacheBackend'?"
        " Installed: vcat.LocalFileSystemCacheBackend, vcat.NullCacheBackend"
    )


def test_bad_yaml(project):
    """One line with the place."""
    project.write("train.py", SIMPLE)
    project.write("a.config.yaml", "cache_implementation: [\n")
    assert refused(project).startswith("vcat.errors.ConfigError: a.config.yaml:")


def test_no_bash(project):
    """A machine without bash is told so before anything is bundled."""
    project.write("train.py", SIMPLE)
    assert refused(project, env={**os.environ, "PATH": "/nowhere"}) == (
        "vcat.errors.BackendError: LocalShellJobDeployment: there is no bash on PATH ('/nowhere');"
        " install it, or name another deployment_type in deployment_implementation"
    )


def test_a_deployment_that_refuses(project):
    """The job was listed, so its row says that it failed and why; no bundle stays."""
    project.write("train.py", SIMPLE.replace("pipe.run()", "pipe.run(job_name='refused')"))
    jobs = project.directory / ".vcat" / "jobs"
    (jobs / "refused").mkdir(parents=True, mode=0o700)
    jobs.chmod(0o700)
    done = project.run("train.py", check=False)
    reason = (
        "LocalShellJobDeployment.submit: FileExistsError: [Errno 17] File exists:"
        f" '{jobs / 'refused'}'"
    )
    assert done.stderr.splitlines()[-1] == f"vcat.errors.BackendError: {reason}"
    assert project.leftovers() == []
    assert project.ask("print(json.dumps([[r.state, r.reason] for r in list_jobs()]))") == [
        ["failed", f"it could not be handed over: {reason}"]
    ]


def test_links_that_lead_nowhere(project):
    """Loops, dangling links and links out of the project are listed in one error."""
    project.write("train.py", SIMPLE)
    os.symlink("loop", project.directory / "loop")
    os.symlink("missing", project.directory / "dangling")
    os.symlink("/etc/hostname", project.directory / "out")
    before = snapshot(project)
    done = project.run("train.py", check=False)
    assert done.returncode == 1
    assert "BundleError" in done.stderr
    for name in ("loop", "dangling", "out"):
        assert name in done.stderr.partition("BundleError")[2]
    assert snapshot(project) == before


@pytest.mark.skipif(
    os.geteuid() == 0, reason="root reads everything; the tests of the tree drop privileges"
)
def test_files_that_cannot_be_read(project):
    """All of them are named, before anything is sent."""
    project.write("train.py", SIMPLE)
    for name in ("one", "two"):
        project.write(name, "x").chmod(0)
    before = snapshot(project)
    done = project.run("train.py", check=False)
    said = done.stderr.partition("BundleError")[2]
    assert done.returncode == 1, done.stderr
    assert "one" in said
    assert "two" in said
    assert snapshot(project) == before


def test_what_is_no_file_is_skipped_with_a_warning(project):
    """A FIFO and a socket neither hang the bundling nor fail it."""
    project.write("train.py", SIMPLE)
    os.mkfifo(project.directory / "pipe")
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(project.directory)
    server.bind("socket")
    os.chdir(here)
    done = project.run("train.py")
    server.close()
    assert done.stdout == "1\n"
    assert "pipe" in done.stderr
    assert "socket" in done.stderr


def test_names_that_are_not_utf8(project):
    """They arrive byte for byte."""
    project.write(
        "train.py",
        """
        import os
        from vcat import *
        def names():
            return [each for each in os.listdir(b".") if b"odd" in each]
        print(stage(names)().run().fetch_job_results())
        """,
    )
    odd = os.path.join(os.fsencode(project.directory), b"odd-\xff\xfe")
    with open(odd, "wb") as file:
        file.write(b"x")
    assert project.run("train.py").stdout == "[b'odd-\\xff\\xfe']\n"


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small disk needs root"
)
def test_a_full_disk(project):
    """The error says what did not fit; no half bundle stays, no job is listed."""
    project.write("train.py", SIMPLE)
    with open(project.directory / "noise.bin", "wb") as file:
        file.write(os.urandom(4_000_000))
    small = project.parent / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)], check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        shutil.move(project.directory, small / "project")
        done = project.run("train.py", check=False, cwd=small / "project")
        assert done.returncode == 1, done.stdout
        assert "BundleError" in done.stderr.splitlines()[-1]
        assert "No space left on device" in done.stderr or "full" in done.stderr
        assert os.listdir(small) == ["project"]
        assert project.ask("print(json.dumps(len(list_jobs())))", cwd=small / "project") == 0
    finally:
        subprocess.run(["umount", str(small)], check=True)


FILLING = """
    from vcat import *

    @stage(cache=False)
    def fill():
        try:
            with open("filling", "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        except OSError:
            return "full"

    job = fill().run()
    job.wait_for_deployment_to_complete()
    status = job.status()
    print(status.state, status.exit_code, status.reason, job.fetch_job_results())
    """


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small disk needs root"
)
def test_a_job_that_has_filled_its_disk_may_have_completed(project):
    """Room for its exit code was kept; what it returned is archived elsewhere."""
    small = project.parent / "small"
    small.mkdir()
    project.write("train.py", FILLING)
    project.write(
        "small.config.yaml",
        f"""
        deployment_implementation:
          deployment_type: vcat.LocalShellJobDeployment
          constructor_keyword_arguments: {{path: {small}/jobs}}
        """,
    )
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(small)], check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        assert project.run("train.py").stdout == "completed 0 None full\n"
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)
