"""Maps of an archived job whose hyperparameters have other values now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vcat._authoring.mapping import count_of, mismatched
from vcat._authoring.parameter import Hyperparameter


def unmappable(
    definition: Mapping[str, Any], given: Mapping[str, Any], shown: Mapping[str, Any]
) -> list[str]:
    """Return what is wrong with the maps of a job that is run with other values, as a script is.

    Args:
        definition: What the job is.
        given: The values that are others now.
        shown: All values, as its record has them. That of a list tells how long it is; of others
            only the job will know.
    """
    if not given:
        return []

    def count(
        sequence: tuple[Mapping[str, Any], int | None], counts: dict[int, int | None]
    ) -> int | None:
        node, written = sequence
        if "stage" in node:
            return counts.get(node["stage"])
        if "parameter" not in node:
            return written  # in the script, with those beside it, which are as many
        name = node["parameter"]
        if name in given:
            return count_of(Hyperparameter(name), given[name])
        return len(shown[name]) if isinstance(shown.get(name), list) else None

    maps = (
        (number, _label(stage), [(each, stage.get("items")) for each in stage["args"]])
        for number, stage in enumerate(definition["stages"])
        if stage.get("map")
    )
    return mismatched(maps, count)


def _label(stage: Mapping[str, Any]) -> str:
    """How messages name a stage: ``stage 'fit' (train.py:41)``."""
    file = str(stage.get("file") or "").replace("\\", "/").rsplit("/", 1)[-1]
    return f"stage {stage['name']!r}" + (f" ({file}:{stage['line']})" if file else "")
