"""`vcat show --result`: the only thing that loads what a job has pickled."""

from __future__ import annotations

import sys


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
        (
            "vcat: the result of job train-1 cannot be loaded here:"
            " ModuleNotFoundError: No module named 'shapes'\n"
        ),
    )


def test_result_of_a_job_that_did_not_complete(command, make_job):
    """`--result` of a failed job is its error, and of one that runs is not waited for."""
    error = {"first_line": "ValueError: bad", "label": "stage 'fit' (train.py:7)"}
    make_job(stages=[make_job.fit()], state="failed", error=error)
    ended = command("show", "train-1", "--result")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "ValueError: bad\nin stage 'fit' (train.py:7) of job train-1\nfull log: vcat logs train-1\n"
    )
