"""Edits that change no result: it must come from the cache after each."""

# ruff: noqa: E501  # one case, one line: they are read as a table
# fmt: off

from __future__ import annotations

from mutations.case import kept, kept_in
from mutations.edit import (
    forget_bytecode,
    move_project,
    nothing,
    replace,
    rewrite,
    stand_elsewhere,
    touch,
    write,
)

_FIT = "@stage\ndef fit(): ran(); return "
_LOAD = "@stage\ndef fit(path): ran(); return open(path).read()\nprint(fit('data.txt').run_same_process())\n"
_READ = "@stage\ndef fit(): ran(); return open('da' + 'ta.txt').read()\n"
_DATA = {"data.txt": "1"}
_UP = "@stage\ndef load(): return {}\n@stage\ndef fit(x): ran(); return {}\nprint(fit(load()).run_same_process())\n"

HITS = [
    kept("a comment", f"{_FIT}1\n", "return 1", "return 1  # one"),
    kept("a comment above a statement", "@stage\ndef fit():\n  ran()\n  return 1\n", "  return", "  # one\n  return"),
    kept("a docstring that appears", "@stage\ndef fit():\n  ran()\n  return 1\n", "  ran()", "  'Fit.'\n  ran()"),
    kept("a docstring's text", "@stage\ndef fit():\n  'Fit.'\n  ran()\n  return 1\n", "Fit.", "Fit it."),
    kept("blank lines", "@stage\ndef fit():\n  ran()\n  return 1\n", "  return", "\n\n  return"),
    kept("an annotation", "@stage\ndef fit(x=1): ran(); return x\n", "(x=1)", "(x: int = 1) -> int"),
    kept("an annotation of a variable", "@stage\ndef fit():\n  ran()\n  x = 1\n  return x\n", "x = 1", "x: int = 1"),
    kept("formatting", "@stage\ndef fit(): ran(); return sum([1, 2])\n", "sum([1, 2])", "sum(\n  [\n    1,\n    2,\n  ]\n)", "3"),
    kept("other quotes", "@stage\ndef fit(): ran(); return 'a'\n", "'a'", '"a"', "a"),
    kept("a number written another way", "@stage\ndef fit(): ran(); return 3600\n", "3600", "60 * 60", "3600"),
    kept("the options of a stage", f"{_FIT}1\n", "@stage", "@stage(retries=2, timeout=60)"),
    kept("the name a stage is listed under", f"{_FIT}1\n", "@stage", "@stage(name='model')"),
    kept("keywords in another order", "@stage\ndef fit(a, b): ran(); return a\nprint(fit(a=1, b=2).run_same_process())\n", "a=1, b=2", "b=2, a=1"),
    kept("a keyword by position", "@stage\ndef fit(a, b): ran(); return a\nprint(fit(1, b=2).run_same_process())\n", "1, b=2", "1, 2"),
    kept("a default spelled out", "@stage\ndef fit(a=1): ran(); return a\nprint(fit().run_same_process())\n", "fit().", "fit(a=1)."),
    kept("a hyperparameter instead of its value", "@stage\ndef fit(a): ran(); return a\nprint(fit(1).run_same_process())\n", "fit(1)", "fit(Hyperparameter('x', default=1))", wide=True),
    kept("a set built in another order", "@stage\ndef fit(x): ran(); return len(x)\nprint(fit({8, 16, 0, 'a', 'b'}).run_same_process())\n", "{8, 16, 0, 'a', 'b'}", "{'b', 'a', 0, 16, 8}", "5"),
    kept_in("a set, in another process", "@stage\ndef fit(x): ran(); return len(x)\nprint(fit([{'a', 'b', 'c', 'd'}]).run_same_process())\n", {}, nothing(), "1"),
    kept_in("an object, in another process", "class K: pass\n@stage\ndef fit(x): ran(); return 1\nprint(fit(K()).run_same_process())\n", {}, nothing()),
    kept_in("a function as an argument", "def g(): return 1\n@stage\ndef fit(f): ran(); return f()\nprint(fit(g).run_same_process())\n", {}, nothing()),
    kept("a comment in an argument's class", "class K:\n  def m(self): return 1\n@stage\ndef fit(x): ran(); return x.m()\nprint(fit(K()).run_same_process())\n", "return 1", "return 1  # one"),
    kept("a helper's comment", f"def g():\n  return 1\n{_FIT}g()\n", "  return 1", "  # one\n  return 1", wide=True),
    kept("a helper's docstring", f"def g():\n  return 1\n{_FIT}g()\n", "  return 1", "  'One.'\n  return 1", wide=True),
    kept("a helper nobody calls", f"def g(): return 1\n{_FIT}1\n", "def g(): return 1", "def g(): return 2", wide=True),
    kept("a constant nobody reads", f"A = 1\n{_FIT}1\n", "A = 1", "A = 2", wide=True),
    kept("a helper moved in its file", f"def g(): return 1\n{_FIT}g()\n", "def g(): return 1\n@stage\ndef fit(): ran(); return g()\n", "@stage\ndef fit(): ran(); return g()\n\n\ndef g(): return 1\n", wide=True),
    kept("methods in another order", f"class K:\n  def m(self): return 1\n  def n(self): return 2\n{_FIT}K().m()\n", "  def m(self): return 1\n  def n(self): return 2\n", "  def n(self): return 2\n  def m(self): return 1\n", wide=True),
    kept("annotations made lazy", "@stage\ndef fit(x: int = 1): ran(); return x\n", "from vcat import *\n", "from __future__ import annotations\nfrom vcat import *\n", wide=True),
    kept("an import nobody uses", f"{_FIT}1\n", "from vcat import *\n", "import json\nfrom vcat import *\n", wide=True),
    kept("a message of another stage", "import logging\n@stage\ndef load(): logging.info('loading'); return 1\n@stage\ndef fit(x): ran(); return x\nprint(fit(load()).run_same_process())\n", "'loading'", "'loaded'"),
    kept("a verbosity that is ignored", "@stage(ignore=['verbose'])\ndef fit(verbose): ran(); return 1\nprint(fit(verbose=False).run_same_process())\n", "verbose=False", "verbose=True"),
    kept("a comment upstream", _UP.format("[1]", "x[0]"), "[1]", "[1]  # one"),
    kept("upstream, rewritten with an equal result", _UP.format("[0, 1, 2]", "sum(x)"), "return [0, 1, 2]", "return list(range(3))", "3"),
    kept("upstream, an equal set", _UP.format("{'a', 'b', 'c'}", "len(x)"), "return {'a', 'b', 'c'}", "return set('cba')", "3"),
    kept("upstream, an equal set of tuples in a list", _UP.format("[{('a', 1), ('b', 2)}]", "len(x)"), "return [", "return [set()][:0] + [", "1"),
    kept("upstream, an equal dict", _UP.format("{'a': 1}", "x['a']"), "return {'a': 1}", "return dict(a=1)"),
    kept("upstream, equal values that are not shared", "@stage\ndef load():\n  a = 'x' * 50\n  return [a, a]\n@stage\ndef fit(x): ran(); return len(x)\nprint(fit(load()).run_same_process())\n", "return [a, a]", "return [a, 'x' * len(a)]", "2"),
    kept("upstream, an equal array", "import numpy\n" + _UP.format("numpy.zeros((2, 3))", "x.sum()"), "numpy.zeros((2, 3))", "numpy.zeros((3, 2)).T", "0.0", needs="numpy"),
    kept_in("upstream, equal in spite of another hash seed", "@stage(cache=False)\ndef load(): return {'a', 'b', 'c', 'd', 'e', ('f', 1)}\n@stage\ndef fit(x): ran(); return len(x)\nprint(fit(load()).run_same_process())\n", {}, replace("main.py", "'a', 'b'", "'b', 'a'"), "6"),
    kept("an array with other strides", "import numpy\n@stage\ndef fit(x): ran(); return x.sum()\nx = numpy.arange(6.0).reshape(2, 3)\nprint(fit(numpy.ascontiguousarray(x)).run_same_process())\n", "ascontiguousarray", "asfortranarray", "15.0", wide=True, needs="numpy"),
    kept("an array that is a view", "import numpy\n@stage\ndef fit(x): ran(); return x.sum()\nprint(fit(numpy.arange(3.0)).run_same_process())\n", "arange(3.0)", "arange(9.0)[:3]", "3.0", wide=True, needs="numpy"),
    kept("a frame from other blocks", "import pandas\n@stage\ndef fit(f): ran(); return f.b.sum()\nf = pandas.DataFrame({'a': [1, 2], 'b': [3, 4]})\nprint(fit(f).run_same_process())\n", "f = pandas.DataFrame({'a': [1, 2], 'b': [3, 4]})", "f = pandas.DataFrame({'a': [1, 2]})\nf['b'] = [3, 4]", "7", wide=True, needs="pandas"),
    kept("an equal index of a frame", "import pandas\n@stage\ndef fit(f): ran(); return f.a.sum()\nprint(fit(pandas.DataFrame({'a': [1, 2]})).run_same_process())\n", "{'a': [1, 2]}", "[[1], [2]], columns=list('a')", "3", wide=True, needs="pandas"),
    kept_in("a module's comment", f"import lib\n{_FIT}lib.g()\n", {"lib.py": "def g(): return 1\n"}, replace("lib.py", "def g", "# one\ndef g"), wide=True),
    kept_in("another function of a module", f"import lib\n{_FIT}lib.g()\n", {"lib.py": "def g(): return 1\ndef h(): return 1\n"}, replace("lib.py", "def h(): return 1", "def h(): return 2"), wide=True),
    kept_in("a helper moved to another module", f"from a import g\n{_FIT}g()\n", {"a.py": "RATE = 1\ndef g(): return RATE\n", "b.py": "RATE = 1\ndef g(): return RATE\n"}, replace("main.py", "from a", "from b"), wide=True),
    kept_in("a module nobody imports", f"{_FIT}1\n", {"lib.py": "RATE = 1\n"}, replace("lib.py", "1", "2"), wide=True),
    kept_in("a file nobody reads", _LOAD, {**_DATA, "notes.md": "old"}, replace("notes.md", "old", "new"), wide=True),
    kept_in("a file that is touched", _LOAD, _DATA, touch("data.txt"), wide=True),
    kept_in("a file in the body that is touched", _READ, _DATA, touch("data.txt"), wide=True),
    kept_in("a file written again with equal bytes", _LOAD, _DATA, rewrite("data.txt"), wide=True),
    kept_in("a checkout: every file has a new time", _READ, _DATA, touch("main.py", "tally.py", "data.txt"), wide=True),
    kept_in("compiled modules made anew", f"import lib\n{_FIT}lib.g()\n", {"lib.py": "def g(): return 1\n"}, forget_bytecode(), wide=True),
    kept_in("what the stage itself writes", "@stage\ndef fit():\n  ran()\n  with open('out.txt', 'w') as f: f.write('1')\n  return open('out.txt').read()\n", {}, write("out.txt", "other"), wide=True),
    kept_in("a file written beside those that are listed", "import glob\n@stage\ndef fit(): ran(); return len(glob.glob('d/*.csv'))\n", {"d/a.csv": "1"}, write("other.csv", "1"), wide=True),
    kept_in("the project moved, a relative path", _LOAD, _DATA, move_project(), plain="a relative path has the same repr anywhere"),
    kept_in("the project moved, a file opened in the body", "from pathlib import Path\nHERE = Path(__file__).resolve().parent\n@stage\ndef fit(): ran(); return (HERE / 'data.txt').read_text()\n", _DATA, move_project(), plain="the naive key has no globals"),
    kept_in("another working directory", "def g(): return 1\n@stage\ndef fit(): ran(); return g()\n", dict.fromkeys(("a.config.yaml", "../standpoint/a.config.yaml"), "cache_implementation:\n  cache_type: vcat.LocalFileSystemCacheBackend\n  constructor_arguments: ['{root}/store']\n"), stand_elsewhere(), wide=True),
]
