"""Events are read once, in the order in which they come."""

from __future__ import annotations

from vcat._keeping.event import FILE
from vcat._looking.feed import EventFeed


def line(number):
    return b'{"event":"stage started","time":1.0,"number":%d}\n' % number


def test_only_what_is_new_is_read(place, backend):
    """A deployment asked again gives only what has been appended, also where a line was torn."""
    backend.files[FILE] = bytearray(line(0) + line(1) + line(2)[:20])
    feed = EventFeed(place)
    assert [each["number"] for each in feed.read()] == [0, 1]
    backend.largest = 0
    backend.files[FILE] += line(2)[20:] + line(3)
    assert [each["number"] for each in feed.read()] == [0, 1, 2, 3]
    assert backend.largest == len(line(2)[20:] + line(3))


def test_a_torn_last_line_is_no_event(place, backend):
    """What a killed job was writing is left out, and so is what is no event."""
    backend.files[FILE] = b"[]\n{}\nnonsense\n" + line(1) + line(2)[:-5]
    assert [each["number"] for each in EventFeed(place).read()] == [1]


def test_following_ends_with_the_job(place, backend):
    """What is written just before the end is not missed."""
    backend.files[FILE] = bytearray(line(0))
    asked = []

    def ended():
        asked.append(len(backend.files[FILE]))
        if len(asked) == 2:
            backend.files[FILE] += line(1)
        return len(asked) > 2

    assert [each["number"] for each in EventFeed(place).follow(ended)] == [0, 1]


def test_the_archive_goes_on_where_the_deployment_stopped(place, backend, memory):
    """A job whose directory is deleted while it is watched is read to its end."""
    backend.files[FILE] = line(0)
    feed = EventFeed(place)
    assert len(feed.read()) == 1
    del backend.files[FILE]
    memory.kept[f"log/{FILE}"] = line(0) + line(1)
    assert [each["number"] for each in feed.read()] == [0, 1]
    memory.kept.clear()
    assert [each["number"] for each in feed.read()] == [0, 1]
