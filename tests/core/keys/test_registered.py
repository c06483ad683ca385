"""Values of types that a plugin has registered count by the parts its function gives."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from vcat._keys.recipe import KeyMaker
from vcat._keys.unhashable import Unhashable


class Grid:
    def __init__(self, *parts):
        self.parts = parts
        self.noise = threading.Lock()


class Fine(Grid):
    pass


class Vector(np.ndarray):
    pass


class Registered:
    """Stands in for what a registry found."""

    reference = "acme:parts"
    distribution = "acme-vcat"

    def __init__(self, function):
        self.load = lambda: function


def take(value):
    return value


def key(value, function=lambda grid: grid.parts, name=f"{__name__}.Grid"):
    """Return the key of a stage with *value* as its argument."""
    asked = []

    def find(wanted):
        asked.append(wanted)
        return Registered(function) if wanted == name else None

    made = KeyMaker("/nowhere", find=find).key(take, (value,), {}).hex
    return made, asked


def test_equal_parts_are_equal_values():
    """What else is in the object does not count; any part does, and its type and its place."""
    parts = [
        (1, 2),
        (2, 1),
        (1,),
        (1.0, 2),
        ((1, 2),),
        (1, memoryview(b"ab")),
        (1, memoryview(b"b")),
    ]
    assert key(Grid(1, 2)) == key(Grid(1, 2))
    assert len({key(Grid(*each))[0] for each in parts}) == len(parts)
    assert key([{Grid(1)}]) == key([{Grid(1)}])


def test_texts_that_are_parts_name_no_files(tmp_path):
    """They are data of the type, as in an array."""
    before = key(Grid("data.txt"))
    Path("data.txt").write_text("1")
    assert key(Grid("data.txt")) == before


def test_the_type_counts():
    """Two types with the same parts are two values, and a derived type is a type of its own."""
    name = f"{__name__}.Fine"
    assert key(Fine(1), name=name)[0] != key(Grid(1))[0]
    with pytest.raises(Unhashable) as caught:
        key(Fine(1))
    assert str(caught.value) == (
        "argument 'value' cannot be hashed: value.noise is a '_thread.lock', whose content cannot"
        " be told; create it inside the function"
    )


def test_a_derived_array_may_be_registered():
    """What is registered goes before what this wing would make of a library's subclass."""
    name = f"{__name__}.Vector"
    one, other = (np.array([each]).view(Vector) for each in (1, 2))
    assert key(one, lambda _: (), name) == key(other, lambda _: (), name)
    assert key(one)[0] != key(other)[0]


def test_one_value_twice_is_not_two_values():
    """A function that changes one of them can see it."""
    grid = Grid(1)
    assert key([grid, grid])[0] != key([grid, Grid(1)])[0]


def test_known_types_ask_nobody():
    """Plugins are not looked for on account of built-in values, arrays and the like."""
    import datetime
    import decimal

    import pandas as pd

    known = [1, "a", [2], {3: {4}}, datetime.date.min, decimal.Decimal(1), Path("a"), int, len]
    assert key([*known, np.zeros(2), np.int8(1), np.dtype("f4"), pd.DataFrame({"a": [1]})])[1] == []
    assert key(Grid(1))[1] == [f"{__name__}.Grid"]


def test_module_constants_are_taken_apart_too(tmp_path, monkeypatch):
    """A value that the code names counts as one that is given to it."""

    def digest(number):
        (tmp_path / "gridded.py").write_text(
            f"from {Grid.__module__} import Grid\nG = Grid({number})\ndef fit():\n    return G\n"
        )
        monkeypatch.delitem(sys.modules, "gridded", raising=False)
        import gridded

        keys = KeyMaker(
            str(tmp_path),
            find=lambda name: Registered(lambda grid: grid.parts) if "Grid" in name else None,
        )
        return keys.key(gridded.fit, (), {}).hex

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setitem(sys.modules, Grid.__module__, sys.modules[__name__])
    assert digest(1) == digest(1)
    assert digest(2) != digest(1)


def failing(grid):
    raise ValueError("no cells")


WRONG = [
    (failing, "raised ValueError('no cells')"),
    (lambda grid: [1], "returned a list, expected a tuple of parts"),
]


@pytest.mark.parametrize(("function", "wrong"), WRONG)
def test_a_function_that_fails_makes_no_key(function, wrong):
    """The error names the type, the function, whose it is and what it did."""
    with pytest.raises(Unhashable) as caught:
        key([Grid(1)], function)
    assert str(caught.value) == (
        f"argument 'value' cannot be hashed: value[0] is a '{__name__}.Grid', whose content cannot"
        f" be told: acme:parts of acme-vcat {wrong}; upgrade acme-vcat or uninstall it"
    )


def test_a_culprit_among_the_parts_is_named():
    """What cannot be told of a part cannot be told of the value."""
    with pytest.raises(Unhashable) as caught:
        key(Grid([1, (each for each in "a")]))
    assert str(caught.value) == (
        "argument 'value' cannot be hashed: value[1] is a 'generator', whose content cannot be"
        " told; create it inside the function"
    )
