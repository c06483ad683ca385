"""What a killed job could not write down, whoever looks first writes in its place."""

from __future__ import annotations

import threading

import pytest

from vcat._keeping.archive import format_document
from vcat._keeping.event import FILE
from vcat._looking import patience, settling
from vcat._looking.feed import EventFeed
from vcat._looking.log import PIECE
from vcat._looking.place import Place
from vcat._looking.settling import settle
from vcat.errors import BackendError
from vcat.records import DeploymentStatus, JobRecord

KILLED = DeploymentStatus("failed", 137, "killed by signal 9 (SIGKILL)", 100.0, 105.0)


@pytest.fixture
def killed(backend, place):
    """A job that was killed in its second stage."""
    place.archive.store_document(
        "definition",
        {"stages": [{"id": n, "name": n, "file": None, "line": None} for n in ("load", "fit")]},
    )
    backend.files["output.log"] = b"last words\n"
    backend.files[FILE] = (
        b'{"event":"stage ended","time":101.0,"number":0,"status":"cached"}\n'
        b'{"event":"metric","time":101.0,"number":0,"name":"rows","value":2}\n'
        b'{"event":"tag","time":101.0,"number":0,"name":"kind","value":"x"}\n'
        b'{"event":"stage started","time":102.0,"number":1}\n'
    )
    return place


def test_row_and_logs_are_put_right_once(killed, listing, memory):
    """State, reason, exit code, times and what was logged; the second who looks changes nothing."""
    row = settle(listing, killed, EventFeed(killed), KILLED)
    assert row == listing.row
    assert row._replace(metrics=dict(row.metrics), tags=dict(row.tags)) == JobRecord(
        "job",
        "failed",
        99.0,
        started_at=100.5,
        ended_at=105.0,
        reason="killed by signal 9 (SIGKILL)",
        stages=2,
        metrics={"rows": 2},
        tags={"kind": "x"},
        exit_code=137,
        stages_done=1,
        stages_cached=1,
    )
    assert memory.kept["log/output.log"] == b"last words\n"
    assert memory.kept[f"log/{FILE}"].endswith(b'"number":1}\n')
    memory.kept["log/output.log"] = b"kept"
    assert settle(listing, killed, EventFeed(killed), KILLED) == row
    assert (listing.written, memory.kept["log/output.log"]) == (1, b"kept")


def test_what_a_job_has_listed_itself_is_kept(killed, listing, memory):
    """A job that ended by itself gets its exit code, and keeps its reason, times, log and so on."""
    memory.kept["log/output.log"] = b"as the job archived it"
    listing.row = listing.row._replace(
        state="failed", reason="ValueError: bad", ended_at=104.0, metrics={"rows": 3}
    )
    status = KILLED._replace(exit_code=1, reason="exit code 1")
    row = settle(listing, killed, EventFeed(killed), status)
    assert (row.reason, row.ended_at, row.metrics, row.exit_code) == (
        "ValueError: bad",
        104.0,
        {"rows": 3},
        1,
    )
    assert memory.kept["log/output.log"] == b"as the job archived it"


def test_a_timeout_is_told_from_a_cancellation(killed, listing):
    """The job only knows that it was asked to end; its deployment knows why."""
    listing.row = listing.row._replace(state="cancelled", ended_at=104.0)
    status = KILLED._replace(state="timed out", reason="took longer than 5 s", exit_code=143)
    row = settle(listing, killed, EventFeed(killed), status)
    assert (row.state, row.reason, row.exit_code) == ("timed out", "took longer than 5 s", 143)


def test_an_archive_that_cannot_be_written_is_tried_again(killed, listing, memory, monkeypatch):
    """The row is true at once, and the next one who looks archives what is still there."""

    def full(job_name, name, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(memory, "store", full)
        row = settle(listing, killed, EventFeed(killed), KILLED)
    assert (listing.row, row.state, row.exit_code) == (row, "failed", None)
    assert "log/output.log" not in memory.kept
    row = settle(listing, killed, EventFeed(killed), KILLED)
    assert (row.exit_code, memory.kept["log/output.log"]) == (137, b"last words\n")


def test_a_listing_that_cannot_be_written_breaks_nothing(killed, listing, monkeypatch):
    """Whoever looks is told the truth, and nobody else."""

    def closed(row):
        raise BackendError("read only")

    monkeypatch.setattr(listing, "put", closed)
    assert settle(listing, killed, EventFeed(killed), KILLED).state == "failed"
    assert listing.row.state == "running"


def test_a_huge_log_is_archived_by_its_head_and_tail(killed, listing, backend, memory, monkeypatch):
    """As the job itself would have done, and never more than a piece in memory."""
    monkeypatch.setattr("vcat._looking.settling._HALF", 1000)
    backend.files["output.log"] = b"a" * 1500 + b"b" * 1500
    settle(listing, killed, EventFeed(killed), KILLED)
    assert memory.kept["log/output.log"] == (
        b"a" * 1000 + b"\n[vcat: 1000 bytes left out]\n" + b"b" * 1000
    )


def test_nothing_is_archived_of_a_job_that_left_nothing(killed, listing, backend, memory):
    """An empty log in the archive would say that the job printed nothing."""
    backend.files.clear()
    row = settle(listing, killed, EventFeed(killed), KILLED)
    assert [name for name in memory.kept if name.startswith("log/")] == []
    assert (row.exit_code, row.stages_done) == (137, 0)


def test_a_job_that_seemed_lost_and_has_ended_is_put_right(killed, listing):
    """Its machine was silent for a while: whoever looked then has written that down."""
    listing.row = listing.row._replace(state="lost", reason="silent", ended_at=103.0)
    row = settle(listing, killed, EventFeed(killed), KILLED)
    assert (row.state, row.exit_code, row.reason) == ("failed", 137, KILLED.reason)
    assert listing.row == row


def test_a_map_is_counted_by_its_items(killed, listing, backend):
    """As in ``vcat show``: three items beside the other stage are four stages."""
    backend.files[FILE] += (
        b'{"event":"stage mapped","time":102.0,"number":1,"first":2,"count":3}\n'
        b'{"event":"stage ended","time":103.0,"number":2,"status":"completed"}\n'
    )
    row = settle(listing, killed, EventFeed(killed), KILLED)
    assert (row.stages, row.stages_done, row.stages_cached) == (4, 2, 1)


def test_a_log_that_stops_in_the_middle_is_not_archived(killed, listing, memory, monkeypatch):
    """Where a deployment falls silent, half a log never stands for the whole of it."""
    over, read = threading.Event(), type(killed._backend).read

    def hang(backend, job_id, name, start=0, size=None):
        if name == "output.log" and start >= PIECE:
            over.wait(60)
        return read(backend, job_id, name, start, size)

    killed._backend.files["output.log"] = b"x" * PIECE + b"last words\n"
    monkeypatch.setattr(patience, "LIMIT", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(type(killed._backend), "read", hang)
        killed.limit_patience()
        row = settle(listing, killed, EventFeed(killed), KILLED)
        over.set()
    assert (row.state, row.exit_code) == ("failed", None)
    assert killed.silence == "Jobs.read: no answer within 0.05 seconds"
    assert "log/output.log" not in memory.kept
    again = Place(killed._backend, killed.archive, "id")
    assert settle(listing, again, EventFeed(again), KILLED).exit_code == 137
    assert memory.kept["log/output.log"] == killed._backend.files["output.log"]


def test_logs_of_stages_that_a_killed_job_held_are_archived(killed, backend, listing, memory):
    """Small ones together, large ones alone; what is archived stays as it is."""
    memory.kept["log/stage-000000.log"] = b"as the job archived it"
    large = b"x" * 5000
    backend.files[FILE] = b"".join(
        b'{"event":"stage mapped","time":102.0,"number":1,"first":2,"count":6}\n'
        if line is None
        else b'{"event":"%b","time":103.0,"number":%d,"status":"%b"}\n' % line
        for line in (
            (b"stage ended", 0, b"completed"),
            (b"stage started", 1, b""),
            None,
            (b"stage ended", 2, b"completed"),
            (b"stage ended", 3, b"cached"),
            (b"stage ended", 4, b"completed"),
            (b"stage ended", 5, b"completed"),
            (b"stage started", 6, b""),
        )
    )
    for number, data in ((0, b"no"), (2, b"2\n"), (3, b"3\n"), (4, large), (6, b"6\n"), (7, b"no")):
        backend.files[f"stage-{number:06d}.log"] = data
    settle(listing, killed, EventFeed(killed), KILLED)
    found = [killed.archive.fetch_log(f"stage-{number:06d}.log") for number in range(8)]
    expected = [b"as the job archived it", None, b"2\n", b"3\n", large, None, b"6\n", None]
    assert found == expected
    stage_logs = sorted(each for each in memory.kept if each.startswith("log/stage"))
    assert stage_logs == ["log/stage-000000.log", "log/stage-000004.log", "log/stages-000.logs"]
    assert b'"stages":[[2,2],[3,2],[6,2]]' in memory.kept["log/stages-000.logs"]


def test_a_log_that_was_cut_is_archived_with_one_gap(killed, backend, listing, memory, monkeypatch):
    """What the deployment, or the job, has not kept and what the archive does not is one."""
    monkeypatch.setattr(settling, "_HALF", 3000)
    backend.gaps["output.log"] = (10, 20)
    backend.files["output.log"] = b"0123456789" + bytes(10) + b"klm\n"
    backend.files["stage-000001.log"] = b"a" * 4000 + bytes(100) + b"z" * 4000
    backend.files["stage-000001.gap.json"] = format_document(
        "stage-000001.gap", {"start": 4000, "end": 4100}
    )
    settle(listing, killed, EventFeed(killed), KILLED)
    assert memory.kept["log/output.log"] == b"0123456789\n[vcat: 10 bytes left out]\nklm\n"
    left_out = b"\n[vcat: 2100 bytes left out]\n"
    assert memory.kept["log/stage-000001.log"] == b"a" * 3000 + left_out + b"z" * 3000
