"""What a stage reads, lists and looks for counts for its result, and what it makes does not.

Each case is a project with one stage that runs in a process of its own, an edit, and a second
process. Its code never changes, so that only what was observed can tell.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sys
import textwrap
import warnings
from typing import NamedTuple

import pytest

import vcat._keys.identity
from vcat import stage

_MAIN = """
import os
from vcat import *

def work():
    counter = os.open(os.environ["COUNTER"], os.O_WRONLY | os.O_APPEND)
    os.write(counter, b"1")
    os.close(counter)
{body}

result = stage(work)().run_same_process()
"""


class Outcome(NamedTuple):
    result: object
    calls: int
    warnings: list[str]


@pytest.fixture(scope="module")
def _imported(tmp_path_factory):
    """Import what a stage needs to run, so that not every process does."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("first"))
    stage(abs)(-1).run_same_process()
    os.chdir(before)


@pytest.fixture
def project(_imported, project, tmp_path, monkeypatch):
    """Return the project; beside it is counted how often bodies run."""
    (tmp_path / "counter").touch()
    monkeypatch.setenv("COUNTER", str(tmp_path / "counter"))
    return project


def run(body: str, *, tick: int | None = None) -> Outcome:
    """Return what a stage with this body gives in a new process, and how often it has run."""
    with open("main.py", "w") as file:
        file.write(_MAIN.format(body=textwrap.indent(textwrap.dedent(body), "    ")))
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        said: list[warnings.WarningMessage] = []
        outcome = None
        try:
            if tick is not None:
                vcat._keys.identity._TICK = tick
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                warnings.simplefilter("ignore", ResourceWarning)  # the bodies are short
                sys.path.insert(0, os.getcwd())
                outcome = runpy.run_path("main.py", run_name="__main__")["result"]
        except BaseException as error:
            outcome = repr(error)
        finally:
            with open(writer, "w") as pipe:
                json.dump([outcome, [str(each.message) for each in said]], pipe, default=repr)
            os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        outcome, said = json.load(pipe)
    os.waitpid(child, 0)
    return Outcome(outcome, os.path.getsize(os.environ["COUNTER"]), said)


def write(name: str, text: str) -> None:
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "w") as file:
        file.write(text)


def restore_times(name: str, text: str) -> None:
    """Write a text of the same length and give the file its old times."""
    status = os.stat(name)
    write(name, text)
    os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns))


READ = "return open('data/a.txt').read()"
ATTEMPT = """
try:
    return open('data/b.txt').read()
except OSError:
    return None
"""

#: What happens between the two runs, of a stage whose body is on the left, and makes it run again.
COUNTS = {
    "open": (READ, lambda: write("data/a.txt", "two")),
    "open, same size and times": (READ, lambda: restore_times("data/a.txt", "two")),
    "deleted": (READ, lambda: os.unlink("data/a.txt")),
    "a directory in its place": (
        READ,
        lambda: (os.unlink("data/a.txt"), os.mkdir("data/a.txt")),
    ),
    "bytes": ("return open(b'data/a.txt').read()", lambda: write("data/a.txt", "two")),
    "os.open": (
        "return os.read(os.open('data/a.txt', os.O_RDONLY), 9).decode()",
        lambda: write("data/a.txt", "two"),
    ),
    "io.FileIO": (
        "import io; return io.FileIO('data/a.txt').read().decode()",
        lambda: write("data/a.txt", "two"),
    ),
    "pathlib": (
        "import pathlib; return pathlib.Path('data', 'a.txt').read_text()",
        lambda: write("data/a.txt", "two"),
    ),
    "gzip": (
        "import gzip\ntry: gzip.open('data/a.txt').read()\nexcept OSError: return 1",
        lambda: write("data/a.txt", "two"),
    ),
    "numpy.memmap, for writing by default": (
        "import numpy; return bytes(numpy.memmap('data/a.txt')).decode()",
        lambda: write("data/a.txt", "two"),
    ),
    "r+": (
        "with open('data/a.txt', 'r+') as file:\n"
        "    text = file.read(); file.write('mine')\n"
        "return text",
        lambda: write("data/a.txt", "two"),
    ),
    "a+": (
        "file = open('data/a.txt', 'a+'); file.seek(0); return file.read()",
        lambda: write("data/a.txt", "two"),
    ),
    "x on what is there": (
        "try: open('data/a.txt', 'x')\nexcept OSError: return open('data/a.txt').read()",
        lambda: write("data/a.txt", "two"),
    ),
    "after chdir": (
        "os.chdir('data'); return open('a.txt').read()",
        lambda: write("data/a.txt", "two"),
    ),
    "outside of the project": (
        "return open('../outside.txt').read()",
        lambda: write("../outside.txt", "two"),
    ),
    "a link that leads elsewhere": (
        "return open('link').read()",
        lambda: (os.unlink("link"), os.symlink("data/b.txt", "link"), write("data/b.txt", "b")),
    ),
    "what a link leads to": ("return open('link').read()", lambda: write("data/a.txt", "two")),
    "up from where a link leads": (
        "return open('up/../a.txt').read()",
        lambda: write("data/a.txt", "two"),
    ),
    "a link that the stage makes": (
        "import tempfile\nwith tempfile.TemporaryDirectory() as place:\n"
        "    os.symlink(os.path.abspath('data/a.txt'), place + '/l')\n"
        "    return open(place + '/l').read()",
        lambda: write("data/a.txt", "two"),
    ),
    "a hard link that the stage makes": (
        "import tempfile\nwith tempfile.TemporaryDirectory(dir='..') as place:\n"
        "    os.link('data/a.txt', place + '/l')\n"
        "    return open(place + '/l').read()",
        lambda: write("data/a.txt", "two"),
    ),
    "a thread of the stage": (
        "import threading\nfound = []\n"
        "thread = threading.Thread(target=lambda: found.append(open('data/a.txt').read()))\n"
        "thread.start(); thread.join(); return found",
        lambda: write("data/a.txt", "two"),
    ),
    "source read as data": ("return open('other.py').read()", lambda: write("other.py", "# two")),
    "data of a package": (
        "import pkgutil; return pkgutil.get_data('package', 'a.txt').decode()",
        lambda: write("package/a.txt", "two"),
    ),
    "sqlite3": (
        "import sqlite3\ntry: sqlite3.connect('data/a.txt').execute('select 1 from x')\n"
        "except sqlite3.Error as error: return str(error)",
        lambda: write("data/a.txt", "two"),
    ),
    "sqlite3 by its address": (
        "import sqlite3\nplace = os.path.abspath('data')\n"
        "try: sqlite3.connect(f'file://{place}/a%2Etxt?mode=ro', uri=True).execute('select 1')\n"
        "except sqlite3.Error as error: return str(error)",
        lambda: write("data/a.txt", "two"),
    ),
    "the log of a database": (
        "import sqlite3; sqlite3.connect('data/new.db'); os.unlink('data/new.db')",
        lambda: write("data/new.db-wal", "two"),
    ),
    "a library of the project": (
        "import ctypes\ntry: ctypes.CDLL('./data/a.txt')\nexcept OSError: return 1",
        lambda: write("data/a.txt", "two"),
    ),
    "read, then overwritten": (
        "text = open('data/a.txt').read(); open('data/a.txt', 'w').write('mine'); return text",
        lambda: write("data/a.txt", "two"),
    ),
    "read, then overwritten by another name": (
        "text = open('data/a.txt').read(); open('link', 'w').write('mine'); return text",
        lambda: write("data/a.txt", "two"),
    ),
    "read, then replaced": (
        "text = open('data/a.txt').read(); open('t', 'w').write('mine')\n"
        "os.replace('t', 'data/a.txt'); return text",
        lambda: write("data/a.txt", "two"),
    ),
    "read, then deleted": (
        "text = open('data/a.txt').read(); os.unlink('data/a.txt'); return text",
        lambda: write("data/a.txt", "two"),
    ),
    "read, then deleted by its directory": (
        "text = open('data/a.txt').read()\n"
        "os.unlink('a.txt', dir_fd=os.open('data', os.O_RDONLY)); return text",
        lambda: write("data/a.txt", "two"),
    ),
    "in a directory that it would have made": (
        "os.makedirs('data', exist_ok=True); return open('data/a.txt').read()",
        lambda: write("data/a.txt", "two"),
    ),
    "moved, then read": (
        "os.rename('data/a.txt', 'mine'); return open('mine').read()",
        lambda: write("data/a.txt", "two"),
    ),
    "another moved there in vain": (
        "try: os.rename('nowhere', 'data/a.txt')\nexcept OSError: return open('data/a.txt').read()",
        lambda: write("data/a.txt", "two"),
    ),
    "looked for": (ATTEMPT, lambda: write("data/b.txt", "two")),
    "looked for in no directory": (
        "try: open('none/b.txt')\nexcept OSError: return 1",
        lambda: write("none/b.txt", "two"),
    ),
    "looked for, then made by the stage": (
        "try: return open('data/b.txt').read()\n"
        "except OSError: open('data/b.txt', 'w').write('mine'); return 'new'",
        lambda: None,
    ),
    "listed, one more": ("return os.listdir('data')", lambda: write("data/b.txt", "")),
    "listed, one fewer": ("return os.listdir('data')", lambda: os.unlink("data/a.txt")),
    "listed, another name": (
        "return os.listdir('data')",
        lambda: os.rename("data/a.txt", "data/c.txt"),
    ),
    "listed, a directory for a file": (
        "return [each.is_dir() for each in os.scandir('data')]",
        lambda: (os.unlink("data/a.txt"), os.mkdir("data/a.txt")),
    ),
    "listed by default": (
        "os.chdir('data'); return os.listdir()",
        lambda: write("data/b.txt", ""),
    ),
    "listed by a descriptor": (
        "return os.listdir(os.open('data', os.O_RDONLY))",
        lambda: write("data/b.txt", ""),
    ),
    "glob": ("import glob; return glob.glob('d*/*.txt')", lambda: write("data/b.txt", "")),
    "rglob": (
        "import pathlib; return [str(each) for each in pathlib.Path('.').rglob('*.txt')]",
        lambda: write("data/b.txt", ""),
    ),
    "walk": ("return list(os.walk('data'))", lambda: write("data/b/c.txt", "")),
    "fwalk": ("return sum(1 for _ in os.fwalk('data'))", lambda: write("data/b.txt", "")),
    "nothing to list": (
        "try: os.listdir('none')\nexcept OSError: return 1",
        lambda: os.mkdir("none"),
    ),
    "listed before something is written there": (
        "names = os.listdir('data'); open('data/b.txt', 'w'); return names",
        lambda: None,
    ),
}

#: The same, of what does not make it run again.
DOES_NOT_COUNT = {
    "nothing": (READ, lambda: None),
    "the time": (READ, lambda: os.utime("data/a.txt", (1, 1))),
    "the same again": (READ, lambda: write("data/a.txt", "one")),
    "a neighbour": (READ, lambda: write("data/b.txt", "two")),
    "still not there": (ATTEMPT, lambda: write("data/c.txt", "two")),
    "what is in listed files": ("return os.listdir('data')", lambda: write("data/a.txt", "two")),
    "what tools leave behind": (
        "return len(os.listdir('.'))",
        lambda: (os.mkdir("__pycache__"), write(".pytest_cache/x", ""), write("x.pyc", "")),
    ),
    "written, then read": (
        "open('b', 'w').write('1'); return open('b').read()",
        lambda: os.unlink("b"),
    ),
    "made, then listed": (
        "os.mkdir('made'); open('made/b', 'w'); return os.listdir('made')",
        lambda: shutil.rmtree("made"),
    ),
    "written, then listed": (
        "open('data/b.txt', 'w'); return os.listdir('data')",
        lambda: None,
    ),
    "written, then listed, and gone": (
        "open('data/b.txt', 'w'); return os.listdir('data')",
        lambda: os.unlink("data/b.txt"),
    ),
    "written, moved, then read": (
        "open('b', 'w').write('1'); os.rename('b', 'c'); return open('c').read()",
        lambda: os.unlink("c"),
    ),
    "a directory made, moved, then read": (
        "os.mkdir('b'); open('b/x', 'w'); os.rename('b', 'c'); return open('c/x').read()",
        lambda: shutil.rmtree("c"),
    ),
    "temporary files": (
        "import tempfile\nwith tempfile.NamedTemporaryFile() as file: open(file.name).read()\n"
        "with tempfile.TemporaryFile() as file: file.read()",
        lambda: None,
    ),
    "a temporary directory of a program": (
        "import subprocess, tempfile\nwith tempfile.TemporaryDirectory() as place:\n"
        "    subprocess.run(['touch', place + '/a'], check=True)\n"
        "    os.mkdir(place + '/b')\n"
        "    return [open(place + '/a').read(), os.listdir(place)]",
        lambda: None,
    ),
    "read, then made private": (
        "text = open('data/a.txt').read(); os.chmod('data/a.txt', 0o600); return text",
        lambda: None,
    ),
    "appended to": ("open('log', 'a').write('1')", lambda: write("log", "another")),
    "devices": (
        "open('/dev/null').read(); open('/dev/null', 'w'); return len(os.urandom(3))",
        lambda: None,
    ),
    "the system's settings": ("return open('/etc/passwd').read()[:0]", lambda: None),
    "a library imported by the stage": (
        "import colorsys, wave, json.tool",
        lambda: write("new.txt", "in the directory that imports look into"),
    ),
    "what is installed": (
        "import importlib.metadata as found; return found.version('vcat-core')",
        lambda: write("new.txt", "in the directory that imports look into"),
    ),
    "another pipeline inside": (
        "stage(abs)(-1).run_same_process(); return 1",
        lambda: shutil.rmtree(".vcat/cache/tmp", ignore_errors=True),
    ),
}


_WHEN = pytest.mark.parametrize(
    "tick",
    [
        pytest.param(None, id="digested at once"),
        pytest.param(0, id="digested at the end", marks=pytest.mark.slow),
    ],
)


def prepare() -> None:
    write("../outside.txt", "one")
    write("package/__init__.py", "")
    write("package/a.txt", "one")
    write("other.py", "# one")
    os.makedirs("data/sub")
    os.symlink("data/a.txt", "link")
    os.symlink("data/sub", "up")


@_WHEN
@pytest.mark.parametrize("case", COUNTS)
def test_what_a_stage_met_counts(project, case, tick):
    """A change of it makes the stage run again, whichever way the stage came upon it."""
    prepare()
    body, edit = COUNTS[case]
    first = run(body, tick=tick)
    edit()
    second = run(body, tick=tick)
    assert (first.calls, second.calls) == (1, 2), (first, second)
    assert first.warnings == second.warnings == []


@_WHEN
@pytest.mark.parametrize("case", DOES_NOT_COUNT)
def test_what_a_stage_makes_does_not_count(project, case, tick):
    """Nor does what is beside what it met, nor what the interpreter and libraries look at."""
    prepare()
    body, edit = DOES_NOT_COUNT[case]
    first = run(body, tick=tick)
    edit()
    second = run(body, tick=tick)
    assert (first.calls, second.calls) == (1, 1), (first, second)
    assert first.result == second.result
    assert first.warnings == second.warnings == []
