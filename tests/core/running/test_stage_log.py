"""The file of what a stage prints: there at the first line, whole at the end, and not too large."""

import io
import json
import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest

from vcat._keeping.archive import log_name
from vcat._running.record import cut, log, stage_log
from vcat._running.record.log import KeptFile
from vcat._running.record.stage_log import StageLog, StageLogs


@contextmanager
def installed(directory):
    """Put stage logs in the place of the streams; pytest would replace those of a fixture."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        logs = StageLogs(str(directory))
        logs.install()
        yield logs, out


def given(end, *arguments):
    """Return what *end* gives whom it is told to; ``None`` where it gives nothing."""
    parts = []
    end(*arguments, lambda given: parts.append(b"".join(given)))
    assert len(parts) < 2
    return parts[0] if parts else None


def test_lines_are_in_the_file_as_they_are_printed(tmp_path):
    """Followers see them at once, of both streams in order; without a line there is no file."""
    with installed(tmp_path) as (logs, _):
        file = tmp_path / "stage-000003.log"
        logs.begin(3)
        assert not file.exists()
        print("one")
        assert file.read_text() == "one\n"
        print("two", file=sys.stderr)
        sys.stdout.write("10 %\r")
        assert file.read_bytes() == b"one\ntwo\n10 %\r"
        print("no line", end="")
        assert file.read_bytes().endswith(b"\r")
        sys.stdout.flush()
        assert file.read_text().endswith("no line")
        assert given(logs.end, 3) == file.read_bytes() == b"one\ntwo\n10 %\rno line"


def test_each_stage_has_its_own(tmp_path):
    """What is printed goes to the stage that runs, between stages to none, and on in any case."""
    with installed(tmp_path) as (logs, out):
        print("before")
        logs.begin(0)
        print("first")
        assert given(logs.end, 0) == b"first\n"
        print("between")
        logs.begin(1)
        assert given(logs.end, 1) is None
        assert sorted(os.listdir(tmp_path)) == [log_name(0)]
        assert out.getvalue() == "before\nfirst\nbetween\n"


def test_the_log_of_another_process_is_read_from_its_file(tmp_path):
    """A worker wrote it; who keeps the records archives it."""
    worker, keeper = StageLogs(str(tmp_path)), StageLogs(str(tmp_path))
    worker.begin(2)
    keeper.begin(2)
    worker.write("of the worker\n")
    assert given(worker.end, 2) == given(keeper.end, 2) == b"of the worker\n"


def test_what_is_said_of_a_stage_goes_to_its_own_file(tmp_path):
    """Stages that run elsewhere at the same time fail with their tracebacks in their own logs."""
    keeper, worker = StageLogs(str(tmp_path)), StageLogs(str(tmp_path))
    worker.begin(1)
    worker.write("printed\n")
    keeper.begin(1)
    keeper.begin(2)
    keeper.add(1, "raised in 1\n")
    keeper.add(2, "raised in 2\n")
    assert given(keeper.end, 1) == b"printed\nraised in 1\n"
    assert given(keeper.end, 2) == b"raised in 2\n"


def test_another_call_is_marked_where_it_prints(tmp_path):
    """Only what follows is of that attempt; one that prints nothing leaves no mark."""
    with installed(tmp_path) as (logs, _):
        logs.begin(0)
        print("failed")
        logs.repeat(0, 2)
        logs.repeat(0, 3)
        print("done")
        logs.repeat(0, 4)
        assert given(logs.end, 0) == b"failed\n[vcat: attempt 3]\ndone\n"


def test_what_is_too_much_is_left_out_of_the_middle(tmp_path):
    """Head and tail stay where they are, the disk has no more than the limit and a little."""
    path = tmp_path / "stage-000003.log"
    log = StageLog(str(path), 64 << 10)
    lines = [f"{number:063}\n" for number in range(20_000)]
    for each in lines:
        log.write(each)
    printed, data = "".join(lines).encode(), path.read_bytes()
    gap = json.loads((tmp_path / "stage-000003.gap.json").read_text())
    start, end = gap["start"], gap["end"]
    assert start == 32 << 10
    assert 32 << 10 <= len(printed) - end <= 42 << 10
    assert data == printed[:start] + bytes(end - start) + printed[end:]
    assert os.stat(path).st_blocks * 512 <= 76 << 10
    left_out = b"\n[vcat: %d bytes left out]\n" % (end - start)
    assert given(log.close) == printed[:start] + left_out + printed[end:]


def test_a_file_is_cut_when_it_has_grown_by_an_eighth(tmp_path, monkeypatch):
    """Not at every line: what is given back each time is worth the time."""
    holes = []
    monkeypatch.setattr(cut, "_punch_hole", lambda fd, start, size: holes.append((start, size)))
    mib = 1 << 20
    limited = cut.Cut(str(tmp_path / "stage-000000.log"), 64 * mib)
    with open(tmp_path / "stage-000000.log", "wb") as file:
        for size in range(1, 90):
            os.ftruncate(file.fileno(), size * mib)
            limited.grow(file.fileno(), mib)
    assert holes == [(32 * mib, 9 * mib), (41 * mib, 9 * mib)]


def test_forks_of_a_stage_that_print_too_much_cut_its_file(tmp_path):
    """The stage waits for them and prints nothing, and what they have cut it does not show."""
    path = tmp_path / "stage-000000.log"
    log = StageLog(str(path), 64 << 10)
    log.write("parent\n")
    children = []
    for _ in range(2):
        if (pid := os.fork()) == 0:
            for number in range(10_000):
                log.write(f"{number:063}\n")
            os._exit(0)
        children.append(pid)
    for each in children:
        assert os.waitpid(each, 0)[1] == 0
    assert os.stat(path).st_blocks * 512 <= 160 << 10
    log.write("end\n")
    gap = json.loads((tmp_path / "stage-000000.gap.json").read_text())
    data = path.read_bytes()
    assert set(data[gap["start"] : gap["end"]]) == {0}
    assert 0 not in data[: gap["start"]] + data[gap["end"] :]
    assert data.startswith(b"parent\n")
    assert data.endswith(b"\nend\n")


def test_the_end_is_kept_where_the_file_cannot_be_cut(tmp_path, monkeypatch):
    """A file system without holes: the file stays as long as it is, the rest is in memory."""

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(cut, "_punch_hole", refuse)
    monkeypatch.setattr(stage_log, "TAIL", 1000)
    path = tmp_path / "stage-000000.log"
    log = StageLog(str(path), 64 << 10)
    lines = [f"{number:063}\n" for number in range(20_000)]
    for each in lines:
        log.write(each)
    size, printed = path.stat().st_size, "".join(lines).encode()
    assert 64 << 10 <= size <= 84 << 10
    assert os.listdir(tmp_path) == [path.name]
    kept = given(log.close)
    rest = kept.removeprefix(printed[:size])
    assert rest == b"\n[vcat: %d bytes left out]\n" % (len(printed) - size - 1024) + printed[-1024:]
    assert path.read_bytes() == kept


@pytest.mark.parametrize(("value", "size"), [("65536", 1 << 16), ("much", 1 << 20), ("", 1 << 20)])
def test_the_deployment_says_how_much_is_kept(tmp_path, monkeypatch, value, size):
    """In a variable; nonsense in it fails no stage."""
    monkeypatch.setenv("VCAT_LOG_LIMIT", value)
    logs = StageLogs(str(tmp_path))
    logs.begin(0)
    for _ in range(1 << 10):
        logs.write("x" * 1023 + "\n")
    assert size <= len(given(logs.end, 0)) <= size * 5 // 4


def test_a_text_of_any_length_is_kept(tmp_path):
    """It is encoded piece by piece, and a piece may end anywhere."""
    log = StageLog(str(tmp_path / "stage-000000.log"))
    text = "äb" * (1 << 20) + "c\n"
    log.write(text)
    assert given(log.close) == text.encode()


def test_a_file_that_cannot_be_written_fails_nothing(tmp_path):
    """The end of what was printed is kept in memory, for the archive."""
    log = StageLog(str(tmp_path / "gone" / "log"))
    log.write("one\n")
    log.write("two\n")
    assert given(log.close) == b"one\ntwo\n"


def test_a_file_that_a_stage_has_closed_is_opened_again(tmp_path):
    """Its number may be another file's by then, which gets nothing of it."""
    log = StageLog(str(tmp_path / "log"))
    log.write("one\n")
    os.close(log._fd)
    other = os.open(tmp_path / "other", os.O_CREAT | os.O_RDWR, 0o600)
    assert other == log._fd
    log.write("two\n")
    os.close(other)
    assert given(log.close) == b"one\ntwo\n"
    assert (tmp_path / "other").read_bytes() == b""


def test_threads_of_a_stage_lose_nothing(tmp_path):
    """Lines that several threads print at once are all there."""
    log = StageLog(str(tmp_path / "log"))

    def write(letter):
        for _ in range(500):
            log.write(f"{letter * 20}\n")

    threads = [threading.Thread(target=write, args=(each,)) for each in "abcd"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(given(log.close)) == 4 * 500 * 21


def test_a_fork_does_not_print_what_its_parent_has_begun(tmp_path):
    """Half a line of the parent is in the file once."""
    log = StageLog(str(tmp_path / "log"))
    log.write("begun ")
    pid = os.fork()
    if pid == 0:
        log.write("child\n")
        os._exit(0)
    os.waitpid(pid, 0)
    log.write("ended\n")
    assert given(log.close) == b"child\nbegun ended\n"


def test_a_fork_flushes_what_is_its_own_only(tmp_path):
    """Python flushes at the end of a forked process, whatever another thread was just printing."""
    log = StageLog(str(tmp_path / "log"))
    log.write("begun ")
    held, forked = threading.Event(), threading.Event()

    def hold():
        with log._lock:
            held.set()
            forked.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads is the point
        pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # instead of waiting for ever for a thread that is not here
        log.flush()
        log.write("child\n")
        os._exit(0)
    forked.set()
    thread.join()
    assert os.waitpid(pid, 0)[1] == 0
    log.write("ended\n")
    assert given(log.close) == b"child\nbegun ended\n"


def test_texts_without_an_encoding_are_shown(tmp_path):
    """Lone surrogates, as in names of files, fail no stage."""
    log = StageLog(str(tmp_path / "log"))
    log.write("a\udc80b\n")
    assert given(log.close) == b"a\\udc80b\n"


def test_the_file_is_ended_when_it_cannot_be_kept(tmp_path):
    """An archive that raises in the middle leaves no descriptor open, and the end in the file."""
    log = StageLog(str(tmp_path / "log"))
    log.write("one\n")
    fd = log._fd

    def refuse(parts):
        raise ValueError("full")

    with pytest.raises(ValueError, match="full"):
        log.close(refuse)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    assert (tmp_path / "log").read_bytes() == b"one\n"


def test_a_deleted_file_is_still_read(tmp_path):
    """A stage that deletes the job's directory does not take the records along."""
    path = tmp_path / "events.jsonl"
    assert b"".join(KeptFile(str(path)).parts()) == b""
    path.write_bytes(b"one\n")
    kept = KeptFile(str(path))
    path.unlink()
    assert b"".join(kept.parts()) == b"one\n"
    path.write_bytes(b"two\n")
    os.close(kept._fd)  # as a stage may
    assert b"".join(kept.parts()) == b"two\n"


def test_a_long_output_is_archived_as_head_and_tail(tmp_path, monkeypatch):
    """So is one into which the deployment has cut a hole, whose zeros nobody printed."""
    monkeypatch.setattr(log, "MAX_SIZE", 8)
    path = tmp_path / "output.log"
    path.write_bytes(b"0123456789ab")
    assert b"".join(KeptFile(str(path)).parts()) == b"0123\n[vcat: 4 bytes left out]\n89ab"


@pytest.mark.skipif(not hasattr(os, "SEEK_HOLE"), reason="no holes are told here")
def test_a_hole_in_the_output_is_left_out(tmp_path):
    """The deployment cuts it into the middle of what has become too long."""
    path, block = tmp_path / "output.log", 1 << 20
    with open(path, "wb") as file:
        file.write(b"a" * block)
        file.seek(3 * block)
        file.write(b"z" * block)
    if os.stat(path).st_blocks * 512 >= 4 * block:
        pytest.skip("this file system has no holes")
    expected = b"a" * block + b"\n[vcat: %d bytes left out]\n" % (2 * block) + b"z" * block
    assert b"".join(KeptFile(str(path)).parts()) == expected
