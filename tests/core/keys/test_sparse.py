"""Sparse arrays of SciPy count as they are; what SciPy has noted of them does not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from vcat._keys.value import digest

FORMATS = ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"]
KINDS = [
    getattr(scipy.sparse, f"{name}_{kind}") for name in FORMATS for kind in ("array", "matrix")
]
CONTENT = np.array([[1.0, 0, 2], [0, 0, 3], [4, 0, 0]])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_content_shape_and_dtype_count(kind):
    """Built twice it is the same; another value, place, shape or dtype is another one."""
    assert digest(kind(CONTENT)) == digest(kind(CONTENT.copy("F")))
    others = [
        CONTENT,
        CONTENT * [[1], [2], [1]],
        CONTENT[::-1],
        CONTENT[:, :2],
        np.pad(CONTENT, (0, 1)),
        CONTENT.astype("f4"),
        np.zeros((3, 3)),
    ]
    found = [digest(kind(each)) for each in others]
    assert len(set(found)) == len(found)


def test_formats_tell_values_apart():
    """A function can see the format, and whether it is an array or a matrix."""
    assert len({digest(each(CONTENT)) for each in KINDS}) == len(KINDS)


def test_what_scipy_notes_of_an_array_does_not_count():
    """Whether its indices are in order has been asked, or not: the array is the same."""
    asked, plain = (scipy.sparse.csr_array(CONTENT) for _ in range(2))
    assert asked.has_sorted_indices
    assert asked.has_canonical_format
    assert digest(asked) == digest(plain)


def test_indices_count_in_their_order():
    """Unsorted indices, duplicates and stored zeros can be seen, so they count."""
    indices = [0, 2, 2, 0], [0, 2, 3, 4]
    plain = scipy.sparse.csr_array(([1.0, 2, 3, 4], *indices), shape=(3, 3))
    unsorted = scipy.sparse.csr_array(([2.0, 1, 3, 4], [2, 0, 2, 0], indices[1]), shape=(3, 3))
    zero = scipy.sparse.csr_array(([1.0, 2, 3, 4, 0], [0, 2, 2, 0, 1], [0, 2, 3, 5]), shape=(3, 3))
    assert (plain != unsorted).nnz == (plain != zero).nnz == 0
    assert len({digest(each) for each in (plain, unsorted, zero)}) == 3
