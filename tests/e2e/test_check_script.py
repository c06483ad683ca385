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


def of_place(what, path, inside, where="in the project", named=""):
    """What is said of a constant that is a path into the project."""
    return (
        f"{what} {str(path)!r}, which is {where}: a job has a copy of it and would use the"
        f" original; write {inside!r}, since a job runs in its copy, or make it of __file__ in the"
        f" function or in a module of the project{named}"
    )


def test_constants_that_say_where_the_script_lies(check, project):
    """They are of the directory that the script was in; those of modules are made in the copy."""
    files = {
        ".gitignore": "big.csv\n",
        "big.csv": "1",
        "data.csv": "1",
        "paths.py": "from pathlib import Path\nROOT = Path(__file__).parent\n\n"
        "def load(root=ROOT):\n    return root, ROOT\n",
        "train.py": script(
            "import os, paths\n"
            "from pathlib import Path\n"
            "from paths import ROOT as TOP\n"  # line 4
            "ROOT = Path(__file__).parent\n"
            "if True:\n"
            "    DATA = ROOT / 'data.csv'\n"
            "OUT, *_ = os.path.join(os.path.dirname(__file__), 'out'), None\n"
            "BOTH = {'a': str(DATA), 'b': 'data.csv'}\n"
            "BIG = ROOT / 'big.csv'\n"
            "MANY = [ROOT / str(each) for each in range(12)]\n"
            "ELSEWHERE = [ROOT.parent, f'{ROOT}s', '/', '', f'{ROOT} is not\\na path', 1]\n"
            "HERE, UNUSED = Path('data.csv'), ROOT\n\n"
            "def load(path, *, root=DATA):\n"  # line 15
            "    ROOT = Path(__file__).parent\n"
            "    return ELSEWHERE, HERE, TOP, ROOT, path, root\n\n"
            "@stage\n"
            "def fit():\n"
            "    paths.load(), load(DATA), print(ROOT, OUT, BOTH, BIG)\n\n"
            "@stage\n"
            "def end(fitted):\n"
            "    print(DATA, len(MANY))\n\n"
            "end = end(fit())\n"
        ),
    }
    code, said = check(files)
    top = project.directory

    def constant(line, name, path, inside, verb="is", where="in the project"):
        what = f"train.py:{line}: warning: constant {name!r} {verb}"
        return of_place(what, path, inside, where, f" that the function names (module.{name})")

    assert code == 0
    assert said == [
        constant(4, "TOP", top, ".", where="the project directory"),
        constant(5, "ROOT", top, ".", where="the project directory"),
        constant(7, "DATA", top / "data.csv", "data.csv"),
        constant(8, "OUT", top / "out", "out"),
        constant(9, "BOTH", top / "data.csv", "data.csv", "has"),
        f"train.py:10: warning: constant 'BIG' is '{top}/big.csv', which is in the project and not"
        " in the bundle: a job would use the original, which only this machine has: .gitignore:1:"
        " big.csv leaves big.csv out; a line '!/big.csv' in .vcatignore brings it back",
        *(constant(11, "MANY", top / str(each), str(each), "has") for each in range(11, 1, -1)),
        "train.py:11: warning: constant 'MANY' has 2 more such paths",
        of_place(
            "train.py:15: warning: load(): the default of 'root' is", top / "data.csv", "data.csv"
        ),
    ]


def test_what_is_said_of_such_constants_is_right(project):
    """What is written instead is in the copy, and reads what the job was submitted with."""
    project.write("paths.py", "from pathlib import Path\nROOT = Path(__file__).parent\n")
    project.write("data.csv", "old")
    project.write(
        "train.py",
        """
        import os
        from pathlib import Path
        import paths
        from paths import ROOT as TOP
        from vcat import *

        ROOT = Path(__file__).parent
        DATA = Path("data.csv")

        @stage(cache=False)
        def places(root=ROOT):
            assert root == ROOT
            here = Path(os.getcwd())
            return ROOT == here, TOP == here, [
                each.resolve() == here / "data.csv" and each.read_text() for each in (
                    DATA, Path(__file__).parent / "data.csv", paths.ROOT / "data.csv"
                )
            ]

        if __name__ == "__main__":
            print(places().run().fetch_job_results())
        """,
    )
    assert project.run("train.py").stdout == "(False, False, ['old', 'old', 'old'])\n"
