"""YAML, read as values that know their lines."""

from __future__ import annotations

import tracemalloc

import pytest

from vcat._plugins import document
from vcat._plugins.problem import Place, Problems
from vcat.errors import ConfigError

PLACE = Place("x.config.yaml", directory="/project")


def _parsed(text):
    problems = Problems()
    content = document.parse(text, PLACE, problems)
    problems.raise_any()
    return {name: each.plain() for name, each in content.items()}


def _error(text):
    with pytest.raises(ConfigError) as caught:
        _parsed(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("", None),
        ("1e3", 1000.0),
        ("1.5e-3", 0.0015),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.0", -1.0),
        ("+7", 7),
        ("0", 0),
        ("0o10", 8),
        ("0x1F", 31),
        ("010", "010"),
        ("08.5", "08.5"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("'1'", "1"),
        ('"true"', "true"),
        ("''", ""),
        ("[1, [a, ~]]", [1, ["a", None]]),
        ("{b: {c: 1.0}}", {"b": {"c": 1.0}}),
    ],
)
def test_plain_values_mean_what_yaml_1_2_says(written, meant):
    """The traps of YAML 1.1 are not set: no NO that is false, no date, no octal by accident."""
    value = _parsed(f"a: {written}")["a"]
    assert (type(value), value) == (type(meant), meant)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# nothing\n", "---\n", "~", "null\n", "--- {}\n...\n"]
)
def test_an_empty_file_says_nothing(text):
    """A file that is all comments is as good as none."""
    assert _parsed(text) == {}


def test_keys_know_the_line_they_are_written_in():
    """A value that begins below its key is reported where the key is."""
    content = document.parse("a:\n  b: 1\n\n  c:\n    - x\n    - y\n", PLACE, Problems())
    inner = content["a"].content
    assert [content["a"].place.line, inner["b"].place.line, inner["c"].place.line] == [1, 2, 4]
    assert [each.place.line for each in inner["c"].content] == [5, 6]
    assert str(inner["c"].place) == "x.config.yaml:4"


def test_a_scalar_keeps_how_it_was_written():
    """A version number in a variable is not a float."""
    assert document.parse("a: 1.10", PLACE, Problems())["a"].text == "1.10"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- a\n", "x.config.yaml:1: is a list, expected a mapping of keys to values"),
        ("\n\nword\n", "x.config.yaml:3: is text, expected a mapping of keys to values"),
        ("a: 1\nb: 2\na: 3\n", "x.config.yaml:3: a: is given twice, first in line 1; remove one"),
        (
            "a:\n\tb: 1\n",
            "x.config.yaml:2: a tab indents this line; YAML takes spaces only",
        ),
        (
            "a: b: c\n",
            "x.config.yaml:1: is not valid YAML: mapping values are not allowed here (column 5)",
        ),
        (
            "a: [1\nb: 2\n",
            "x.config.yaml:2: is not valid YAML: expected ',' or ']', but got ':' (column 2)",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "x.config.yaml:2: is not valid YAML: but found another document (column 1)",
        ),
        ("a: *x\n", "x.config.yaml:1: is not valid YAML: found undefined alias 'x' (column 4)"),
        ("a: b\0c\n", "x.config.yaml:1: character U+0000 is not allowed in YAML; remove it"),
        ("a: 1\nb: \x1b\n", "x.config.yaml:2: character U+001B is not allowed in YAML; remove it"),
        ("1: a\n", "x.config.yaml:1: key '1' is not text; put it in quotes"),
        ("true: a\n", "x.config.yaml:1: key 'true' is not text; put it in quotes"),
        ("? [a]\n: b\n", "x.config.yaml:1: key a list or mapping is not text; put it in quotes"),
        ("a: 1e999\n", "x.config.yaml:1: a number is too large; put it in quotes if it is text"),
        (
            f"\na: {'9' * 5000}\n",
            "x.config.yaml:2: a number is too large; put it in quotes if it is text",
        ),
        (
            "a: &b {c: 1}\nd:\n  <<: *b\n",
            "x.config.yaml:3: <<: merge keys are not read; write the keys out",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text, error):
    """One line says where, what and what to do."""
    assert _error(text) == error


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("!!python/object/apply:os.system ['touch canary']", "!!python/object/apply:os.system"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("!mine 3", "!mine"),
        ("!!str 3", "!!str"),
        ("! 3", "!"),
        ("!!binary aGk=", "!!binary"),
        ("!!set {a}", "!!set"),
    ],
)
@pytest.mark.parametrize("where", ["a: {}", "a: [{} ]", "{}"])
def test_tags_are_refused_and_do_nothing(value, shown, where, tmp_path, monkeypatch):
    """Nothing in a file is constructed, whichever tag it wears and wherever."""
    monkeypatch.chdir(tmp_path)
    expected = f"x.config.yaml:1: tag {shown!r} is refused; write plain values"
    assert _error(where.format(value)) == expected
    assert list(tmp_path.iterdir()) == []


def test_an_alias_is_the_value_again():
    """A block written once may be used twice."""
    assert _parsed("a: &x [1]\nb: *x\n") == {"a": [1], "b": [1]}


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (BOMB, "x.config.yaml:1: aliases make it too large; write the values out"),
        ("a: &a [*a]\n", "x.config.yaml:1: aliases make it too large; write the values out"),
        ("[" * 1_000_000, "x.config.yaml:1: nested more than 32 levels deep"),
        ("{a: " * 200_000, "x.config.yaml:1: nested more than 32 levels deep"),
        (
            "".join(f"{' ' * n}a:\n" for n in range(500)),
            "x.config.yaml:32: nested more than 32 levels deep",
        ),
        ("a: [" + "1," * 400_000, "x.config.yaml:1: more than 10000 values"),
    ],
)
def test_bombs_are_refused_in_bounded_memory(text, error):
    """Reading stops at a limit; without one, some of these would not end."""
    tracemalloc.start()
    try:
        message = _error(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert message == error
    assert peak < 100_000_000
