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
    _unseen("a setting of a library that the script sets", f"import decimal\ndecimal.getcontext().prec = 1\n{_FIT}len(str(decimal.Decimal(1) / 3)) - 2\n", {}, replace("main.py", "prec = 1", "prec = 2"), "set it in the body"),
    _unseen("a method that the script adds to a class of a library", f"from fractions import Fraction\nFraction.rate = lambda self: 1\n{_FIT}Fraction(5).rate()\n", {}, replace("main.py", "self: 1", "self: 2"), "write a function or a subclass of your own"),
    _unseen("a global that another stage changes", "STATE = {'x': 1}\nRATE = 1\n@stage\ndef load(): STATE['x'] = RATE; return 0\n@stage\ndef fit(_): ran(); return STATE['x']\nprint(fit(load()).run_same_process())\n", {}, replace("main.py", "RATE = 1", "RATE = 2"), "return it, and pass it as an argument"),
    _unseen("whether a file exists, without opening it", f"import os\n{_FIT}2 if os.path.exists('fl' + 'ag') else 1\n", {}, write("flag", "x"), "open it, list its directory, or pass its path as an argument"),
    _unseen("a file that a started program reads", f"import subprocess\n{_FIT}subprocess.run(['cat', 'data.txt'], capture_output=True, text=True).stdout\n", {"data.txt": "1"}, replace("data.txt", "1", "2"), "pass its path as an argument"),
    _unseen("a file that a process of multiprocessing reads", f"import multiprocessing\ndef g(_): return open('data.txt').read()\ndef start():\n  with multiprocessing.get_context('fork').Pool(1) as pool: return pool.map(g, [0])[0]\n{_FIT}start()\n", {"data.txt": "1"}, replace("data.txt", "1", "2"), "pass its path as an argument"),
    _unseen("a library edited in place, its version kept", f"import lib\n{_FIT}lib.g()\n", {"../site/lib.py": "def g(): return 1\n", "../site/lib-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n", "../site/lib-1.0.dist-info/RECORD": "lib.py,,\n"}, replace("../site/lib.py", "1", "2"), "`stage(version=…)`, or install it editable"),
    _unseen("a file that lru_cache has read before the stage", f"import functools\n@functools.lru_cache\ndef g(): return open('data.txt').read()\ng()\n{_FIT}g()\n", {"data.txt": "1"}, replace("data.txt", "1", "2"), "read it in the body, or pass its path as an argument"),
    _unseen("a file that lru_cache has read for another stage", "import functools\n@functools.lru_cache\ndef g(): return open('data.txt').read()\n@stage\ndef load(): return len(g())\n@stage\ndef fit(n): ran(); return g()\nprint(fit(load()).run_same_process())\n", {"data.txt": "1"}, replace("data.txt", "1", "2"), "pass its path as an argument"),
]
