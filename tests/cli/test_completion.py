"""`vcat completion`."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
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


def test_bash_completes_files_and_words_of_a_few(command, tmp_path):
    """Wherever a file is asked for, and where there are only so many words to choose from."""
    pytest.importorskip("shtab")
    (tmp_path / "train.py").touch()
    code = "".join(
        f"complete_line vcat {line}\n"
        for line in (
            *("run tr", "run train.py tr", "check tr", "show @ -o tr", "ls --script tr"),
            *("ls --state ti", "ls --state failed l", "completion z"),
        )
    )
    said = completed(command("completion", "bash").out, code, cwd=tmp_path)
    assert said == ["train.py"] * 5 + ["timed-out", "lost", "zsh"]


def test_a_shell_has_to_be_named(command):
    """Nothing is said of what only the scripts give."""
    ended = command("completion")
    assert (ended.code, ended.err) == (
        2,
        "vcat: completion: SHELL is missing, expected bash or zsh; see `vcat completion --help`\n",
    )


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
    """Wherever the job stands: before its stage, and options between them or before.

    Quotes that are typed belong to the words that bash gives.
    """
    pytest.importorskip("shtab")
    script = command("completion", "bash").out
    code = (
        f'vcat() {{ {sys.executable} -m vcat_cli "$@"; }}\n'
        "complete_line vcat debug o\n"
        "complete_line vcat cancel other t\n"
        "complete_line vcat debug --run train-1 f\n"
        "complete_line vcat debug train-1 'load[9'\n"
        'complete_line vcat debug "\'train-1\'" "\'load[9"\n'
        "complete_line vcat cancel '\"o'\n"
        "complete_line vcat logs train-1 --stage l\n"
        "complete_line vcat show nowhere --stage ''\n"
    )
    said = completed(script, code, cwd=tmp_path)
    assert said == [
        "other",
        "train-1",
        "fit fit#2",
        "load[9]",
        "load[9]",
        "other",
        "load load[11]",
        "",
    ]


class Zsh:
    """An interactive zsh on a terminal, in which lines are typed."""

    def __init__(self, directory):
        self._main, other = pty.openpty()
        self._seen = b""
        self._running = subprocess.Popen(
            ["zsh", "-f", "-i"],
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            env=os.environ | {"TERM": "dumb", "HOME": str(directory)},
        )
        os.close(other)
        show = 'show() { print -r -- "LINE<$BUFFER>"; BUFFER=; }; zle -N show; bindkey "^Xs" show'
        vcat = f'vcat() {{ {sys.executable} -m vcat_cli "$@"; }}'
        self._type(f"fpath=({directory} $fpath); autoload -U compinit; compinit -D -u; {vcat}\n")
        self._type(f"{show}; setopt menucomplete; print rea''dy\n")
        self._await(rb"ready\r\n")

    def complete(self, line, tabs=1):
        """Return what becomes of a line when TAB is pressed behind it, so many times."""
        self._seen = b""
        self._type(line + "\t" * tabs + "\x18s")  # which zsh reads when it has completed
        return self._await(rb"LINE<(.*?)>\r")[1].decode().rstrip()

    def end(self):
        self._running.kill()
        self._running.wait()
        os.close(self._main)

    def _type(self, text):
        os.write(self._main, text.encode())

    def _await(self, pattern):
        while not (found := re.search(pattern, self._seen)):
            assert select.select([self._main], [], [], 60)[0], self._seen
            self._seen += os.read(self._main, 4096)
        return found


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_quotes_what_it_would_take_for_a_pattern(command, jobs, tmp_path):
    """Ids of items come as words that zsh gives to the command as they are, however they begin."""
    pytest.importorskip("shtab")
    (tmp_path / "_vcat").write_text(command("completion", "zsh").out)
    shell = Zsh(tmp_path)
    try:
        assert shell.complete("vcat cancel other t") == "vcat cancel other train-1"
        assert shell.complete("vcat debug train-1 load", 2) == "vcat debug train-1 load\\[11\\]"
        assert shell.complete("vcat debug train-1 load\\[9") == "vcat debug train-1 load\\[9\\]"
        assert shell.complete("vcat debug train-1 'load[9") == "vcat debug train-1 'load[9]'"
        assert shell.complete("vcat logs train-1 --stage fit#") == (
            "vcat logs train-1 --stage fit\\#2"
        )
    finally:
        shell.end()
