"""Running a script as Python would."""

import sys

import pytest

import vcat


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "sub" / "script.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


def test_a_script_sees_what_python_would_show_it(script, capsys, monkeypatch):
    """Name, arguments, path, file and annotations; all as before afterwards."""
    before = sys.argv, sys.path[:], sys.modules["__main__"]
    path = script(
        "import sys\n"
        "def f(x: int): pass\n"
        "print(__name__, sys.argv[1:], sys.path[0], __file__, f.__annotations__)\n"
        "print(sys.modules['__main__'].f is f)\n"
    )
    assert vcat.run_script(path, ["a", "-b"]) == []
    shown, own = capsys.readouterr().out.splitlines()
    parent = path.removesuffix("/script.py")
    assert shown == f"__main__ ['a', '-b'] {parent} {path} {{'x': <class 'int'>}}"
    assert own == "True"
    assert (sys.argv, sys.path[:], sys.modules["__main__"]) == before


def test_params_win_over_those_of_the_script(script):
    """What is given on the command line counts, in jobs and in the same process."""
    path = script(
        "from vcat import *\n"
        "pipe = stage(lambda c: c, cache=False)(Hyperparameter('C', default=1))\n"
        "assert pipe.run_same_process(C=2) == 3, pipe.run_same_process(C=2)\n"
    )
    vcat.run_script(path, params={"C": 3})


def test_deployments_are_told_as_they_are_made(script, tmp_path):
    """And returned, in order."""
    path = script(
        "from vcat import *\nfor n in (1, 2):\n    stage(int)(n).run(job_name=f'job-{n}')\n"
    )
    told = []
    made = vcat.run_script(path, submitted=lambda each: told.append(each.job_name))
    assert told == [each.job_name for each in made] == ["job-1", "job-2"]
    assert [each.fetch_job_results() for each in made] == [1, 2]


def test_what_the_script_raises_comes_out(script):
    """With everything put back."""
    before = sys.argv, sys.path[:]
    with pytest.raises(SystemExit) as caught:
        vcat.run_script(script("import sys; sys.exit(3)"))
    assert caught.value.code == 3
    assert (sys.argv, sys.path[:]) == before
