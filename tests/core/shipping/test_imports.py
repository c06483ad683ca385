"""The imports that stand in a file, and the modules that a graph needs."""

from __future__ import annotations

import sys
import textwrap
import types

import pytest

from vcat import stage
from vcat._authoring.graph import Graph
from vcat._keeping.module import find_module
from vcat._shipping.checking.imports import imports_in, is_guarded
from vcat._shipping.checking.needs import needs_of


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import a, b.c as d", ["a", "b.c"]),
        ("from a.b import c", ["a.b"]),
        ("from . import c\nfrom .d import e\nfrom ..f import g", ["p.q", "p.q.d", "p.f"]),
        ("from .... import too_far", []),
        ("def f():\n    class C:\n        if 1:\n            import a", ["a"]),
        ("with x:\n    import a\nfor y in z:\n    import b\nelse:\n    import c", ["a", "b", "c"]),
        ("match x:\n    case 1:\n        import a", ["a"]),
        ("try:\n    import a\nexcept ImportError:\n    import b\nelse:\n    import c", ["c"]),
        ("try:\n    import a\nexcept (KeyError, ModuleNotFoundError):\n    pass", []),
        ("try:\n    import a\nexcept:\n    pass\nfinally:\n    import b", ["b"]),
        ("try:\n    import a\nexcept ValueError:\n    import b", ["a", "b"]),
        ("if TYPE_CHECKING:\n    import a\nelse:\n    import b", ["b"]),
        ("import typing as t\nif t.TYPE_CHECKING:\n    import a", ["typing"]),
        ("if __name__ == '__main__':\n    import a", []),
        ("this is no Python", []),
    ],
)
def test_imports_of_a_file(source, modules):
    """Those in bodies too; not those that a file tries, nor those for checkers or the script."""
    assert [each.module for each in imports_in(source.encode(), "p.q")] == modules


@pytest.mark.parametrize(
    ("source", "guarded"),
    [
        ("run()", False),
        ("if x:\n    run()", False),
        ('if __name__ == "__main__":\n    run()', True),
        ("if '__main__' == __name__:\n    run()", True),
        ("for x in y:\n    run()", False),
    ],
)
def test_where_a_script_runs_its_pipelines(source, guarded):
    """Only below the test for being the script is an import of it harmless."""
    assert is_guarded(source.encode(), source.count("\n") + 1) is guarded


def test_where_modules_are(tmp_path, monkeypatch):
    """Files, packages, packages without a file, and none; nothing is imported."""
    for name in (
        "pack/__init__.py",
        "pack/inner.py",
        "pack/wide/far/part.py",
        "open/part.py",
        "open/wide/far/part.py",
        "alone.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise SystemExit")
    (tmp_path / "sub").mkdir()
    monkeypatch.syspath_prepend(f"{tmp_path}/sub/..")

    assert find_module("alone") == f"{tmp_path}/alone.py"
    assert find_module("pack") == f"{tmp_path}/pack/__init__.py"
    assert find_module("pack.inner") == f"{tmp_path}/pack/inner.py"
    assert find_module("open") == f"{tmp_path}/open"
    assert find_module("open.part") == f"{tmp_path}/open/part.py"
    for pack in ("open", "pack"):
        assert find_module(f"{pack}.wide") == f"{tmp_path}/{pack}/wide"
        assert find_module(f"{pack}.wide.far") == f"{tmp_path}/{pack}/wide/far"
        assert find_module(f"{pack}.wide.far.part") == f"{tmp_path}/{pack}/wide/far/part.py"
        assert find_module(f"{pack}.wide.part") is None
    assert find_module("sys") == "built-in"
    for name in ("nowhere", "pack.nowhere", "pack.inner.deeper"):
        assert find_module(name) is None
    assert not {"pack", "open"} & {*sys.modules}


def test_modules_that_lie_in_no_file_are_not_looked_for(tmp_path, monkeypatch):
    """A library that makes modules by hand is looked for by its name, not by theirs."""
    made = types.ModuleType("yaml.made_by_hand")
    alone = types.ModuleType("made_by_hand")
    monkeypatch.setitem(sys.modules, "yaml.made_by_hand", made)
    monkeypatch.setitem(sys.modules, "made_by_hand", alone)
    namespace = {"made": made, "alone": alone, "__name__": "__main__"}
    source = "def work():\n    from yaml import other\n    return made, alone\n"
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(source))
    exec(compile(source, str(path), "exec"), namespace)

    needs = needs_of(Graph.ending_in(stage(namespace["work"])()), str(tmp_path), str(path))

    assert needs.modules == {"yaml": "script.py:2"}
