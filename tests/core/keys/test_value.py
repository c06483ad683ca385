"""The encoding of values: equal type and content if and only if equal digest; its bytes."""

from __future__ import annotations

import hashlib
import struct

from hypothesis import given
from hypothesis import strategies as st

from vcat._keys.value import digest

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters()),
    st.binary(max_size=20),
)
hashable = st.recursive(
    scalars,
    lambda inner: st.one_of(st.tuples(inner, inner), st.frozensets(inner, max_size=4)),
    max_leaves=8,
)
values = st.recursive(
    hashable,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(hashable, inner, max_size=4),
        st.sets(hashable, max_size=4),
    ),
    max_leaves=12,
)


def shape(value):
    """Return what *value* is, so that ``==`` tells types, orders and signs of zero apart."""
    kind = type(value).__name__
    if isinstance(value, (float, complex)):
        return kind, struct.pack("dd", complex(value).real, complex(value).imag)
    if isinstance(value, (list, tuple)):
        return kind, tuple(shape(each) for each in value)
    if isinstance(value, dict):
        return kind, tuple((shape(k), shape(v)) for k, v in value.items())
    if isinstance(value, (set, frozenset)):
        return kind, frozenset(shape(each) for each in value)
    return kind, value


def rebuilt(value, shuffle):
    """Return a value equal to *value*, all of it built anew, sets in another order."""
    if isinstance(value, (list, tuple)):
        return type(value)([rebuilt(each, shuffle) for each in value])
    if isinstance(value, dict):
        return {rebuilt(k, shuffle): rebuilt(v, shuffle) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        items = [rebuilt(each, shuffle) for each in value]
        shuffle.shuffle(items)
        return type(value)(items)
    return value


@given(values, st.randoms())
def test_equal_values_have_equal_digests(value, shuffle):
    """A value built anew, sets in any order, has the same digest."""
    assert digest(rebuilt(value, shuffle)) == digest(value)


@given(values, values)
def test_different_values_have_different_digests(one, other):
    """Digests are equal only for values of equal type and content at every depth."""
    assert (digest(one) == digest(other)) == (shape(one) == shape(other))


def test_long_values_are_written_in_blocks():
    """The blocks do not show: what comes after many scalars counts, and where it stands."""
    long = [*range(10_000)]
    assert len({digest(each) for each in (long, [*long, []], [[], *long], [*long, ()])}) == 4


def n8(number):
    """Return a count as ``docs/formats.md`` has it."""
    return number.to_bytes(8, "little")


def test_bytes_are_those_of_the_format(written):
    """What is written is what ``docs/formats.md`` says, blocks and nesting included."""
    ring = []
    ring.append(ring)
    examples = {
        (): b"(" + n8(0),
        (1, "é", None): b"(" + n8(3) + b"i" + n8(1) + b"s" + n8(2) + "é".encode() + b"N",
        (-1.5, b"x"): b"(" + n8(2) + b"d" + struct.pack("<d", -1.5) + b"b" + n8(1) + b"x",
        (2**63,): b"(" + n8(1) + b"I" + n8(9) + (2**63).to_bytes(9, "little"),
        frozenset(["a"]): b">" + n8(1) + hashlib.sha256(b"s" + n8(1) + b"a").digest(),
    }
    for value, expected in examples.items():
        assert written(value) == expected
    assert written({1: [True]}) == b"{" + n8(1) + b"i" + n8(1) + b"[" + n8(1) + b"t"
    assert written(ring) == b"[" + n8(1) + b"@" + n8(0)
    assert written(slice(1)) == b"R" + n8(5) + b"slice" + n8(3) + b"Ni" + n8(1) + b"N"
    many = b"".join(b"i" + n8(number) for number in range(10_000))
    assert written([*range(10_000), ()]) == b"[" + n8(10_001) + many + b"(" + n8(0)


def test_deep_values_need_no_recursion():
    """100,000 levels are fine."""
    deep, other = [], ()
    for _ in range(100_000):
        deep, other = [deep], (other,)
    assert digest(deep) != digest([deep])
    assert digest(other) != digest((other,))
