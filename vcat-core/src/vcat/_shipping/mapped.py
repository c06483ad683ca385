"""Maps of an archived job whose hyperparameters have other values now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vcat._authoring.mapping import count_of, differing
from vcat._authoring.parameter import Hyperparameter
from vcat.errors import GraphError


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
    problems: list[str] = []
    counts: dict[int, int | None] = {}  # of the maps

    def count(node: Mapping[str, Any], written: int | None) -> int | None:
        if "stage" in node:
            return counts.get(node["stage"])
        if "parameter" not in node:
            return written  # in the script, with those beside it, which are as many
        name = node["parameter"]
        if name in given:
            return count_of(Hyperparameter(name), given[name])
        return len(shown[name]) if isinstance(shown.get(name), list) else None

    for number, stage in enumerate(definition["stages"]) if given else ():
        if not stage.get("map"):
            continue
        try:
            lengths = [count(each, stage.get("items")) for each in stage["args"]]
        except GraphError as error:
            problems.append(f"{_label(stage)}: {error}")
            continue
        known = [each for each in lengths if each is not None]
        if known and min(known) != max(known):
            problems.append(f"{_label(stage)}: {differing(known)}")
        else:
            counts[number] = known[0] if known else None
    return problems


def _label(stage: Mapping[str, Any]) -> str:
    """How messages name a stage: ``stage 'fit' (train.py:41)``."""
    file = str(stage.get("file") or "").replace("\\", "/").rsplit("/", 1)[-1]
    return f"stage {stage['name']!r}" + (f" ({file}:{stage['line']})" if file else "")
