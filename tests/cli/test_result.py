"""`vcat show --result`: the only thing that loads what a job has pickled."""

from __future__ import annotations

import sys

import pytest

import vcat
from vcat.errors import VcatError


class Canary:
    """Prints when it is loaded."""

    def __reduce__(self):
        return print, ("the canary sings",)


def test_only_result_loads_the_value(command, make_job):
    """Nothing but `--result` runs what the job has pickled."""
    stages = [make_job.fit()]
    make_job(stages=stages, result=Canary(), log=b"log\n")
    for words in (
        ("ls",),
        ("show", "@"),
        ("show", "@", "--json"),
        ("show", "@", "--stage", "fit"),
        ("show", "@", "--artifacts"),
        ("show", "@", "--provenance"),
        ("logs", "@"),
        ("logs", "@", "--json"),
    ):
        assert "canary" not in command(*words).out
    assert command("show", "@", "--result").out == "the canary sings\nNone\n"


def test_result_needs_the_classes_of_the_project(process, make_job, tmp_path):
    """The class of a result is imported from the project; where it is gone, one line says so."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "shapes.py").write_text(
        "class Circle:\n    def __repr__(self):\n        return 'a\\x1b[2Jcircle'\n"
    )
    script = tmp_path / "make.py"
    sys.path.insert(0, str(project))
    try:
        import shapes

        make_job(stages=[make_job.fit()], result=shapes.Circle(), project=str(project))
    finally:
        sys.path.remove(str(project))
        sys.modules.pop("shapes", None)
    assert not script.exists()
    ended = process("show", "train-1", "--result")
    assert (ended.code, ended.out, ended.err) == (0, "acircle\n", "")
    (project / "shapes.py").unlink()
    for cached in (project / "__pycache__").glob("*"):
        cached.unlink()
    ended = process("show", "train-1", "--result")
    assert (ended.code, ended.err) == (
        1,
        "vcat: the value of stage 'fit' of job train-1 cannot be loaded here: ModuleNotFoundError:"
        " No module named 'shapes'; load it where what it is made of can be imported as in the"
        f" job, whose code job.source() has (this is {sys.executable})\n",
    )
    (project / "shapes.py").write_text("raise SystemExit\n")
    ended = process("show", "train-1", "--result")
    assert ended.code == 1
    said = "vcat: the value of stage 'fit' of job train-1 cannot be loaded here: SystemExit; load"
    assert ended.err.startswith(said)


class Shy:
    """Has no repr."""

    def __repr__(self):
        raise ValueError("no repr")


def test_a_value_that_only_cannot_be_shown(command, make_job):
    """It was loaded; what is wrong is its class, and the stage is named that was asked for."""
    make_job(stages=[make_job.fit()], result=Shy())
    said = "of job train-1 was loaded and cannot be shown: its repr() raised ValueError: no repr"
    ended = command("show", "@", "--result")
    assert (ended.code, ended.out, ended.err) == (1, "", f"vcat: the result {said}\n")
    ended = command("show", "@", "--result", "--stage", "fit")
    assert (ended.code, ended.err) == (1, f"vcat: the value of stage 'fit' {said}\n")


def test_a_class_that_is_gone_is_an_error_of_vcats(make_job, monkeypatch):
    """With the stage, the job and what to do; what was raised is its cause."""
    make_job(stages=[make_job.fit()], result=Shy())
    monkeypatch.delattr(sys.modules[__name__], "Shy")
    job = vcat.get_job("train-1")
    for read in (job.fetch_job_results, lambda: job.value_of("fit")):
        with pytest.raises(VcatError, match=r"^the value of stage 'fit' of job train-1 cannot"):
            read()
    with pytest.raises(VcatError) as raised:
        job.value_of("fit")
    assert isinstance(raised.value.__cause__, AttributeError)


def test_result_of_a_job_that_did_not_complete(command, make_job):
    """`--result` of a failed job is its error, and of one that runs is not waited for."""
    error = {"first_line": "ValueError: bad", "label": "stage 'fit' (train.py:7)"}
    make_job(stages=[make_job.fit()], state="failed", error=error)
    ended = command("show", "train-1", "--result")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "ValueError: bad\nin stage 'fit' (train.py:7) of job train-1\nfull log: vcat logs train-1\n"
    )
