"""What a stage does, or what has become of it, in words."""

from __future__ import annotations

import time

from vcat_cli.text import amount, duration, escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcat.records import StageRecord

#: The order in which items are counted.
_STATUSES = (
    *("cached", "completed", "failed", "running"),
    *("waiting to be repeated", "waiting for others", "not run"),
)


def say_status(stage: StageRecord, used: str = "") -> str:
    """Return the status of a stage: what it waits for, or its attempts.

    Args:
        stage: The stage.
        used: What its result may depend on unchecked.
    """
    if (waits := waits_for(stage)) is not None:
        return waits
    said = []
    if stage.status == "running" and stage.attempts:
        said.append(f"attempt {stage.attempts + 1}")
    elif stage.attempts > 1:
        said.append(f"{stage.attempts} attempts")
    if used and stage.status in ("completed", "cached"):
        said.append(used)
    return escape(stage.status) + (f" ({', '.join(said)})" if said else "")


def waits_for(stage: StageRecord) -> str | None:
    """Return for whom a stage waits that computes the same, or to be called again; or ``None``."""
    if stage.waiting_since is not None:
        whom = "another process" if stage.waits_for is None else f"job {stage.waits_for}"
        return f"waits for {escape(whom)}"
    if stage.again_at is None:
        return None
    seconds = stage.again_at - time.time()
    when = f" in {seconds:.0f} s" if seconds > 0 else ""
    return f"waits for attempt {stage.attempts + 1}{when}"


def say_duration(stage: StageRecord, now: float) -> str:
    """Return how long a stage took, or has been running or waiting."""
    goes_on = stage.status == "running" or stage.waiting_since is not None
    began = stage.waiting_since if stage.started_at is None else stage.started_at
    return duration(began, now if goes_on else stage.ended_at)


def item_counts(stages: list[StageRecord]) -> dict[int, str]:
    """Return what has become of the items of each map that has begun, by its number."""
    counts: dict[int, dict[str, int]] = {}
    for each in stages:
        if each.item_of is not None:
            of_map = counts.setdefault(each.item_of, {})
            status = _counted_as(each)
            of_map[status] = of_map.get(status, 0) + 1
    said = {}
    for each_map, of_map in counts.items():
        parts = [f"{of_map[status]:,} {status}" for status in _STATUSES if status in of_map]
        said[each_map] = f"{amount(sum(of_map.values()), 'item')}: {', '.join(parts)}"
    for each in stages:
        if each.items == 0 and each.status in ("completed", "cached"):
            said[each.number] = amount(0, "item")
    return said


def _counted_as(item: StageRecord) -> str:
    if item.waiting_since is not None:
        return "waiting for others"
    return item.status if item.again_at is None else "waiting to be repeated"
