"""What cannot be hashed is never guessed: the error says where it is and what to do."""

from __future__ import annotations

import collections
import functools
import pathlib
import sys
import threading
import zoneinfo

import numpy as np
import pytest

from vcat._keys.code import CodeDigester
from vcat._keys.value import Unhashable, digest


class Point:
    def __init__(self, x):
        self.x = x


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a = a


CODE = CodeDigester("/nowhere")


def deep_set():
    """Return a set in a set in a set."""
    deep = frozenset()
    for _ in range(1_000):
        deep = frozenset([deep])
    return deep


class Rude:
    def __reduce__(self):
        raise ValueError("no")


FILE = open(pathlib.Path(__file__))  # noqa: SIM115


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    FILE.close()


REMEDY = "whose content cannot be told; create it inside the function"
UNHASHABLE = [
    (threading.Lock, "", f"is a '_thread.lock', {REMEDY}"),
    (lambda: (x for x in "a"), "", f"is a 'generator', {REMEDY}"),
    (lambda: {"c": [0, Point(threading.Lock())]}, "['c'][1].x", f"is a '_thread.lock', {REMEDY}"),
    (
        lambda: {("a",): {threading.Lock(): 1}},
        "[<tuple>] key <lock>",
        f"is a '_thread.lock', {REMEDY}",
    ),
    (lambda: [{(1, threading.Lock())}], "[0] item[1]", f"is a '_thread.lock', {REMEDY}"),
    (lambda: collections.deque([threading.Lock()]), "[0]", f"is a '_thread.lock', {REMEDY}"),
    (
        lambda: functools.partial(len, threading.Lock()),
        ".args[0]",
        f"is a '_thread.lock', {REMEDY}",
    ),
    (lambda: np.array([1, threading.Lock()]), "[1]", f"is a '_thread.lock', {REMEDY}"),
    (lambda: Slotted(threading.Lock()), ".a", f"is a '_thread.lock', {REMEDY}"),
    (
        lambda: [Rude()],
        "[0]",
        (
            f"is a '{Rude.__module__}.Rude', whose content cannot be told (ValueError('no'));"
            " create it inside the function"
        ),
    ),
    (lambda: [FILE], "[0]", "is an open file; pass its path and open it inside the function"),
    (lambda: [object()], "[0]", "is a bare object(), which has no content; use an enum member"),
    (
        lambda: zoneinfo.ZoneInfo.from_file(open("/usr/share/zoneinfo/UTC", "rb")),  # noqa: SIM115
        "",
        "is a time zone without a key; build it as ZoneInfo('Area/City')",
    ),
    (deep_set, " item", "has sets nested too deeply; make it flatter"),
]


@pytest.mark.parametrize(("make", "path", "reason"), UNHASHABLE)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_what_cannot_be_hashed_is_not_guessed(make, path, reason):
    """The error has the path to the culprit, as one would write it, and what to do."""
    with pytest.raises(Unhashable) as caught:
        digest(make(), CODE)
    assert (caught.value.path, caught.value.reason) == (path, reason)
    assert str(caught.value) == f"{path or 'it'} {reason}"


def test_code_needs_somebody_to_read_it():
    """Without one, a function or class is not hashed by anything less than its code."""
    with pytest.raises(Unhashable) as caught:
        digest([deep_set])
    assert caught.value.path == "[0]"
    assert caught.value.reason.startswith("is code (<function deep_set")


class Hostile(dict):
    """Raises something else than what callers expect, when it is looked at."""

    def __getattribute__(self, name):
        raise KeyError(name)


def test_what_raises_while_it_is_looked_at_is_not_half_hashed():
    """Asked a second time, it is as unhashable as the first time: its content is no empty one."""
    namespace = {"__name__": "hostile_module", "HOSTILE": Hostile()}
    exec("def function(): return HOSTILE", namespace)
    digester = CodeDigester("/nowhere")
    for _ in range(2):
        with pytest.raises(Unhashable) as caught:
            digester.digest_of(namespace["function"])
        assert str(caught.value).startswith(
            "the code of 'hostile_module.function' cannot be hashed"
        )


def test_modules_are_not_asked_for_what_they_make_on_demand(monkeypatch):
    """A module's own __getattr__ may raise anything for names that every module has or has not."""
    import types

    module = types.ModuleType("on_demand")
    exec(
        "TABLE = {'RATE': 1}\n"
        "def __getattr__(name): return TABLE[name]\n"
        "def one(): import on_demand; return on_demand.RATE\n"
        "def two(): import on_demand; return on_demand.RATE + 1\n"
        "def three(): import on_demand; return on_demand.MISSING\n",
        module.__dict__,
    )
    monkeypatch.setitem(sys.modules, "on_demand", module)
    digester = CodeDigester("/nowhere")
    digests = {digester.digest_of(getattr(module, name)).digest for name in ("one", "two", "three")}
    assert len(digests) == 3
