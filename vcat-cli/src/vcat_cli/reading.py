"""What a stage has met besides its arguments, in words: files, directories, network, processes."""

from __future__ import annotations

from vcat_cli.text import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_LONGEST = 20
_KINDS = {"files": "file", "directories": "directory", "absent": "not there"}


def read_lines(described: Mapping[str, Any]) -> list[str]:
    """Return a line for each thing that a stage read, listed or looked for, up to so many.

    Args:
        described: What the provenance says of the stage.
    """
    observed = _observed(described)
    met = [
        f"{kind:<9}  {escape(name)}"
        for part, kind in _KINDS.items()
        for name in _names(observed.get(part))
    ]
    if len(met) > _LONGEST:
        return [*met[:_LONGEST], f"and {len(met) - _LONGEST} more; --json has all"]
    return met


def marks(described: Mapping[str, Any]) -> str:
    """Return what the result of a stage may depend on and nobody checks; empty for nothing."""
    return ", ".join(escape(each) for each in _names(_observed(described).get("marks")))


def _observed(described: Mapping[str, Any]) -> Mapping[str, Any]:
    observed = described.get("observed")
    return observed if isinstance(observed, dict) else {}


def _names(names: object) -> list[object]:
    return list(names) if isinstance(names, (list, dict)) else []
