"""What records call the parts of a stage's code."""

from __future__ import annotations

import functools
import importlib

import pytest

from vcat._keys.code import CodeDigester
from vcat._keys.naming import add_names


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Write a module of a project and return the names of what one of its functions reaches."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def written(source):
        module = f"naming_{abs(hash((source, str(tmp_path))))}"
        (tmp_path / f"{module}.py").write_text(source)
        importlib.invalidate_caches()
        return module

    def names(source, function="f"):
        module = written(source)
        loaded = importlib.import_module(module)
        subject = function(loaded) if callable(function) else getattr(loaded, function)
        found = {}
        own = add_names(found, CodeDigester(str(tmp_path)).digest_of(subject))
        for each in found.values():
            assert each.get("file") in (None, str(tmp_path / f"{module}.py")), each
        assert own in found
        return {label.removeprefix(f"{module}."): each for label, each in found.items()}

    names.module = written
    return names


@pytest.mark.parametrize(
    ("source", "label", "kind", "name"),
    [
        ("def f(): return g()\ndef g(): pass", "g", "function", "g"),
        ("class A:\n  def m(self): pass\ndef f(): return A", "A.m", "function", "A.m"),
        ("class A:\n  def m(self): pass\ndef f(): return A", "A", "class", "A"),
        ("X = [1]\ndef f(): return X", "X", "constant", "X"),
        (
            "def w():\n  def g(): pass\n  return g\ng = w()\ndef f(): g()",
            "w.<locals>.g",
            "function",
            "w.<locals>.g",
        ),
        ("def f(): return eval('1')", "project sources", "sources", None),
        ("import yaml\ndef f(): return yaml.dump(1)", "PyYAML", "library", None),
    ],
)
def test_a_part_has_a_kind_and_a_place(names, source, label, kind, name):
    """Functions, methods, classes and constants stand in a file under a name; others do not."""
    found = names(source)
    described = next(e for n, e in found.items() if n.lower() == label.lower())
    assert (described["kind"], described.get("name")) == (kind, name)
    assert bool(described.get("file")) is (name is not None)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("3", "3"),
        ("'text'", "'text'"),
        ("None", "None"),
        ("'x' * 100", None),
        ("10 ** 5000", None),
        ("[1]", None),
        ("type('Own', (int,), {})(3)", None),
    ],
)
def test_short_plain_constants_are_shown(names, value, shown):
    """What is long, can change or prints by code of the user's is known by its digest alone."""
    assert names(f"X = {value}\ndef f(): return X")["X"].get("shown") == shown


def test_a_constant_is_shown_as_it_was_when_it_was_counted(names):
    """What a stage does to a global while it runs is not what the key was made of."""
    module = importlib.import_module(names.module("X = 3\ndef f(): return X"))
    digest = CodeDigester(module.__file__.rpartition("/")[0]).digest_of(module.f)
    module.X = 4
    found = {}
    add_names(found, digest)
    assert found[f"{module.__name__}.X"]["shown"] == "3"


def test_a_module_as_a_value_and_a_partial(names):
    """A module that is counted whole has its file; a partial has no place of its own."""
    source = "import sys\ndef g(a): pass\ndef f(): return g, sys.modules[__name__]"
    assert names(source, lambda m: functools.partial(m.g, 1))["partial"] == {"kind": "value"}
