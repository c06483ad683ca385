"""The imports that stand in a file, and the modules that a graph needs."""

from __future__ import annotations

import ast
import sys
import textwrap
import types

import pytest

from vcat import stage
from vcat._authoring.graph import Graph
from vcat._keeping.module import find_module
from vcat._shipping.checking.condition import outcome_of
from vcat._shipping.checking.imports import contents_of, is_guarded
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
        ("if sys.version_info < (3, 0):\n    import a\nelse:\n    import b", ["b"]),
        ("with suppress(ImportError):\n    import a", []),
        ("with suppress(KeyError):\n    import a", ["a"]),
        ("try:\n    def f():\n        import a\nexcept ImportError:\n    pass", ["a"]),
        ("importlib.import_module('a.b')\nx = [__import__('c')]", ["a.b", "c"]),
        (
            "def f(x=import_module('.a', __package__)):\n    import_module('.b', 'r')",
            ["p.q.a", "r.b"],
        ),
        ("import_module(name)\nimport_module(f'a{b}')\nimport_module('a b')\nimport_module()", []),
        ("try:\n    import_module('a')\nexcept ImportError:\n    __import__('b')", []),
        ("this is no Python", []),
    ],
)
def test_imports_of_a_file(source, modules):
    """Those in bodies too; not those that a file tries, nor those for checkers or the script."""
    assert [each.module for each in contents_of(source.encode(), "p.q").imports] == modules


@pytest.mark.parametrize(
    ("source", "is_conditional"),
    [
        ("import a", False),
        ("for y in z:\n    import a", False),
        ("if True:\n    import a", False),
        ("if sys.version_info >= (3, 0):\n    import a", False),
        ("if x:\n    import a", True),
        ("if x:\n    pass\nelse:\n    import a", True),
        ("if x:\n    def f():\n        import a", True),
        ("match x:\n    case 1:\n        import a", True),
        ("try:\n    pass\nexcept KeyError:\n    import a", True),
        ("try:\n    def f():\n        import a\nexcept ImportError:\n    pass", True),
        ("x = import_module('a')", False),
        ("x = import_module('a') if y else z", True),
        ("x = y and import_module('a')", True),
        ("x = import_module('a') and y", False),
        ("x = lambda: import_module('a')", True),
    ],
)
def test_imports_on_a_condition(source, is_conditional):
    """What only running the file tells, wherever it stands; loops are taken to do something."""
    assert [each.is_conditional for each in contents_of(source.encode(), "").imports] == [
        is_conditional
    ]


@pytest.mark.parametrize(
    ("test", "outcome"),
    [
        ("False", False),
        ("1", True),
        ("not 0", True),
        ("sys.version_info >= (3, 8)", True),
        ("sys.version_info < (3, 8)", False),
        ("(3, 8) <= sys.version_info < (99,)", True),
        ("version_info[0] == 2", False),
        ("sys.version_info[:2] >= (3, 10)", True),
        ("sys.version_info.major == 3 and sys.version_info.minor > 9", True),
        ("sys.platform == 'no such system'", False),
        ("sys.platform.startswith('no such')", False),
        ("sys.platform not in ('no', 'such')", True),
        ("os.name != 'no such'", True),
        ("t.TYPE_CHECKING", False),
        ("not TYPE_CHECKING", True),
        ("__name__ == '__main__'", False),
        ("'__main__' == __name__ and x", False),
        ("TYPE_CHECKING or x", None),
        ("False and x", False),
        ("True or x", True),
        ("x", None),
        ("not x", None),
        ("x and True", None),
        ("sys.version_info < x", None),
        ("sys.version_info < 'text'", None),
        ("sys.platform.upper() == 'X'", None),
        ("f()", None),
        ("os.environ.get('X') == '1'", None),
    ],
)
def test_what_a_condition_comes_to(test, outcome):
    """The version and the system are known; all else is not."""
    assert outcome_of(ast.parse(test, mode="eval").body) is outcome


@pytest.mark.parametrize(
    ("helper", "is_sure"),
    [
        ("def f():\n    import a", True),
        ("def f():\n    g()\ndef g():\n    import a", True),
        ("def f():\n    table['g']()\ndef g():\n    import a", True),
        ("table = {'k': g}\ndef g():\n    import a", True),
        ("def f():\n    def g():\n        import a\n    return g", True),
        ("class C:\n    def __init__(self):\n        import a\ndef f():\n    C()", True),
        ("class C(Base):\n    def run(self):\n        import a\ndef f():\n    C()", True),
        ("class C:\n    def g(self):\n        import a\ndef f(x):\n    x.g()", True),
        ("def __getattr__(name):\n    import a", True),
        ("class C:\n    import a", True),
        ("from other import g as h\ndef g():\n    import a", True),
        ("def f():\n    if x:\n        g()\ndef g():\n    import a", True),
        ("@register('g')\ndef g():\n    import a", True),
        ("@functools.lru_cache(None)\ndef g():\n    import a", False),
        ("@stage\ndef g():\n    import a", False),
        ("def g():\n    import a", False),
        ("def g():\n    g()\n    import a", False),
        ("__all__ = ['g']\ndef g():\n    import a", False),
        ("from other import g\ndef g():\n    import a", False),
        ("if __name__ == '__main__':\n    g()\ndef g():\n    import a", False),
        ("class C(Base):\n    def f(self):\n        import a", False),
        ("class C:\n    def g(self):\n        import a\ndef f():\n    C()", False),
        ("def f():\n    def g():\n        import a", False),
        ("if x:\n    import a", False),
    ],
)
def test_where_a_job_comes_to(tmp_path, monkeypatch, helper, is_sure):
    """A function counts as called where its name is used by what counts as run."""
    (tmp_path / "sought.py").write_text(helper.replace("import a", "import not_there"))
    monkeypatch.syspath_prepend(tmp_path)
    source = "def work():\n    import sought\n    sought.f()\n"
    path = tmp_path / "script.py"
    path.write_text(source)
    namespace = {"__name__": "__main__"}
    exec(compile(source, str(path), "exec"), namespace)

    needs = needs_of(Graph.ending_in(stage(namespace["work"])()), str(tmp_path), str(path))

    assert {*needs.modules} - {"other"} == {"sought", "not_there"}
    assert needs.is_sure("sought")
    assert needs.is_sure("not_there") is is_sure


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
