"""What no key can see: the old result is used after each of these edits, and what helps."""

# ruff: noqa: E501  # one case, one line: they are read as a table
# fmt: off

from __future__ import annotations

from collections.abc import Mapping

from mutations.case import UNSEEN, Case, script
from mutations.edit import Edit, arguments, replace, variable, write

_FIT = "@stage\ndef fit(): ran(); return "


def _unseen(name: str, text: str, files: Mapping[str, str], edit: Edit, remedy: str) -> Case:
    return Case(name, {"main.py": script(text), **files}, edit, "1", "1", UNSEEN, remedy=remedy)


LIMITS = [
    _unseen("an environment variable, read in the body", f"import os\n{_FIT}os.environ.get('RATE', '1')\n", {}, variable("RATE", "2"), "read it outside, pass it as an argument"),
    _unseen("the command line, read in the body", f"import sys\n{_FIT}(sys.argv + ['1'])[1]\n", {}, arguments("2"), "read it outside, pass it as an argument"),
    _unseen("whether a file exists, without opening it", f"import os\n{_FIT}2 if os.path.exists('fl' + 'ag') else 1\n", {}, write("flag", "x"), "open it, list its directory, or pass its path as an argument"),
    _unseen("a file that a started program reads", f"import subprocess\n{_FIT}subprocess.run(['cat', 'data.txt'], capture_output=True, text=True).stdout\n", {"data.txt": "1"}, replace("data.txt", "1", "2"), "pass its path as an argument"),
    _unseen("a library edited in place, its version kept", f"import lib\n{_FIT}lib.g()\n", {"../site/lib.py": "def g(): return 1\n", "../site/lib-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n", "../site/lib-1.0.dist-info/RECORD": "lib.py,,\n"}, replace("../site/lib.py", "1", "2"), "`stage(version=…)`, or install it editable"),
]
