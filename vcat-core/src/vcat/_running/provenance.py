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
    from vcat._authoring.stage import Stage
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


def describe_stages(
    graph: Graph, ids: list[str], details: dict[int, dict[str, Any]], places: Places
) -> list[dict[str, Any]]:
    """Return for each stage its function's source, its inputs and what became of it.

    A map has its items in it, what they have in common said once.
    """
    known = _with_items(graph, ids)
    sources: dict[int, dict[str, Any]] = {}

    def describe(number: int) -> dict[str, Any]:
        stage = graph.stages[number]
        source = sources.get(id(stage.function))
        if source is None:
            source = sources[id(stage.function)] = _source(stage, places)
        inputs = [
            {"stage": known[each], "digest": _counts_as(details.get(each, {}))}
            for each in graph.upstream[number]
        ]
        return {
            "name": stage.name,
            **source,
            "options": stage.options.as_json(),
            "inputs": inputs,
            **details.get(number, {"status": "not run"}),
        }

    described = []
    for number, unique in enumerate(ids):
        described.append({"id": unique, **describe(number)})
        items = graph.items.get(number)
        if items is not None:
            shared = share([describe(each) for each in items])
            described[-1]["items"] = {"first": items.start, **shared}
    return described


def _with_items(graph: Graph, ids: list[str]) -> list[str]:
    """Return the ids of all stages, from those that the job was submitted with."""
    known = ids + [""] * (len(graph.stages) - len(ids))
    for number, items in graph.items.items():
        known[items.start : items.stop] = [f"{ids[number]}[{n}]" for n in range(len(items))]
    return known


def _source(stage: Stage, places: Places) -> dict[str, Any]:
    code = code_of(stage.function)
    if code is None:
        return {"file": None, "line": None, "source": None}
    file, line = places.shown(code.co_filename), code.co_firstlineno
    source = "".join(places.lines(code.co_filename)[line - 1 : _last_line(code)]) or None
    return {"file": file, "line": line, "source": source}


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
