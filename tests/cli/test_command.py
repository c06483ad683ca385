"""From the command line to a verb, and from errors to exit codes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

import vcat
import vcat_cli
from vcat_cli import command as command_module

HELP_VERBS = list(command_module.VERBS)


def test_version_names_what_is_installed(command):
    """`vcat --version` names the command, the core and the interpreter."""
    python = ".".join(str(each) for each in sys.version_info[:3])
    ended = command("--version")
    assert ended.code == 0
    assert ended.out == (
        f"vcat {vcat_cli.__version__} (vcat-core {vcat.__version__}, Python {python})\n"
    )


def test_nothing_asked_for_is_answered_with_the_help(command):
    """Without a verb the help goes to standard error, and the exit code says it was no use."""
    ended = command()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("usage: vcat ")
    assert all(f"    {verb}" in ended.err for verb in HELP_VERBS)


@pytest.mark.parametrize("verb", HELP_VERBS)
def test_every_verb_has_a_help_with_examples(command, verb):
    """`vcat VERB --help` says what the verb does and shows commands that can be copied."""
    ended = command(verb, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"usage: vcat {verb} ")
    examples = ended.out.partition("examples:\n")[2]
    assert f"vcat {verb}" in examples
    assert "--traceback" in ended.out


def test_examples_in_the_helps_are_understood():
    """Each command line in a help is one that its parser takes."""
    lines = []
    for verb in HELP_VERBS:
        parser = command_module.verb_parser(verb)
        for line in parser.epilog.splitlines()[1:]:
            words = shlex.split(re.split(r"\s{2,}| \| | > ", line.strip())[0])
            lines.append(words)
            head, _ = command_module._split(words[2:])
            assert words[:2] == ["vcat", verb]
            parser.parse_intermixed_args(head) if verb in ("run", "check") else parser.parse_args(
                head
            )
    assert len(lines) >= 2 * len(HELP_VERBS)


def test_unknown_verb_suggests_the_nearest(command):
    """A mistyped verb is answered with the one that was probably meant."""
    ended = command("sohw", "train-1")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"vcat: there is no verb 'sohw'; did you mean 'show'? Verbs: {', '.join(HELP_VERBS)}\n"
    )


def test_unknown_verb_without_a_near_one(command):
    """A verb unlike any is answered with all that there are."""
    ended = command("xyzzy")
    assert ended.code == 2
    assert ended.err == (f"vcat: there is no verb 'xyzzy'; verbs: {', '.join(HELP_VERBS)}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--wrong"], "unrecognized arguments: --wrong; see `vcat --help`"),
        (["--wrong", "ls"], "unrecognized arguments: --wrong; see `vcat --help`"),
        (["ls", "--wrong"], "ls: unrecognized arguments: --wrong; see `vcat ls --help`"),
        (
            ["logs", "@", "--folow"],
            "logs: unrecognized arguments: --folow; did you mean --follow? See `vcat logs --help`",
        ),
        (
            ["ls", "--stat=failed"],
            "ls: unrecognized arguments: --stat=failed; did you mean --state? See `vcat ls --help`",
        ),
        (
            ["submit", "python", "train.py", "--lr", "0.1"],
            "submit: unrecognized arguments: --lr 0.1; the command follows --: `vcat submit"
            " [OPTIONS] -- COMMAND [ARGS ...]`, see `vcat submit --help`",
        ),
        (
            ["check", "x.py", "--fast"],
            "check: unrecognized arguments: --fast; options of the script follow --: `vcat check"
            " SCRIPT -- --option`, see `vcat check --help`",
        ),
        (
            ["ls", "-n", "x"],
            "ls: argument -n: 'x' is not a whole number from 0 on; see `vcat ls --help`",
        ),
        (
            ["ls", "-n", "٣"],
            "ls: argument -n: '٣' is not a whole number from 0 on; see `vcat ls --help`",
        ),
        (["show"], "show: the following arguments are required: JOB; see `vcat show --help`"),
        (
            ["logs", "@", "--json", "--raw"],
            "logs: argument --raw: not allowed with argument --json; see `vcat logs --help`",
        ),
    ],
)
def test_wrong_arguments_are_one_line(command, words, message):
    """A wrong command line is answered with one line and the way to the help."""
    ended = command(*words)
    assert (ended.code, ended.out, ended.err) == (2, "", f"vcat: {message}\n")


def test_all_problems_of_a_configuration_are_told(command, tmp_path):
    """A wrong configuration is answered with a line for each problem and exit code 2."""
    (tmp_path / "local.config.yaml").write_text("log_levle: INFO\ndefault_cache_enabled: 7\n")
    ended = command("ls")
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("vcat: local.config.yaml:1: ")
    assert lines[1].startswith("vcat: local.config.yaml:2: ")


def test_traceback_only_when_asked_for(process, tmp_path):
    """An error is one line; with --traceback it is raised, with where it came from."""
    ended = process("show", "nothing")
    assert ended.code == 2
    said = re.sub(
        "; /[^;]* has jobs of its own.*", "", ended.err
    ).strip()  # there may be jobs further above
    assert f"{said}\n" == (
        "vcat: no job 'nothing' in LocalFileSystemPipelineListing("
        f"path={str(tmp_path / '.vcat' / 'listing')!r});"
        " list_jobs() and `vcat ls` show what there is\n"
    )
    for words in (("--traceback", "show", "nothing"), ("show", "nothing", "--traceback")):
        ended = process(*words)
        assert ended.err.startswith("Traceback (most recent call last):\n")
        assert "vcat.errors.UnknownJobError: no job 'nothing'" in ended.err


def test_the_arguments_of_a_script_are_not_ours(command, tmp_path):
    """A script's own --traceback behind `--` does not turn ours on."""
    (tmp_path / "script.py").write_text(
        "import sys; print(sys.argv[1:]); import vcat; vcat.get_job('x')"
    )
    ended = command("run", "script.py", "--", "--traceback")
    assert ended.out == "['--traceback']\n"
    assert ended.err.startswith("vcat: no job 'x' in ")
    ended = command("run", "missing.py", "--", "--traceback")
    assert ended.err.startswith("vcat: run: 'missing.py' cannot be read")


def test_messages_obey_no_control_sequence(command):
    """What a user was tricked into typing does not move the cursor."""
    ended = command("\x1b[2Jls")
    assert ended.err == (f"vcat: there is no verb '\\x1b[2Jls'; verbs: {', '.join(HELP_VERBS)}\n")
    ended = command("ls", "\x1b[2J")
    assert ended.err == "vcat: ls: unrecognized arguments: ; see `vcat ls --help`\n"


def test_a_closed_pipe_ends_the_command_silently(make_job, tmp_path):
    """`vcat ls | head -n 1` prints no error when the reader has had enough."""
    for number in range(20):
        make_job(f"job-{number}", reason="x" * 10_000, metrics={})
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "vcat_cli", "ls"],
        stdout=write,
        check=False,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_readers_import_nothing_from_the_working_directory(tmp_path):
    """Looking at jobs in a stranger's directory runs none of the modules that lie there."""
    names = ("yaml", "pluggy", "argparse", "json", "dill", "vcat", "sitecustomize", "difflib")
    for name in names:
        code = f"open({str(tmp_path / 'canary')!r}, 'a').write({name!r})\nraise SystemExit(3)\n"
        (tmp_path / f"{name}.py").write_text(code)
    # An evil twin of the plugins' metadata, which must not make one of them a plugin.
    metadata = tmp_path / "evil-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[vcat]\nevil = dill\n")
    (tmp_path / "a.config.yaml").write_text("log_level: INFO\n")
    script = os.path.join(os.path.dirname(sys.executable), "vcat")
    for start in ([sys.executable, "-m", "vcat_cli"], [script]):
        for words in (["ls"], ["--version"], ["plugins"], ["show", "x"], ["sohw"]):
            done = subprocess.run(
                [*start, *words],
                capture_output=True,
                check=False,
                text=True,
                timeout=60,
                cwd=tmp_path,
            )
            assert done.returncode in (0, 2), done.stderr
            assert "evil" not in done.stdout
            assert not (tmp_path / "canary").exists(), (start, words)


def test_output_that_the_encoding_lacks_is_escaped(make_job, process):
    """In a terminal that knows ASCII only, a job with other letters in it is still listed."""
    make_job("job-1", metrics={"größe": 1.5})
    ended = process("ls", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert ended.code == 0
    assert r"gr\xf6\xdfe=1.5" in ended.out


def test_starting_imports_only_what_the_verb_needs():
    """`vcat --version` pays for no other verb and for nothing that reads jobs."""
    code = (
        "import sys, vcat_cli\n"
        "try: vcat_cli.main(['--version'])\n"
        "except SystemExit: pass\n"
        "late = ['dataclasses', 'typing', 'json', 'shutil', 'logging', 'subprocess', 'difflib']\n"
        "late += ['vcat.records', 'vcat._plugins', 'vcat_cli.ls', 'vcat_cli.run', 'pluggy']\n"
        "print([each for each in late if each in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, text=True, timeout=60
    )
    # Since 3.14 argparse itself imports them, for its colours.
    expected = ["dataclasses"] if sys.version_info >= (3, 14) else []
    assert done.stderr == f"{expected}\n"


def test_listing_imports_nothing_heavy(tmp_path):
    """`vcat ls` does without what costs a start-up of Python each."""
    code = (
        "import sys, vcat_cli\n"
        "vcat_cli.main(['ls'])\n"
        "late = ['shutil', 'logging', 'subprocess', 'tempfile', 'difflib', 'yaml', 'dill']\n"
        "late += ['tarfile', 'importlib.metadata', 'vcat_cli.run', 'vcat_cli.show', 'asyncio']\n"
        "print([each for each in late if each in sys.modules])\n"
    )
    for _ in range(2):  # the first one reads the metadata of what is installed and keeps it
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=False, text=True, timeout=60
        )
    assert done.stdout == "[]\n"
