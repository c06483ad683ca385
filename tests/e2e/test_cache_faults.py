"""The cache under fire, in real processes: twins, dead owners, full disks, failures, strangers.

The numbers are those of the catalogue of faults that the project must survive.
"""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest

WORK = """
    import os, sys, time
    from vcat import *

    def count():
        # Appending is no reading: nothing of it is in the key, and nothing is observed.
        descriptor = os.open(os.environ["COUNTER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{os.getpid()}\\n".encode())
        os.close(descriptor)

    @stage
    def slow():
        count()
        time.sleep(float(os.environ.get("SLEEP", "0")))
        return list(range(1000))

    @stage
    def total(values):
        return sum(values)

    if __name__ == "__main__":
        print(total(slow()).run_same_process(), flush=True)
"""

CONFIG = """
    cache_implementation:
      cache_type: vcat.LocalFileSystemCacheBackend
      constructor_arguments: [store]
      constructor_keyword_arguments: {lease: 1.5}
"""


@pytest.fixture
def environment(tmp_path):
    return os.environ | {"COUNTER": str(tmp_path / "counter")}


@pytest.fixture
def start(project, tmp_path):
    """Start the script."""
    project.write("work.py", WORK)
    project.write("vcat.config.yaml", CONFIG)
    counter = str(tmp_path / "counter")
    return lambda **variables: project.start("work.py", COUNTER=counter, **variables)


@pytest.fixture
def counted(tmp_path):
    """The processes in which the body began to run, in order."""

    def counted():
        path = tmp_path / "counter"
        return [int(each) for each in path.read_text().split()] if path.exists() else []

    return counted


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def outcome(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


RIGHT = (0, f"{sum(range(1000))}\n", "")


@pytest.mark.slow
def test_a_stage_that_beats_is_cached(start, counted):
    """What a claim writes beside a long stage is no file of the stage."""
    assert outcome(start(SLEEP="1")) == RIGHT
    assert outcome(start(SLEEP="1")) == RIGHT
    assert len(counted()) == 1


@pytest.mark.slow
def test_thirty_two_processes_compute_once(project, start, counted):
    """55: whoever comes first computes; the others wait and get the same."""
    # As users have it: a lease of a second may pass while so many start.
    project.write("vcat.config.yaml", CONFIG.replace("{lease: 1.5}", "{}"))
    started = [start(SLEEP="2") for _ in range(32)]
    assert [outcome(each) for each in started] == [RIGHT] * 32
    assert len(counted()) == 1


def test_another_takes_over_from_a_dead_owner(start, counted):
    """56: the kernel tells at once, and the waiting one computes."""
    owner = start(SLEEP="60")
    until(counted)
    waiting = start()
    time.sleep(0.5)  # most likely it waits by now; the test holds if it does not
    owner.send_signal(signal.SIGKILL)
    assert outcome(waiting) == RIGHT
    assert counted() == [owner.pid, waiting.pid]


@pytest.mark.slow
def test_another_takes_over_from_a_stopped_owner(start, counted):
    """56: past its lease; when it goes on it has the published result, not its own."""
    owner = start(SLEEP="0.5")
    until(counted)
    owner.send_signal(signal.SIGSTOP)
    assert outcome(start()) == RIGHT
    owner.send_signal(signal.SIGCONT)
    assert outcome(owner) == RIGHT
    assert len(counted()) == 2
    assert outcome(start()) == RIGHT
    assert len(counted()) == 2


@pytest.fixture
def small_disk(project):
    """A store on a disk of two megabytes."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small disk needs root")
    place = project.directory / "store"
    place.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(place)], check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


LARGE = """
    import os, sys
    from vcat import *

    @stage
    def large():
        return bytes(5_000_000)

    @stage
    def size(data):
        return len(data)

    if __name__ == "__main__":
        print(size(large()).run_same_process())
"""


def test_a_full_disk_fails_no_stage(project, small_disk):
    """5: the result is used, one warning says why it is not kept, and nothing is left of it."""
    project.write("work.py", LARGE)
    project.write("vcat.config.yaml", CONFIG)
    for _ in range(2):
        done = project.run("work.py")
        assert done.stdout == "5000000\n"
        assert done.stderr.count("Warning") == 1
        assert "stage 'large' (work.py:5) is not cached" in done.stderr
        assert "No space left on device" in done.stderr
    left = sum(each.stat().st_size for each in small_disk.rglob("*") if each.is_file())
    assert left < 10_000


def test_a_file_size_limit_fails_no_stage(project):
    """5: the same by another limit of the system."""
    project.write(
        "work.py",
        "import resource\n"
        + textwrap.dedent(LARGE).replace(
            "print(", "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); print("
        ),
    )
    project.write("vcat.config.yaml", CONFIG)
    done = project.run("work.py")
    assert done.stdout == "5000000\n"
    assert done.stderr.count("Warning") == 1
    assert "File too large" in done.stderr


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("raise ValueError('no')", 1),
        ("sys.exit(0)", 1),
        ("os._exit(3)", 3),
        ("os.kill(os.getpid(), 9)", -9),
        ("return (each for each in [])", 0),
        ("return open(os.devnull)", 0),
    ],
)
def test_failure_is_not_cached(project, environment, counted, body, status):
    """8: what raises, exits or returns what cannot be kept runs again every time."""
    project.write("work.py", WORK)
    project.write(
        "failing.py",
        f"""
        import os, sys
        from vcat import *
        from work import count

        @stage
        def failing():
            count()
            {body}

        @stage
        def used(value):
            return type(value).__name__

        if __name__ == "__main__":
            print(used(failing()).run_same_process())
        """,
    )
    for runs in (1, 2):
        done = project.run("failing.py", check=False, env=environment)
        assert done.returncode == status, done.stderr
        assert len(counted()) == runs
        if status == 0:
            assert "is not cached: result: cannot pickle" in done.stderr


def test_no_descriptor_left_is_no_failure_of_the_stage(project, environment, counted):
    """8: with all descriptors taken inside the stage nothing can be filed, and nothing is wrong."""
    project.write("work.py", WORK)
    project.write(
        "greedy.py",
        """
        import os, resource
        from vcat import *
        from work import count

        KEPT = {}

        @stage
        def greedy():
            count()
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            import builtins
            builtins.kept = []
            try:
                while True:
                    builtins.kept.append(os.open(os.devnull, os.O_WRONLY))
            except OSError:
                return 7

        if __name__ == "__main__":
            print(greedy().run_same_process())
        """,
    )
    for runs in (1, 2):
        done = project.run("greedy.py", env=environment)
        assert done.stdout == "7\n"
        assert len(counted()) == runs
        assert "Too many open files" in done.stderr


@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077])
def test_stores_are_private_whatever_the_umask(project, start, umask):
    """65: directories 0700 and files 0600, never more and never less."""
    before = os.umask(umask)
    try:
        project.write("large.py", LARGE)
        assert outcome(start()) == RIGHT
    finally:
        os.umask(before)
    store = project.directory / "store"
    found = {each.stat().st_mode & 0o7777 for each in [store, *store.rglob("*")] if each.is_dir()}
    assert found == {0o700}
    found = {each.stat().st_mode & 0o7777 for each in store.rglob("*") if each.is_file()}
    assert found == {0o600}


def test_a_planted_entry_is_never_unpickled(project, start, tmp_path):
    """62: a valid entry under another key, and one whose content was changed, are misses."""
    canary = tmp_path / "canary"
    assert outcome(start()) == RIGHT
    payload = pickle.dumps(_Evil(str(canary)))
    entries = [e for e in (project.directory / "store" / "cache").rglob("*") if e.is_file()]
    entries = [e for e in entries if e.read_bytes().startswith(b"vcat-entry")]
    assert len(entries) == 2
    one, other = (each.read_bytes() for each in entries)
    for planted in (other, one[:-20] + payload, payload, one + payload):
        entries[0].write_bytes(planted)
        code, out, err = outcome(start())
        assert (code, out) == RIGHT[:2]
        assert " runs: its cached result is damaged (entry " in err
        assert not canary.exists()


class _Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def squat(place, kind):
    """Put something else where the cache is to be; return what puts it right for cleaning up."""
    elsewhere = place.parent / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if kind == "link":
        place.symlink_to(elsewhere)
    elif kind == "file":
        place.write_text("mine")
    elif kind == "open":
        place.mkdir()
        place.chmod(0o777)
    elif kind == "full":
        place.mkdir(mode=0o700)
        (place / "notes.txt").write_text("mine")
    elif kind == "another user's":
        place.mkdir(mode=0o700)
        os.chown(place, 12345, 12345)
    return {each: each.lstat().st_mtime_ns for each in (place, elsewhere)}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("link", "is a symbolic link; name the directory itself"),
        ("file", "is a file; name a directory"),
        ("open", "can be written by other users"),
        ("full", "is not empty and not a vcat store"),
        ("another user's", "belongs to another user"),
    ],
)
def test_a_squatted_cache_is_worked_without(project, start, counted, kind, said):
    """64: nothing is read or written there, the result is right, and one warning says why."""
    if kind == "another user's" and os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    before = squat(project.directory / "store", kind)
    for runs in (1, 2):
        code, out, err = outcome(start())
        assert (code, out) == RIGHT[:2]
        assert said in err
        assert err.count(" runs: its result cannot be looked up: ") == 1
        assert len(counted()) == runs
    assert {each: each.lstat().st_mtime_ns for each in before} == before


SUBMITTED = """
    from vcat import *

    @stage{}
    def one():
        return 1

    if __name__ == "__main__":
        job = one().run(job_name="first")
        print(job.fetch_job_results())
        print(job.logs())
"""


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            "link",
            "PermissionError: store '{place}' is a symbolic link; name the directory itself:"
            " '{elsewhere}'",
        ),
        ("file", "NotADirectoryError: store '{place}' is a file; name a directory"),
        (
            "full",
            "FileExistsError: directory '{place}' is not empty and not a vcat store: it has no"
            " 'vcat-store.json'; name an empty directory, or one that does not exist",
        ),
    ],
)
def test_a_job_with_a_squatted_cache_completes(project, kind, said):
    """64: one line says at submission that the cache will not be used, and the log says it too."""
    project.write("vcat.config.yaml", CONFIG)
    place = project.directory / "store"
    squat(place, kind)
    project.write("train.py", SUBMITTED.format(""))
    done = project.run("train.py")
    said = said.format(place=place, elsewhere=place.parent / "elsewhere")
    assert done.stdout.startswith("1\nvcat: warning: stage 'one' (train.py:4) runs: its result ")
    assert said in done.stdout
    (line,) = [each for each in done.stderr.splitlines() if "Warning" in each]
    assert line.partition(": RuntimeWarning: ")[2] == (
        f"vcat: job first runs without its cache: LocalFileSystemCacheBackend.contains: {said}"
    )


def test_a_job_without_cached_stages_does_not_ask_the_cache(project):
    """64: what is wrong with a cache is no concern of a job that does not use it."""
    project.write("vcat.config.yaml", CONFIG)
    squat(project.directory / "store", "file")
    project.write("train.py", SUBMITTED.format("(cache=False)"))
    assert project.run("train.py", env=os.environ | {"VCAT_QUIET": "1"}).stderr == ""


def test_asking_the_cache_at_submission_makes_nothing(project):
    """A cache that is not there yet is none to warn of, nor made before a job needs it."""
    project.write("vcat.config.yaml", CONFIG)
    project.write("train.py", SUBMITTED.format("(cache=True)"))
    project.write(
        "submit.py",
        """
        import os
        import vcat._shipping.handover as handover

        write = handover.write_bundle

        def bundled(**keywords):
            assert not os.path.exists("store")
            return write(**keywords)

        handover.write_bundle = bundled
        exec(compile(open("train.py").read(), "train.py", "exec"))
        """,
    )
    done = project.run("submit.py", env=os.environ | {"VCAT_QUIET": "1"})
    assert (done.stdout.split()[0], done.stderr) == ("1", "")


OTHER = """
    import runpy
    import vcat._keeping.entry as entry
    import vcat._keys.recipe as recipe

    entry.FORMAT = recipe.RECIPE = 99
    runpy.run_path("work.py", run_name="__main__")
"""


def test_two_versions_share_a_store(project, start, environment, counted):
    """61: each finds its own results, collecting by one leaves those of the other."""
    project.write("other.py", OTHER)
    assert outcome(start()) == RIGHT
    for _ in range(2):
        done = project.run("other.py", env=environment)
        assert (done.stdout, done.stderr) == RIGHT[1:]
    assert len(counted()) == 2
    done = subprocess.run(
        [sys.executable, "-m", "vcat_cli", "gc"],
        cwd=project.directory,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("removed nothing; ")
    assert outcome(start()) == RIGHT
    assert project.run("other.py", env=environment).stderr == ""
    assert len(counted()) == 2


@pytest.mark.slow
def test_collecting_beside_jobs_harms_nobody(project, environment, counted):
    """58: everything is removed again and again while stages read and write; results are right."""
    project.write("vcat.config.yaml", CONFIG)
    project.write(
        "busy.py",
        """
        import sys
        from vcat import *

        @stage
        def made(number):
            return bytes([number % 256]) * 300_000

        @stage
        def joined(data, number):
            return data + bytes([number % 256])

        if __name__ == "__main__":
            for turn in range(15):
                pipe = made(turn)
                for number in range(8):
                    pipe = joined(pipe, number)
                value = pipe.run_same_process()
                assert value == bytes([turn]) * 300_000 + bytes(range(8)), turn
            print("right")
        """,
    )
    busy = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "busy.py"],
            cwd=project.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    collect = """
        import time
        for _ in range(10_000):
            vcat.collect_cache(max_size=1_000_000)
            time.sleep(0.01)
            if __import__("os").path.exists("stop"):
                break
        print("1")
    """
    collector = subprocess.Popen(
        [sys.executable, "-c", "import vcat\n" + textwrap.dedent(collect)],
        cwd=project.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        ended = [outcome(each) for each in busy]
        (project.directory / "stop").touch()
        assert ended == [(0, "right\n", "")] * 3
        assert outcome(collector) == (0, "1\n", "")
    finally:
        for each in [*busy, collector]:
            each.kill()
