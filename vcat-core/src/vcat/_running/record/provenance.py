"""Where a job's results come from: interpreter, machine, versions, configuration, stages."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from vcat._authoring.signature import code_of
from vcat._keeping.sharing import share
from vcat._plugins.secret import MASK, is_secret, scrub

if TYPE_CHECKING:
    from types import CodeType

    from vcat._authoring.graph import Graph
    from vcat._keys.code import CodeDigest
    from vcat._keys.recipe import Key
    from vcat._running.failure import Places

#: The only variables whose values are recorded: they change results and hold no secrets.
_VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "LANG",
    "LC_ALL",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "TZ",
)

#: Into so many wrappers a function is looked for: nobody decorates more often than that.
_DEEPEST = 100


def describe_environment() -> dict[str, Any]:
    """Return the interpreter, the machine and the versions of all installed distributions."""
    machine = os.uname()
    return {
        "python": {
            "implementation": sys.implementation.name,
            "version": sys.version,
            "executable": sys.executable,
            "prefix": sys.prefix,
        },
        "platform": {
            "system": machine.sysname,
            "release": machine.release,
            "machine": machine.machine,
            "host": machine.nodename,
            "cpus": os.cpu_count(),
        },
        "distributions": _distributions(),
        "environment": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


class StageTable:
    """The stages of a job as its provenance has them.

    Their functions are looked at once, at the beginning: a stage may change or delete the sources.

    Args:
        graph: The stages.
        ids: Their ids.
        places: Where the sources are.
    """

    def __init__(self, graph: Graph, ids: list[str], places: Places) -> None:
        sources: dict[int, dict[str, Any]] = {}
        self._graph = graph
        self._ids = ids
        self._stages: list[dict[str, Any]] = []
        for stage, unique in zip(graph.stages, ids, strict=True):
            code = code_of(stage.function)
            if id(code) not in sources:
                sources[id(code)] = _source(code, places)
            described = {"id": unique, "name": stage.name, **sources[id(code)]}
            if wrappers := _wrappers(stage.function, places):
                described["wrappers"] = wrappers
            self._stages.append(described | {"options": stage.options.as_json()})

    def described(
        self, details: dict[int, dict[str, Any]], seeds: dict[int, int]
    ) -> list[dict[str, Any]]:
        """Return the stages with what has become of each so far.

        A map has its items in it, what they have in common said once.

        Args:
            details: What is known of those that were reached, by number.
            seeds: What those started from that were called.
        """
        graph, known = self._graph, _with_items(self._graph, self._ids)

        def outcome(number: int) -> dict[str, Any]:
            inputs = [
                {"stage": known[each], "digest": _counts_as(details.get(each, {}))}
                for each in graph.upstream[number]
            ]
            seed = {"seed": seeds[number]} if number in seeds else {}
            return {"inputs": inputs, **details.get(number, {"status": "not run"}), **seed}

        described = []
        for number, stage in enumerate(self._stages):
            described.append(stage | outcome(number))
            items = graph.items.get(number)
            if items is not None:
                common = {name: value for name, value in stage.items() if name != "id"}
                rows = [
                    common | {"name": graph.stages[each].name} | outcome(each) for each in items
                ]
                described[-1]["items"] = {"first": items.start, **share(rows)}
        return described


def _source(code: CodeType | None, places: Places) -> dict[str, Any]:
    if code is None:
        return {"file": None, "line": None, "source": None}
    line = code.co_firstlineno
    lines = places.lines(code.co_filename)[line - 1 : _last_line(code)]
    return {"file": places.shown(code.co_filename), "line": line, "source": "".join(lines) or None}


def _wrappers(function: Any, places: Places) -> list[dict[str, Any]]:
    """Return the functions of the project that run around that of a stage, the outermost first."""
    found = []
    for _ in range(_DEEPEST):
        inner = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
        if inner is None:
            break
        code = getattr(function, "__code__", None)
        if hasattr(code, "co_lines"):
            described = _source(code, places)
            # Those of a library are named where the versions are.
            if described["source"] and not os.path.isabs(described["file"]):
                found.append(described)
        function = inner
    return found


def _with_items(graph: Graph, ids: list[str]) -> list[str]:
    """Return the ids of all stages, from those that the job was submitted with."""
    known = ids + [""] * (len(graph.stages) - len(ids))
    for number, items in graph.items.items():
        known[items.start : items.stop] = [f"{ids[number]}[{n}]" for n in range(len(items))]
    return known


def describe_key(key: Key) -> dict[str, Any]:
    """Return what a key is made of, without secrets."""
    parts = key.parts
    for name, argument in parts["arguments"].items():
        if "shown" in argument:
            argument["shown"] = MASK if is_secret(name) else scrub(argument["shown"])
    return parts


def describe_code(
    code: CodeDigest, codes: dict[str, dict[str, Any]], names: dict[str, dict[str, Any]]
) -> None:
    """Add to *codes* what is in *code*, and to *names* what is to be said of each part."""
    if code.digest in codes:
        return
    from vcat._keys.naming import add_names  # a job without a cache does not pay for it

    parts = code.parts
    own = add_names(names, code)
    codes[code.digest] = {"function": own, "parts": parts, "fallbacks": list(code.fallbacks)}


def describe_names(names: dict[str, dict[str, Any]], places: Places) -> dict[str, dict[str, Any]]:
    """Return *names* without secrets, their files relative to the project."""
    described = {}
    for label, each in names.items():
        known = {name: value for name, value in each.items() if value}
        if "file" in known:
            known["file"] = places.shown(known["file"])
        if "shown" in known:
            secret = is_secret(label.rpartition(".")[2])
            known["shown"] = MASK if secret else scrub(known["shown"])
        described[label] = known
    return described


def _counts_as(details: dict[str, Any]) -> str | None:
    return details.get("counts_as") or details.get("output")


def _last_line(code: CodeType) -> int:
    last = max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)
    inner = (each for each in code.co_consts if hasattr(each, "co_lines"))
    return max([last, *(_last_line(each) for each in inner)])


def _distributions() -> dict[str, str]:
    """Versions by name, read off the names of metadata directories.

    A hundredth of the cost of reading the metadata itself, and the same answer: the name of a
    ``.dist-info`` directory is the normalised name and version by specification.
    """
    versions: dict[str, str] = {}
    for directory in sys.path:
        try:
            names = os.listdir(directory or ".")
        except OSError:
            continue
        for each in sorted(names):
            stem, _, suffix = each.rpartition(".")
            name, dash, version = stem.partition("-")
            if suffix in ("dist-info", "egg-info") and dash:
                versions.setdefault(name.replace("_", "-").lower(), version.split("-py")[0])
    return dict(sorted(versions.items()))
