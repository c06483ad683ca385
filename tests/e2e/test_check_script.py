"""`vcat check`: what functions of the script take from it, and what a job has instead."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

RUN = """
if __name__ == "__main__":
    end.run()
"""


def script(text):
    """A script that begins with the star import and runs its stage `end`."""
    return "from vcat import *\n" + text + RUN


def looked_up(line, name, others=""):
    """What is said of functions that use one of `globals`, `eval` and `exec`."""
    return (
        f"train.py:{line}: warning: uses {name}(), which in a job finds of the script only what"
        " the functions there name; name in the function what it looks up, or move the function"
        f" to a module of the project{others}"
    )


def test_names_that_only_running_the_script_finds(check):
    """Those of a module are all there, and so are those that a namespace of its own has."""
    files = {
        "lib.py": "RATE = 1\n\ndef rate():\n    return globals()['RATE'], eval('RATE')\n",
        "train.py": script(
            "import lib\n"  # line 2
            "RATE = 1\n\n"
            "class Model:\n"
            "    def fit(self):\n"
            "        return eval('RATE')\n\n"
            "def helper(text):\n"
            "    def inner():\n"
            "        exec(text, None)\n"  # line 11
            "        exec(text, {'RATE': 2})\n"
            "        return eval(text, globals={}) if globals is None else eval(text, {}, {})\n"
            "    return inner\n\n"
            "def unused():\n"
            "    return globals()\n\n"
            "@stage\n"
            "def fit(frame):\n"
            "    lib.rate(), helper('RATE')(), Model().fit(), frame.eval('a')\n"
            "    return globals()['RATE'], list(map(eval, ['RATE']))\n\n"  # line 22
            "end = fit(1)\n"
        ),
    }
    code, said = check(files)
    assert code == 0
    assert said == [
        looked_up(7, "eval", "; also in train.py:22"),
        looked_up(11, "exec"),
        looked_up(13, "globals", "; also in train.py:22"),
    ]
    files["train.py"] = script(
        "eval = str\n\n"
        "@stage\ndef fit(globals=dict):\n    return globals(), eval(1)\n\n"
        "end = fit()\n"
    )
    assert check(files) == (0, [])
