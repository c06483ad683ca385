"""`vcat completion`."""

from __future__ import annotations

import subprocess
import sys

import pytest


def completed(script, code, **options):
    """What bash prints for *code*, which calls ``complete_line`` with a line typed so far."""
    function = """
        complete_line() {
          COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _shtab_vcat
          echo "${COMPREPLY[@]}"
        }
    """
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{function}\n{code}"],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        **options,
    )
    return done.stdout.splitlines()


def test_without_shtab_the_command_says_how_to_get_it(command, monkeypatch):
    """Completion is an extra; without it there is one line that says what to install."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    ended = command("completion", "bash")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "vcat: completion: shtab is not installed, run: pip install 'vcat-cli[completion]'\n"
    )


def test_unknown_shell(command):
    """A shell there is no completion for is answered with those there are."""
    ended = command("completion", "fish")
    assert ended.code == 2
    assert ended.err == (
        "vcat: completion: argument SHELL: there is no completion for 'fish',"
        " expected bash or zsh;"
        " see `vcat completion --help`\n"
    )


def test_bash_completes_verbs_and_options(command):
    """With the printed script bash completes `vcat l` and `vcat ls --`."""
    pytest.importorskip("shtab")
    script = command("completion", "bash").out
    code = "complete_line vcat l\ncomplete_line vcat ls --\n"
    said = completed(script, code)
    verbs, options = said
    assert set(verbs.split()) == {"ls", "logs"}
    assert {"--json", "--state", "--help"} <= set(options.split())


def test_zsh_script_names_the_command(command):
    """The script for zsh is one that its completion system loads for vcat."""
    pytest.importorskip("shtab")
    assert command("completion", "zsh").out.startswith("#compdef vcat\n")


def test_bash_completes_what_follows_two_dashes(command, tmp_path):
    """Options of `vcat submit` are completed before `--`, and files of the command after it."""
    pytest.importorskip("shtab")
    (tmp_path / "train.py").touch()
    script = command("completion", "bash").out
    code = (
        "complete_line vcat submit --t\n"
        "complete_line vcat submit -- python tr\n"
        "complete_line vcat rerun --from\n"
    )
    said = completed(script, code, cwd=tmp_path)
    options, files, rerun = said
    assert set(options.split()) == {"--timeout", "--traceback"}
    assert files.split() == ["train.py"]
    assert rerun.split() == ["--from-failure"]


@pytest.fixture
def jobs(make_job):
    """Two jobs, one with a map of twelve items of which the last has failed."""
    ended = make_job.ended
    stages = [
        {"id": "load", "name": "load", "file": "train.py", "line": 7, "map": True},
        {"id": "fit", "name": "fit", "file": "train.py", "line": 9},
        {"id": "fit#2", "name": "fit", "file": "train.py", "line": 9},
    ]
    events = [{"event": "stage mapped", "number": 0, "first": 3, "count": 12}]
    events += [ended(number) for number in range(3, 14)]
    events += [ended(14, status="failed", error="ValueError: bad")]
    make_job("train-1", stages=stages, events=events)
    make_job("other", submitted_at=1770091600.0)


def test_names_that_a_shell_asks_for(command, jobs):
    """Jobs, the newest first; stages, of a map the items that failed, and all behind a bracket."""
    assert command("completion", ".jobs").out.split() == ["@", "other", "train-1"]
    assert command("completion", ".jobs", "--", "t").out.split() == ["train-1"]
    asked = command("completion", ".stages", "train-1", "")
    assert (asked.code, asked.err) == (0, "")
    assert asked.out.split() == ["load", "fit", "fit#2", "load[11]"]
    assert command("completion", ".stages", "train", "f").out.split() == ["fit", "fit#2"]
    items = command("completion", ".stages", "train-1", "load[1").out.split()
    assert items == ["load[1]", "load[10]", "load[11]"]
    assert command("completion", ".stages", "nowhere", "").code != 0
    assert command("completion", "bash", "more").err == (
        "vcat: completion: unrecognized arguments: more; see `vcat completion --help`\n"
    )


@pytest.mark.slow
def test_bash_completes_jobs_and_stages(command, jobs, tmp_path):
    """Wherever the job stands: before its stage, and options between them or before."""
    pytest.importorskip("shtab")
    script = command("completion", "bash").out
    code = (
        f'vcat() {{ {sys.executable} -m vcat_cli "$@"; }}\n'
        "complete_line vcat debug o\n"
        "complete_line vcat cancel other t\n"
        "complete_line vcat debug --run train-1 f\n"
        "complete_line vcat debug train-1 'load[9'\n"
        "complete_line vcat logs train-1 --stage l\n"
        "complete_line vcat show nowhere --stage ''\n"
    )
    said = completed(script, code, cwd=tmp_path)
    assert said == [
        "other",
        "train-1",
        "fit fit#2",
        "load[9]",
        "load load[11]",
        "",
    ]
