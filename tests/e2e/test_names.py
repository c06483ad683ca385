"""41: names are data: none becomes a path, a word of a shell or a command to a terminal."""

import os

import pytest

from vcat import stage
from vcat.errors import GraphError

EVIL = ["a/b", "..", "", "x" * 10_000, "a\nb", "-rf", "$(touch x)", "🦀", "\u202egnp.exe", "a\0b"]


@pytest.mark.parametrize("name", [*EVIL, 5], ids=lambda each: ascii(each)[:12])
def test_a_job_has_a_plain_name(name):
    """Any other is refused before anything is written."""
    with pytest.raises(GraphError) as caught:
        stage(int)().run(job_name=name)
    assert str(caught.value) == (
        f"run(): job_name {name!r}: a job's name is letters, digits, '.', '_' and '-', begins with"
        " a letter or a digit and has at most 100 of them"
    )
    assert os.listdir() == []


SCRIPT = """
    from vcat import *

    EVIL = {evil!r}

    def named(name):
        def work(before):
            print("ran")
            set_tag("name", name)
            return before + 1
        work.__name__ = work.__qualname__ = name
        return stage(work)

    if __name__ == "__main__":
        last = 0
        for name in EVIL:
            last = named(name)(last)
        print(last.run(job_name="named").fetch_job_results())
"""


def test_a_stage_may_have_any_name(project):
    """It runs, its log is kept, and it is shown in one line of what a terminal can show."""
    evil = [each for each in EVIL if "\0" not in each]
    project.write("train.py", SCRIPT.replace("{evil!r}", ascii(evil)))
    assert project.run("train.py").stdout == f"{len(evil)}\n"
    assert project.ask("print(len(get_job('named').stages()))") == len(evil)
    logs = "[job.logs(stage=each.id) for each in job.stages()]"
    assert project.ask(f"job = get_job('named'); print(json.dumps({logs}))") == ["ran\n"] * len(
        evil
    )
    shown = project.run("-m", "vcat_cli", "show", "named").stdout
    assert not any(each in shown for each in "\0\x1b\u202e")
    assert sum("completed" in line for line in shown.splitlines()) >= len(evil)
    assert not (project.directory / "x").exists()
    assert project.leftovers() == []
