"""What a submission that is killed leaves beside the project, and who may remove it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import vcat
from vcat._keeping import submitter as submitter_module
from vcat._shipping.bundling import staging as staging_module
from vcat._shipping.bundling.bundle import remove
from vcat.errors import BundleError

# Bundles the project sys.argv[1] as job sys.argv[2], says so, and goes on living.
PROGRAM = """\
import os, sys
from vcat._shipping.bundling import bundle
def pause(owner, name, words):
    call = getattr(owner, name)
    def paused(*given):
        print(words, flush=True)
        sys.stdin.readline()
        return call(*given)
    if sys.argv[3] == words:
        setattr(owner, name, paused)
pause(bundle, "_add_end", "inside")
pause(bundle.Staging, "discard", "shown")
made = bundle.write_bundle(
    job_name=sys.argv[2], project=sys.argv[1], job_files={}, warn=print, environment={},
    distributions=("vcat-core",), source_archive=sys.argv[1] + "/source.tgz",
)
print("made", flush=True)
sys.stdin.readline()
bundle.remove(made)
"""

REFUSED = (
    "{}: there is such a file already, as a submission that was killed leaves it;"
    " remove it, or give the job another name"
)


def listing(directory):
    return sorted(os.listdir(directory))


def stagings(directory):
    return [Path(directory, each) for each in listing(directory) if each.startswith(".vcat-bundle")]


@pytest.fixture
def submitting(project):
    """Start a process that bundles the project; return it when it has come so far."""
    started = []

    def start(name="job", until="made"):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, project, name, until],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == f"{until}\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def killed(submitting):
    """Have a process killed while it bundles the project."""

    def kill(name="job", until="made"):
        process = submitting(name, until)
        process.kill()
        process.communicate()

    return kill


def rewrite(directory, **changes):
    """Change the submitter in the record of the one staging directory."""
    (staging,) = stagings(directory)
    path = staging / "submitter.json"
    record = json.loads(path.read_bytes())
    record["submitter"] |= changes
    path.write_text(json.dumps(record))
    return staging


@pytest.mark.parametrize("until", ["inside", "made"])
@pytest.mark.parametrize("name", ["job", "other"])
def test_what_a_killed_submission_left_goes(ship, project, killed, until, name):
    """The next submission removes it, unfinished or complete, also where it has another name."""
    killed("job", until)
    assert "job.tgz" in listing(project.parent)
    bundle = ship(job_name=name)
    assert len(stagings(project.parent)) == 1
    assert listing(project.parent)[1:] == sorted([f"{name}.tgz", "project"])
    remove(bundle)
    assert listing(project.parent) == ["project"]


def test_the_source_archive_goes_too(ship, project, killed):
    """It does not stay in the project; one that the user has put there does."""
    path = project / "source.tgz"
    killed(until="shown")
    assert path.exists()
    remove(ship())
    assert listing(project) == ["script.py"]
    killed(until="shown")
    path.unlink()
    path.write_text("mine")
    remove(ship())
    assert path.read_text() == "mine"
    assert listing(project.parent) == ["project"]


def test_equal_trees_are_equal_bytes_after_a_kill(ship, project, killed):
    """What another submission left is seen nowhere in a bundle."""
    before = Path(ship().path).read_bytes()
    os.unlink(project.parent / "job.tgz")
    killed()
    assert Path(ship().path).read_bytes() == before


def test_what_the_user_put_there_stays(ship, project, killed):
    """Even a copy of the bundle under its name, while what the killed one left is still there."""
    killed()
    path = project.parent / "job.tgz"
    shutil.copy2(path, project.parent / "copy")
    os.rename(project.parent / "copy", path)
    content = path.read_bytes()
    with pytest.raises(BundleError) as caught:
        ship()
    assert str(caught.value) == REFUSED.format(path)
    assert path.read_bytes() == content
    assert listing(project.parent) == ["job.tgz", "project"]


def test_a_bundle_the_user_has_moved_stays(ship, project, killed):
    """One that the user wants to keep under another name is the user's by then."""
    killed()
    os.rename(project.parent / "job.tgz", project.parent / "kept.tgz")
    remove(ship())
    assert listing(project.parent) == ["kept.tgz", "project"]


@pytest.mark.parametrize("until", ["inside", "made"])
def test_a_submission_that_goes_on_stays(ship, project, submitting, until):
    """A second one of its name is refused, and the first one has its bundle."""
    first = submitting("job", until)
    path = project.parent / "job.tgz"
    status = path.stat()
    with pytest.raises(BundleError) as caught:
        ship()
    assert str(caught.value) == REFUSED.format(path)
    assert os.path.samestat(path.stat(), status)
    remove(ship(job_name="other"))
    assert len(stagings(project.parent)) == 1
    first.communicate("\n\n", timeout=60)
    assert first.returncode == 0
    assert listing(project.parent) == ["project"]


@pytest.mark.slow
def test_of_several_at_once_one_wins(project, killed):
    """Where all of them find a killed one's bundle, one takes its place and the others are told."""
    killed()
    code = (
        "import os, sys; from vcat._shipping.bundling.bundle import write_bundle\n"
        "from vcat.errors import BundleError\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try:\n"
        "    made = write_bundle(job_name='job', project=sys.argv[1], job_files={}, warn=print,"
        " distributions=('vcat-core',), environment={})\n"
        "    print(os.stat(made.path).st_ino, flush=True)\n"
        "except BundleError as error:\n"
        "    print(error, flush=True)\n"
        "sys.stdin.readline()\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, project],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    try:
        for each in processes:
            assert each.stdout.readline() == "ready\n"
        for each in processes:
            each.stdin.write("\n")
            each.stdin.flush()
        told = sorted(each.stdout.readline() for each in processes)
        path = project.parent / "job.tgz"
        assert told == [*[REFUSED.format(path) + "\n"] * 3, f"{path.stat().st_ino}\n"]
    finally:
        for each in processes:
            each.kill()
            each.communicate()


def test_without_locks_nothing_is_removed(ship, project, killed, monkeypatch):
    """Where a file system has none, what is there may be anybody's: it is as it always was."""
    killed()

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(BundleError) as caught:
        ship()
    assert str(caught.value) == REFUSED.format(project.parent / "job.tgz")
    remove(ship(job_name="other"))
    assert listing(project.parent)[1:] == ["job.tgz", "project"]


@pytest.mark.parametrize("step", range(4))
def test_an_interrupt_of_the_removal_leaves_nothing(ship, project, monkeypatch, step):
    """Before each name that goes, and before the directory: it comes through afterwards."""
    left = [step]

    def striking(call):
        def strike(*given, **options):
            left[0] -= 1
            if left[0] == -1:
                raise KeyboardInterrupt
            return call(*given, **options)

        return strike

    bundle = ship(source_archive=str(project.parent / "source.tgz"))
    assert len(stagings(project.parent)) == 1
    monkeypatch.setattr(os, "unlink", striking(os.unlink))
    monkeypatch.setattr(os, "rmdir", striking(os.rmdir))
    with pytest.raises(KeyboardInterrupt):
        remove(bundle)
    assert stagings(project.parent) == []
    assert "job.tgz" not in listing(project.parent)


def test_without_second_names_nothing_is_removed(ship, project, monkeypatch):
    """Where a file system has no links, bundles are made all the same, and not told from others."""

    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    bundle = ship(source_archive=str(project / "source.tgz"))
    assert bundle.path == str(project.parent / "job.tgz")
    assert os.stat(bundle.path).st_nlink == 1
    assert listing(project) == ["script.py"]
    with pytest.raises(BundleError) as caught:
        ship()
    assert str(caught.value) == REFUSED.format(bundle.path)
    remove(bundle)
    assert listing(project.parent) == ["project"]


def test_another_machine_proves_nothing(ship, project, killed):
    """That a number is free here, and a lock, says nothing of a process that is elsewhere."""
    killed()
    rewrite(project.parent, boot_id="another", host="another")
    with pytest.raises(BundleError) as caught:
        ship()
    assert str(caught.value) == REFUSED.format(project.parent / "job.tgz")


def test_a_machine_that_was_started_again_proves_it(ship, project, killed):
    """Nothing runs any more that ran before."""
    killed()
    rewrite(project.parent, boot_id="earlier", at=1.0)
    remove(ship())
    assert listing(project.parent) == ["project"]


def test_another_container_has_the_lock(ship, project, submitting):
    """Its numbers mean nothing here, but the kernel is the same: it holds the lock or has ended."""
    first = submitting()
    rewrite(project.parent, namespace="pid:[1]")
    with pytest.raises(BundleError) as caught:
        ship()
    assert str(caught.value) == REFUSED.format(project.parent / "job.tgz")
    first.kill()
    first.communicate()
    remove(ship())
    assert listing(project.parent) == ["project"]


def test_a_system_that_does_not_tell_processes_proves_nothing(ship, project, killed, monkeypatch):
    """Neither who submits nor who has submitted is known then."""
    killed()
    monkeypatch.setattr(submitter_module, "_boot_id", lambda: "")
    with pytest.raises(BundleError) as caught:
        ship()
    assert str(caught.value) == REFUSED.format(project.parent / "job.tgz")
    ship(job_name="other")
    named = [
        json.loads((each / "submitter.json").read_bytes()) for each in stagings(project.parent)
    ]
    assert sorted(each["submitter"] is None for each in named) == [False, True]


def test_what_has_no_record_yet_goes_ten_minutes_later(ship, project):
    """Killed before it could say who it is, it has nothing beside the project; it may be young."""
    names = []
    for number, content in enumerate([None, b"", b'{"format":1,']):
        for age in (500, 700):
            staging = project.parent / f".vcat-bundle-{number}-{age}"
            names.append(staging.name)
            staging.mkdir(0o700)
            if content is not None:
                (staging / "submitter.json").write_bytes(content)
            if number == 2:  # its record did not survive a crash of the machine
                (staging / "bundle.tgz").write_bytes(b"")
            os.utime(staging, (1, time.time() - age))
    remove(ship())
    assert listing(project.parent) == [*[each for each in names if "-500" in each], "project"]


def test_what_has_no_record_yet_stays_while_it_is_locked(ship, project):
    """Whoever holds it is about to write it, however long that takes."""
    staging = project.parent / ".vcat-bundle-slow"
    staging.mkdir(0o700)
    with open(staging / "submitter.json", "w") as record:
        fcntl.flock(record, fcntl.LOCK_EX)
        os.utime(staging, (1, 1))
        remove(ship())
        assert listing(project.parent) == [staging.name, "project"]
    remove(ship())
    assert listing(project.parent) == ["project"]


def test_a_record_of_another_version_stays(ship, project, killed):
    """What its names mean, that version knows."""
    killed()
    (staging,) = stagings(project.parent)
    (staging / "submitter.json").write_text('{"format": 2}')
    os.utime(staging, (1, 1))
    with pytest.raises(BundleError):
        ship()
    assert listing(staging) == ["bundle.tgz", "submitter.json"]


def test_what_others_can_write_is_not_believed(ship, project, killed):
    """A record that anybody may have written is nobody's."""
    killed()
    (staging,) = stagings(project.parent)
    staging.chmod(0o770)
    with pytest.raises(BundleError):
        ship()
    staging.chmod(0o700)
    (project.parent / ".vcat-bundle-file").write_text("the user's")
    (project.parent / ".vcat-bundle-link").symlink_to(staging)
    remove(ship())
    assert listing(project.parent) == [".vcat-bundle-file", ".vcat-bundle-link", "project"]


def test_a_temporary_directory_is_swept_too(ship, project, killed, refuse_parent):
    """Where the parent cannot be written, what is left is where temporary files go."""
    scratch = Path(f"{project}-tmp")
    scratch.mkdir()
    killed()
    (staging,) = stagings(project.parent)
    os.rename(project.parent / "job.tgz", staging / "job.tgz")
    record = json.loads((staging / "submitter.json").read_bytes())
    record["names"]["bundle.tgz"] = "job.tgz"
    (staging / "submitter.json").write_text(json.dumps(record))
    os.rename(staging, scratch / staging.name)
    refuse_parent()
    bundle = ship(scratch=str(scratch))
    (private,) = scratch.iterdir()
    assert private.name != staging.name
    assert listing(private) == ["bundle.tgz", "job.tgz", "submitter.json"]
    remove(bundle)
    assert listing(scratch) == []


CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")

# What is made beside a project and removed, between two marks, which are system calls too.
STAGED = """
import os, sys
sys.path[:0] = sys.argv[1].split(os.pathsep)
from vcat._keeping.submitter import describe_submitter
from vcat._shipping.bundling import staging
import fcntl
def mark(name):
    try: os.stat(f"/vcat-{name}")
    except OSError: pass
own = describe_submitter()
mark("begin")
made = staging.Staging("home", {"bundle.tgz": "../job.tgz", "source.tgz": "../project/s.tgz"}, own)
for name in ("bundle.tgz", "source.tgz"):
    output = made.create(name)
    output.write(b"content")
    output.close()
made.discard("source.tgz")
if sys.argv[2] == "moved":
    os.rename("home/job.tgz", "moved")
made.remove()
mark("end")
"""


def strace(directory, what, *options, log="/dev/null"):
    """Run the program below strace in a new directory with a project."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.skip("there is no strace here; .ci/run installs it where root and apt-get are")
    (directory / "home" / "project").mkdir(parents=True)
    return subprocess.run(
        [
            *("strace", "-f", "-o", log, "-e", "trace=%file,%desc", *options),
            *(sys.executable, "-I", "-S", "-c", STAGED, Path(vcat.__file__).parents[1], what),
        ],
        cwd=directory,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def calls_of(tmp_path, what):
    """Return the system calls between the marks, each with how many of its name there were."""
    for attempt in "ab":  # the first run may compile
        log = tmp_path / f"log-{attempt}"
        done = strace(tmp_path / attempt, what, log=str(log))
        if done.returncode and "ptrace" in done.stderr:
            pytest.skip(f"strace may not trace here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        assert listing(tmp_path / attempt / "home") == ["project"]
    counts: dict[str, int] = {}
    calls = []
    lines = [CALL.match(each) for each in log.read_text().splitlines()]
    for name, arguments in [each.groups() for each in lines if each is not None]:
        counts[name] = counts.get(name, 0) + 1
        if calls or "/vcat-begin" in arguments:
            calls.append((name, counts[name]))
        if "/vcat-end" in arguments:
            break
    return calls[1:]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["removed", "moved"])
def test_kill_at_every_system_call(tmp_path, what):
    """Wherever it is killed, all of it can be removed, and a bundle that has been moved stays."""
    calls = calls_of(tmp_path, what)
    names = {re.sub("at$", "", each) for each, _ in calls}
    assert {"mkdir", "flock", "link", "unlink", "rmdir", "close"} <= names
    found = set()
    for number, (name, when) in enumerate(calls):
        directory = tmp_path / str(number)
        done = strace(directory, what, "-e", f"inject={name}:signal=KILL:when={when}")
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (name, done)
        home = directory / "home"
        found.update(listing(home))
        is_moved = (directory / "moved").exists()
        for each in stagings(home):
            if not (each / "bundle.tgz").exists() and "job.tgz" not in listing(home):
                os.utime(each, (1, 1))  # it may have no record yet
        staging_module.sweep(str(home))
        assert listing(home) == ["project"], (name, when)
        assert listing(home / "project") == []
        if is_moved:
            assert (directory / "moved").read_bytes() == b"content"
            found.add("moved")
    assert {"job.tgz", what} <= found | {"removed"}
