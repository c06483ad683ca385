"""What every test file promises, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_FILES = sorted([*_ROOT.glob("tests/**/*.py"), *_ROOT.glob("vcat-core/src/vcat/testing/*.py")])


def test_every_test_states_the_fact_it_protects() -> None:
    """Who breaks a test reads in its docstring what is no longer true."""
    silent = [
        f"{path.relative_to(_ROOT)}:{node.lineno}: {node.name}"
        for path in _FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert silent == []


def test_no_test_looks_at_the_clock() -> None:
    """A test that asserts a duration fails on a busy machine; the benchmark measures instead."""
    clocks = {"time.perf_counter", "time.process_time", "timeit.timeit"}
    timed = [
        f"{path.relative_to(_ROOT)}:{node.lineno}"
        for path in _FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in clocks
    ]

    assert timed == []
