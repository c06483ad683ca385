"""Planning a script: its pipelines are looked at instead of run, and it gets no results."""

from __future__ import annotations

import sys

from vcat._authoring import door

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from vcat._authoring.stage import Stage
    from vcat._looking.why import Plan
    from vcat._shipping.checking.finding import Finding


class PlanEnd(BaseException):
    """The script asks for what only a job has; no ``except Exception`` of it catches this."""


class Planner:
    """Stands in for running while a script is planned.

    Args:
        script: The file of the script.
        params: Values of hyperparameters that win over those of ``run``.
        planned: Told of each plan.

    Attributes:
        ended_at: The line of the script that first asked for what only a job has; 0 where it was
            asked for by a module.
        known: What the doors keep from one pipeline to the next.
    """

    def __init__(
        self, script: str, params: dict[str, Any], planned: Callable[[Plan], None] | None
    ) -> None:
        self.script = script
        self.params = params
        self._planned = planned
        self._count = 0
        self.ended_at: int | None = None
        self.known: dict[str, Any] = {}

    def run(self, end: Stage, params: dict[str, Any], job_name: str | None) -> PlannedDeployment:
        """Plan what ``run`` would submit."""
        plan = door.plan(self, end, params | self.params, job_name)
        self._count += 1
        if self._planned is not None:
            self._planned(plan)
        return PlannedDeployment(self, job_name or f"planned-{self._count}")

    def run_same_process(self, end: Stage, params: dict[str, Any]) -> NoReturn:
        """Plan what ``run_same_process`` would run; there is no value to go on with."""
        self.run(end, params, None)
        self.end()

    def end(self) -> NoReturn:
        """End the script where it asks for what only a job has."""
        if self.ended_at is None:
            frame = sys._getframe()  # noqa: SLF001  # tracebacks show where it came from, not who asked
            while frame.f_back is not None and frame.f_code.co_filename != self.script:
                frame = frame.f_back
            here = frame.f_code.co_filename == self.script
            self.ended_at = frame.f_lineno if here else 0
        raise PlanEnd


class Checker(Planner):
    """Stands in for running while a script is checked.

    Attributes:
        found: What jobs of the script would fail of, each once, in the order of its places.
        count: How many pipelines the script would run.
        calls: Where it calls its stage functions.
    """

    def __init__(self, script: str, params: dict[str, Any]) -> None:
        from vcat._authoring.calls import Calls

        super().__init__(script, params, None)
        self.calls = Calls()
        self.found: list[Finding] = []
        self.count = 0

    def run(self, end: Stage, params: dict[str, Any], job_name: str | None) -> PlannedDeployment:
        """Check what ``run`` would submit."""
        self.count += 1
        self.found = door.check(self, end, params | self.params, job_name)
        return PlannedDeployment(self, job_name or f"checked-{self.count}")


class PlannedDeployment:
    """In place of the deployment of a job that is not there: it has a name and nothing else.

    Attributes:
        job_name: The name that the script gave, or one that no job has.
    """

    def __init__(self, planner: Planner, job_name: str) -> None:
        self._planner = planner
        self.job_name = job_name

    def __repr__(self) -> str:
        return f"<planned job {self.job_name!r}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._planner.end()
