"""A job that cannot write to an archive at its end: what it left is archived by who looks later."""

import json
import subprocess
import sys

import pytest

SCRIPT = """\
import os, sys
from vcat import *

@stage
def load():
    print("loaded")
    return [1, 2]

@stage(cache=False)
def total(values, archive):
    os.rename(archive, archive + ".away")
    open(archive, "w").close()
    print("adding")
    if "fails" in archive:
        raise ValueError("bad")
    return sum(values)

if __name__ == "__main__":
    total(load(), sys.argv[1]).run(job_name="job").wait_for_deployment_to_complete()
"""

CONFIGURATION = """\
archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [{parent}/archive]
provenance_archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [{harmed}]
stage_log_archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [{harmed}]
deployment_implementation:
  deployment_type: vcat.LocalShellJobDeployment
  constructor_keyword_arguments: {{path: {parent}/jobs}}
"""

LOOK = """
    job = get_job("job")
    status, row, provenance = job.status(), job.record(), job.provenance()
    print(json.dumps({
        "status": [status.state, status.exit_code],
        "row": [row.state, row.exit_code],
        "complete": None if provenance is None else provenance["complete"],
        "ends": [each["status"] for each in (provenance or {"stages": []})["stages"]],
    }))
"""


@pytest.mark.slow
@pytest.mark.parametrize("harmed", ["well", "fails"])
def test_what_could_not_be_archived_is_archived_when_it_can_be(project, harmed):
    """Log, events, logs of stages, provenance and outcome; what the job has said stays true."""
    parent = project.parent
    archive = parent / harmed
    project.write("test.config.yaml", CONFIGURATION.format(parent=parent, harmed=archive))
    project.write("train.py", SCRIPT)
    project.run("train.py", str(archive))
    with_nothing = {"status": ["failed", 74], "row": ["failed", None]}
    code = LOOK.replace("job.provenance()", "None")
    assert project.ask(code) == with_nothing | {"complete": None, "ends": []}
    archive.unlink()
    archive.with_suffix(".away").rename(archive)
    ended = {"status": ["failed", 74], "row": ["failed", 74], "complete": True}
    ends = ["completed", "completed" if harmed == "well" else "failed"]
    for _ in range(2):
        assert project.ask(LOOK) == ended | {"ends": ends}
    kept = {each.name: each for each in archive.rglob("*.*") if each.is_file()}
    assert {"output.log", "events.jsonl", "stage-000000.log", "stage-000001.log"} <= kept.keys()
    assert kept["stage-000001.log"].read_bytes().startswith(b"adding\n")
    left = list(parent.joinpath("archive").rglob("outcome.json"))
    assert [json.loads(each.read_text())["state"] for each in left] == [
        "completed" if harmed == "well" else "failed"
    ]


@pytest.mark.slow
def test_whoever_shows_the_log_archives_what_the_job_could_not(project):
    """What the job has left is kept after `vcat logs`, as it is after `vcat ls`."""
    parent = project.parent
    archive = parent / "fails"
    project.write("test.config.yaml", CONFIGURATION.format(parent=parent, harmed=archive))
    project.write("train.py", SCRIPT)
    project.run("train.py", str(archive))
    archive.unlink()
    archive.with_suffix(".away").rename(archive)
    shown = [sys.executable, "-m", "vcat_cli", "logs", "job"]
    done = subprocess.run(shown, cwd=project.directory, capture_output=True, timeout=60, check=True)
    assert b"adding\n" in done.stdout
    (kept,) = archive.rglob("output.log")
    assert kept.read_bytes() == done.stdout
    (outcome,) = parent.joinpath("archive").rglob("outcome.json")
    assert json.loads(outcome.read_text())["error"]["first_line"] == "ValueError: bad"
