"""The whole bundle: written beside the project, complete or not at all."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from vcat._shipping.bundling import bundle as bundle_module
from vcat._shipping.bundling import staging as staging_module
from vcat._shipping.bundling.bundle import remove
from vcat.errors import BundleError


def listing(directory):
    """The names in a directory, that of second names without its digits."""
    prefix = staging_module.PREFIX
    return sorted(prefix if each.startswith(prefix) else each for each in os.listdir(directory))


def contents(path):
    """Every file in the archive below ``project/``."""
    with tarfile.open(path, errors="surrogateescape", encoding="utf-8") as archive:
        return {
            each.name.removeprefix("project/"): archive.extractfile(each).read()
            for each in archive
            if each.isreg() and each.name.startswith("project/")
        }


def test_what_a_bundle_is(ship, project):
    """One private archive beside the project, and the few files that go with it."""
    bundle = ship(environment={"A": "b"})
    assert bundle.path == str(project.parent / "job.tgz")
    assert Path(bundle.path).stat().st_mode & 0o777 == 0o600
    assert bundle.size == Path(bundle.path).stat().st_size
    assert (bundle.job_name, bundle.environment, bundle.python) == (
        "job",
        {"A": "b"},
        sys.executable,
    )
    assert sorted(bundle.files) == [
        *("bundle.digest", "main.py", "run.sh", "unpacking.py", "unpacking.pyc")
    ]
    assert listing(project.parent) == [".vcat-bundle-", "job.tgz", "project"]
    remove(bundle)
    assert listing(project.parent) == ["project"]
    remove(bundle)


def test_the_systems_tar_reads_it(ship, project, tmp_path):
    """``tar xzf`` unpacks all of it without a word."""
    (project / ("long" * 60)).write_text("x")
    (project / os.fsdecode(b"\xff")).write_text("y")
    bundle = ship()
    target = tmp_path / "target"
    target.mkdir()
    done = subprocess.run(
        ["tar", "xzf", bundle.path, "-C", target], capture_output=True, check=True
    )
    assert done.stderr == b""
    found = set(os.listdir(target)) - {"editable"}  # if this process has imported such a package
    launcher = {"main.py", "run.sh", "unpacking.py"}
    expected = {"bundle.json", "job", "project", "requirements", "runtime"} | launcher
    assert found == expected
    assert (target / "project" / ("long" * 60)).read_text() == "x"
    assert (target / "project" / os.fsdecode(b"\xff")).read_text() == "y"
    manifest = json.loads((target / "bundle.json").read_bytes())
    assert (manifest["format"], manifest["job_name"]) == (1, "job")
    names = [each["name"] for each in manifest["parts"] if each["name"] != "editable"]
    assert names == ["launcher", "job", "runtime", "requirements", "project", "end"]
    assert manifest["size"] == sum(each["size"] for each in manifest["parts"])


def test_it_is_unpacked_as_it_was(ship, project, deploy, start):
    """Names, contents and x bits arrive as they are, whatever they are; the job is found."""
    names = [b"\xff\xfe", b"a\nb", b"-rf", b"x" * 255, b"trailing. ", b"CON", b"x:y", b"a\\b", b"A"]
    deep = b"/".join([b"d" * 249] * 15)  # with a file in it about 4,000 bytes
    root = os.fsencode(project) + b"/"
    for name in names:
        with open(root + name, "wb") as file:
            file.write(name)
    fd = os.open(project, os.O_RDONLY)
    for _ in range(15):
        os.mkdir(b"d" * 249, dir_fd=fd)
        below = os.open(b"d" * 249, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(os.open(b"f" * 240, os.O_WRONLY | os.O_CREAT, dir_fd=fd))
    os.close(fd)
    for name in ("main.py", "run.sh", "job.json", "bundle.json", "yaml.py", "random.py"):
        (project / name).write_text("the user's own")
    (project / "vcat").mkdir()
    (project / "vcat" / "__init__.py").write_text("raise SystemExit('wrong vcat')")
    (project / "tool").write_text("#!/bin/sh\n")
    (project / "tool").chmod(0o750)
    (project / "empty").mkdir()
    directory = deploy(ship(job_files={"a/b.bin": b"\0", "c": b"2"}))
    # The job's own vcat is not what is tested here: the stub takes its place.
    code = (
        "import runpy, sys, types\n"
        "stub = types.ModuleType('vcat._running.job')\n"
        "stub.run_job = lambda directory: print(directory) or 5\n"
        "sys.modules.update({'vcat': types.ModuleType('vcat'),"
        " 'vcat._running': types.ModuleType('vcat._running'), 'vcat._running.job': stub})\n"
        "sys.argv = ['main.py']\n"
        "runpy.run_path('main.py', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (5, f"{directory}\n", "")
    arrived = os.fsencode(directory / "project") + b"/"
    assert sorted(os.listdir(arrived)) == sorted(os.listdir(root))
    for name in names:
        with open(arrived + name, "rb") as file:
            assert file.read() == name
    fd = os.open(directory / "project", os.O_RDONLY)
    assert os.stat(deep + b"/" + b"f" * 240, dir_fd=fd).st_size == 0
    os.close(fd)
    assert (directory / "project" / "tool").stat().st_mode & 0o777 == 0o700
    assert (directory / "project" / "main.py").read_text() == "the user's own"
    assert (directory / "job" / "a" / "b.bin").read_bytes() == b"\0"
    assert (directory / "runtime" / "vcat" / "__init__.py").exists()


@pytest.mark.parametrize("size", [10, 2 << 20])
def test_equal_trees_give_equal_bytes(ship, tmp_path, cache, size):
    """Order of creation, times and umask do not show; what a tree is does."""
    bundles = []
    for number, (order, umask) in enumerate([(1, 0o022), (-1, 0o077)]):
        os.umask(umask)
        root = tmp_path / str(number) / "project"
        root.mkdir(parents=True)
        for name in ["a", "b/c", "b/d", "e"][::order]:
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(name.encode() * size)
            os.utime(root / name, (number, number))
        (root / "a").chmod(0o700 if number else 0o755)
        bundles.append(ship(project=str(root)))
    assert Path(bundles[0].path).read_bytes() == Path(bundles[1].path).read_bytes()
    assert bundles[0].files == bundles[1].files
    (root / "a").chmod(0o600)
    remove(bundles[1])
    assert ship(project=str(root)).files != bundles[0].files


def test_stores_archives_and_bundles_never_travel(ship, project):
    """Submitted five times with everything in the project, the bundle does not grow."""
    (project / "store").mkdir()
    sizes = set()
    for number in range(5):
        (project / "store" / str(number)).write_bytes(os.urandom(5000))
        bundle = ship(exclude=[str(project / "store")], source_archive=str(project / "source.tgz"))
        sizes.add(bundle.size)
        assert set(contents(bundle.path)) == {"script.py"}
        remove(bundle)
    assert len(sizes) == 1


def test_warnings_are_passed_on(ship, project):
    """What stays behind unasked is said."""
    os.mkfifo(project / "pipe")
    ship()
    assert ship.warnings == ["pipe: a FIFO cannot be bundled and stays behind"]


def test_the_source_archive(ship, project, tmp_path, monkeypatch):
    """The project lies where the configuration says while it is bundled, and nowhere afterwards."""
    path = project / "test_bundle.tgz"
    seen = {}
    unlink = os.unlink

    def looking(name, **options):
        if str(name) == str(path):
            seen.update(contents(path))
            seen["all"] = subprocess.run(
                ["tar", "tzf", path], capture_output=True, text=True, check=True
            ).stdout.split()
        unlink(name, **options)

    monkeypatch.setattr(bundle_module.os, "unlink", looking)
    bundle = ship(source_archive=str(path))
    assert seen == {
        "script.py": b"print('hello')\n",
        "all": ["project/", "project/script.py"],
    }
    assert not path.exists()
    assert "test_bundle.tgz" not in contents(bundle.path)


def test_a_source_archive_that_is_there_is_left_alone(ship, project):
    """A file of the user's is neither overwritten nor removed, nor does it travel."""
    path = project / "test_bundle.tgz"
    path.write_text("mine")
    bundle = ship(source_archive=str(path))
    assert path.read_text() == "mine"
    assert ship.warnings == [
        f"{path}: there is such a file already; the archive of the source is not written there"
    ]
    assert "test_bundle.tgz" not in contents(bundle.path)


def test_a_source_archive_without_a_directory(ship, project):
    """A target path that is not there is an error before anything is sent."""
    with pytest.raises(BundleError) as caught:
        ship(source_archive=str(project / "no" / "x.tgz"))
    assert str(caught.value) == (
        f"{project}/no/x.tgz: the archive of the source cannot be created: no such file or"
        " directory; make its directory, or change target_path of job_source_bundle"
    )
    assert listing(project.parent) == ["project"]


def test_a_bundle_that_is_there(ship, project):
    """A file of that name is not overwritten."""
    (project.parent / "job.tgz").write_text("mine")
    with pytest.raises(BundleError) as caught:
        ship()
    assert str(caught.value) == (
        f"{project.parent}/job.tgz: there is such a file already, as a submission that was killed"
        " leaves it; remove it, or give the job another name"
    )
    assert (project.parent / "job.tgz").read_text() == "mine"


def test_a_parent_that_cannot_be_written(ship, project, tmp_path, refuse_parent):
    """A private directory serves, and goes with the bundle."""
    (tmp_path / "scratch").mkdir()
    refuse_parent()
    bundle = ship(scratch=str(tmp_path / "scratch"))
    (private,) = (tmp_path / "scratch").iterdir()
    assert bundle.path == str(private / "job.tgz")
    assert private.stat().st_mode & 0o777 == 0o700
    remove(bundle)
    assert listing(tmp_path / "scratch") == []
    (project / "bad").symlink_to("nowhere")
    with pytest.raises(BundleError):
        ship(scratch=str(tmp_path / "scratch"))
    assert listing(tmp_path / "scratch") == []
    (project / "bad").unlink()
    with pytest.raises(BundleError) as caught:
        ship(scratch=str(tmp_path / "nowhere"))
    assert str(caught.value) == (
        f"{project.parent}/job.tgz: the bundle can be created neither there nor in a temporary"
        " directory: no such file or directory; let one of them be written, or set TMPDIR"
    )


def test_a_parent_that_is_not_there(ship, tmp_path, monkeypatch):
    """An error that is about something else than rights is told."""

    def failing(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(staging_module, "Output", failing)
    with pytest.raises(BundleError) as caught:
        ship()
    monkeypatch.undo()
    assert listing(tmp_path / "home") == ["project"]
    assert str(caught.value) == (
        f"{tmp_path}/home/job.tgz: the bundle cannot be created: too many open files;"
        " mend that, or run the script in another directory"
    )


def test_a_job_name_that_is_none(ship, project):
    """What is not fit for a file name is refused before anything is looked at."""
    with pytest.raises(BundleError) as caught:
        ship(job_name="../x")
    assert str(caught.value) == (
        "job name '../x' is not fit for a file name; it has 1 to 100 of A-Z a-z 0-9 . _ -"
        " and begins with a letter or a digit"
    )


def test_a_full_disk(ship, project):
    """A bundle that does not fit says how much room it needs, and leaves none of it behind."""
    (project / "data.bin").write_bytes(os.urandom(3 << 20))
    remove(ship(job_name="first"))  # so that the runtime need not be made under the limit
    (project / "script.py").write_text("changed")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, before[1]))
    try:
        with pytest.raises(BundleError) as caught:
            ship()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(caught.value) == (
        f"{project.parent}/job.tgz: file too large: about 3,145,737 bytes are needed;"
        " make room there, or name what the job does not need in .vcatignore"
    )
    assert listing(project.parent) == ["project"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_disk_that_is_really_full(ship, project):
    """The same on a file system of one megabyte."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", project.parent]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        project.mkdir()
        (project / "data.bin").write_bytes(os.urandom(600_000))
        with pytest.raises(BundleError) as caught:
            ship()
        left = listing(project.parent)
    finally:
        subprocess.run(["umount", project.parent], check=True)
    assert left == ["project"]
    path = project.parent / "job.tgz"
    assert str(caught.value).startswith(f"{path}: no space left on device: about ")


def test_a_disk_that_fails(ship, project, monkeypatch):
    """An error of the disk that is not about room is told as it is."""

    def failing(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", failing)
    with pytest.raises(BundleError) as caught:
        ship()
    assert str(caught.value) == (
        f"{project.parent}/job.tgz: the bundle cannot be written: input/output error"
    )
    assert listing(project.parent) == ["project"]


def test_whatever_goes_wrong_nothing_is_left(ship, project, monkeypatch):
    """An interruption at any point leaves neither bundle nor archive."""
    for name in ("add_runtime", "add_project", "_add_end", "_show_source_archive", "_add_job"):

        def interrupted(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(bundle_module, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            ship(source_archive=str(project / "source.tgz"))
        monkeypatch.undo()
        assert listing(project.parent) == ["project"]
        assert listing(project) == ["script.py"]


def test_ctrl_c(project, tmp_path):
    """A real signal in the middle of a real file leaves nothing behind."""
    (project / "data.bin").write_bytes(os.urandom(60 << 20))
    code = (
        "import sys; from vcat._shipping.bundling.bundle import write_bundle\n"
        "write_bundle(job_name='job', project=sys.argv[1], job_files={}, warn=print,"
        " distributions=('vcat-core',), environment={}, source_archive=sys.argv[1] + '/s.tgz')\n"
    )
    cache = tmp_path / "interrupted-cache"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(project)],
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        stderr=subprocess.PIPE,
    )
    bundle = project.parent / "job.tgz"
    while process.poll() is None:
        try:
            if bundle.stat().st_size > 8 << 20:
                process.send_signal(signal.SIGINT)
                break
        except FileNotFoundError:
            os.sched_yield()
    _, errors = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    assert listing(project.parent) == ["project"]
    assert listing(project) == ["data.bin", "script.py"]
    assert not list(cache.glob("vcat/projects/*/*"))
