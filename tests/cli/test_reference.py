"""The reference page of the command says what the command does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vcat.records import STATES, JobRecord, StageRecord
from vcat_cli import problem
from vcat_cli.command import VERBS, verb_parser

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "command.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `vcat (\w+)`\n(.*?)(?=^## )", PAGE, re.M | re.S))


def test_every_verb_has_a_section():
    """The page has a section for each verb, in the order of the help."""
    assert list(SECTIONS) == list(VERBS)


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_option_is_in_the_section_of_its_verb(verb):
    """An option that is added is described, and one that is described exists."""
    options = {
        option
        for action in verb_parser(verb)._actions
        for option in action.option_strings
        if option not in ("-h", "--help", "--traceback")
    }
    described = re.findall(r"`[^`]*`", SECTIONS[verb])
    named = {
        word for each in described for word in re.findall(r"(?<![\w-])--?[a-z]+(?:-[a-z]+)*", each)
    }
    assert named == options


def test_every_exit_code_is_in_the_table():
    """The exit codes of the command are those of the page."""
    codes = {problem.DONE, problem.FAILED, problem.WRONG_USAGE}
    codes |= {problem.TIMED_OUT, problem.INTERRUPTED, problem.BROKEN_PIPE}
    assert {int(each) for each in re.findall(r"^\| (\d+) \|", PAGE, re.M)} == codes


def test_every_field_of_the_records_is_described():
    """The JSON section names the fields of job and stage records, and `vcat ls` every state."""
    json = PAGE.partition("## JSON")[2]
    for record in (JobRecord, StageRecord):
        for name in record._fields:
            assert f"`{name}`" in json, name
    states = {each.replace(" ", "-") for each in STATES} | {"unreadable"}
    assert all(f"`{each}`" in SECTIONS["ls"] for each in states)


def test_the_readme_has_every_verb():
    """The distribution's README lists the verbs."""
    readme = (ROOT / "vcat-cli" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `vcat (\w+)", readme, re.M) == list(VERBS)
