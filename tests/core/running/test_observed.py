"""The record of what a stage met: what is in it, and when there is none."""

from __future__ import annotations

import _thread
import contextlib
import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import threading
import time
import traceback
import zipfile

import pytest

from vcat import stage
from vcat._keeping.guard import call
from vcat._keys import identity
from vcat._keys.file import digest_path
from vcat._keys.unhashable import Unhashable
from vcat._running.observing import audit
from vcat._running.observing.change import changes
from vcat._running.observing.observation import Observation
from vcat.abc import unobserved


def observe(project, work) -> Observation:
    with Observation(str(project)) as observation:
        work()
    return observation


def read(name: str) -> str:
    with open(name) as opened:
        return opened.read()


def write(name: str, text: str, mode: str = "w") -> None:
    with open(name, mode) as opened:
        opened.write(text)


def test_nothing_is_an_empty_record(project):
    """Most stages meet no files, and their entries have no word of any."""
    assert observe(project, lambda: None).record() == {}
    assert changes(str(project), {}) == []


def test_names_are_relative_inside_of_the_project(project):
    """Those elsewhere are absolute; each is what a message says has changed."""
    outside = str(project.parent / "outside.txt")
    write(outside, "x")

    def work():
        read("data/a.txt")
        read(outside)
        write("own.txt", "x")
        write("data/own.txt", "x")
        os.listdir(".")
        os.listdir("data")
        for name in ("data/b.txt", f"{outside}2"):
            with pytest.raises(FileNotFoundError):
                read(name)

    record = observe(project, work).record()
    assert list(record["files"]) == ["data/a.txt", outside]
    assert record["files"]["data/a.txt"] == digest_path("data/a.txt")
    assert record["absent"] == ["data/b.txt", f"{outside}2"]
    assert list(record["directories"]) == [".", "data"]
    assert record["own"] == {".": ["own.txt"], "data": ["own.txt"]}
    assert set(record) == {"files", "absent", "directories", "own"}
    assert changes(str(project), record) == []
    write("data/a.txt", "two")
    write("data/b.txt", "two")
    write(f"{outside}2", "two")
    os.unlink(outside)
    assert changes(str(project), record) == [
        "data/b.txt",
        f"{outside}2",
        "data",
        "data/a.txt",
        outside,
    ]


def test_a_project_that_is_moved_with_its_store_finds_its_results(project, tmp_path, monkeypatch):
    """Nothing that is recorded says where the project lies."""
    write("main.py", _MOVED)
    environment = {**os.environ, "COUNTER": str(tmp_path / "counter")}
    (tmp_path / "counter").touch()
    for place in ("project", "moved", "moved again"):
        if place != "project":
            shutil.move(project, tmp_path / place)
            project = tmp_path / place
        printed = subprocess.run(
            [sys.executable, "main.py"],
            cwd=project,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert (printed.stdout, printed.stderr) == ("one None\n", "")
    assert (tmp_path / "counter").read_text() == "1"


_MOVED = """
import os
from vcat import *

def work():
    with open(os.environ["COUNTER"], "a") as file:
        file.write("1")
    texts = [open(f"data/{each}").read() for each in sorted(os.listdir("data"))]
    try:
        open("data/none")
    except OSError:
        return *texts, None

if __name__ == "__main__":
    print(*stage(work)().run_same_process())
"""


REFUSED = {
    "a pipe": (
        lambda: _through_a_pipe("pipe"),
        "'pipe', which is neither a file nor a directory; pass what is read from it",
    ),
    "appended to, then read": (
        lambda: (write("data/a.txt", "x", "a"), read("data/a.txt")),
        "'data/a.txt', which it had changed in part before; read it first, or replace it whole",
    ),
    "truncated, then read": (
        lambda: (os.truncate("data/a.txt", 1), read("data/a.txt")),
        "'data/a.txt', which it had changed in part before; read it first, or replace it whole",
    ),
}


def _through_a_pipe(name):
    os.mkfifo(name)
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    os.close(descriptor)


def _fails(function, *args):
    with pytest.raises(OSError):
        function(*args)


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_told_is_refused(project, case):
    """The message says which file, why, and what to do."""
    work, expected = REFUSED[case]
    observation = observe(project, work)
    with pytest.raises(Unhashable) as caught:
        observation.record()
    assert str(caught.value) == expected


def test_a_circle_of_links_cannot_be_read(project):
    """The system's own words are in the message."""
    os.symlink("b", "c")
    os.symlink("c", "b")
    with pytest.raises(Unhashable) as caught:
        observe(project, lambda: _fails(read, "b")).record()
    assert str(caught.value) == (
        "'b', which cannot be read (Too many levels of symbolic links); make it readable"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_directory_that_may_not_be_listed_is_refused(project):
    """Whether it will be listed another time is not known."""
    os.chmod("data", 0)
    with pytest.raises(Unhashable) as caught:
        observe(project, lambda: _fails(os.listdir, "data")).record()
    os.chmod("data", 0o700)
    assert str(caught.value) == (
        "'data', which cannot be listed (Permission denied); make it readable"
    )


def _outside_the_stage(function, *args):
    """Do something that this process does not hear of."""
    subprocess.run([sys.executable, "-c", function, *args], check=True)


@pytest.mark.parametrize(
    "code", ["open('data/a.txt', 'w').write('two')", "import os; os.unlink('data/a.txt')"]
)
def test_a_file_that_something_else_changes_meanwhile_is_refused(project, monkeypatch, code):
    """What is there at the end is not what the stage read, and what it read is gone."""
    monkeypatch.setattr(identity, "_TICK", 0)

    def work():
        read("data/a.txt")
        _outside_the_stage(code)

    with pytest.raises(Unhashable) as caught:
        observe(project, work).record()
    assert str(caught.value) == (
        "'data/a.txt', which something else changed while it ran; run it again when nothing writes"
        " to it"
    )


def test_a_file_that_was_just_written_is_digested_before_it_is_read(project):
    """A write within the same tick of the clock would not show at the end."""
    record = {}

    def work():
        read("data/a.txt")
        _outside_the_stage("open('data/a.txt', 'w').write('two')")

    record = observe(project, work).record()
    assert changes(str(project), record) == ["data/a.txt"]


def test_a_stage_whose_files_cannot_be_told_is_not_cached_and_says_so(project):
    """The whole warning."""

    def work():
        with open("data/a.txt", "a") as opened:
            opened.write("x")
        with open("data/a.txt") as opened:
            return opened.read()

    line = work.__code__.co_firstlineno
    for expected in ("onex", "onexx"):
        with pytest.warns(RuntimeWarning) as caught:
            assert stage(work)().run_same_process() == expected
        assert [str(each.message) for each in caught] == [
            f"vcat: stage 'work' (test_observed.py:{line}) is not cached: it read 'data/a.txt',"
            " which it had changed in part before; read it first, or replace it whole"
        ]


def test_a_file_that_goes_back_and_forth_is_found_again_as_an_argument(project, monkeypatch):
    """Of what a stage opens by itself the last state is kept, as the page on caching says."""
    ran = []
    monkeypatch.setattr(sys, "ran", ran, raising=False)

    @stage
    def of_its_own():
        sys.ran.append("of_its_own")
        return read("data/a.txt")

    @stage
    def given(path):
        sys.ran.append("given")
        return read(path)

    for text in "ABAB":
        write("data/a.txt", text)
        assert of_its_own().run_same_process() == text
        assert given("data/a.txt").run_same_process() == text
    assert (ran.count("of_its_own"), ran.count("given")) == (4, 2)


def test_a_mistake_of_ours_fails_no_stage(project, monkeypatch):
    """The stage opens its file; its result is not cached, and the warning says why."""

    def wrong(observation, arguments):
        raise RuntimeError("wrong")

    monkeypatch.setitem(audit._TOLD, "open", wrong)
    observation = observe(project, lambda: read("data/a.txt"))
    with pytest.raises(Unhashable) as caught:
        observation.record()
    assert str(caught.value) == "something that was not noted: RuntimeError('wrong')"


def test_a_time_out_while_we_work_is_not_lost(project, monkeypatch):
    """It is one of the stage, which hears of it again; what we were about to note is not known."""

    def late(observation, arguments):
        raise TimeoutError("timed out")

    monkeypatch.setitem(audit._TOLD, "open", late)
    with pytest.raises(Unhashable) as caught:
        observe(project, lambda: read("data/a.txt")).record()
    assert str(caught.value) == "something that was not noted: TimeoutError('timed out')"


def test_a_thread_without_python_is_seen(project):
    """Nobody's module asks, and the directory counts."""
    with Observation(str(project)) as observation:
        _thread.start_new_thread(os.listdir, ("data",))
        deadline = time.monotonic() + 60
        while not observation._directories:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    assert list(observation.record()["directories"]) == ["data"]


def test_names_that_are_none_are_left_to_python(project):
    """What is passed fails in the call, as it does without us, and is no mistake of ours."""

    def work():
        for name in ("a\0b", "", b"\xff" * 300, "a" * 5000):
            with pytest.raises((OSError, ValueError)):
                read(name)
        with pytest.raises(OSError):
            os.listdir(1_000_000)
        with pytest.raises((OSError, ValueError)):
            os.rename("a\0b", "c")

    assert observe(project, work).record() == {}


def test_what_a_backend_opens_does_not_count(project):
    """It works while a stage runs: an artifact is put as soon as it is logged."""

    class Backend:
        def put(self):
            read("data/a.txt")
            os.listdir("data")
            call(self, "done")
            read("data/a.txt")

        def done(self):
            pass

    assert observe(project, lambda: call(Backend(), "put")).record() == {}
    record = observe(project, lambda: (call(Backend(), "put"), read("data/a.txt"))).record()
    assert list(record) == ["files"]


@pytest.mark.parametrize("counts", [True, False])
def test_what_a_thread_of_a_backend_opens_does_not_count(project, counts):
    """It works on while a stage runs, and says so; threads of the stage count."""

    def work():
        with contextlib.nullcontext() if counts else unobserved():
            read("data/a.txt")
            write("beat.tmp", "x")
            os.rename("beat.tmp", "beat")

    def wait():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert ("files" in observe(project, wait).record()) is counts


@pytest.mark.parametrize("compiled", [False, True])
def test_an_import_reads_no_data(project, monkeypatch, compiled):
    """Sources, what they are compiled to, and the directories that are searched for them."""
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.setattr(sys, "dont_write_bytecode", not compiled)
    write("imported_here.py", "import imported_there")
    write("imported_there.py", "")

    def work():
        for name in ("imported_here", "imported_there"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        importlib.import_module("imported_here")

    assert observe(project, work).record() == {}
    assert observe(project, work).record() == {}
    assert os.path.exists("__pycache__") == compiled
    sys.modules.pop("imported_here")
    sys.modules.pop("imported_there")


def test_an_archive_of_modules_is_no_data(project, monkeypatch):
    """Whatever its name is, what imports look up in it is code of a library."""
    with zipfile.ZipFile("library.data", "w") as archive:
        archive.writestr("imported_from_archive.py", "")
    monkeypatch.syspath_prepend(str(project / "library.data"))

    def work():
        importlib.invalidate_caches()
        importlib.import_module("imported_from_archive")

    assert observe(project, work).record() == {}
    sys.modules.pop("imported_from_archive")


def test_source_that_is_shown_is_no_data(project):
    """A warning and a traceback show lines of the stage's source, and comments do not count."""
    write("shown.py", "def fail():\n    raise ValueError\n")
    code = compile(read("shown.py"), str(project / "shown.py"), "exec")
    namespace = {}
    exec(code, namespace)

    def work():
        try:
            namespace["fail"]()
        except ValueError:
            assert "raise ValueError" in traceback.format_exc()

    assert observe(project, work).record() == {}


def test_source_that_is_asked_for_as_data_is_data(project, monkeypatch):
    """Also by the ways of the import system."""
    monkeypatch.syspath_prepend(str(project))
    os.mkdir("package_here")
    write("package_here/__init__.py", "")
    write("template.py", "x = 1")
    importlib.import_module("package_here")
    record = observe(
        project, lambda: (pkgutil.get_data("package_here", "__init__.py"), read("template.py"))
    ).record()
    sys.modules.pop("package_here")
    assert list(record["files"]) == ["package_here/__init__.py", "template.py"]


def test_what_another_thread_does_meanwhile_counts(project):
    """Whose it is cannot be told, and it may be the stage's."""
    go, done = threading.Event(), threading.Event()

    def other():
        go.wait()
        read("data/a.txt")
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    record = observe(project, lambda: (go.set(), done.wait())).record()
    thread.join()
    assert list(record["files"]) == ["data/a.txt"]


def test_observations_within_each_other_both_hear(project):
    """A stage that runs a pipeline depends on what that reads; afterwards nobody listens."""
    with Observation(str(project)) as outer:
        with Observation(str(project)) as inner:
            read("data/a.txt")
        os.listdir("data")
    with pytest.raises(FileNotFoundError):
        read("data/b.txt")
    assert list(inner.record()) == ["files"]
    assert list(outer.record()) == ["files", "directories"]
