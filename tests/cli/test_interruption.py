"""Ctrl-C and a reader that has gone end every command that reads: at once, and without a word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FAKE = Path(__file__).parents[1] / "fakes" / "silent"

READING = [
    ["ls"],
    ["show", "train-1"],
    ["show", "@", "--json"],
    ["why", "train-1"],
    ["logs", "train-1"],
    ["logs", "-f", "train-1"],
    ["logs", "-f", "--json", "train-1"],
]

#: Sends itself SIGINT when a module is about to be imported, as Ctrl-C may hit anywhere.
AT_IMPORT = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
from vcat_cli import main
sys.exit(main({words!r}))
"""


@pytest.fixture
def hanging(make_job, tmp_path):
    """A running job whose deployment hangs as soon as it is asked, and says so."""
    stages = [make_job.fit()]
    archive = make_job(state="running", ended_at=None, stages=stages)
    archive.store_document("deployment", {"id": "id"})
    (tmp_path / "hanging.py").write_text(
        "import os\n"
        "from fake_silent import SilentDeployment\n"
        "class Hanging(SilentDeployment):\n"
        "    def _hang(self, operation):\n"
        "        print('buffered')\n"
        "        os.write(2, b'hangs\\n')\n"
        "        super()._hang(operation)\n"
    )
    (tmp_path / "silent.config.yaml").write_text(
        "deployment_implementation:\n"
        "  deployment_type: hanging:Hanging\n"
        "  constructor_keyword_arguments:\n"
        "    hangs: [status, read]\n"
    )


def start(*words, **options):
    """Start the command in a process of its own, which buffers what it prints as usual."""
    path = f"{FAKE}{os.pathsep}{os.getcwd()}"
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return subprocess.Popen(
        [sys.executable, "-m", "vcat_cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=variables | {"PYTHONPATH": path},
        **options,
    )


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_an_interrupt_ends_whoever_waits_for_a_deployment(hanging, words):
    """Though the deployment goes on hanging."""
    with start(*words) as waiting:
        assert waiting.stderr.readline() == "hangs\n"
        waiting.send_signal(signal.SIGINT)
        assert waiting.communicate(timeout=60) == ("buffered\n", "")
    assert waiting.returncode == 130


@pytest.mark.parametrize(
    "name", ["vcat_cli.command", "argparse", "vcat_cli.show", "vcat_backend_localfs"]
)
def test_an_interrupt_while_the_command_starts(make_job, name):
    """It is not shown where in its imports the command was."""
    make_job("train-1")
    done = subprocess.run(
        [sys.executable, "-c", AT_IMPORT.format(name=name, words=["show", "train-1"])],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["ls", "-n", "0"],
        ["ls", "--json", "-n", "0"],
        ["show", "big"],
        ["show", "big", "--json"],
        ["logs", "big"],
        ["logs", "--raw", "big"],
        ["logs", "-f", "big"],
        ["logs", "--json", "big"],
    ],
    ids=" ".join,
)
def test_a_reader_that_has_seen_enough(make_job, words):
    """As `| head -1` has: silence, and the exit code that a shell gives to a closed pipe."""
    log = b"".join(b"line %d\n" % number for number in range(100_000))
    events = [{"event": "metric", "name": f"m{n}", "value": n} for n in range(20_000)]
    make_job("big", log=log, events=events, stages=[make_job.fit()])
    for number in range(80):
        make_job(f"job-{number}", reason="x" * 3000, metrics={})
    with start(*words) as reading:
        assert reading.stdout.readline()
        reading.stdout.close()
        said = reading.stderr.read()
        assert reading.wait(60) == 141
    assert said == ""


def test_messages_that_nobody_reads(tmp_path):
    """`vcat show nosuch 2>&1 | true` is no error of its own."""
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "vcat_cli", "show", "no-such"]
    done = subprocess.run(words, stdout=write, stderr=write, timeout=60, check=False)
    os.close(write)
    assert done.returncode == 141


def test_an_interrupt_when_the_reader_is_gone(hanging):
    """Ctrl-C ends a whole pipeline: what was printed for the other is dropped without a word."""
    with start("logs", "-f", "train-1") as waiting:
        assert waiting.stderr.readline() == "hangs\n"
        waiting.stdout.close()
        waiting.send_signal(signal.SIGINT)
        said = waiting.stderr.read()
        assert waiting.wait(60) == 130
    assert said == ""
