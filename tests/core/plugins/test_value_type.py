"""Types of values that plugins register: found, frozen into a job, thawed there."""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from vcat import hookspecs
from vcat._plugins.configuration import distributions_in_use, load, thaw
from vcat._plugins.registry import Registry
from vcat.errors import PluginError

HOOK = "from vcat.hookspecs import hookimpl\n@hookimpl\ndef vcat_value_types():\n"
PARTS = "def parts(value):\n    return (value,)\n"


def test_a_function_and_a_reference_are_the_same(plugin):
    """Either is loaded by its reference, under the full name of the type."""
    named = plugin("by_name", HOOK + "    return {'a.B': 'by_name:parts'}\n" + PARTS)
    given = plugin("given", HOOK + "    return {'a.C': parts}\n" + PARTS, "vcat-other")
    found = Registry([named, given]).value_types()
    assert {name: each.frozen() for name, each in found.items()} == {
        "a.B": ["by_name:parts", "vcat-acme", None],
        "a.C": ["given:parts", "vcat-other", None],
    }
    assert found["a.B"].load()(1) == found["a.C"].load()(1) == (1,)


def test_a_reference_is_imported_when_there_is_such_a_value(plugin):
    """Knowing that there is a function costs nothing; one that is not there says so when used."""
    found = Registry([plugin("lazy", HOOK + "    return {'a.B': 'nowhere:parts'}\n")]).value_types()
    with pytest.raises(PluginError) as caught:
        found["a.B"].load()
    assert str(caught.value) == "cannot import 'nowhere': No module named 'nowhere'"


def test_what_is_no_function_is_not_called(plugin):
    """The error says what the reference leads to."""
    one = plugin("number", HOOK + "    return {'a.B': 'number:SIZE'}\nSIZE = 1\n")
    with pytest.raises(PluginError) as caught:
        Registry([one]).value_types()["a.B"].load()
    assert str(caught.value) == "it is not a function but a int"


def test_of_two_that_register_one_type_neither_is_used(plugin):
    """Which one counts would depend on the order of installation."""
    one = plugin("one", HOOK + "    return {'a.B': 'one:parts'}\n" + PARTS)
    two = plugin("two", HOOK + "    return {'a.B': 'two:parts'}\n" + PARTS, "vcat-other")
    with pytest.raises(PluginError) as caught:
        Registry([one, two]).value_types()["a.B"].load()
    assert str(caught.value) == "vcat-other registers this type too; uninstall one of them"


WRONG = [
    (
        "    return ['a.B']\n",
        "is disabled: its vcat_value_types returned a list, expected a mapping",
    ),
    (
        "    return {'a.B': 1}\n",
        (
            "is disabled: its vcat_value_types returned 'a.B': 1, expected the full name of a type"
            " and a function or an object reference"
        ),
    ),
    ("    raise OSError('no')\n", "is disabled: its vcat_value_types raised OSError: no"),
    (
        "    import functools\n    return {'a.B': functools.partial(int)}\n",
        (
            "is disabled: its vcat_value_types cannot be used: functools.partial(<class 'int'>) has"
            " no name by which a job could import it; move it to the top level of its module"
        ),
    ),
]


@pytest.mark.parametrize(("body", "error"), WRONG)
def test_a_faulty_plugin_is_disabled_and_says_why(plugin, body, error):
    """It registers nothing, and the list of plugins has the reason."""
    registry = Registry([plugin(f"faulty{len(error)}", HOOK + body)])
    assert registry.value_types() == {}
    assert registry.plugins()[0].error == error


def test_the_list_of_plugins_has_types_of_values(plugin):
    """They stand beside the type strings of the roles."""
    one = plugin("one", HOOK + "    return {'a.B': 'one:parts'}\n" + PARTS)
    info = Registry([one]).plugins()[0]
    assert info.types == {"value": ("a.B",)}
    assert info.hooks == ("vcat_value_types",)


def test_types_of_values_travel_with_the_configuration(plugin, registry, tmp_path):
    """A job finds the same functions, without a registry, and the plugins travel with it."""
    one = plugin("one", HOOK + "    return {'a.B': 'one:parts'}\n" + PARTS)
    found = load(str(tmp_path), Registry([*registry._entry_points, one]))
    frozen = json.loads(json.dumps(found.freeze()))
    assert frozen["value_types"] == {"a.B": ["one:parts", "vcat-acme", None]}
    thawed = thaw(frozen)
    assert thawed.freeze() == frozen
    assert thawed.value_types.find("a.B").load()(1) == (1,)
    assert thawed.value_types.find("a.C") is None
    assert "vcat-acme" in distributions_in_use(found)
    assert distributions_in_use(thawed) == distributions_in_use(found)


def test_a_configuration_frozen_earlier_has_none(registry, tmp_path):
    """A bundle made before there were such types is read."""
    frozen = load(str(tmp_path), registry).freeze()
    del frozen["value_types"]
    assert thaw(frozen).value_types.find("a.B") is None


PAGE = Path(__file__).parents[3] / "docs" / "writing-a-backend.md"
DOCUMENTED = {
    "the page": re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)[
        -1
    ],
    "the hook": inspect.getdoc(hookspecs.vcat_value_types).partition("``vcat``::\n")[2],
}


@pytest.mark.parametrize("where", DOCUMENTED)
def test_the_documented_plugin_works(where, plugin, monkeypatch):
    """What authors copy registers a type, and its function takes a value apart."""
    monkeypatch.delitem(sys.modules, "acme_vcat", raising=False)
    source = textwrap.dedent(DOCUMENTED[where]).replace("acme_vcat.plugin", "acme_vcat")
    found = Registry([plugin("acme_vcat", source)]).value_types()["acme.grid.Grid"]
    grid = SimpleNamespace(unit="m", shape=(1, 2), cells=bytearray(b"ab"))
    assert found.load()(grid) == ("m", (1, 2), b"ab")
