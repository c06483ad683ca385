"""No two contents have one digest, and one content has one digest however it is built."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import itertools
import logging
import operator
import pathlib
import random
import re
import types
import uuid
import zoneinfo

import numpy as np
import pytest

from vcat._keys.code import CodeDigester
from vcat._keys.value import digest


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Bits(enum.Flag):
    A = 1
    B = 2


class Text(str):
    __slots__ = ()


class Tags(set):
    pass


@dataclasses.dataclass
class Point:
    x: object
    y: object = None


@dataclasses.dataclass
class Place:
    x: object
    y: object = None


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a = a


class Chosen:
    """Says by itself what its content is."""

    def __init__(self, kept, dropped):
        self.kept, self.dropped = kept, dropped

    def __getstate__(self):
        return self.kept


class Measured(np.ndarray):
    pass


Pair = collections.namedtuple("Pair", "a b")
CODE = CodeDigester("/nowhere")


def shared():
    """Return a list that has one list twice."""
    inner = []
    return [inner, inner]


def cycle():
    """Return a list that contains itself."""
    ring = []
    ring.append(ring)
    return ring


def around(name):
    """Return an object that is reached from its own attribute."""
    point = Point(name)
    point.y = {point.x: [point]}
    return point


def structured(fill):
    """Return a structured array with *fill* in the unused bytes between its fields."""
    kind = np.dtype(
        {"names": ["a", "b"], "formats": ["i1", "i4"], "offsets": [0, 4], "itemsize": 8}
    )
    found = np.full(16, fill, np.uint8).view(kind)
    found["a"], found["b"] = 1, 2
    return found


UTC = datetime.timezone.utc
NOON = datetime.datetime(2026, 1, 2, 12)  # noqa: DTZ001


def distinct():
    """Return values, all built anew, of which no two have the same content."""
    return [
        1,
        True,
        1.0,
        1 + 0j,
        "1",
        b"1",
        bytearray(b"1"),
        memoryview(b"1"),
        array.array("b", b"1"),
        Text("1"),
        np.int64(1),
        np.int32(1),
        np.float64(1),
        np.str_("1"),
        decimal.Decimal(1),
        decimal.Decimal("1.0"),
        fractions.Fraction(1),
        Colour.RED,
        Colour.BLUE,
        Bits.A,
        Bits.A | Bits.B,
        0.0,
        -0.0,
        float("nan"),
        -float("nan"),
        2**63,
        -(2**63) - 1,
        2**10_000,
        "a",
        "\ud83d\ude00",
        "\U0001f600",
        "\udcff",
        None,
        ...,
        NotImplemented,
        (),
        [],
        {},
        set(),
        frozenset(),
        (1,),
        [1],
        ["ab", "c"],
        ["a", "bc"],
        [["a"], "b"],
        [["a", "b"]],
        {1: 2},
        {"1": 2},
        {1: 1, 2: 2},
        {2: 2, 1: 1},
        {1, 2},
        {1, (2,)},
        Tags({1, 2}),
        Tags({1, 3}),
        [[], []],
        shared(),
        cycle(),
        [cycle()],
        around("a"),
        around("b"),
        range(3),
        range(0, 4, 2),
        slice(3),
        slice(0, 3),
        NOON.date(),
        NOON,
        NOON.replace(fold=1),
        NOON.replace(tzinfo=UTC),
        NOON.replace(tzinfo=zoneinfo.ZoneInfo("UTC")),
        NOON.time(),
        datetime.timedelta(1),
        datetime.timezone(datetime.timedelta(hours=1)),
        datetime.timezone(datetime.timedelta(hours=1), "A"),
        uuid.UUID(int=1),
        pathlib.Path("a"),
        pathlib.PurePosixPath("a"),
        pathlib.PureWindowsPath("a"),
        re.compile("a"),
        re.compile("a", re.IGNORECASE),
        re.compile(b"a"),
        collections.OrderedDict(a=1),
        collections.Counter(a=1),
        collections.defaultdict(int, a=1),
        collections.defaultdict(list, a=1),
        types.MappingProxyType({"a": 1}),
        types.SimpleNamespace(a=1),
        collections.deque([1, 2]),
        collections.deque([1, 2], 2),
        random.Random(1),
        random.Random(2),
        Pair(1, 2),
        (1, 2),
        Point(1),
        Point(2),
        Place(1),
        Slotted(1),
        Slotted(2),
        Chosen(1, 2),
        Chosen(2, 2),
        ValueError("a"),
        KeyError("a"),
        functools.partial(int, base=2),
        functools.partial(int, base=3),
        operator.itemgetter(1),
        operator.itemgetter(2),
        operator.attrgetter("a"),
        len,
        random.random,
        [].append,
        [1].append,
        Slotted(1).__eq__,
        str.upper,
        str.lower,
        int,
        Point,
        Place,
        list[int],
        list[str],
        int | str,
        np,
        np.mean,
        np.add,
        logging.getLogger("a"),
        logging.getLogger("b"),
        itertools.chain,
        np.dtype("i4"),
        np.dtype("f4"),
        np.zeros(2),
        np.zeros(2, "f4"),
        np.zeros(2, ">f8"),
        -np.zeros(2),
        np.zeros((2, 1)),
        np.zeros((1, 2)),
        np.zeros(0),
        np.zeros((0, 3)),
        np.zeros(2).view(Measured),
        np.ma.array([0.0, 0.0], mask=[0, 1]),
        np.array(["a", "b"]),
        np.array(["a", "b"], object),
        np.array(["a", 1], object),
        np.array([[1], [2]], object),
        np.array(["2026-01-01"], "datetime64[D]"),
        np.array(["2026-01-01"], "datetime64[s]"),
        np.zeros(1, [("a", "i4"), ("b", "O")]),
        np.zeros(1, [("a", "i4"), ("c", "O")]),
        np.zeros(2, np.longdouble),
        np.zeros(1, "V2"),
    ]


def test_no_two_contents_have_one_digest():
    """Types, orders, signs of zero, shapes and names at any depth tell values apart."""
    found = {}
    for value in distinct():
        key = digest(value, CODE)
        assert key not in found, (found[key], value)
        found[key] = value


def test_a_value_built_twice_has_one_digest():
    """The digest depends on the content and not on which object has it."""
    one, other = CodeDigester("/a"), CodeDigester("/b")
    for first, second in zip(distinct(), distinct(), strict=True):
        assert digest(first, one) == digest(second, other), first


ARRAY = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "same",
    [
        np.asfortranarray(ARRAY),
        ARRAY.transpose(2, 1, 0).copy().transpose(2, 1, 0),
        np.repeat(ARRAY, 2, axis=1)[:, ::2],
        ARRAY[:, ::-1][:, ::-1],
    ],
)
def test_arrays_count_by_content_in_any_layout(same):
    """Strides and memory order do not show."""
    assert digest(same) == digest(ARRAY)


def test_large_arrays_are_read_in_blocks(monkeypatch):
    """An array that does not lie in C order has the digest of its copy that does."""
    monkeypatch.setattr("vcat._keys.array._BLOCK", 64)
    assert digest(np.asfortranarray(ARRAY)) == digest(ARRAY)
    assert digest(ARRAY[::-1]) != digest(ARRAY)


def test_unused_bytes_of_structured_arrays_do_not_count():
    """What lies between the fields is whatever the memory held before."""
    assert digest(structured(0)) == digest(structured(255))


def test_what_an_object_leaves_out_of_its_state_does_not_count():
    """``__getstate__`` decides, as it does for a copy."""
    assert digest(Chosen(1, 2), CODE) == digest(Chosen(1, 3), CODE)


def test_sets_of_anything_have_no_order():
    """Items that are no scalars, code among them, are sorted by content."""
    items = [int, Point, (1, "a"), frozenset({2}), 8, 16, "x"]
    assert len({digest(set(each), CODE) for each in itertools.permutations(items, 7)}) == 1
    # Their hashes collide, so that the order in which they are put in shows.
    assert digest(Tags([0, 8]), CODE) == digest(Tags([8, 0]), CODE)


def test_items_of_a_set_may_lead_back_to_it():
    """A cycle through a set ends."""

    def ring():
        point = Point({Colour.RED})
        point.x = {around_of(point)}
        return point

    class around_of:
        def __init__(self, point):
            self.point = point

    assert digest(ring(), CODE) == digest(ring(), CODE)
