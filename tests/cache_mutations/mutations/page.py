"""The table as Markdown, and the page of the documentation that it is a part of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mutations.case import DISTINCT, HITS, RECOMPUTES, Case
from mutations.damage import DAMAGES, SWAPPED
from mutations.edit import code
from mutations.table import SECTIONS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "is-this-cached-correctly.md"
BEGIN = "<!-- begin: written by nox -s mutations -->\n"
END = "<!-- end -->\n"

#: What the naive key makes of a case that is not plain.
NAIVE = {RECOMPUTES: "stale", HITS: "again", DISTINCT: "wrong"}

_SAID = {"stale": "old value", "again": "runs again", "wrong": "mixes them up", "right": "right"}


def naive_verdict(case: Case) -> str:
    """Return what the naive key must make of *case*."""
    return "right" if case.plain else NAIVE[case.expected]


def render() -> str:
    """Return the generated part of the page: what a run of the table shows when nothing fails."""
    return "".join(_lines())


def page_with(generated: str) -> str:
    """Return the page with *generated* between its markers."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return before + BEGIN + generated + END + after


def _lines() -> Iterator[str]:
    for heading, cases in SECTIONS.items():
        yield f"\n### {heading}\n\n"
        if heading == "Not seen":
            yield from _limits(cases)
        elif heading == "Told apart":
            yield from _apart(cases)
        else:
            yield from _table(cases)
    yield "\n### A damaged store\n\n"
    yield "| of any file of the store | seen |\n|---|---|\n"
    for name in [*DAMAGES, SWAPPED]:
        yield f"| {name} | the value is right, its stage runs again, one warning |\n"


def _table(cases: Sequence[Case]) -> Iterator[str]:
    yield "| what | edit | expected | printed, runs | naive key |\n|---|---|---|---|---|\n"
    for case in cases:
        naive = _SAID[naive_verdict(case)] + (" (file times)" if case.wide else "")
        edit = case.edit.line(case.files)
        yield (f"| {_escaped(case.name)} | {edit} | {case.expected} | {_seen(case)} | {naive} |\n")


def _apart(cases: Sequence[Case]) -> Iterator[str]:
    yield "| what | printed, in both processes | bodies that ran | naive key |\n|---|---|---|---|\n"
    for case in cases:
        naive = _SAID[naive_verdict(case)]
        yield f"| {_escaped(case.name)} | {code([case.after])} | {case.runs} | {naive} |\n"


def _limits(cases: Sequence[Case]) -> Iterator[str]:
    yield "| what | edit | seen | what helps |\n|---|---|---|---|\n"
    for case in cases:
        edit = case.edit.line(case.files)
        yield f"| {_escaped(case.name)} | {edit} | the old value | {case.remedy} |\n"


def _seen(case: Case) -> str:
    values = code([case.before])
    if case.after != case.before:
        values += f" → {code([case.after])}"
    return f"{values}, {case.runs}"


def _escaped(text: str) -> str:
    return text.replace("*", "\\*").replace("_", "\\_").replace("|", "\\|")
