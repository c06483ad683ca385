"""One row of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mutations.edit import Edit, replace

#: The body runs again after the edit.
RECOMPUTES = "runs again"
#: The body does not run again after the edit.
HITS = "from the cache"
#: Stages of one project that look alike: each runs once, none gets another one's result.
DISTINCT = "told apart"
#: A limit: the result changes, and the old one is used.
UNSEEN = "not seen"

#: What main.py begins with; the case says the rest.
PRELUDE = "from vcat import *\nfrom tally import ran\n"
#: What main.py ends with, unless the case runs something else.
EPILOGUE = "print(fit().run_same_process())\n"

#: A module of each project; the file it appends to lies outside, and is only written to.
TALLY = """\
import os
def ran(name="fit"):
    with open(os.environ["RUNS"], "a") as file:
        file.write(name + "\\n")
"""


class Case(NamedTuple):
    """A tiny project, one edit, and what two processes must show.

    Attributes:
        name: What is edited.
        files: The project, by name; ``../`` leads out of it. ``main.py`` is the script.
        edit: What is done between the runs.
        before: What the script prints first.
        after: What it prints after the edit.
        expected: :data:`RECOMPUTES`, :data:`HITS`, :data:`DISTINCT` or :data:`UNSEEN`.
        plain: Why a naive key gets this case right too; empty where it does not.
        wide: Whether the naive key has the times of all files in it.
        bodies: How many stages the script has that count their runs.
        needs: What has to be installed.
        job: Whether the script runs a real job.
        remedy: What helps where nobody can see.
        warns: Whether a warning may be said; a case that is warned of is mostly one not cached.
    """

    name: str
    files: Mapping[str, str]
    edit: Edit
    before: str
    after: str
    expected: str
    plain: str = ""
    wide: bool = False
    bodies: int = 1
    needs: str = ""
    job: bool = False
    remedy: str = ""
    warns: bool = False

    @property
    def runs(self) -> int:
        """How often bodies run in both processes together."""
        return self.bodies * (2 if self.expected == RECOMPUTES else 1)


def script(text: str) -> str:
    """Return the ``main.py`` of a case."""
    return PRELUDE + text + ("" if "print(" in text else EPILOGUE)


def again(
    name: str,
    text: str,
    old: str = "1",
    new: str = "2",
    before: str = "1",
    after: str = "2",
    **more: str,
) -> Case:
    """Return an edit of ``main.py`` after which ``fit`` runs again."""
    return Case(
        name,
        {"main.py": script(text)},
        replace("main.py", old, new),
        before,
        after,
        RECOMPUTES,
        **more,
    )


def again_in(
    name: str,
    text: str,
    files: Mapping[str, str],
    edit: Edit,
    before: str = "1",
    after: str = "2",
    **more: str,
) -> Case:
    """Return an edit of another file after which ``fit`` runs again."""
    return Case(name, {"main.py": script(text), **files}, edit, before, after, RECOMPUTES, **more)


def kept(name: str, text: str, old: str, new: str, value: str = "1", **more: object) -> Case:
    """Return an edit of ``main.py`` after which the result of ``fit`` is that of the cache."""
    files = {"main.py": script(text)}
    return Case(name, files, replace("main.py", old, new), value, value, HITS, **more)


def kept_in(
    name: str, text: str, files: Mapping[str, str], edit: Edit, value: str = "1", **more: object
) -> Case:
    """Return anything else after which the result of ``fit`` is that of the cache."""
    return Case(name, {"main.py": script(text), **files}, edit, value, value, HITS, **more)
