"""``vcat plugins``: what is installed, and what of it cannot be used."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import vcat
from vcat_cli.table import Column, table_lines
from vcat_cli.text import escape, terminal_width, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from typing import Any

    from vcat._plugins.registry import PluginInfo

DESCRIPTION = """\
List the installed plugins with the type strings that a configuration may name, and those that
cannot be used with the reason."""

EXAMPLES = """\
  vcat plugins
  vcat plugins --json | jq -r '.[].types.cache[]?'     the caches that are installed"""

_COLUMNS = (
    Column("DISTRIBUTION"),
    Column("VERSION"),
    Column("ENTRY POINT"),
    Column("ROLE"),
    Column("TYPE"),
)


def add_arguments(parser: Any) -> None:
    """Add what ``vcat plugins`` takes."""
    parser.add_argument("--json", action="store_true", help="as a JSON array")


def execute(arguments: Namespace) -> int:
    """List the plugins."""
    with redirect_stdout(sys.stderr):  # what a plugin prints when imported is not the list
        plugins = sorted(vcat.list_plugins(), key=_name)
    if arguments.json:
        print(to_json([each._asdict() for each in plugins]))
        return 0
    rows = [row for each in plugins if each.error is None for row in _rows(each)]
    broken = [each for each in plugins if each.error is not None]
    if rows:
        for line in table_lines(_COLUMNS, rows, terminal_width()):
            print(line)
    if rows and broken:
        print()
    for each in broken:
        name = escape(f"{each.distribution}:{each.entry_point} {each.version}")
        print(f"broken: {name} {escape(each.error)}")
    return 0


def _name(plugin: PluginInfo) -> tuple[str, str]:
    return plugin.distribution, plugin.entry_point


def _rows(plugin: PluginInfo) -> Iterator[tuple[str, ...]]:
    facts = (plugin.distribution, plugin.version, plugin.entry_point)
    names = tuple(escape(each) for each in facts)
    offered = [(role, each) for role, types in plugin.types.items() for each in types]
    for role, type_string in offered or [("-", "-")]:
        yield (*names, escape(role), escape(type_string))
