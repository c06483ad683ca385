"""Messages between the engine and its workers: what did not arrive as it was sent is not read."""

import os
import re
import resource
from pathlib import Path

import pytest

from vcat._keeping.layout import Serialized
from vcat._running.workers.batch import Answers, Batch
from vcat._running.workers.exchange import UnsentError, pack, unpack, write
from vcat.errors import FormatError


class Canary:
    """Whoever unpickles it leaves a directory behind."""

    def __reduce__(self):
        return os.mkdir, ("sung",)


SMALL, LARGE = 10, 100_000


def refused(data):
    """Return why *data* is not read, having seen that nothing of it was."""
    with pytest.raises(FormatError) as caught:
        unpack(data)
    assert not Path("sung").exists()
    return str(caught.value)


def changed(data, place):
    """Return *data* with another byte at *place*."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def parts(message):
    """Return the digest of a message, the file that has it, and where its own bytes begin."""
    head, _, _ = message.partition(b"\n")
    expected, path = head.decode().split(" ")
    return expected, path, len(head) + 1


@pytest.mark.parametrize(("size", "is_file"), [(SMALL, False), (LARGE, True)])
def test_a_message_arrives_as_it_was_sent(tmp_path, size, is_file):
    """A large one by way of a file, which is gone when it has been read."""
    message = {"task": 3, "data": bytes(size)}
    data = pack(message, str(tmp_path))
    assert [Path(parts(data)[1])] == (list(tmp_path.iterdir()) if is_file else [Path()])
    assert unpack(data) == message
    assert os.listdir(tmp_path) == []


def test_a_message_with_another_byte_is_not_read(tmp_path):
    """Whichever byte of it that is: its digest is looked at before anything is unpickled."""
    data = pack([Canary(), "text"], str(tmp_path))
    expected, _, begin = parts(data)
    for place in range(begin, len(data)):
        assert refused(changed(data, place)) == (
            f"stored value is damaged: its digest is not {expected}"
        )
    unpack(data)
    assert Path("sung").exists()


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_message_with_another_digest_is_not_read(tmp_path, size):
    """Nor one of an algorithm that nobody knows."""
    data = pack([Canary(), bytes(size)], str(tmp_path))
    expected, _, _ = parts(data)
    other = changed(data, len(expected) - 1)
    assert refused(other) == f"stored value is damaged: its digest is not {parts(other)[0]}"
    other = b"x" + data
    name = expected.partition(":")[0]
    assert refused(other) == (
        f"digest {f'x{expected}'!r} cannot be checked here: algorithm {f'x{name}'!r} is not"
        " available; pip install blake3"
    )


@pytest.mark.parametrize("place", [0, LARGE // 2, LARGE - 1])
def test_a_file_with_another_byte_is_not_read(tmp_path, place):
    """The file of a large message is checked like a small one."""
    data = pack([Canary(), bytes(LARGE)], str(tmp_path))
    expected, path, _ = parts(data)
    Path(path).write_bytes(changed(Path(path).read_bytes(), place))
    assert refused(data) == f"stored value is damaged: its digest is not {expected}"


def test_a_message_that_is_cut_off_is_not_read(tmp_path):
    """Wherever it ends, the rest of a message is none."""
    data = pack([Canary(), "text"], str(tmp_path))
    begin = parts(data)[2]
    for end in range(begin, len(data)):
        assert re.match("stored value is damaged", refused(data[:end]))


def test_a_message_whose_file_has_gone_is_said(tmp_path):
    """As when somebody has deleted the directory of the run."""
    data = pack([Canary(), bytes(LARGE)], str(tmp_path))
    path = parts(data)[1]
    os.unlink(path)
    assert refused(data) == f"{path} has gone"


def test_a_message_whose_file_is_none_any_more_is_not_read(tmp_path):
    """It has been emptied, has gone, or has a name that no file has."""
    data = pack([Canary(), bytes(LARGE)], str(tmp_path))
    path = parts(data)[1]
    os.truncate(path, 0)
    assert refused(data) == f"{path} is empty"
    os.unlink(path)
    assert refused(data) == f"{path} has gone"
    assert refused(data.replace(b"\n", b"\0\n")) == f"{path}\0 has gone"


@pytest.fixture
def room():
    """Let files grow no longer than what it is called with, as where a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [LARGE, 2_000_000])
def test_what_there_is_no_room_for_takes_none(tmp_path, room, size):
    """The stage whose result it is fails, and the next one has the room that there was."""
    room(50_000)
    with pytest.raises(UnsentError, match="file too large"):
        write(str(tmp_path), "result", Serialized([bytes(size)]), whole=True)
    assert os.listdir(tmp_path) == []


def test_half_an_answer_is_said_and_not_followed_by_another(tmp_path, room):
    """What comes after the first half would be read as the second."""
    file = str(tmp_path / "batch")
    batch, answers = Batch([None, None], file, 0.0), Answers(file, str(tmp_path))
    room(10_000)
    answers.write(0, bytes(6_000))
    with pytest.raises(OSError, match="File too large"):
        answers.write(1, bytes(6_000))
    assert list(batch.answers()) == [(None, bytes(6_000))]
    answers.close()
    batch.close()
