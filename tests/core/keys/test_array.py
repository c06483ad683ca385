"""Arrays of NumPy: content and dtype count, the memory they lie in does not."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcat._keys.code import CodeDigester
from vcat._keys.value import digest as plain_digest

CODE = CodeDigester("/nowhere")
DTYPES = [
    *"?bBhHiIqQefdgFDG",
    ">i4",
    ">f8",
    ">c16",
    "U3",
    ">U3",
    "S3",
    "V3",
    "M8[s]",
    "M8[ns]",
    "m8[D]",
    "O",
    [("a", "i1"), ("b", "f8")],
    [("a", "O"), ("b", "U2")],
    [("a", "i2", (2,)), ("b", [("c", "f4")])],
]


def digest(value):
    """Return the digest of *value*; classes count by their code."""
    return plain_digest(value, CODE)


def filled(kind, shape):
    """Return an array of *kind* with something in it."""
    size = math.prod(shape)
    found = np.zeros(size, np.dtype(kind))
    for number in range(size):
        if found.dtype.names is None:
            found[number] = str(number % 7).encode() if found.dtype.kind in "SV" else number % 7
        else:
            for name in found.dtype.names:
                if found.dtype[name].names is None:
                    found[name][number] = number % 7
    return found.reshape(shape)


@pytest.mark.parametrize("kind", DTYPES, ids=str)
def test_any_memory_of_any_dtype(kind):
    """Axes in any order, steps, steps backwards, gaps and a write lock give one digest."""
    value = filled(kind, (2, 3, 4))
    same = [value, value.copy("F"), np.repeat(value, 2, axis=2)[..., ::2], value[::-1][::-1]]
    for axes in itertools.permutations(range(3)):
        back = np.argsort(axes)
        same.append(value.transpose(axes).copy().transpose(back))
    locked = value.copy()
    locked.flags.writeable = False
    assert len({digest(each) for each in [*same, locked]}) == 1
    assert digest(value[::-1]) != digest(value)
    assert digest(value.reshape(3, 2, 4)) != digest(value)


def test_dtypes_and_shapes_tell_arrays_apart():
    """No two of the dtypes, byte orders among them, and no two shapes have one digest."""
    shapes = [(), (0,), (1,), (1, 1), (0, 3), (3, 0)]
    found = [digest(filled(kind, shape)) for kind in DTYPES for shape in shapes]
    # On a machine whose long doubles are doubles, 'g' and 'd' are still two dtypes.
    assert len(set(found)) == len(found)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.randoms())
def test_any_shape_in_any_blocks(shape, chance):
    """Arrays that do not lie in C order are read in blocks, which do not show."""
    value = filled("i2", tuple(shape))
    order = list(range(len(shape)))
    chance.shuffle(order)
    moved = value.transpose(order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vcat._keys.array._BLOCK", chance.choice([1, 7, 16, 1 << 24]))
        assert digest(moved) == digest(moved.copy())


def test_repeated_views_are_arrays_of_their_own():
    """What is broadcast from one element has the digest of the array written out."""
    assert digest(np.broadcast_to(1.0, (1 << 5, 3))) == digest(np.ones((1 << 5, 3)))


def test_masked_arrays_count_by_what_can_be_seen_of_them():
    """Data (also masked), mask, fill value and hardness count; the order of memory does not."""

    def masked(data=((1, 2), (3, 4)), mask=((0, 1), (0, 0)), **options):
        return np.ma.array(np.array(data), mask=mask, **options)

    looked_at = masked()
    assert looked_at.fill_value == 999999
    same = [masked(), masked().copy("F"), masked()[::-1][::-1], looked_at]
    assert len({digest(each) for each in same}) == 1
    others = [
        masked(),
        masked(data=((1, 9), (3, 4))),
        masked(data=((9, 2), (3, 4))),
        masked(mask=((0, 0), (0, 0))),
        masked(mask=np.ma.nomask),
        masked(fill_value=1),
        masked(hard_mask=True),
        masked().astype("f8"),
        masked().data,
    ]
    assert len({digest(each) for each in others}) == len(others)


def test_mapped_files_count_by_content(tmp_path):
    """The file that an array is mapped from is a place."""
    digests = set()
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.arange(3))
        digests.add(digest(np.load(tmp_path / f"{name}.npy", mmap_mode="r")))
    assert len(digests) == 1


def test_texts_in_object_arrays_are_data(tmp_path, monkeypatch):
    """Nothing in an array is looked up as the name of a file, and each of its types counts."""
    monkeypatch.chdir(tmp_path)
    named = np.array(["data.txt", "b"], object)
    before = digest(named)
    (tmp_path / "data.txt").write_text("1")
    assert digest(named) == before
    kinds = [["a", "bc"], ["ab", "c"], ["a", None], ["a", b"bc"], ["a", np.str_("bc")], [[], []]]
    found = [digest(np.array([*each, 0], object)[:-1]) for each in kinds]
    assert len(set(found)) == len(kinds)
    cut = [["a\0b", "c"], ["a", "b\0c"], ["a", "b", "c"], ["a\0b\0c"], ["", ""], [""], ["\0"]]
    assert len({digest(np.array(each, object)) for each in cut}) == len(cut)
    pair = "\ud83d", "\ude00"
    assert digest(np.array([*pair], object)) != digest(np.array(["\U0001f600", ""], object))
