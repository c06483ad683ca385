"""The command in this process and in one of its own, and jobs put into the archives by hand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

import vcat_cli
from vcat._keeping.archive import JobArchive
from vcat._keeping.codec import dumps
from vcat._keeping.digest import digest
from vcat._keeping.event import _encode
from vcat._plugins.configuration import load
from vcat.records import JobRecord

#: 2026-02-03 04:05:06 UTC, when the jobs here were submitted.
SUBMITTED = 1770091506.0


@dataclass
class Ended:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    """Times are shown in UTC, to commands in this process and in others."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def command(capsys):
    """Run the command in this process."""

    def run(*words):
        try:
            code = vcat_cli.main(words)
        except SystemExit as error:  # as `--help` ends
            code = error.code
        shown = capsys.readouterr()
        return Ended(code, shown.out, shown.err)

    return run


@pytest.fixture
def process(tmp_path, without_progress):
    """Run the command in a process of its own."""

    def run(*words, **options):
        done = subprocess.run(
            [sys.executable, "-m", "vcat_cli", *words],
            **{"capture_output": True, "text": True, "timeout": 60} | options,
            check=False,
        )
        err = without_progress(done.stderr) if isinstance(done.stderr, str) else done.stderr
        return Ended(done.returncode, done.stdout, err)

    return run


@pytest.fixture
def make_job(tmp_path):
    """Put a job into the listing and the archives of the working directory, as a job would."""
    configuration = load(str(tmp_path))

    def make(name="train-1", *, log=None, events=(), stages=(), error=None, result=None, **fields):
        defaults = {
            "state": "completed",
            "submitted_at": SUBMITTED,
            "started_at": SUBMITTED + 1,
            "ended_at": SUBMITTED + 4.5,
            "project": "/home/me/project",
            "script": "train.py",
            "stages": len(stages),
            "deployment_type": "vcat.LocalShellJobDeployment",
            "vcat_version": "0.1.0",
        }
        record = JobRecord(name, **(defaults | fields))
        configuration.listing.put(record)
        archive = JobArchive(configuration.archives, name)
        archive.store_document("definition", {"stages": list(stages), "bundle_name": "source"})
        if record.ended_at is not None:
            kept = None
            if result is not None:
                data = dumps(result)
                archive.store_value(len(stages) - 1, [data])
                kept = {"number": len(stages) - 1, "size": len(data), "digest": digest(data)}
                events = [*events, {"event": "value", **kept}]
            outcome = {
                "state": record.state,
                "started_at": record.started_at,
                "ended_at": record.ended_at,
                "result": kept or {"number": 0, "digest": ""},
                "error": error,
            }
            archive.store_document("outcome", outcome)
        if log is not None:
            archive.store_log_parts("output.log", [log])
        if events:
            lines = [_encode({"time": SUBMITTED} | each) + "\n" for each in events]
            archive.store_log_parts("events.jsonl", ["".join(lines).encode()])
        return archive

    make.fit, make.ended, make.submitted = fit, ended, SUBMITTED
    return make


def fit(number=0, **fields):
    """What a definition says of a stage called ``fit``."""
    return {"id": "fit", "name": "fit", "file": "train.py", "line": 7} | fields


def ended(number, **fields):
    """The event of a stage that ended."""
    times = {"started_at": SUBMITTED + 1, "time": SUBMITTED + 3}
    return {"event": "stage ended", "number": number, "status": "completed"} | times | fields
