"""Constructor arguments against signatures."""

from __future__ import annotations

import inspect
from collections.abc import Sized

import pytest

from vcat._plugins.problem import Place, Problems
from vcat._plugins.reference import resolve
from vcat._plugins.signature import check_arguments, parameters_of
from vcat._plugins.value import placed
from vcat.errors import ConfigError, PluginError, VcatError

HERE = Place("x.config.yaml", 3)


def _problem(name, arguments=None, keywords=None):
    problems = Problems()
    block = {}
    if arguments is not None:
        block["constructor_arguments"] = placed(arguments, HERE)
    if keywords is not None:
        block["constructor_keyword_arguments"] = placed(keywords, HERE)
    cls = name if isinstance(name, type) else resolve(f"fake_stores:{name}")
    check_arguments(cls, block, Place("x.config.yaml", 2), "cache_type", problems)
    try:
        problems.raise_any()
    except VcatError as error:
        return type(error), str(error)
    return None


pytestmark = pytest.mark.usefixtures("registry")


@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("NoArgumentStore", None, None),
        ("NoArgumentStore", [], {}),
        ("DataStore", ["h"], None),
        ("DataStore", ["h", 1], {"strict": True, "password": None, "note": "n"}),
        ("DataStore", None, {"host": "h", "ratio": 1}),
        ("PlainStore", ["u", ["anything"]], {"depth": {"a": 1}}),
        ("OddStore", ["p"], {"seed": 3}),
    ],
)
def test_what_fits_is_accepted(name, arguments, keywords):
    """An integer is a number, and an annotation that is not plain is not checked."""
    assert _problem(name, arguments, keywords) is None


@pytest.mark.parametrize(
    ("name", "arguments", "keywords", "error"),
    [
        (
            "DataStore",
            [],
            None,
            (
                "x.config.yaml:2: cache_type: DataStore needs 'host';"
                " add it to constructor_arguments or constructor_keyword_arguments"
            ),
        ),
        (
            "WideStore",
            [1, 2, 3, 4, 5],
            None,
            (
                "x.config.yaml:2: cache_type: WideStore needs 'zeta' and 'eta';"
                " add it to constructor_arguments or constructor_keyword_arguments"
            ),
        ),
        (
            "PlainStore",
            ["u", "t", 1],
            None,
            (
                "x.config.yaml:3: constructor_arguments: PlainStore has 2 parameters to fill"
                " by position"
                " ('url', 'token'), 3 values are given"
            ),
        ),
        (
            "NoArgumentStore",
            ["secret"],
            None,
            (
                "x.config.yaml:3: constructor_arguments: NoArgumentStore has 0 parameters to"
                " fill by"
                " position (none), 1 value is given"
            ),
        ),
        (
            "PlainStore",
            None,
            {"ulr": "u"},
            (
                "x.config.yaml:3: constructor_keyword_arguments: PlainStore has no parameter 'ulr';"
                " it has 'url', 'token', 'depth'"
            ),
        ),
        (
            "NoArgumentStore",
            None,
            {"path": "p"},
            (
                "x.config.yaml:3: constructor_keyword_arguments: NoArgumentStore has no"
                " parameter 'path';"
                " it has none"
            ),
        ),
        (
            "WideStore",
            [1, 2, 3, 4, 5],
            {"zetta": 6, "eta": 7},
            (
                "x.config.yaml:3: constructor_keyword_arguments: WideStore has no parameter"
                " 'zetta';"
                " did you mean 'zeta'?"
            ),
        ),
        (
            "DataStore",
            ["h"],
            {"host": "h"},
            (
                "x.config.yaml:3: constructor_keyword_arguments: 'host' is given under"
                " constructor_arguments as well; remove one of them"
            ),
        ),
        (
            "DataStore",
            [3],
            None,
            (
                "x.config.yaml:3: constructor_arguments: DataStore: 'host': 3 is an integer,"
                " expected text"
            ),
        ),
        (
            "DataStore",
            ["h"],
            {"port": True},
            (
                "x.config.yaml:3: constructor_keyword_arguments: DataStore: 'port': True is"
                " a boolean,"
                " expected an integer"
            ),
        ),
        (
            "DataStore",
            ["h"],
            {"port": 1.0},
            (
                "x.config.yaml:3: constructor_keyword_arguments: DataStore: 'port': 1.0 is a"
                " number,"
                " expected an integer"
            ),
        ),
        (
            "DataStore",
            ["h"],
            {"strict": "no"},
            (
                "x.config.yaml:3: constructor_keyword_arguments: DataStore: 'strict': 'no' is text,"
                " expected true or false"
            ),
        ),
        (
            "DataStore",
            ["h"],
            {"note": ["n"]},
            (
                "x.config.yaml:3: constructor_keyword_arguments: DataStore: 'note': is a list,"
                " expected text or an empty value"
            ),
        ),
        (
            "DataStore",
            ["https://me:hunter2@host"],
            {"ratio": "https://me:hunter2@host"},
            (
                "x.config.yaml:3: constructor_keyword_arguments: DataStore: 'ratio':"
                " 'https://***@host' is text, expected a number"
            ),
        ),
        (
            "DataStore",
            ["h"],
            {"password": 271828},
            (
                "x.config.yaml:3: constructor_keyword_arguments: DataStore: 'password':"
                " *** does not fit, expected text or an empty value"
            ),
        ),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_built(name, arguments, keywords, error):
    """The key, the class, the parameter and what would be right; no value of a secret."""
    assert _problem(name, arguments, keywords) == (ConfigError, error)


def test_a_constructor_that_takes_anything_is_refused():
    """With ``**options`` every misspelling would pass."""
    assert _problem("GreedyStore", ["p"], {"paht": 1}) == (
        PluginError,
        (
            "x.config.yaml:2: cache_type: GreedyStore takes **options, under which every"
            " misspelling"
            " passes; a backend has to name its parameters"
        ),
    )


def test_a_constructor_without_a_signature_is_refused():
    """Some classes written in C do not tell what they take."""
    assert _problem(type) == (
        PluginError,
        "x.config.yaml:2: cache_type: type does not tell its parameters",
    )


def test_annotations_that_name_nothing_are_not_checked():
    """A backend may import its annotations for type checkers only."""

    class Odd:
        def __init__(self, path: "Nowhere", size: int) -> None:  # noqa: F821, UP037 - the point
            pass

    assert _problem(Odd, ["p", "not an integer"]) is None


class _Meta(type):
    def __call__(cls, key):
        return key


class _Bare(Sized):
    pass


class _Made:
    def __new__(cls, host):
        return host


class _Called(metaclass=_Meta):
    pass


class _Declared:
    __signature__ = inspect.signature(lambda url: url)


@pytest.mark.parametrize("cls", [object, _Bare, _Made, _Called, _Declared])
def test_the_parameters_of_a_class_are_those_that_inspect_tells(cls):
    """A class without a constructor of its own has none; whatever else gives it some counts."""
    assert parameters_of(cls) == inspect.signature(cls).parameters
