"""The digest of a function's code: cycles, sessions, fallbacks, libraries."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import importlib
import itertools
import marshal
import math
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tarfile
import threading
import types
import typing
from pathlib import Path

import numpy as np
import pytest

from vcat import stage
from vcat._keys.bytecode import normal_form, open_code
from vcat._keys.closure import Node
from vcat._keys.code import CodeDigester
from vcat._keys.reference import names_only_globals
from vcat._keys.value import Unhashable, digest


def defined(source, file="<cell>", **names):
    """Return the namespace that *source* leaves behind, as a notebook's cells would."""
    namespace = {"__name__": "notebook", **names}
    exec(compile(source, file, "exec"), namespace)
    return types.SimpleNamespace(**namespace)


def code(function, project="/nowhere"):
    """Return the digest of *function* as a new session computes it."""
    return CodeDigester(str(project)).digest_of(function).digest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a directory that modules are imported from, for this test only."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


RING = """
def a(n): return n and b(n - 1)
def b(n): return n and c(n - 1) or a(n)
def c(n): return n and a(n - 1) or d(n)
def d(n): return n and d(n - 1)
def e(n): return a(n) + {}
"""


def test_a_cycle_has_one_digest_whichever_function_is_first():
    """What else was hashed before, and in which order, does not show."""
    alone = {name: code(getattr(defined(RING.format(1)), name)) for name in "abcde"}
    assert len(set(alone.values())) == 5
    for order in itertools.permutations("abcde"):
        digester, names = CodeDigester("/nowhere"), defined(RING.format(1))
        assert {n: digester.digest_of(getattr(names, n)).digest for n in order} == alone


def test_an_edit_in_a_cycle_reaches_those_that_reach_it():
    """A function outside the cycle changes with it, one below it does not."""
    old, new = defined(RING.format(1)), defined(RING.format(1).replace("or a(n)", "or c(n)"))
    changed = {name for name in "abcde" if code(getattr(old, name)) != code(getattr(new, name))}
    assert changed == set("abce")


def ring(back):
    """Return the first of three functions that reach each other; the second calls *back* too."""
    source = "def make(n, calls=None):\n  def f(k): return n + sum(c(k - 1) for c in calls[:k])\n"
    functions = [defined(f"{source}  return f\n").make(number) for number in range(3)]
    for function, called in zip(functions, [(1,), (2, back), (0,)], strict=True):
        # Its closure is (calls, n).
        function.__closure__[0].cell_contents = tuple(functions[number] for number in called)
    return functions[0]


def test_where_a_cycle_closes_counts():
    """Functions of one name and one code are told apart by what they reach."""
    assert len({ring(back)(5) for back in (0, 1, 2, 0)}) == 3
    assert len({code(ring(back)) for back in (0, 1, 2, 0)}) == 3


def test_a_chain_of_functions_needs_no_recursion():
    """10,000 functions that call each other are fine."""
    source = "\n".join(f"def f{n}(): return f{n + 1}()" for n in range(10_000))
    names = defined(source + "\ndef f10000(): return 1\n")
    other = defined(source + "\ndef f10000(): return 2\n")
    assert code(names.f0) != code(other.f0)


def test_compiled_code_counts_whatever_it_has_become_by_running():
    """Specialised and traced bytecode is the same code."""
    loop = defined("def loop(n):\n  t = 0\n  for i in range(n): t += i * 2\n  return t\n").loop
    before = digest(loop.__code__)
    for _ in range(2_000):
        loop(20)
    earlier = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        assert digest(loop.__code__) == before
    finally:
        sys.settrace(earlier)


def test_only_constants_that_are_loaded_count():
    """A docstring is known by that nobody loads it, not by its place among the constants."""
    plain, explained, returned = (
        defined(f"def f():\n{text}").f.__code__
        for text in ("  return 'a', 2\n", "  'Say.'\n  return 'a', 2\n", "  'a'\n  return 'a', 2\n")
    )
    assert digest(plain) == digest(explained) == digest(returned)
    assert "Say." not in open_code(explained).parts
    assert "a" in str(open_code(returned).parts)


def test_a_function_sent_by_value_is_the_same():
    """Code through marshal, in a namespace of only what it names, under another path."""
    names = defined(
        "import math\nRATE = [1]\ndef g(): return RATE\ndef f(): return g() + math.pi\n"
    )
    sent = {}
    for function in (names.g, names.f):
        copy = marshal.loads(marshal.dumps(function.__code__.replace(co_filename="/elsewhere.py")))
        sent[function.__name__] = types.FunctionType(copy, sent | {"__name__": "notebook"})
        sent |= {"RATE": [1], "math": names.math}
        sent[function.__name__].__globals__.update(sent)
    assert code(sent["f"], "/other") == code(names.f)


def test_what_a_library_made_of_a_function_is_the_same_when_sent_by_value():
    """Its code is the library's, whatever module a copy of it was put into."""
    made = contextlib.contextmanager(defined("def g(): yield 1\n").g)
    copy = types.FunctionType(
        made.__code__, {"__name__": "notebook"}, made.__name__, None, made.__closure__
    )
    copy.__dict__.update(made.__dict__)
    assert code(copy) == code(made)


def test_a_global_counts_as_it_was_when_it_was_first_met():
    """What stages of a run do to the globals of others changes no key of that run."""
    names = defined("SEEN = []\ndef f(): return SEEN\ndef g(): return [SEEN]\n")
    digester = CodeDigester("/nowhere")
    first = digester.digest_of(names.f).digest
    names.SEEN.append(1)
    assert digester.digest_of(names.f).digest == first
    assert digester.digest_of(names.g).digest == code(
        defined("SEEN = []\ndef g(): return [SEEN]\n").g
    )
    assert code(names.f) != first


def test_using_a_class_does_not_change_it():
    """What Python notes in a class when it is pickled or asked for annotations does not count."""
    kind = defined("class K:\n  __slots__ = ('a',)\nclass L: pass\ndef f(): return K, L\n")
    before = code(kind.f)
    kind.K().__reduce_ex__(4)
    assert kind.L.__annotations__ == {}
    assert code(kind.f) == before


ANNOTATED = {
    "a class": "class K:\n  a: int = 1\n",
    "a dataclass": "@dataclasses.dataclass\nclass K:\n  a: int = 1\n",
    "a named tuple": "class K(typing.NamedTuple):\n  a: int = 1\n",
    "a typed dict": "class K(typing.TypedDict):\n  a: int\n",
}


@pytest.fixture
def annotated(monkeypatch):
    """Make a module of a class, which inherits nothing of this file."""

    def annotated(source, line=1):
        module = types.ModuleType("annotated")
        vars(module).update(dataclasses=dataclasses, typing=typing)
        monkeypatch.setitem(sys.modules, "annotated", module)  # where dataclasses look
        whole = "\n" * line + source + "def f(): return K\n"
        exec(compile(whole, "/nowhere/annotated.py", "exec", dont_inherit=True), vars(module))
        return module

    return annotated


@pytest.mark.parametrize("source", ANNOTATED.values(), ids=ANNOTATED)
def test_annotations_of_fields_count_and_where_they_stand_does_not(source, annotated):
    """Nor what Python keeps of them: since 3.14 it computes them when they are asked for."""
    first = annotated(source)
    before = code(first.f)
    assert code(annotated(source, line=7).f) == before
    assert first.K.__annotations__ == {"a": int}
    assert code(first.f) == before
    assert code(annotated(source.replace("a: int", "a: float")).f) != before
    explained = source.replace("  a:", "  'A class.'\n  a:")
    assert code(annotated(explained).f) == before


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are computed at once")
@pytest.mark.parametrize("kind", ["a class", "a dataclass"])
def test_an_annotation_for_type_checkers_only_counts_by_its_text(kind, annotated):
    """What it names is imported under ``TYPE_CHECKING`` and is there for nobody else."""
    from annotationlib import Format, get_annotations

    first, other = (annotated(ANNOTATED[kind].replace("int", each)) for each in ("Table", "Frame"))
    before = code(first.f)
    assert before != code(other.f)
    get_annotations(first.K, format=Format.FORWARDREF)
    assert code(first.f) == before


@pytest.mark.skipif(sys.version_info < (3, 15), reason="no import is lazy")
def test_a_lazy_import_counts_as_what_it_imports(project):
    """Whether it has been made by then or not; one that fails counts as a name that is absent."""
    source = (
        "lazy import helper\nlazy from helper import g\nlazy import statistics\n"
        "def a(): return helper.g()\ndef b(): return g()\ndef c(): return statistics.mean\n"
    )
    (project / "helper.py").write_text("def g(): return 1\n")
    (project / "lazily.py").write_text(f"{source}lazy import no_such\ndef d(): return no_such\n")
    (project / "eager.py").write_text(f"{source.replace('lazy ', '')}def d(): return no_such\n")
    digests = []
    lazily = importlib.import_module("lazily")
    digests.append([code(getattr(lazily, name), project) for name in "abcd"])
    assert lazily.a() == lazily.b() == 1
    digests.append([code(getattr(lazily, name), project) for name in "abcd"])
    eager = importlib.import_module("eager")
    digests.append([code(getattr(eager, name), project) for name in "abcd"])
    assert digests[0] == digests[1] == digests[2]
    assert code(defined("def f(): return m", m=lazily).f, project)  # with all that is in it


def test_stage_functions_count_as_the_functions_they_hold():
    """A body that calls ``other.function()`` depends on it, not on how its stages are run."""
    body = "def f(): return other.function()\n"
    source = "def other(): return {}\nother = stage(retries={})(other)\n" + body
    one, more_often, changed = (
        code(defined(source.format(*each), stage=stage).f) for each in ((1, 0), (1, 2), (2, 0))
    )
    assert one == more_often != changed
    names = defined(source.format(1, 0), stage=stage)
    assert code(names.other) == code(names.other.function)
    parts = CodeDigester("/nowhere").digest_of(names.f).parts
    assert list(parts) == ["notebook.f", "notebook.other"]


def test_vcat_and_the_standard_library_count_by_name():
    """Neither shows up in the parts."""
    names = defined(
        "import json\nfrom vcat import log_metric\ndef f(): log_metric('a', json.loads('1'))\n"
    )
    assert list(CodeDigester("/nowhere").digest_of(names.f).parts) == ["notebook.f"]


@pytest.mark.parametrize(
    "source",
    [
        "import fakelib\ndef f(): return fakelib.g()\n",
        "def f():\n  import fakelib\n  return fakelib.g()\n",
    ],
)
def test_distributions_count_by_version(project, monkeypatch, source):
    """A new version of a library counts, an edit of its files does not."""
    site = project / "site-packages"
    monkeypatch.syspath_prepend(str(site))
    (site / "fakelib").mkdir(parents=True)
    (site / "fakelib" / "__init__.py").write_text("def g(): return 1\n")
    info = site / "fake_lib-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("fakelib/__init__.py,,\nfake_lib-1.0.dist-info/RECORD,,\n")
    found = CodeDigester(str(project)).digest_of(defined(source).f)
    assert found.parts.items() > {"fake-lib": "1.0"}.items()
    (site / "fakelib" / "__init__.py").write_text("def g(): return 2\n")
    assert code(defined(source).f, project) == found.digest
    info.rename(site / "fake_lib-1.1.dist-info")
    newer = CodeDigester(str(project)).digest_of(defined(source).f)
    assert newer.parts.items() > {"fake-lib": "1.1"}.items()
    assert newer.digest != found.digest


@pytest.fixture
def install(project, monkeypatch):
    """Return what writes a library of one module with its metadata, in one version."""
    site = project / "site-packages"
    monkeypatch.syspath_prepend(str(site))

    def write(name, version, *requires):
        site.mkdir(exist_ok=True)
        (site / f"{name}.py").write_text("class K:\n  pass\ndef g():\n  return 1\n")
        for each in site.glob(f"{name}-*"):
            shutil.rmtree(each)
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "RECORD").write_text(f"{name}.py,,\n")
        lines = [f"Name: {name}", *(f"Requires-Dist: {each}" for each in requires)]
        (info / "METADATA").write_text("\n".join(lines) + "\n\nRequires-Dist: low_z\n")

    return write


LOOKING = [
    ("numexpr", "evaluate", "import numexpr\ndef f(): return numexpr.evaluate('R')\n"),
    ("numexpr", "evaluate", "from numexpr import evaluate as e\ndef f(): return e('R')\n"),
    ("numexpr", "evaluate", "def f():\n  import numexpr\n  return numexpr.evaluate('R')\n"),
    ("duckdb", "sql", "import duckdb\ndef f(): return duckdb.sql('from R')\n"),
    ("duckdb", "query", "import duckdb as d\ndef f(): return d.query('from R')\n"),
    ("duckdb", "execute", "import duckdb\ndef f(): return duckdb.execute('from R')\n"),
    ("duckdb", "connect", "import duckdb\ndef f(): return duckdb.connect().sql('from R')\n"),
    ("patsy", "dmatrix", "import patsy\ndef f(): return patsy.dmatrix('R(a)')\n"),
    ("patsy", "dmatrices", "from patsy import dmatrices\ndef f(): return dmatrices('R(a)')\n"),
    ("pandasql", "sqldf", "from pandasql import sqldf\ndef f(): return sqldf('from R')\n"),
]


@pytest.mark.parametrize(("library", "name", "source"), LOOKING)
def test_what_looks_names_up_in_its_caller_counts_all_sources(
    project, monkeypatch, library, name, source
):
    """A text says which globals they use, in a language of each library's own."""
    monkeypatch.delitem(sys.modules, library, raising=False)
    site = project / "site-packages"
    site.mkdir()
    (site / f"{library}.py").write_text(f"def {name}(text=''): return 1\n")
    (site / f"{library}-1.dist-info").mkdir()
    (site / f"{library}-1.dist-info" / "RECORD").write_text(f"{library}.py,,\n")
    monkeypatch.syspath_prepend(str(site))
    (project / "mine.py").write_text(f"R = 1\n{source}")
    found = CodeDigester(str(project)).digest_of(__import__("mine").f)
    assert len(found.fallbacks) == 1
    assert found.fallbacks[0].startswith(f"every source file of the project: {library}.{name} may")
    assert found.parts[library] == "1"


FORMULA = {
    "statsmodels/__init__.py": "",
    "statsmodels/base/__init__.py": "",
    "statsmodels/base/model.py": (
        "class Model:\n  @classmethod\n  def from_formula(cls, formula): return 1\n"
    ),
    "statsmodels/formula/__init__.py": "",
    "statsmodels/formula/api.py": (
        "from statsmodels.base.model import Model\nclass OLS(Model): pass\nols = OLS.from_formula\n"
    ),
    "statsmodels-1.dist-info/RECORD": "statsmodels/__init__.py,,\n",
}


@pytest.mark.parametrize(
    "source",
    [
        "import statsmodels.formula.api as smf\ndef f(): return smf.ols('y ~ R(x)')\n",
        "from statsmodels.formula.api import ols\ndef f(): return ols('y ~ R(x)')\n",
    ],
)
def test_formulas_count_all_sources(project, monkeypatch, source):
    """A formula calls functions of the module that it stands in."""
    site = project / "site-packages"
    for name, text in FORMULA.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    monkeypatch.syspath_prepend(str(site))
    (project / "mine.py").write_text(f"def R(x): return 1\n{source}")
    assert CodeDigester(str(project)).digest_of(__import__("mine").f).fallbacks


def test_libraries_count_with_those_below_them(project, install):
    """A stage that calls one library is not what it was when another one changes below that."""
    install("lib_top", "1", "lib-mid (>=1)", "lib_apart; extra == 'all'", "lib_nowhere")
    install("lib_mid", "1", "Lib.Low>=1 ; python_version > '3'", "lib_top")
    install("lib_low", "1.26.4", "lib_mid")
    install("lib_apart", "1")
    names = defined("import lib_top, lib_mid\ndef f(): return lib_top.g()\n")
    names.g = defined("import lib_mid\ndef g(): return lib_mid.g()\n").g
    before = CodeDigester(str(project)).digest_of(names.f)
    libraries = {name: value for name, value in before.parts.items() if len(value) < 64}
    assert libraries == {"lib-low": "1.26.4", "lib-mid": "1", "lib-top": "1"}
    one, other = CodeDigester(str(project)), CodeDigester(str(project))
    in_order = [one.digest_of(names.f).digest, one.digest_of(names.g).digest]
    in_another = [other.digest_of(names.g).digest, other.digest_of(names.f).digest]
    assert in_order == in_another[::-1]

    install("lib_apart", "2")
    assert code(names.f, project) == before.digest
    install("lib_low", "2.1.3", "lib_mid")
    after = CodeDigester(str(project)).digest_of(names.f)
    assert after.parts["lib-low"] == "2.1.3"
    assert after.digest != before.digest


def test_a_value_of_a_library_counts_with_those_below_it(project, install):
    """What an object does is done by the library of its class, and that by others."""
    install("lib_above", "1", "lib_under")
    install("lib_under", "1")
    value = __import__("lib_above").K()
    before = digest(value, CodeDigester(str(project)))
    install("lib_under", "2")
    assert digest(value, CodeDigester(str(project))) != before


def test_a_function_without_libraries_reads_no_metadata(project, install, monkeypatch):
    """Reading what is installed takes milliseconds, which most scripts' stages need not pay."""
    install("lib_idle", "1", "lib_other")
    names = defined("import math, lib_idle\ndef f(): return math.floor(1)\n")
    monkeypatch.setattr("vcat._keys.origin.required_by", None)
    assert code(names.f, project)


def test_a_library_imported_in_a_body_is_not_imported_for_its_key(project):
    """Nor does an import that fails raise here: the body may expect it."""
    names = defined(
        "def f():\n  import multiprocessing.pool, nowhere_at_all\n  return multiprocessing.pool\n"
    )
    missing = "multiprocessing.pool" not in sys.modules
    assert code(names.f, project)
    assert ("multiprocessing.pool" not in sys.modules) == missing


def test_packages_beside_their_metadata_are_libraries(project):
    """In a job, libraries lie in a runtime folder that is no site-packages directory."""
    (project / "fakelib.py").write_text("def g(): return 1\n")
    (project / "fakelib-2.0.dist-info").mkdir()
    (project / "fakelib-2.0.dist-info" / "RECORD").write_text("fakelib.py,,\n")
    (project / "mine.py").write_text("R = 1\n")
    names = defined("import fakelib, mine\ndef f(): return fakelib.g(), mine.R\n")
    parts = CodeDigester("/elsewhere").digest_of(names.f).parts
    assert parts["fakelib"] == "2.0"
    assert "mine.R" in parts


def test_a_library_without_metadata_counts_by_its_files(project, monkeypatch):
    """Nothing says its version."""
    site = project / "site-packages"
    monkeypatch.syspath_prepend(str(site))
    site.mkdir()
    (site / "fakelib.py").write_text("def g(): return 1\n")
    source = "import fakelib\ndef f(): return fakelib.g()\n"
    before = code(defined(source).f, project)
    (site / "fakelib.py").write_text("def g(): return 2\n")
    assert code(defined(source).f, project) != before


COMPILED = "xxlimited"  # whatever it does, it comes with Python and nobody has imported it


@pytest.mark.parametrize("name", [COMPILED, f"pkg.{COMPILED}"])
@pytest.mark.parametrize(
    "place", ["import {0}\ndef f(): return ", "def f():\n  import {0}\n  return "]
)
def test_a_compiled_module_of_the_project_counts_as_a_whole(project, place, name):
    """Nobody can see what its functions do; the record says so."""
    file = COMPILED + sysconfig.get_config_var("EXT_SUFFIX")
    built = Path(sysconfig.get_path("stdlib")) / "lib-dynload" / file
    if not built.exists():
        pytest.skip(f"this Python was built without {COMPILED}")
    copy = project.joinpath(*name.split(".")).with_name(file)
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(built, copy)
    source = place.format(name) + f"{name}.foo(1, 2), {name}.Xxo\n"
    found = CodeDigester(str(project)).digest_of(defined(source).f)
    assert found.fallbacks == (f"{name} as a whole: it is compiled",)
    with open(copy, "ab") as opened:
        opened.write(b"\0")
    assert code(defined(source).f, project) != found.digest


FALLBACKS = {
    "import helpers\ndef f(n='g'): return getattr(helpers, n)()\n": (
        "helpers as a whole: it is used as a value"
    ),
    "def f(): return eval('1')\n": "every source file of the project: builtins.eval may reach any",
    "from builtins import eval as look\ndef f(): return look('1')\n": (
        "every source file of the project: builtins.eval may reach any"
    ),
    "import importlib\ndef f(n): return importlib.import_module(n)\n": (
        "every source file of the project: importlib.import_module may reach any"
    ),
    "def f(n):\n  import runpy\n  return runpy.run_path(n)\n": (
        "every source file of the project: runpy.run_path may reach any"
    ),
    "import sys\ndef f(n): return sys.modules[n]\n": (
        "every source file of the project: sys.modules may reach any"
    ),
    "from pickle import loads\ndef f(n): return loads(n)\n": (
        "every source file of the project: _pickle.loads may reach any"
    ),
    "def f(n): return f.__globals__[n]\n": (
        "every source file of the project: the attribute __globals__ may reach any"
    ),
}


@pytest.mark.parametrize("source", FALLBACKS)
def test_what_nobody_can_see_counts_whole(project, source):
    """The record says what was counted whole, and why."""
    (project / "helpers.py").write_text("def g(): return 1\n")
    names = defined(source, str(project / "main.py"))
    found = CodeDigester(str(project)).digest_of(names.f)
    assert found.fallbacks == (FALLBACKS[source],)


def test_hidden_directories_and_environments_are_no_source_files(project):
    """What every run may write, or what is not the project's, changes no key."""
    names = defined("def f(): return eval('1')\n", str(project / "main.py"))
    before = code(names.f, project)
    for name in (".vcat", "venv", "__pycache__"):
        (project / name).mkdir()
        (project / name / "a.py").write_text("")
    (project / "venv" / "pyvenv.cfg").write_text("")
    assert code(names.f, project) == before
    (project / "b.py").write_text("")
    assert code(names.f, project) != before


LOCK = threading.Lock()
REASON = "is a '_thread.lock', whose content cannot be told; create it inside the function"
PROBLEMS = {
    "def f(): return LOCK\n": f"notebook.LOCK {REASON}",
    "D = {'a': [LOCK]}\ndef f(): return D\n": f"notebook.D['a'][0] {REASON}",
    "def f(a, x=LOCK): return x\n": f"notebook.f.<default>.x {REASON}",
    "def f(*, x=[LOCK]): return x\n": f"notebook.f.<default>.x[0] {REASON}",
    "def make(x):\n  def f(): return x\n  return f\nf = make(LOCK)\n": (
        f"notebook.make.<locals>.f.<closure>.x {REASON}"
    ),
    "def f(): return f.x\nf.x = LOCK\n": f"notebook.f.x {REASON}",
    "class K:\n  x = LOCK\ndef f(): return K\n": f"notebook.K.x {REASON}",
    "def g(): return LOCK\ndef f(): return g() or f()\n": f"notebook.LOCK {REASON}",
    "def f(): return eval('1')\n": (
        "notebook.f uses builtins.eval, which may reach any code, and has no source file to count"
        " instead; move it into a module"
    ),
}


@pytest.mark.parametrize("source", PROBLEMS)
def test_code_that_cannot_be_hashed_is_not_guessed(source):
    """The error names the function and the path to what stands in the way, every time."""
    names = defined(source, LOCK=LOCK)
    digester = CodeDigester("/nowhere")
    subject = "notebook.make.<locals>.f" if "make" in source else "notebook.f"
    for _ in range(2):
        with pytest.raises(Unhashable) as caught:
            digester.digest_of(names.f)
        assert str(caught.value) == f"the code of '{subject}' cannot be hashed: {PROBLEMS[source]}"


def test_who_has_no_source_file_is_told_for_each_function_by_itself(project):
    """A module's attribute that may reach any code is a problem of those without sources only."""
    (project / "main.py").write_text("")
    source = "import importlib\ndef {0}(n): return importlib.import_module(n)\n"
    digester = CodeDigester(str(project))
    for name in ("f", "g"):
        names = defined(source.format(name), file="<cell>")
        with pytest.raises(Unhashable, match=rf"notebook\.{name} uses importlib\.import_module"):
            digester.digest_of(getattr(names, name))
    names = defined(source.format("h"), str(project / "main.py"))
    assert digester.digest_of(names.h).fallbacks == (
        "every source file of the project: importlib.import_module may reach any",
    )


def test_a_set_of_functions_that_have_one_name_has_no_order():
    """Nothing tells them apart before they are read."""
    names = defined("T = {lambda: 1, lambda: 2}\ndef f(): return T\n")
    with pytest.raises(Unhashable) as caught:
        code(names.f)
    assert str(caught.value) == (
        "the code of 'notebook.f' cannot be hashed: notebook.T has functions of one name as items;"
        " put them into a list"
    )


def test_same_names_are_told_apart_in_parts():
    """Two functions of one name are two parts."""
    names = defined("def make(g):\n  def f(): return g and g()\n  return f\nf = make(make(None))\n")
    parts = CodeDigester("/nowhere").digest_of(names.f).parts
    assert list(parts) == ["notebook.make.<locals>.f", "notebook.make.<locals>.f#2"]


def test_a_function_is_looked_at_once():
    """The second time costs a look-up, however much it reaches."""
    names = defined("def g(): return 1\ndef f(): return g()\n")
    digester = CodeDigester("/nowhere")
    assert digester.digest_of(names.f) is digester.digest_of(names.f)


def test_callables_of_every_kind_have_code():
    """What a stage may be: built-in, class, partial, bound method, callable object, library's."""
    kinds = [len, int, "a".join, functools.partial(len), functools.reduce, itertools.chain, print]
    assert len({code(each) for each in kinds}) == len(kinds)


def test_classes_of_the_script_are_those_of_its_module(project):
    """Told what ``__main__`` is called, a digester gives the same digest for script and import."""
    (project / "train.py").write_text(
        "from vcat._keys.code import CodeDigester\n"
        "class K:\n  r = 1\n"
        "def f(): return K\n"
        "print(CodeDigester('/nowhere', main='train').digest_of(f).digest)\n"
    )
    run = [sys.executable, "train.py"], [sys.executable, "-c", "import train"]
    one, other = (
        subprocess.run(each, cwd=project, stdout=subprocess.PIPE, check=True).stdout for each in run
    )
    assert one == other


def test_what_is_reached_is_listed_once(monkeypatch):
    """A record is written for each stage, and a thousand stages may have one function."""
    walks = []
    reached = Node.reached
    monkeypatch.setattr(Node, "reached", lambda node: walks.append(node) or reached(node))
    found = CodeDigester("/nowhere").digest_of(defined("def f(): return eval('1')\n", "x.py").f)
    assert found.parts is found.parts
    assert found.fallbacks is found.fallbacks
    assert len(walks) == 2


def functions_of(module):
    """Return the functions that a module of Python's and its classes define."""
    owners = [module, *(each for each in vars(module).values() if isinstance(each, type))]
    found = [each for owner in owners for each in vars(owner).values()]
    return [each for each in found if type(each) is types.FunctionType]


@pytest.mark.parametrize("module", [argparse, statistics, tarfile])
def test_the_short_way_finds_what_the_long_way_finds(module, monkeypatch):
    """Most functions are searched for names by their opcodes only; that leaves nothing out."""
    checked = 0
    for function in functions_of(module):
        bodies = normal_form(function.__code__)[1]
        if not names_only_globals(bodies):
            continue
        short = CodeDigester("/nowhere").scope(function.__globals__).reach(function, bodies, {})
        with monkeypatch.context() as patch:
            patch.setattr("vcat._keys.resolution.names_only_globals", lambda _: False)
            other = CodeDigester("/nowhere").scope(function.__globals__)
            assert sorted(short) == sorted(other.reach(function, bodies, {})), function
        checked += bool(short)
    assert checked > 20


def test_a_function_of_many_names_counts_all_of_them():
    """Where names have more than one byte, they are found another way."""
    names = [f"n{number}" for number in range(400)]
    source = f"def f(): return {' + '.join(names)}, math.pi\n"
    values = dict.fromkeys(names, 1)
    digests = {code(defined(source, **values, math=math).f)}
    digests |= {code(defined(source, **values | {name: 2}, math=math).f) for name in names[::57]}
    assert len(digests) == 1 + len(names[::57])


def test_a_long_function_is_the_same_with_a_docstring():
    """Where constants have more than one byte, their numbers are found another way."""
    lines = "".join(f"  x += {number}.5\n" for number in range(300))
    plain, explained, other = (
        code(defined(f"def f(x):\n{text}{lines}  return x\n").f)
        for text in ("", "  'Add.'\n", "  x += 1.25\n")
    )
    assert plain == explained != other


def test_constants_of_every_kind_are_told_apart():
    """Sets have no order, whatever they contain; equal numbers of two types are two constants."""
    bodies = ["1", "1.0", "True", "1j", "b'1'", "'1'", "None", "...", "-0.0", "0.0"]
    bodies += ["(1, 'a')", "(1.0, 'a')", "((1,), 'a')", "(1, ('a',))", "x in {1, 'a'}", "[1, 2, 3]"]
    bodies += ["x in {1.0, 'a'}", "x in {(1, 'a'), b'c'}", "x[1:2]", "x[1:3]", "lambda: 1"]
    assert len({code(defined(f"def f(x): return {body}\n").f) for body in bodies}) == len(bodies)


def test_code_that_no_compiler_made_counts():
    """Constants may be replaced by objects of any kind."""
    made = []
    for number in (1, 2, 1):
        function = defined("def f(): return 'x'\n").f
        constants = tuple(
            [[number] if each == "x" else each for each in function.__code__.co_consts]
        )
        function.__code__ = function.__code__.replace(co_consts=constants)
        made.append(code(function))
    assert made[0] == made[2] != made[1]


def test_a_universal_function_made_of_a_function_is_not_guessed():
    """NumPy does not tell what it calls; those of NumPy itself count by its version."""
    names = defined(
        "def g(x): return x\nv = numpy.frompyfunc(g, 1, 1)\ndef f(): return v\n", numpy=np
    )
    with pytest.raises(Unhashable) as caught:
        code(names.f)
    assert str(caught.value) == (
        "the code of 'notebook.f' cannot be hashed: notebook.v is a numpy.ufunc 'g (vectorized)'"
        " made of a function; use numpy.vectorize"
    )
    found = CodeDigester("/nowhere").digest_of(defined("def f(): return add\n", add=np.add).f)
    assert found.parts["numpy"] == np.__version__


def test_packages_elsewhere_are_among_the_sources(project, tmp_path_factory, monkeypatch):
    """Code that may reach any code may reach what is installed in editable mode."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.syspath_prepend(str(elsewhere))
    (elsewhere / "editable").mkdir()
    (elsewhere / "editable" / "__init__.py").write_text("")
    (elsewhere / "editable" / "inner.py").write_text("R = 1\n")
    source = "import editable\ndef f(): return eval('1')\n"
    before = code(defined(source, str(project / "main.py")).f, project)
    (elsewhere / "editable" / "inner.py").write_text("R = 2\n")
    assert code(defined(source, str(project / "main.py")).f, project) != before


def test_a_library_that_reads_pickles_counts_by_version_too(project, monkeypatch):
    """All sources are counted beside it, not instead of it."""
    site = project / "site-packages"
    (site / "joblib-1.0.dist-info").mkdir(parents=True)
    (site / "joblib-1.0.dist-info" / "RECORD").write_text("joblib.py,,\n")
    (site / "joblib.py").write_text("def load(path): return path\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "joblib", raising=False)
    for source in ("import joblib\ndef f(): ", "def f():\n  import joblib\n  "):
        names = defined(f"{source}return joblib.load('a')\n", str(project / "main.py"))
        found = CodeDigester(str(project)).digest_of(names.f)
        assert found.parts["joblib"] == "1.0"
        assert found.fallbacks == ("every source file of the project: joblib.load may reach any",)
