"""What a trial has shown, in the words of the project it was made of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vcat._keeping.module import find_module
from vcat._shipping.checking.finding import Finding
from vcat._shipping.checking.reach import places_of

if TYPE_CHECKING:
    from vcat._shipping.checking.absence import Absence
    from vcat._shipping.checking.needs import Needs
    from vcat._shipping.checking.trial import Answer

_INSTALLED = ("site-packages", "dist-packages")

#: What is said of a module that only places name which a job may not come to.
_DOUBT = ", which the job may never import,"


class Explanation:
    """Says what is behind the failures of a trial.

    Args:
        project: The project directory.
        python: The interpreter of the trial.
        absence: Says why something of the project is not in the bundle.
        needs: What the graph needs.
        definition: The definition of the job.
    """

    def __init__(
        self,
        project: str,
        python: str,
        absence: Absence,
        needs: Needs,
        definition: dict[str, Any],
    ) -> None:
        self._project = project
        self._python = python
        self._absence = absence
        self._needs = needs
        self._definition = definition

    def of(self, answer: Answer) -> Iterator[Finding]:
        """Yield a finding for each thing that failed, whatever else fails of it left out."""
        if answer.problem:
            remedy = "let the deployment name a Python"  # which would set the variable itself
            problem = answer.problem.replace("set VCAT_PYTHON to a Python", remedy)
            yield Finding("", f"the job would not start: {problem}")
            return
        slots: dict[str, list[str]] = {}
        for each in answer.backends:
            text, module = each["text"], each["missing"]
            if module:
                text = f"module {module!r} {self._lack_of(module)}"
            slots.setdefault(text, []).append(each["slot"])
        for text, those in slots.items():
            backends = f"a backend cannot be built where the job runs: {', '.join(those)}"
            yield Finding("", f"{backends}: {text}")
        # What fails for sure is told before what may fail of the same.
        failed = sorted(answer.failed, key=lambda each: not self._is_sure(each))
        lacked = {each.get("missing", "") for each in failed if self._is_sure(each)}
        told: set[str] = set()
        for name in answer.missing:
            if not self._is_told(name, told):
                told.add(name)
                is_sure = self._needs.is_sure(name) or self._is_told(name, lacked)
                yield self._missing(name, self._places_of(name), is_sure=is_sure)
        texts: set[str] = set()
        for each in failed:
            if each["text"] in texts or each.get("absent") in told:
                continue
            texts.add(each["text"])
            place, is_sure = each["place"] or self._place(each), self._is_sure(each)
            lacking = each.get("missing")
            if lacking:
                inner = any(name.startswith(f"{lacking}.") for name in told)
                if not inner and not self._is_told(lacking, told):
                    told.add(lacking)
                    places = self._needs.places.get(lacking, [place])
                    yield self._missing(lacking, places, is_sure=is_sure)
            elif "runs" in each:
                if not self._needs.script:
                    what = f"module {each['runs']!r}" + _DOUBT * (not is_sure)
                    yield Finding(
                        place,
                        f"{what} runs a pipeline when it is imported, which the"
                        " job does; put that under if __name__ == '__main__':",
                        is_warning=not is_sure,
                    )
            else:
                what = f"module {each['module']!r}" if "module" in each else self._label(each)
                what += _DOUBT * (not is_sure)
                yield Finding(
                    place,
                    f"{what} cannot be imported where the job runs: {each['text']}",
                    is_warning=not is_sure,
                )

    def _is_sure(self, failed: dict[str, Any]) -> bool:
        return "module" not in failed or self._needs.is_sure(failed["module"])

    @staticmethod
    def _is_told(name: str, told: set[str]) -> bool:
        parts = name.split(".")
        return any(".".join(parts[:count]) in told for count in range(1, len(parts) + 1))

    def _places_of(self, module: str) -> list[str]:
        """Return the places of the project that name a module or, where none does, one in it."""
        named = self._needs.places
        places = named.get(module) or sorted(places_of(module, named))
        return [each for each in places if not os.path.isabs(each)] or [""]

    def _missing(self, name: str, places: list[str], *, is_sure: bool) -> Finding:
        first, *others = places
        what = f"module {name!r}" + _DOUBT * (not is_sure)
        if not others and first in self._needs.users:
            what += f", which {self._needs.users[first]} uses,"
        text = f"{what} {self._lack_of(name)}"
        return Finding(first, text, is_warning=not is_sure, others=tuple(others))

    def _lack_of(self, name: str) -> str:
        """Return why a module is not there and what to do, in words."""
        file = find_module(name)
        if file is None or file == "built-in":
            package = self._known_part_of(name)
            if package:
                return f"is not there: {package!r} has no such module; write it, or mend the name"
            return "is neither here nor where the job runs; install it"
        if self._is_inside(file):
            why = self._absence.of(file[len(self._project) + 1 :])
            return f"is not in the bundle: {why}"
        if _is_installed(file):
            return (
                f"is not installed for {self._python}, which runs the job;"
                f" {self._python} -m pip install {_distribution(name)}"
            )
        return (
            f"lies outside of the project, in {file}; move it into the project, or install it where"
            " the job runs"
        )

    def _known_part_of(self, name: str) -> str:
        """Return the package of the project that a module would be in, as far as that is there."""
        package = name.rpartition(".")[0]
        while package:
            file = find_module(package)
            if file is not None:
                return package if self._is_inside(file) else ""
            package = package.rpartition(".")[0]
        return ""

    def _is_inside(self, file: str) -> bool:
        return file.startswith(self._project + os.sep) and not _is_installed(file)

    def _users(self, failed: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for stage in self._definition["stages"]:
            if failed.get("value") in _values(stage):
                yield stage

    def _place(self, failed: dict[str, Any]) -> str:
        if "module" in failed:
            return self._needs.modules.get(failed["module"], "")
        stage = next(self._users(failed), {})
        return f"{stage['file']}:{stage['line']}" if "file" in stage else ""

    def _label(self, failed: dict[str, Any]) -> str:
        stage = next(self._users(failed), None)
        return "a hyperparameter" if stage is None else f"what stage {stage['id']!r} needs"


def _is_installed(file: str) -> bool:
    return any(each in file.split(os.sep) for each in _INSTALLED)


def _values(node: Any) -> set[int]:
    """Return the places of the pickled values in a part of the definition."""
    found: set[int] = set()
    pending = [node]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            found |= {each[k] for k in ("function", "value") if isinstance(each.get(k), int)}
            pending += each.values()
        elif isinstance(each, list):
            pending += each
    return found


def _distribution(module: str) -> str:
    import importlib_metadata

    top = module.partition(".")[0]
    return next(iter(importlib_metadata.packages_distributions().get(top, ())), top)
