"""`vcat completion`."""

from __future__ import annotations

import subprocess
import sys

import pytest


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
    code = (
        f"{script}\n"
        "complete_line() {\n"
        '  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _shtab_vcat\n'
        '  echo "${COMPREPLY[@]}"\n'
        "}\n"
        "complete_line vcat l\n"
        "complete_line vcat ls --\n"
    )
    done = subprocess.run(
        ["bash", "-c", code], capture_output=True, check=False, text=True, timeout=60
    )
    verbs, options = done.stdout.splitlines()
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
        f"{script}\n"
        "complete_line() {\n"
        '  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _shtab_vcat\n'
        '  echo "${COMPREPLY[@]}"\n'
        "}\n"
        "complete_line vcat submit --t\n"
        "complete_line vcat submit -- python tr\n"
        "complete_line vcat rerun --from\n"
    )
    done = subprocess.run(
        ["bash", "-c", code],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    options, files, rerun = done.stdout.splitlines()
    assert set(options.split()) == {"--timeout", "--traceback"}
    assert files.split() == ["train.py"]
    assert rerun.split() == ["--from-failure"]
