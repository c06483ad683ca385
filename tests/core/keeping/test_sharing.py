"""What items have in common is said once, and comes back with each of them."""

from hypothesis import given
from hypothesis import strategies as st

from vcat._keeping.sharing import share, unshare, with_items

_SCALARS = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", 1.0])
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=6,
)
_RECORDS = st.lists(st.dictionaries(st.sampled_from("xyz"), _VALUES), max_size=4)


def exact(value):
    """A value with its types: ``1``, ``True`` and ``1.0`` differ in JSON."""
    if isinstance(value, dict):
        return {name: exact(each) for name, each in value.items()}
    return [exact(each) for each in value] if isinstance(value, list) else (type(value), value)


@given(_RECORDS)
def test_shared_records_come_back(records):
    """Whatever they have in common, at any depth."""
    assert exact(unshare(share(records))) == exact(records)


def test_what_is_only_equal_is_not_the_same():
    """``1``, ``True`` and ``1.0`` come back as they were, in lists too."""
    records = [{"x": [1], "y": 1}, {"x": [True], "y": 1.0}]
    assert exact(unshare(share(records))) == exact(records)


def test_what_all_have_is_said_once():
    """Objects are taken apart, so that a thousand keys name their code one time."""
    records = [{"id": n, "key": {"code": "c", "args": {"x": n, "y": 1}}} for n in range(3)]
    assert share(records) == {
        "shared": {"key": {"code": "c", "args": {"y": 1}}},
        "own": [{"id": n, "key": {"args": {"x": n}}} for n in range(3)],
    }


def test_items_are_stages_among_the_others():
    """They follow in the order of their numbers, with ids of their own."""
    stages = [
        {"id": "late", "items": {"first": 4, **share([{"s": 1}])}},
        {"id": "fit", "items": {"first": 2, **share([{"s": 1}, {"s": 2}])}},
    ]
    assert with_items(stages) == [
        {"id": "late", "items": 1},
        {"id": "fit", "items": 2},
        {"id": "fit[0]", "item_of": "fit", "s": 1},
        {"id": "fit[1]", "item_of": "fit", "s": 2},
        {"id": "late[0]", "item_of": "late", "s": 1},
    ]


def test_items_that_cannot_be_read_are_left_out():
    """A record may be anybody's: what it says of its items need not make sense."""
    for wrong in (3, "x", [], {"first": "x", "shared": {}, "own": []}, {"first": 1}, {"own": [1]}):
        assert with_items([{"id": "fit", "items": wrong}, "odd"]) == [{"id": "fit"}, "odd"]
