"""Run the whole table, print it, and write it into the documentation.

``--page-only`` writes the page from what the table expects, and runs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from mutations.case import UNSEEN
from mutations.damage import PROJECTS, fault, outcomes
from mutations.laboratory import WORKERS, judge, perform, perform_naively, verdict
from mutations.page import PAGE, naive_verdict, page_with, render
from mutations.table import CASES


def faults() -> Iterator[str]:
    """Yield what is wrong, one line each, as it is seen."""
    keyed = [each for each in CASES if each.expected != UNSEEN]
    with ThreadPoolExecutor(WORKERS) as pool:
        naive = pool.submit(perform_naively, keyed)
        for case, seen in zip(CASES, pool.map(perform, CASES), strict=True):
            if wrong := verdict(case, seen):
                yield f"{case.expected}: {case.name}: {wrong}"
        for case, seen in zip(keyed, naive.result(), strict=True):
            if judge(case, seen) != naive_verdict(case):
                yield f"naive key: {case.name}: {judge(case, seen)}, not {naive_verdict(case)}"
        for project, found in zip(PROJECTS, pool.map(outcomes, PROJECTS), strict=True):
            for damage, damaged in found.items():
                for each in damaged:
                    if wrong := fault(project, each):
                        yield f"damage: {project}: {each.file}: {damage}: {wrong}"


def main(arguments: list[str]) -> int:
    """Return the exit code: 1 where anything is not as the table says."""
    found = []
    for line in [] if arguments == ["--page-only"] else faults():
        print(line, file=sys.stderr, flush=True)
        found.append(line)
    if found:
        print(f"{len(found)} things are not as the table says", file=sys.stderr)
        return 1
    generated = render()
    PAGE.write_text(page_with(generated), encoding="utf-8")
    print(generated)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
