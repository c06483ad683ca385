"""Cache entries: every byte is checked before anything is used."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcat._keeping.digest import digest
from vcat._keeping.entry import (
    ARTIFACT,
    PRINTED,
    VALUE,
    Content,
    Entry,
    ForeignEntryError,
    pack,
    references,
    unpack,
)
from vcat.errors import FormatError

KEY = "a" * 64


def inline(kind, name, data):
    return Content(kind, name, len(data), digest(data), data)


BLOB = Content(ARTIFACT, "model.bin", 1 << 20, digest(b"somewhere else"), None)
ENTRY = Entry(
    output="canonical:" + "1" * 64,
    stage="fit",
    job="job-1",
    reports=[{"event": "metric", "name": "loss", "value": 0.5}],
    observed={"files": {"data/a.csv": "0" * 64}, "marks": ["network"]},
    contents=[
        inline(VALUE, "", b"value\n\x00"),
        BLOB,
        inline(ARTIFACT, "plot.png", b"\x89PNG\n"),
        inline(ARTIFACT, "empty", b""),
        inline(PRINTED, "", b'[["stdout","hello"]]'),
    ],
)
DATA = pack(KEY, ENTRY)


def test_an_entry_comes_back_equal():
    """Value, reports, observations, artifacts and what was printed survive."""
    assert unpack(KEY, DATA) == ENTRY


def test_an_entry_says_which_blobs_it_needs():
    """By these a collection knows what is not to be removed; damaged ones do not guess."""
    assert references(DATA) == {BLOB.digest}
    for damaged in (DATA.replace(b"model", b"modem"), b"", b"something else"):
        with pytest.raises(FormatError):
            references(damaged)


def test_an_entry_of_another_key_is_refused():
    """A file that was moved to another place in the store is not that place's."""
    with pytest.raises(FormatError) as caught:
        unpack("b" * 64, DATA)
    assert str(caught.value) == "it belongs to another key"


def test_a_newer_format_is_refused():
    """What a later vcat wrote is a miss, not a guess."""
    with pytest.raises(ForeignEntryError) as caught:
        unpack(KEY, DATA.replace(b"vcat-entry 2", b"vcat-entry 3", 1))
    assert str(caught.value) == "it has format 3, this vcat-core reads 2"


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(DATA) * 8 - 1))
def test_no_flipped_bit_is_ever_served(bit):
    """Whatever bit flips, the entry is refused."""
    damaged = bytearray(DATA)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FormatError):
        unpack(KEY, bytes(damaged))


@pytest.mark.parametrize("size", [0, 1, len(DATA) // 2, len(DATA) - 1])
def test_a_truncated_entry_is_refused(size):
    """A torn write is a miss."""
    with pytest.raises(FormatError):
        unpack(KEY, DATA[:size])


@pytest.mark.parametrize("junk", [b"\x00" * 4096, b"0123456789"])
def test_trailing_bytes_are_refused(junk):
    """What the header does not account for is damage."""
    with pytest.raises(FormatError):
        unpack(KEY, DATA + junk)
