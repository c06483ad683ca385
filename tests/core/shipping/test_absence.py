"""Why something stays behind: the very rule, and a remedy that works."""

from __future__ import annotations

import os
import re

import pytest

from vcat._shipping.checking.absence import Absence
from vcat._shipping.choosing.tree import scan


def absence(project, *stores):
    """What is to be said of the paths of a project that its bundle lacks."""
    sent = {os.fsdecode(each.path) for each in scan(str(project), exclude=stores).entries}
    return Absence(str(project), sent, stores), sent


def write(project, files):
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, errors="surrogateescape")


RULES = [
    (
        {".gitignore": "# data\n\ndata/\n", "data/x.csv": ""},
        "data/x.csv",
        ".gitignore:3: data/ leaves data out; a line '!/data/' in .vcatignore brings it back",
    ),
    (
        {".gitignore": "*.csv\n!keep.csv\n*.txt\n", "a/x.csv": "", "keep.csv": ""},
        "a/x.csv",
        ".gitignore:1: *.csv leaves a/x.csv out; a line '!/a/x.csv' in .vcatignore brings it back",
    ),
    (
        {".gitignore": "*.txt\n", "a/.gitignore": "b\n", "a/b/c/x.csv": ""},
        "a/b/c/x.csv",
        "a/.gitignore:1: b leaves a/b out; a line '!/a/b/' in .vcatignore brings it back",
    ),
    (
        {".gitignore": "\ufeffx.csv\r\ny.csv\r\n", "x.csv": ""},
        "x.csv",
        ".gitignore:1: x.csv leaves x.csv out; a line '!/x.csv' in .vcatignore brings it back",
    ),
    (
        {".gitignore": "!x.csv\n*\n", "x[1]*.csv ": ""},
        "x[1]*.csv ",
        r".gitignore:2: * leaves x[1]*.csv  out; a line '!/x\[1]\*.csv\ ' in .vcatignore brings it"
        " back",
    ),
    (
        {".gitignore": "!x.csv\n", ".vcatignore": "y\nx.*\n", "x.csv": ""},
        "x.csv",
        ".vcatignore:2: x.* leaves x.csv out; remove that line, or write '!/x.csv' below it",
    ),
    (
        {"a/.vcatignore": "/data\n", ".vcatignore": "!x\n", "a/data/x": ""},
        "a/data/x",
        "a/.vcatignore:1: /data leaves a/data out; remove that line, or write '!/data/' below it",
    ),
    (
        {".gitignore": "!venv\n", "venv/x.py": ""},
        "venv/x.py",
        "the default venv leaves venv out; a line '!/venv/' in .vcatignore brings it back",
    ),
    (
        {"a/__pycache__/x.csv": ""},
        "a/__pycache__/x.csv",
        "the default __pycache__ leaves a/__pycache__ out; a line '!/a/__pycache__/' in"
        " .vcatignore brings it back",
    ),
    (
        {"legacy.pyc": ""},
        "legacy.pyc",
        "the default *.pyc leaves legacy.pyc out; a line '!/legacy.pyc' in .vcatignore brings it"
        " back",
    ),
]


@pytest.mark.parametrize(("files", "path", "text"), RULES)
def test_the_rule_that_decides_and_how_to_undo_it(project, files, path, text):
    """It is named with its file and line; whoever does what is said has the file in the bundle."""
    write(project, files)
    said, sent = absence(project)
    assert path not in sent
    assert said.of(path) == text
    pattern = re.search(r"'(!/.*)'", text).group(1)
    file = re.match(r"([^:]*):.*below it", text)
    with open(project / (file.group(1) if file else ".vcatignore"), "a") as opened:
        opened.write(f"{pattern}\n")
    assert path in absence(project)[1]


@pytest.mark.parametrize(
    ("files", "path", "text"),
    [
        (
            {".git/hooks/x": "", ".vcatignore": "!.git\n"},
            ".git/hooks/x",
            ".git never travels: it is the history of a project; copy what the job needs of it to"
            " another place in the project",
        ),
        (
            {"env/pyvenv.cfg": "", "env/x.py": "", ".vcatignore": "!env\n"},
            "env/x.py",
            "env never travels: pyvenv.cfg is in it; copy what the job needs of it to another place"
            " in the project",
        ),
        (
            {"store/x.csv": "", ".gitignore": "!/store/\n"},
            "store/x.csv",
            "store never travels: it is a store that the configuration names; copy what the job"
            " needs of it to another place in the project",
        ),
    ],
)
def test_what_never_travels(project, files, path, text):
    """No rule is named where none would help."""
    write(project, files)
    said, sent = absence(project, str(project / "store"))
    assert path not in sent
    assert said.of(path) == text


def test_what_no_rule_leaves_out(project):
    """A FIFO, and what has been made since the bundle was."""
    os.mkfifo(project / "pipe")
    said, _ = absence(project)
    write(project, {"new.csv": ""})
    for each in ("pipe", "new.csv"):
        assert said.of(each) == f"{each} is nothing that can be bundled, or has come since"
