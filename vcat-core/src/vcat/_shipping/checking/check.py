"""What a job would fail of, found before it is submitted."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._authoring.calls import calling
from vcat._authoring.graph import Graph
from vcat._keeping.definition import describe_graph
from vcat._keeping.guard import call
from vcat._plugins.remainder import load_remainder
from vcat._shipping.bundling.bundle import remove
from vcat._shipping.checking.absence import Absence
from vcat._shipping.checking.constant import Constants
from vcat._shipping.checking.explanation import Explanation
from vcat._shipping.checking.finding import Finding, arranged
from vcat._shipping.checking.imports import is_guarded
from vcat._shipping.checking.literals import Literals
from vcat._shipping.checking.lookup import lookups_in
from vcat._shipping.checking.needs import Needs, needs_of
from vcat._shipping.checking.place import show_place
from vcat._shipping.checking.trial import Answer, interpreter_of, try_bundle
from vcat._shipping.choosing.tree import scan
from vcat._shipping.handover import choose_name, pack, stores_in
from vcat._shipping.submission import make_job, stem
from vcat.errors import BundleError, GraphError, UnpicklableError, VcatError

if TYPE_CHECKING:
    from vcat import Stage
    from vcat._authoring.calls import Calls
    from vcat._plugins.configuration import Configuration
    from vcat._shipping.choosing.tree import Tree


def check(
    end: Stage,
    given: dict[str, Any],
    job_name: str | None,
    script: str,
    calls: Calls,
    known: Iterable[Finding] = (),
) -> list[Finding]:
    """Return all that a job of the graph that ends in *end* would fail of, each once.

    Args:
        end: The last stage.
        given: Values of hyperparameters.
        job_name: What the job would be called, if that matters.
        script: The file of the script.
        calls: Where it calls its stage functions.
        known: What was found of earlier pipelines of the script, which is a part of the whole.
    """
    checking = _Checking(script, calls)
    checking.check(end, given, job_name)
    return arranged([*known, *checking.found])


class _Checking:
    def __init__(self, script: str, calls: Calls) -> None:
        self.found: list[Finding] = []
        self._project = os.getcwd()
        self._script = script
        self._line = _line_of(script)
        self._caller = self._shown(*calling())  # of run()
        self._calls = calls
        self._refused = ""  # what the deployment refuses
        self._is_tried = True  # whether it is known where the job would run

    def check(self, end: Stage, given: dict[str, Any], job_name: str | None) -> None:
        try:
            graph = Graph.ending_in(end)
        except VcatError as error:
            self._add(error)
            return
        try:
            parameters = graph.fill_parameters(given)
        except VcatError as error:
            self._add_parameters(error, graph)
            parameters = {}
        configuration, name = self._configuration(job_name)
        sendable = _Sendable(graph)
        self._check_pickles(sendable, parameters)
        needs = needs_of(graph, self._project, self._script)
        self._check_main(needs)
        self.found += lookups_in(needs.functions, self._project)
        stores: list[str] = []
        tree = self._tree(configuration, stores)
        if tree is None:
            return
        sent = {os.fsdecode(each.path) for each in tree.entries}
        absence = Absence(self._project, sent, stores)
        literals = Literals(self._project, self._script, sent, absence)
        constants = Constants(self._project, self._script, sent, absence)
        self.found += constants.of(needs.functions)
        for stage in graph.stages:
            self.found += literals.of_stage(stage, self._place(stage), self._call(stage))
        for each, value in parameters.items():
            self.found += literals.of_value(value, each, f"hyperparameter {each!r}", "")
        if self._is_tried:
            self._try(sendable, parameters, name, configuration, needs, absence)

    def _configuration(self, job_name: str | None) -> tuple[Configuration, str]:
        """Return what can be used of the configuration, and what the job would be called."""
        configuration, errors, self._is_tried = load_remainder(self._project)
        for each in errors:
            self._add(each)
        if self._is_tried:
            try:
                call(configuration.deployment, "check")
            except VcatError as error:
                self._refused = str(error)
                self._add(error)
        try:
            return configuration, choose_name("run", job_name, stem(), configuration)
        except GraphError as error:
            self.found.append(Finding(self._caller, str(error)))
        except VcatError as error:
            self._add(error)
        return configuration, choose_name("run", None, stem(), configuration)

    def _check_pickles(self, graph: _Sendable, parameters: dict[str, Any]) -> None:
        """Find every function and argument that cannot be sent, and put nothing in its place."""
        with suppress(UnpicklableError):
            describe_graph(graph, parameters, self._project)
            return
        for number, stage in enumerate(graph.stages):
            while True:
                try:
                    describe_graph(graph.only(number), {}, self._project)
                except UnpicklableError as error:
                    of_argument = str(error).startswith(f"{stage.label}: ")
                    place = self._call(stage) if of_argument else self._place(stage)
                    self.found.append(Finding(place, str(error)))
                    if not graph.leave_out(number, self._project):
                        break
                else:
                    break
        for name in list(parameters):
            try:
                describe_graph(_NOTHING, {name: parameters[name]}, self._project)
            except UnpicklableError as error:
                self._add(error)
                parameters[name] = None

    def _check_main(self, needs: Needs) -> None:
        try:
            with open(self._script, "rb") as file:
                guarded = is_guarded(file.read(), self._line)
        except OSError:
            guarded = True
        script = os.path.relpath(self._script, self._project)
        remedy = f"put line {self._line} of {script} under if __name__ == '__main__':"
        for place in needs.main:
            text = (
                "imports __main__, which in a job has only what stages reach of the script; move"
                " what is imported to a module of the project"
            )
            self.found.append(Finding(place, text, is_warning=place not in needs.sure))
        for place in needs.script:
            text = f"imports the script, which then submits a job from inside the job; {remedy}"
            if guarded:
                text = (
                    "imports the script: a job then has its functions and classes twice, and"
                    " isinstance does not hold between them; move what is imported to a module of"
                    " its own"
                )
            doubtful = guarded or place not in needs.sure
            self.found.append(Finding(place, text, is_warning=doubtful))
        if not guarded:
            for place in needs.processes:
                text = f"starts processes, which may run the script anew and submit jobs; {remedy}"
                self.found.append(Finding(place, text, is_warning=True))

    def _tree(self, configuration: Configuration, stores: list[str]) -> Tree | None:
        """Return what would be sent, and add the stores that would not to *stores*."""
        try:
            stores += stores_in(self._project, configuration.freeze()["backends"])
            tree = scan(self._project, exclude=stores)
        except BundleError as error:
            first, *lines = str(error).split("\n")
            if first.endswith("name them in .vcatignore:"):
                remedy = "mend it, or name it in .vcatignore"
                self.found += [Finding("", f"{each.strip()}; {remedy}") for each in lines]
            else:
                self.found.append(Finding("", " ".join([first, *" ".join(lines).split()])))
            return None
        except VcatError as error:
            self._add(error)
            return None
        remedy = "name it in .vcatignore"
        self.found += [Finding("", f"{e}; {remedy}", is_warning=True) for e in tree.warnings]
        return tree

    def _try(
        self,
        graph: _Sendable,
        parameters: dict[str, Any],
        name: str,
        configuration: Configuration,
        needs: Needs,
        absence: Absence,
    ) -> None:
        try:
            job = make_job(graph, parameters, name, configuration)  # type: ignore[arg-type]  # as much of a graph as it takes
            python = interpreter_of(configuration.deployment)
            known = (job.pickles, python, *needs.modules)
            # Pipelines that differ in plain values only, as those of a search, are as good as one.
            answer = _answers.get(known)
            if answer is None:
                bundle = pack(job, configuration, lambda _: None)
                try:
                    answer = try_bundle(bundle, python, list(needs.modules), needs.own)
                finally:
                    remove(bundle)
                _answers[known] = answer
        except VcatError as error:
            self._add(error)
            return
        if answer.problem and python in self._refused:
            return  # which is why
        explanation = Explanation(self._project, python, absence, needs, job.definition)
        self.found += explanation.of(answer)

    def _place(self, stage: Stage) -> str:
        return "" if stage.place is None else self._shown(*stage.place)

    def _call(self, stage: Stage) -> str:
        """Return where a stage was given its arguments, else where its function is."""
        place = self._calls.place(stage)
        return self._place(stage) if place is None else self._shown(*place)

    def _shown(self, file: str, line: int) -> str:
        return show_place(self._project, file, line)

    def _add_parameters(self, error: VcatError, graph: Graph) -> None:
        """Add what is wrong with hyperparameters, each where a stage is given it."""
        calls = {
            f"run(): hyperparameter {name!r} ": self._call(graph.stages[number])
            for name, (_, number) in graph.parameters.items()
        }
        calls |= {f"{each.label}: ": self._call(each) for each in graph.stages if each.is_map}
        for line in str(error).split("\n"):
            elsewhere = self._caller if line.startswith("run(): ") else ""
            place = next((calls[each] for each in calls if line.startswith(each)), elsewhere)
            self.found.append(Finding(place, line))

    def _add(self, error: VcatError) -> None:
        for line in str(error).split("\n"):
            place, _, text = line.partition(": ")  # as messages about a configuration begin
            file, _, number = place.rpartition(":")
            has_place = number.isdigit() and os.path.isfile(os.path.join(self._project, file))
            self.found.append(Finding(place, text) if has_place else Finding("", line))


#: What trials of this process have shown, by what was tried.
_answers: dict[tuple[Any, ...], Answer] = {}


class _Sendable:
    """As much of a graph as a definition takes, of which arguments can be left out."""

    def __init__(self, graph: Graph) -> None:
        self.stages = list(graph.stages)
        self.number = graph.number
        self._ids = graph.ids()

    def ids(self) -> list[str]:
        return self._ids

    def only(self, number: int) -> _Sendable:
        """Return one stage alone."""
        alone = object.__new__(_Sendable)
        alone.stages, alone.number = [self.stages[number]], self.number
        alone._ids = [self._ids[number]]  # another of its own kind
        return alone

    def leave_out(self, number: int, project: str) -> bool:
        """Put ``None`` in the place of what cannot be sent first; return whether that was it."""
        stage = self.stages[number]
        kind = type(stage)
        function, args, kwargs = stage.function, list(stage.args), dict(stage.kwargs or {})
        for key in [None, *range(len(args)), *kwargs]:
            alone = kind(
                function if key is None else _nothing,
                (args[key],) if isinstance(key, int) else (),
                {key: kwargs[key]} if isinstance(key, str) else {},
                stage.options,
            )
            one = self.only(number)
            one.stages = [alone]
            try:
                describe_graph(one, {}, project)
            except UnpicklableError:
                if key is None:
                    function = _nothing
                elif isinstance(key, int):
                    args[key] = None
                else:
                    kwargs[key] = None
                self.stages[number] = kind(function, tuple(args), kwargs, stage.options)
                return True
        return False


def _nothing(*_: Any, **__: Any) -> None:
    """Stand in for a function that cannot be sent."""


class _Nothing:
    stages: Iterable[Stage] = ()
    number: dict[int, int] = {}  # noqa: RUF012  # never filled

    @staticmethod
    def ids() -> list[str]:
        return []


_NOTHING = _Nothing()


def _line_of(script: str) -> int:
    """Return the line of the script itself that is running."""
    frame = sys._getframe()  # noqa: SLF001  # who called is what is asked
    line = 0
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_filename == script and frame.f_code.co_name == "<module>":
            line = frame.f_lineno
    return line
