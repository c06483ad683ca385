"""All cases."""

from __future__ import annotations

from mutations.code import CODE
from mutations.collision import COLLISIONS
from mutations.hit import HITS
from mutations.job import JOBS
from mutations.limit import LIMITS
from mutations.value import VALUES

#: By the heading they have on the page.
SECTIONS = {
    "Code": CODE,
    "Arguments, upstream results and files": VALUES,
    "What does not count": HITS,
    "Told apart": COLLISIONS,
    "In real jobs": JOBS,
    "Not seen": LIMITS,
}

CASES = [case for section in SECTIONS.values() for case in section]
