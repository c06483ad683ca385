"""What the import contracts in ``pyproject.toml`` cannot say, read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SOURCES = sorted(_ROOT.glob("vcat-*/src/**/*.py"))
_CORE = _ROOT / "vcat-core" / "src" / "vcat"

# What the contracts name. A new module of the public face or a new wing is a decision: it gets its
# contracts in pyproject.toml first, and its name here.
_FACE = {"__init__", "abc", "errors", "hookspecs", "records", "testing", "worker"}
_WINGS = {"_authoring", "_keeping", "_keys", "_looking", "_plugins", "_running", "_shipping"}

# Turning bytes into objects or code. What stands in strings is a program for a process of its own:
# only names and calls of the module itself count here.
_UNPICKLERS = {
    *(
        "pickle.load",
        "pickle.loads",
        "pickle.Unpickler",
        "dill.load",
        "dill.loads",
        "dill.Unpickler",
    ),
    *("_pickle.load", "_pickle.loads", "_pickle.Unpickler", "marshal.load", "marshal.loads"),
    *("cloudpickle.load", "cloudpickle.loads", "shelve.open"),
}
_MAY_UNPICKLE = {
    "vcat/_keeping/codec.py",
    "vcat/_keeping/rebuild.py",
    "vcat/_shipping/launcher/compiled.py",  # code, of a bundle that has been verified
    "vcat/testing/_process.py",
}
_MAY_RUN_CODE = {
    "vcat/_authoring/script.py": {"compile", "exec"},
    "vcat/_shipping/bundling/packing.py": {"compile"},
}
_MAY_IMPORT_BY_NAME = {
    "vcat/_authoring/door.py",  # the doors into the other wings
    "vcat/_keeping/special.py",  # a module as a value is imported where it is read
    "vcat/_keeping/rebuild.py",  # functions of the project's modules
    "vcat/_keys/resolution.py",  # what a function's body imports, to see what it reaches
    "vcat/_shipping/launcher/compiled.py",  # what makes a process a worker, once it is installed
    "vcat/_running/trial/trying.py",  # modules of the project, to see that they can be
    "vcat/_plugins/reference.py",  # object references and plugins
    "vcat_cli/command.py",  # each verb, when it is called
    "vcat_cli/completion.py",  # a package that is there or not
}


def _inside(path: Path) -> str:
    return path.as_posix().split("/src/")[1]


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _names(tree: ast.AST) -> Iterator[str]:
    """Every dotted name and every ``module.name`` that a from-import brings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def test_every_module_and_wing_of_the_core_has_its_contracts() -> None:
    """A new wing is not free to import what it likes because nobody thought of it."""
    there = {each.stem for each in _CORE.iterdir() if each.suffix == ".py" or each.is_dir()}

    assert there - {"__pycache__", "py"} == _FACE | _WINGS


def test_every_wing_occurs_in_the_contracts() -> None:
    """Each wing is forbidden something, and each is forbidden to somebody."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")
    configuration = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = configuration["tool"]["importlinter"]["contracts"]
    bound = {name for each in contracts for name in each.get("source_modules", ())}
    closed = {name for each in contracts for name in each.get("forbidden_modules", ())}
    wings = {f"vcat.{each}" for each in _WINGS}

    assert wings - {"vcat._authoring", "vcat._running"} <= bound & closed
    assert {"vcat._authoring", "vcat._running"} <= bound & closed
    assert not any("ignore_imports" in each for each in contracts)


def test_only_the_codec_turns_bytes_into_objects() -> None:
    """Looking never runs code, because one module unpickles, and only what it has verified."""
    found = {_inside(path) for path in _SOURCES if _UNPICKLERS & set(_names(_parsed(path)))}

    assert found <= _MAY_UNPICKLE
    assert "vcat/_keeping/codec.py" in found, "this test looks for the wrong names"


def test_only_the_script_runner_runs_source() -> None:
    """No `eval`, no `exec` but of the user's own script, and nothing compiled but our modules."""
    found = {
        _inside(path): names
        for path in _SOURCES
        if (names := {name for name, _ in _calls(_parsed(path))} & {"eval", "exec", "compile"})
    }

    assert found == _MAY_RUN_CODE


def test_importing_by_name_has_few_places() -> None:
    """What is imported by name is hidden from the contracts: the doors, and what is data."""
    found = {
        _inside(path)
        for path in _SOURCES
        if {"importlib.import_module", "importlib.__import__"} & set(_names(_parsed(path)))
        or any(name in ("__import__", "import_module") for name, _ in _calls(_parsed(path)))
    }

    assert found == _MAY_IMPORT_BY_NAME


def test_only_the_door_leads_from_wing_to_wing_by_name() -> None:
    """`import_module("vcat....")` is the way around the contracts: one place takes it."""
    found = {
        _inside(path)
        for path in _SOURCES
        for name, call in _calls(_parsed(path))
        if name.endswith("import_module") or name == "__import__"
        for argument in call.args
        if isinstance(argument, ast.Constant) and str(argument.value).startswith("vcat")
    }

    assert found == {"vcat/_authoring/door.py"}


def test_stores_write_through_the_commit_protocol_only() -> None:
    """No file of a store is opened for writing in place: what a reader can see is complete."""
    found = []
    for path in sorted((_ROOT / "vcat-backend-localfs" / "src").rglob("*.py")):
        for name, call in _calls(_parsed(path)):
            writes = name.endswith(("write_text", "write_bytes"))
            if name in ("open", "io.open", "os.fdopen") or name.endswith("Path.open"):
                mode = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "mode")]
                modes = [each.value for each in mode if isinstance(each, ast.Constant)]
                writes = (
                    writes or len(modes) < len(mode) or any(set("wax+") & set(m) for m in modes)
                )
            if writes:
                found.append(f"{_inside(path)}:{call.lineno}: {ast.unparse(call)}")

    assert found == []


def test_no_file_outgrows_one_subject() -> None:
    """Files stay under 400 lines; one that grows past them has two subjects."""
    long = {
        _inside(path): lines
        for path in _SOURCES
        if (lines := path.read_text(encoding="utf-8").count("\n")) >= 400
    }

    assert long == {}


def test_modules_are_named_after_their_subject() -> None:
    """`utils` and its kin are names for what has no subject."""
    nameless = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}

    assert {_inside(path) for path in _SOURCES if path.stem in nameless} == set()


def test_every_module_has_future_annotations() -> None:
    """Annotations cost nothing at start-up, and `X | None` means the same on every Python."""
    without = {
        _inside(path)
        for path in _SOURCES
        if len(_parsed(path).body) > 1
        and "from __future__ import annotations" not in path.read_text(encoding="utf-8")
    }

    assert without == set()
