"""Reading back: from the archive alone, and never anything damaged."""

import json
import shutil

import pytest

from vcat._keeping.submitter import describe_submitter

SCRIPT = """
    from vcat import *

    @stage(persist=True)
    def load():
        print("loaded")
        log_metric("rows", 2)
        with open("plot.txt", "w") as file:
            file.write("a plot of everything")
        log_artifact("plot.txt")
        return [1, 2]

    @stage
    def unkept(x):
        return x

    @stage
    def add(numbers):
        return sum(numbers)

    deployment = add(unkept(load())).run(job_name="job")
    print(deployment.fetch_job_results())
"""


@pytest.fixture
def finished(project):
    """A project with one finished job, ``job``."""
    project.write("train.py", SCRIPT)
    assert project.run("train.py").stdout == "3\n"
    return project


def test_the_archive_is_enough(finished):
    """With the run directories deleted, everything is still there."""
    shutil.rmtree(finished.directory / ".vcat" / "jobs")
    assert finished.ask(
        """
        job = get_job("job")
        print(json.dumps([
            job.get_job_status(), job.fetch_job_results(), job.logs(),
            list(job.logs(follow=True)), job.metrics(), [each.status for each in job.stages()],
            job.value_of("load"), job.artifacts(),
        ]))
        """
    ) == [
        "completed",
        3,
        "loaded\n",
        ["loaded"],
        {"rows": 2},
        ["completed"] * 3,
        [1, 2],
        ["plot.txt"],
    ]


def message_of(project, action):
    return project.ask(
        f"""
        try:
            {action}
        except Exception as error:
            print(json.dumps([type(error).__name__, str(error)]))
        """
    )


def stored(project, name):
    (path,) = [
        each for each in (project.directory / ".vcat" / "archive").rglob(name) if each.is_file()
    ]
    return path


def test_a_damaged_result_is_never_served(finished):
    """One changed byte in the stored value is an error that names it."""
    path = stored(finished, "000002.pickle")
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    kind, text = message_of(finished, 'get_job("job").fetch_job_results()')
    assert kind == "FormatError"
    head = "000002.pickle of job job: stored value is damaged: its digest is not "
    assert text.startswith(head)


def test_a_damaged_artifact_is_never_served(finished):
    """One changed byte in an artifact is an error that names it."""
    path = stored(finished, "plot.txt")
    path.write_bytes(path.read_bytes().replace(b"plot", b"plod"))
    kind, text = message_of(finished, 'get_job("job").artifact("plot.txt")')
    assert kind == "FormatError"
    assert text.startswith("artifact 'plot.txt' of job job is damaged: its digest is not ")


@pytest.mark.parametrize(
    ("action", "kind", "text"),
    [
        (
            'get_job("nothing")',
            "UnknownJobError",
            "no job 'nothing' in LocalFileSystemPipelineListing(path='LISTING'); list_jobs() and"
            " `vcat ls` show what there is",
        ),
        ("get_job(3)", "TypeError", "get_job(3): the name of a job, or how it begins, is a text"),
        (
            'get_job("job").logs(tail=-1)',
            "ValueError",
            "tail is -1; give a number of lines from 0 on, or None for all",
        ),
        (
            'get_job("job").logs(tail="x", follow=True)',
            "TypeError",
            "tail is 'x', expected a whole number of lines, or None for all",
        ),
        (
            'get_job("job").logs(stage=5)',
            "TypeError",
            "stage is 5, expected a stage, as a call of it has returned it, or its id, a text",
        ),
        (
            'get_job("job").logs(stage=b"x")',
            "TypeError",
            "stage is b'x', expected a stage, as a call of it has returned it, or its id, a text",
        ),
        (
            'get_job("job").logs(stage=[], follow=True)',
            "TypeError",
            "stage is [], expected a stage, as a call of it has returned it, or its id, a text",
        ),
        (
            'get_job("job").value_of(5)',
            "TypeError",
            "stage is 5, expected a stage, as a call of it has returned it, or its id, a text",
        ),
        (
            'get_job("job").value_of(None)',
            "TypeError",
            "stage is None, expected a stage, as a call of it has returned it, or its id, a text",
        ),
        (
            'get_job("job").value_of("unkept")',
            "LookupError",
            "stage 'unkept' of job job is completed and its value is not kept; add .persist() to"
            " the stage to keep it; run again unchanged, it is taken from the cache as long as that"
            " has it",
        ),
        (
            'get_job("job").value_of("fit")',
            "UnknownJobError",
            "job job has no single stage 'fit'; name one by its id: 'load', 'unkept', 'add'",
        ),
        (
            'get_job("job").artifact("x")',
            "LookupError",
            "job job has no artifact 'x'; it has 'plot.txt'",
        ),
        (
            'vcat.debug_stage("job", "fit")',
            "UnknownJobError",
            "job job has no stage 'fit'; name one by its id: 'load', 'unkept', 'add'",
        ),
        (
            'vcat.debug_stage("job", None, "run")',
            "UnknownJobError",
            "job job has no stage None; name one by its id: 'load', 'unkept', 'add'",
        ),
        (
            'vcat.debug_stage("job", "add", way="zz")',
            "ValueError",
            "debug_stage(way='zz'): there is no such way; give one of 'pdb', 'post-mortem',"
            " 'shell', 'run'",
        ),
    ],
)
def test_what_is_not_there_is_said(finished, action, kind, text):
    """And what is there instead."""
    listing = str(finished.directory / ".vcat" / "listing")
    assert message_of(finished, action) == [kind, text.replace("LISTING", listing)]


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ("older_than='3d'", "TypeError", "older_than is in seconds, a number; three days are"),
        ("older_than=-1", "ValueError", "older_than is in seconds, 0 or more"),
        ("older_than=float('nan')", "ValueError", "older_than is in seconds, 0 or more"),
        ("max_size=-1", "ValueError", "size is -1; give a number of bytes from 0 on"),
        ("max_size=1.5", "TypeError", "size is 1.5, expected bytes as a whole number, or text"),
        ("max_size='x'", "ValueError", "size 'x' is not understood; write a number and one of"),
    ],
)
def test_what_a_cache_cannot_be_collected_by_removes_nothing(finished, given, kind, text):
    """The message says which argument, with which value, and what would be right."""
    name, _, value = given.partition("=")
    shown = value.replace("float('nan')", "nan")
    found = message_of(finished, f"vcat.collect_cache({given})")
    assert found[0] == kind
    assert found[1].startswith(f"collect_cache({name}={shown}): {text}")
    gone = "[vcat.collect_cache(max_size=each, dry_run=True).entries for each in (0, '1 GB')]"
    assert finished.ask(f"print(json.dumps({gone}))") == [3, 0]


def test_a_prefix_of_several_jobs_is_refused(finished):
    """The message lists them."""
    finished.write("again.py", SCRIPT.replace('"job"', '"job-2"'))
    finished.run("again.py")
    finished.write("third.py", SCRIPT.replace('"job"', '"job-3"'))
    finished.run("third.py")
    assert message_of(finished, 'get_job("jo")') == [
        "UnknownJobError",
        "3 jobs have a name that begins with 'jo': job-3, job-2, job",
    ]
    assert finished.ask('print(json.dumps(get_job("job").job_name))') == "job"


def test_looking_runs_nothing_and_needs_no_project(finished, tmp_path):
    """With a canary in every pickle and the project's modules gone, all readers still work."""
    canary = tmp_path / "canary"
    planted = b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR."
    for path in (finished.directory / ".vcat").rglob("*.pickle"):
        path.write_bytes(planted)
    for path in (finished.directory / ".vcat" / "cache").rglob("*"):
        if path.is_file() and path.name != "vcat-store.json":
            path.write_bytes(planted)
    (finished.directory / "train.py").unlink()
    kind, _ = message_of(finished, 'get_job("job").fetch_job_results()')
    assert kind == "FormatError"
    finished.ask(
        """
        import sys
        job = get_job("job")
        job.stages(), job.metrics(), job.logs(), job.provenance(), job.artifact("plot.txt")
        list_jobs()
        vcat.explain_job("job")
        vcat.collect_cache(dry_run=True)
        vcat.collect_cache(older_than=0.0)
        print(json.dumps([name for name in ("dill", "yaml", "pluggy") if name in sys.modules]))
        """
    )
    assert not canary.exists()


def test_a_job_that_is_being_handed_over_is_queued(finished):
    """Between the listing and the deployment nothing proves that a job is lost."""
    archived = finished.directory / ".vcat" / "archive"
    (document,) = archived.rglob("deployment.json")
    (outcome,) = archived.rglob("outcome.json")
    document.unlink()
    outcome.unlink()
    shutil.rmtree(finished.directory / ".vcat" / "jobs")
    (definition,) = archived.rglob("definition.json")
    described = json.loads(definition.read_text())
    definition.write_text(json.dumps(described | {"submitter": describe_submitter()}))
    (row,) = (finished.directory / ".vcat" / "listing").rglob("*_job.json")
    listed = json.loads(row.read_text())
    assert listed["state"] == "completed"
    row.write_text(json.dumps(listed | {"state": "queued"}))
    assert finished.ask(
        'print(json.dumps([get_job("job").get_job_status(), get_job("job").is_job_complete()]))'
    ) == ["queued", False]
