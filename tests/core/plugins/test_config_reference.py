"""The page about configuration says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vcat._plugins import configuration
from vcat._plugins.schema import KEYS, LOG_LEVELS, SLOTS
from vcat.errors import VcatError

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "config.md").read_text(encoding="utf-8")

EXAMPLES = re.findall(r"```yaml\n(.*?)```\n(?:\n```text\n(.*?)\n```)?", PAGE, re.DOTALL)


@pytest.mark.parametrize(("text", "error"), EXAMPLES)
def test_examples_do_what_the_page_shows(text, error, tmp_path, registry):
    """An example loads, or prints exactly the lines below it."""
    (tmp_path / "local.config.yaml").write_text(text, encoding="utf-8")
    try:
        configuration.load(str(tmp_path), registry).freeze()
        printed = ""
    except VcatError as problem:
        printed = str(problem)
    assert printed == error


def test_every_key_is_on_the_page():
    """A key that is not described does not exist for its users."""
    for name in (*KEYS, *LOG_LEVELS, *(each.type_key for each in SLOTS.values())):
        assert f"`{name}`" in PAGE
    assert len(EXAMPLES) == 10
