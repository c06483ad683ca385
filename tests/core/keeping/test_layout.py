"""Serialised values: buffers beside the pickle, digests of parts, and what is read back of them."""

from __future__ import annotations

import os
import signal
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcat._keeping.codec import dumps, loads, serialize
from vcat._keeping.digest import digest, digest_parts
from vcat._keeping.layout import LEAST, MAGIC, lay_out, take_apart
from vcat.errors import FormatError

LARGE = np.arange(10_000, dtype="f8")


def back(value, kind=bytearray):
    data = kind(serialize(value).joined())
    return loads(data, digest(data))


def test_a_small_value_is_its_pickle_alone():
    """Nothing is added where there is nothing to lie apart."""
    for value in (1, "a", [1, 2], np.arange(3), bytes(LEAST * 2)):
        assert bytes(serialize(value).joined()) == dumps(value)


def test_large_buffers_are_not_copied():
    """What is written is the memory of the array itself."""
    parts = serialize([LARGE, LARGE * 2]).parts
    (own,) = [each for each in parts if len(each) == LARGE.nbytes and each == LARGE.data.cast("B")]
    assert np.shares_memory(np.frombuffer(own), LARGE)


@pytest.mark.parametrize(
    "value",
    [
        LARGE,
        LARGE[::-1],
        np.asfortranarray(LARGE.reshape(100, 100)),
        LARGE.astype([("a", "i4"), ("b", "f4")], casting="unsafe"),
        np.array(["x" * 50] * 1000),
        np.empty(0),
    ],
    ids=["plain", "reversed", "Fortran", "fields", "texts", "empty"],
)
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_arrays_come_back_equal_and_writable(value, kind):
    """Whatever they are read from: a stage may write to what it is given."""
    found = back({"value": [value]}, kind)["value"][0]
    np.testing.assert_array_equal(found, value)
    assert found.dtype == value.dtype
    assert found.flags.f_contiguous or not value.flags.f_contiguous
    assert found.flags.writeable


def test_read_only_stays_read_only():
    """An array that nobody may write to comes back as one."""
    frozen = LARGE.copy()
    frozen.flags.writeable = False
    assert not back([frozen])[0].flags.writeable
    assert not back([frozen], bytes)[0].flags.writeable


def test_buffers_of_a_writable_source_are_views_of_it():
    """So a mapped file is used where it is mapped; and aligned."""
    data = bytearray(serialize([LARGE, LARGE + 1]).joined())
    base = np.frombuffer(data, "u1").ctypes.data
    for each in loads(data, digest(data)):
        assert np.shares_memory(each, np.frombuffer(data, "u1"))
        assert (each.ctypes.data - base) % 64 == 0


def test_classes_of_the_script_carry_buffers_too():
    """The slow way through dill keeps large arrays apart as well."""

    class Model:
        def __init__(self, weights):
            self.weights = weights

    serialized = serialize(Model(LARGE))
    assert sum(np.shares_memory(np.frombuffer(p, "u1"), LARGE) for p in serialized.parts) == 1
    data = bytearray(serialized.joined())
    np.testing.assert_array_equal(loads(data, digest(data)).weights, LARGE)


def test_starting_over_with_dill_keeps_each_buffer_once():
    """A class of the script is met after arrays that were taken out already."""

    class Model:
        weights = 1

    serialized = serialize([LARGE, Model()])
    assert sum(np.shares_memory(np.frombuffer(p, "u1"), LARGE) for p in serialized.parts) == 1
    data = bytearray(serialized.joined())
    array, model = loads(data, digest(data))
    np.testing.assert_array_equal(array, LARGE)
    assert model.weights == 1


def test_what_the_bytes_name_is_known():
    """Classes and functions whose code is elsewhere, so that they can count."""
    import fractions

    named = serialize([fractions.Fraction(1, 2), os.path.join, len, LARGE]).named
    assert {fractions.Fraction, os.path.join, len} <= set(named)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=50), st.lists(st.binary(max_size=200), max_size=5))
def test_every_layout_is_taken_apart(pickle, buffers):
    """Sizes, order and alignment survive, of empty buffers too."""
    pickle = b"\x80\x05" + pickle
    serialized = lay_out([pickle[:2], pickle[2:]], [memoryview(each) for each in buffers])
    data = bytearray(serialized.joined())
    assert len(data) == serialized.size
    found, taken = take_apart(data)
    assert bytes(found) == pickle
    assert [bytes(each) for each in taken] == buffers
    assert digest_parts(serialized.parts) == digest(data)


class Held:
    """Pickled by dill where a script defines it, as any class."""


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("by_dill", [False, True])
def test_large_bytes_are_not_copied(monkeypatch, kind, by_dill):
    """They are written from where they are, and what is small around them in few parts."""
    if by_dill:
        monkeypatch.setattr(Held, "__module__", "__main__")
    large, held = kind(3 << 20), Held()
    held.many, held.large, held.more = list(range(50_000)), large, [["x"] * 9] * 9_000
    serialized = serialize(held)
    assert sum(each is large for each in serialized.parts) == 1
    assert len(serialized.parts) < 20
    data = memoryview(serialized.joined())
    found = loads(data, digest(data))
    assert (found.many, found.large, found.more) == (held.many, large, held.more)
    assert type(found.large) is kind


def test_a_large_pickle_that_is_mapped_is_read_where_it_is():
    """Only a piece of it is in memory twice; lines of old opcodes are read as well."""
    data = bytes(serialize([bytes(8 << 20), "text"]).joined())
    tracemalloc.start()
    try:
        found = loads(memoryview(data), digest(data))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == [bytes(8 << 20), "text"]
    assert peak < 9 << 20
    old = b"(" + b"I1\n" * 400_000 + b"l."
    assert loads(memoryview(old), digest(old)) == [1] * 400_000


@pytest.mark.parametrize("cut", [1, 8, 9, 23, 31, 40, -1])
def test_sizes_that_do_not_add_up_are_refused(cut):
    """Even of bytes that nobody has verified, nothing outside of them is read."""
    data = bytes(serialize([LARGE]).joined())
    assert data.startswith(MAGIC)
    with pytest.raises(FormatError) as caught:
        take_apart(data[: max(cut, len(MAGIC))])
    assert str(caught.value) == ("stored value is damaged: its parts are not as long as it says")


def test_what_is_unpickled_is_checked_where_buffers_are_not():
    """A digest of the first bytes stands for the table and the pickle, every byte of them."""
    serialized = serialize([LARGE, "text"])
    told, data = serialized.told, bytearray(serialized.joined())
    expected = digest_parts(serialized.telling())
    assert expected == digest(data[:told])
    assert serialized.size - LARGE.nbytes - 64 < told < serialized.size
    data[-1] ^= 1
    array, text = loads(data, expected, told)
    assert np.flatnonzero(array != LARGE).tolist() == [LARGE.size - 1]
    assert text == "text"
    for place in range(told):
        data[place] ^= 1
        with pytest.raises(FormatError) as caught:
            loads(data, expected, told)
        assert str(caught.value) == f"stored value is damaged: its digest is not {expected}"
        data[place] ^= 1


@pytest.mark.parametrize("value", [[LARGE], [b"no buffers"]])
def test_nothing_is_unpickled_beyond_what_is_checked(value):
    """However few bytes somebody says the digest is of."""
    serialized = serialize(value)
    data = bytearray(serialized.joined())
    for told in range(len(MAGIC), serialized.told):
        with pytest.raises(FormatError) as caught:
            loads(data, digest(data[:told]), told)
        assert str(caught.value) == (
            "stored value is damaged: its parts are not as long as it says"
        )


def test_a_forked_child_digests_large_data():
    """The threads of the parent did not come along; the child does without."""
    data = bytes(4 << 20)
    expected = digest(data)
    child = os.fork()
    if not child:
        signal.alarm(30)  # instead of waiting for ever
        os._exit(0 if digest(data) == expected == digest_parts([data]) else 1)
    assert os.waitpid(child, 0)[1] == 0
