"""Edits of tiny projects, and whether the result of ``fit`` is still the same after each."""

# ruff: noqa: E501  # one case, one line: they are read as a table
# fmt: off

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One edit.

    Attributes:
        name: What is edited.
        files: The project; ``main.py`` defines ``fit`` and may define ``args`` and ``kwargs``.
        edit: File, old text, new text; an old text ``None`` replaces or creates the whole file.
        same: Whether the key stays what it was.
        plain: Whether source and repr of the arguments would have given the same answer.
    """

    name: str
    files: dict[str, str]
    edit: tuple[str, str | None, str]
    same: bool
    plain: bool = False

    def edited(self) -> dict[str, str]:
        """Return the project after the edit."""
        file, old, new = self.edit
        if old is None:
            return self.files | {file: new}
        assert self.files[file].count(old) == 1, (self.name, old)
        return self.files | {file: self.files[file].replace(old, new)}


def _main(text: str, old: str, new: str, name: str, *, same: bool, plain: bool = False) -> Case:
    return Case(name, {"main.py": text}, ("main.py", old, new), same, plain)


def changed(name: str, text: str, old: str, new: str, *, plain: bool = False) -> Case:
    """Return an edit of ``main.py`` that changes what ``fit`` computes."""
    return _main(text, old, new, name, same=False, plain=plain)


def kept(name: str, text: str, old: str, new: str, *, plain: bool = False) -> Case:
    """Return an edit of ``main.py`` that changes nothing."""
    return _main(text, old, new, name, same=True, plain=plain)


def module(
    name: str, text: str, helpers: str, old: str, new: str, *, same: bool = False, plain: bool = False
) -> Case:
    """Return an edit of ``helpers.py``."""
    files = {"main.py": text, "helpers.py": helpers}
    return Case(name, files, ("helpers.py", old, new), same, plain)


CHANGED = [
    changed("the body", "def fit(): return 1\n", "return 1", "return 2", plain=True),
    changed("a constant's type", "def fit(): return 1\n", "1", "True", plain=True),
    changed("a nested function", "def fit():\n  def g(): return 1\n  return g()\n", "1", "2", plain=True),
    changed("a parameter's name", "def fit(**kw): return kw\n", "**kw", "**other", plain=True),
    changed("a global", "RATE = 1\ndef fit(): return RATE\n", "1", "2"),
    changed("a global's type", "RATE = 1\ndef fit(): return RATE\n", "1", "1.0"),
    changed("a global deep down", "C = {'a': [0.0]}\ndef fit(): return C\n", "0.0", "-0.0"),
    changed("a global's attribute", "from types import SimpleNamespace as S\nC = S(r=1)\ndef fit(): return C.r\n", "r=1", "r=2"),
    changed("a computed global", "A = 1\nB = A + 1\ndef fit(): return B\n", "A = 1", "A = 2"),
    changed("a global in a nested function", "R = 1\ndef fit():\n  def g(): return R\n  return g()\n", "R = 1", "R = 2"),
    changed("a global in a comprehension", "R = 1\ndef fit(): return [R for _ in 'a']\n", "R = 1", "R = 2"),
    changed("a global in a lambda", "R = 1\ndef fit(): return (lambda: R)()\n", "R = 1", "R = 2"),
    changed("a global in a nested class", "R = 1\ndef fit():\n  class K:\n    r = R\n  return K.r\n", "R = 1", "R = 2"),
    changed("a helper", "def g(): return 1\ndef fit(): return g()\n", "1", "2"),
    changed("a helper's helper", "def h(): return 1\ndef g(): return h()\ndef fit(): return g()\n", "1", "2"),
    changed("a helper in a table", "def g(): return 1\nT = {'g': g}\ndef fit(): return T['g']()\n", "1", "2"),
    changed("a helper in a set", "def g(): return 1\ndef h(): return 3\nT = {g, h}\ndef fit(): return sorted(f() for f in T)\n", "1", "2"),
    changed("a recursive helper", "def g(n): return n and h(n - 1)\ndef h(n): return n and g(n - 2)\ndef fit(): return g(9)\n", "n - 2", "n - 1"),
    changed("a default", "R = 1\ndef fit(x=R): return x\n", "R = 1", "R = 2"),
    changed("a keyword default", "R = 1\ndef fit(*, x=R): return x\n", "R = 1", "R = 2"),
    changed("a helper's default", "R = 1\ndef g(x=R): return x\ndef fit(): return g()\n", "R = 1", "R = 2"),
    changed("a closure value", "def make(r):\n  def fit(): return r\n  return fit\nfit = make(1)\n", "make(1)", "make(2)"),
    changed("a function in a closure", "def g(): return 1\ndef make(r):\n  def fit(): return r()\n  return fit\nfit = make(g)\n", "return 1", "return 2"),
    changed("a function's attribute", "def fit(): return fit.rate\nfit.rate = 1\n", "rate = 1", "rate = 2"),
    changed("a decorator's argument", "import functools\ndef times(n):\n  def wrap(f):\n    @functools.wraps(f)\n    def call(): return n * f()\n    return call\n  return wrap\n@times(1)\ndef g(): return 1\ndef fit(): return g()\n", "times(1)", "times(2)"),
    changed("a decorator", "import functools\ndef wrap(f):\n  @functools.wraps(f)\n  def call(): return 1 + f()\n  return call\n@wrap\ndef g(): return 1\ndef fit(): return g()\n", "1 + f", "2 + f"),
    changed("what is decorated", "import functools\ndef wrap(f):\n  @functools.wraps(f)\n  def call(): return f()\n  return call\n@wrap\ndef g(): return 1\ndef fit(): return g()\n", "return 1", "return 2"),
    changed("what lru_cache wraps", "import functools\n@functools.lru_cache\ndef g(): return 1\ndef fit(): return g()\n", "return 1", "return 2"),
    changed("what singledispatch finds", "import functools\n@functools.singledispatch\ndef g(x): return 1\n@g.register\ndef _(x: int): return 2\ndef fit(): return g(3)\n", "return 2", "return 3"),
    changed("a context manager", "import contextlib\n@contextlib.contextmanager\ndef g(): yield 1\ndef fit():\n  with g() as x: return x\n", "yield 1", "yield 2"),
    changed("a partial's argument", "import functools\ndef g(x): return x\ng = functools.partial(g, 1)\ndef fit(): return g()\n", "g, 1", "g, 2"),
    changed("what a partial calls", "import functools\ndef g(x): return x\np = functools.partial(g, 1)\ndef fit(): return p()\n", "return x", "return -x"),
    changed("a partial as the stage", "import functools\ndef g(x): return x\nfit = functools.partial(g, 1)\n", "g, 1", "g, 2"),
    changed("a method", "class K:\n  def m(self): return 1\ndef fit(): return K().m()\n", "return 1", "return 2"),
    changed("a method only the instance names", "class K:\n  def m(self): return self.n()\n  def n(self): return 1\nk = K()\ndef fit(): return k.m()\n", "return 1", "return 2"),
    changed("a bound method as the stage", "class K:\n  def m(self): return 1\nfit = K().m\n", "return 1", "return 2", plain=True),
    changed("the object of a bound method", "class K:\n  def __init__(self, r): self.r = r\n  def m(self): return self.r\nfit = K(1).m\n", "K(1)", "K(2)"),
    changed("a callable object as the stage", "class K:\n  def __init__(self, r): self.r = r\n  def __call__(self): return self.r\nfit = K(1)\n", "K(1)", "K(2)"),
    changed("the code of a callable object", "class K:\n  def __call__(self): return 1\nfit = K()\n", "return 1", "return 2"),
    changed("a base class", "class A:\n  def m(self): return 1\nclass K(A): pass\ndef fit(): return K().m()\n", "return 1", "return 2"),
    changed("a class attribute", "class K:\n  rate = 1\ndef fit(): return K.rate\n", "rate = 1", "rate = 2"),
    changed("a class method", "class K:\n  @classmethod\n  def m(cls): return 1\ndef fit(): return K.m()\n", "return 1", "return 2"),
    changed("a static method", "class K:\n  @staticmethod\n  def m(): return 1\ndef fit(): return K.m()\n", "return 1", "return 2"),
    changed("a property", "class K:\n  @property\n  def m(self): return 1\ndef fit(): return K().m\n", "return 1", "return 2"),
    changed("a cached property", "import functools\nclass K:\n  @functools.cached_property\n  def m(self): return 1\ndef fit(): return K().m\n", "return 1", "return 2"),
    changed("a metaclass", "class M(type):\n  def m(cls): return 1\nclass K(metaclass=M): pass\ndef fit(): return K.m()\n", "return 1", "return 2"),
    changed("a dataclass's default", "import dataclasses\n@dataclasses.dataclass\nclass K:\n  r: int = 1\ndef fit(): return K().r\n", "= 1", "= 2"),
    changed("a dataclass's parameter", "import dataclasses\n@dataclasses.dataclass(eq=True)\nclass K:\n  r: int = 1\ndef fit(): return K() == K()\n", "eq=True", "eq=False"),
    changed("a dataclass's field order", "import dataclasses\n@dataclasses.dataclass\nclass K:\n  a: int\n  b: int\ndef fit(): return K(1, 2).a\n", "  a: int\n  b: int", "  b: int\n  a: int"),
    changed("an enum's value", "import enum\nclass E(enum.Enum):\n  A = 1\ndef fit(): return E.A.value\n", "A = 1", "A = 2"),
    changed("an enum's method", "import enum\nclass E(enum.Enum):\n  A = 1\n  def m(self): return 1\ndef fit(): return E.A.m()\n", "return 1", "return 2"),
    changed("a named tuple's default", "import typing\nclass N(typing.NamedTuple):\n  r: int = 1\ndef fit(): return N().r\n", "= 1", "= 2"),
    changed("an exception that is caught", "class A(Exception): pass\nclass B(Exception): pass\nT = A\ndef fit():\n  try: raise A\n  except T: return 1\n", "T = A", "T = B"),
    changed("a regular expression", "import re\nR = re.compile('a')\ndef fit(): return R.pattern\n", "'a'", "'b'"),
    changed("a seed", "import random\nR = random.Random(1)\ndef fit(): return R.random()\n", "(1)", "(2)"),
    changed("a sentinel default", "A = object()\nB = object()\ndef fit(x=A): return x is A\n", "x=A)", "x=B)", plain=True),
    changed("what two names share", "A = []\nB = [A, A]\ndef fit():\n  B[0].append(1)\n  return B\n", "[A, A]", "[A, []]"),
    module("a module's function", "import helpers\ndef fit(): return helpers.g()\n", "def g(): return 1\n", "1", "2"),
    module("a module's function by its name", "from helpers import g\ndef fit(): return g()\n", "def g(): return 1\n", "1", "2"),
    module("a module's constant", "import helpers\ndef fit(): return helpers.R\n", "R = 1\n", "1", "2"),
    module("a module's constant behind a function", "import helpers\ndef fit(): return helpers.g()\n", "R = 1\ndef g(): return R\n", "1", "2"),
    module("a module under another name", "import helpers as h\ndef fit(): return h.g()\n", "def g(): return 1\n", "1", "2"),
    module("a module in a closure", "def make():\n  import helpers\n  def fit(): return helpers.g()\n  return fit\nfit = make()\n", "def g(): return 1\n", "1", "2"),
    module("an import in the body", "def fit():\n  import helpers\n  return helpers.g()\n", "def g(): return 1\n", "1", "2"),
    module("an import in the body under another name", "def fit():\n  import helpers as h\n  def k(): return h.g()\n  return k()\n", "def g(): return 1\n", "1", "2"),
    module("a from-import in the body", "def fit():\n  from helpers import g as k\n  return k()\n", "def g(): return 1\n", "1", "2"),
    module("an attribute with a computed name", "import helpers\ndef fit(n='g'): return getattr(helpers, n)()\n", "def g(): return 1\n", "1", "2"),
    module("a module passed on", "import helpers\ndef use(m): return m.g()\ndef fit(): return use(helpers)\n", "def g(): return 1\n", "1", "2"),
    module("a module imported by a computed name", "import importlib\nN = 'hel' + 'pers'\ndef fit(): return importlib.import_module(N).g()\n", "def g(): return 1\n", "1", "2"),
    module("a computed import in the body", "N = 'hel' + 'pers'\ndef fit():\n  from importlib import import_module as i\n  return i(N).g()\n", "def g(): return 1\n", "1", "2"),
    module("an evaluated expression", "import helpers\ndef fit(): return eval('helpers.g()')\n", "def g(): return 1\n", "1", "2"),
    module("a subclassed class", "import helpers\nclass K(helpers.A): pass\ndef fit(): return K().m()\n", "class A:\n  def m(self): return 1\n", "1", "2"),
    module("the class of an argument", "import helpers\ndef fit(k): return k.m()\nargs = (helpers.K(),)\n", "class K:\n  def m(self): return 1\n  def __repr__(self): return 'K'\n", "1", "2"),
    Case("a class of the same name", {"main.py": "from a import E\ndef fit():\n  try: raise E\n  except E: return E.__module__\n", "a.py": "class E(Exception): pass\n", "b.py": "class E(Exception): pass\n"}, ("main.py", "from a", "from b"), same=False),
    Case("a submodule", {"main.py": "import p.q\ndef fit(): return p.q.g()\n", "p/__init__.py": "", "p/q.py": "def g(): return 1\n"}, ("p/q.py", "1", "2"), same=False),
    Case("a submodule imported in the body", {"main.py": "def fit():\n  import p.q\n  return p.q.g()\n", "p/__init__.py": "", "p/q.py": "def g(): return 1\n"}, ("p/q.py", "1", "2"), same=False),
    Case("a deep submodule under another name in the body", {"main.py": "def fit():\n  import p.r.q as k\n  return k.g()\n", "p/__init__.py": "", "p/r/__init__.py": "", "p/r/q.py": "def g(): return 1\n"}, ("p/r/q.py", "1", "2"), same=False),
    Case("a submodule by its name in the body", {"main.py": "def fit():\n  from p import q\n  return q.g()\n", "p/__init__.py": "", "p/q.py": "def g(): return 1\n"}, ("p/q.py", "1", "2"), same=False),
    Case("a relative import in the body", {"main.py": "from p import fit\n", "p/__init__.py": "def fit():\n  from .q import g\n  return g()\n", "p/q.py": "def g(): return 1\n"}, ("p/q.py", "1", "2"), same=False),
    Case("a relative import from above", {"main.py": "from p.r.s import fit\n", "p/__init__.py": "", "p/r/__init__.py": "", "p/r/s.py": "def fit():\n  from .. import q as k\n  return k.g()\n", "p/q.py": "def g(): return 1\n"}, ("p/q.py", "1", "2"), same=False),
    Case("a module that appears", {"main.py": "def fit():\n  try: import extra\n  except ImportError: return 1\n  return extra.R\n"}, ("extra.py", None, "R = 2\n"), same=False),
    changed("a module's mutable global", "import helpers\nhelpers.R.append(1)\ndef fit(): return helpers.R\n", "append(1)", "append(2)")._replace(files={"main.py": "import helpers\nhelpers.R.append(1)\ndef fit(): return helpers.R\n", "helpers.py": "R = []\n"}),
    changed("without a file", "exec('def fit(): return 1')\n", "return 1", "return 2"),
    changed("a helper without a file", "exec('def g(): return 1\\ndef fit(): return g()')\n", "return 1", "return 2"),
    Case("a file that an argument names", {"main.py": "def fit(p): return open(p).read()\nargs = ('data.txt',)\n", "data.txt": "1"}, ("data.txt", "1", "2"), same=False),
    Case("a file that a path names", {"main.py": "import pathlib\ndef fit(p): return p.read_text()\nargs = (pathlib.Path('data.txt'),)\n", "data.txt": "1"}, ("data.txt", "1", "2"), same=False),
    Case("a file in a directory", {"main.py": "import pathlib\ndef fit(p): return 1\nargs = ([pathlib.Path('d')],)\n", "d/e/data.txt": "1"}, ("d/e/data.txt", "1", "2"), same=False),
    Case("a file in a default", {"main.py": "def fit(p='data.txt'): return open(p).read()\n", "data.txt": "1"}, ("data.txt", "1", "2"), same=False),
    changed("a lambda's twin on the line", "f, g = lambda: 1, lambda: 2\nfit = f\n", "fit = f", "fit = g"),
    changed("an argument's type", "def fit(x): return x\nargs = (1,)\n", "(1,)", "(1.0,)", plain=True),
    changed("an argument deep down", "class K:\n  def __repr__(self): return 'K'\ndef fit(x): return x\nk = K()\nk.a = [1]\nargs = ({'k': k},)\n", "[1]", "[2]"),
    changed("an array's element", "import numpy\ndef fit(x): return x\nx = numpy.zeros(10**4)\nx[5000] = 1\nargs = (x,)\n", "= 1", "= 2"),
    changed("an array's type", "import numpy\ndef fit(x): return x\nargs = (numpy.zeros(3, 'f4'),)\n", "'f4'", "'f8'", plain=True),
]

KEPT = [
    kept("a comment", "def fit():\n  return 1\n", "  return", "  # one\n\n  return"),
    kept("a comment at the end", "def fit():\n  return 1\n", "return 1", "return 1  # one"),
    kept("a docstring", "def fit():\n  return 'x'\n", "  return", "  'Fit.'\n  return"),
    kept("a docstring's text", "def fit():\n  'Fit.'\n  return 'x'\n", "Fit.", "Fit it."),
    kept("a docstring beside an implicit None", "def fit():\n  len('')\n", "  len", "  'Fit.'\n  len"),
    kept("an annotation", "def fit(x: int = 1) -> int: return x\n", ": int = 1) -> int", "=1)"),
    kept("a place", "def fit():\n  return 1\n", "def fit", "import os\n\n\nX = 1\n\n\ndef fit", plain=True),
    kept("a helper's comment", "def g():\n  return 1\ndef fit(): return g()\n", "  return 1", "  # one\n  return 1", plain=True),
    kept("a helper's place", "def g(): return 1\n\n\n\ndef fit(): return g()\n", "def g(): return 1\n\n\n\ndef fit(): return g()\n", "def fit(): return g()\n\n\ndef g(): return 1\n", plain=True),
    kept("a helper nobody calls", "def g(): return 1\ndef fit(): return 1\n", "def g(): return 1", "def g(): return 2", plain=True),
    kept("a global nobody reads", "R = 1\ndef fit(): return 1\n", "R = 1", "R = 2", plain=True),
    kept("a class's docstring", "class K:\n  r = 1\n  def m(self): return 1\ndef fit(): return K().m()\n", "  r = 1", "  'A class.'\n\n  r = 1", plain=True),
    kept("a method's place", "class K:\n  def m(self): return 1\n  def n(self): return 2\ndef fit(): return K().m()\n", "  def m(self): return 1\n  def n(self): return 2\n", "  def n(self): return 2\n  def m(self): return 1\n", plain=True),
    kept("a nested class's docstring", "def fit():\n  class K:\n    r = 1\n  return K.r\n", "    r = 1", "    'A class.'\n    r = 1"),
    kept("many constants and a docstring", "def fit(x):\n" + "".join(f"  x += {i}.5\n" for i in range(300)) + "  return x\nargs = (1,)\n", "def fit(x):\n", "def fit(x):\n  'Add.'\n"),
    kept("a set built in another order", "def fit(x): return x\nargs = ({'a', 'b', 'c', (1, 'd'), 8, 16},)\n", "{'a', 'b', 'c', (1, 'd'), 8, 16}", "{16, 8, (1, 'd'), 'c', 'b', 'a'}"),
    kept("keywords in another order", "def fit(a, b): return a\nkwargs = dict(a=1, b=2)\n", "a=1, b=2", "b=2, a=1"),
    kept("a keyword by position", "def fit(a, b): return a\nargs, kwargs = (1, 2), {}\n", "(1, 2), {}", "(1,), {'b': 2}"),
    kept("a default that is given", "def fit(a, b=2): return a\nargs = (1,)\n", "(1,)", "(1, 2)"),
    kept("an array in another order", "import numpy\ndef fit(x): return x\nx = numpy.arange(12.0).reshape(3, 4)\nargs = (numpy.ascontiguousarray(x),)\n", "ascontiguousarray", "asfortranarray", plain=True),
    kept("an object built anew", "class K: pass\ndef fit(x): return x\nargs = (K(),)\n", "(K(),)", "([K(), K()][1],)"),
    kept("a logger's level", "import logging\nlog = logging.getLogger('a')\nlog.setLevel(10)\ndef fit():\n  log.info('x')\n  return 1\n", "10", "20", plain=True),
    kept("what a cache remembers", "import functools\n@functools.lru_cache\ndef g(x): return x\ng(1)\ndef fit(): return g(3)\n", "g(1)\n", "g(1), g(2)\n", plain=True),
    kept("a generator of the system's", "import random, os\nfrom random import random as r\nrandom.seed(os.getpid())\ndef fit(): return r\n", "import random, os", "import random,  os", plain=True),
    module("a module's comment", "import helpers\ndef fit(): return helpers.g()\n", "def g(): return 1\n", "def g", "# one\ndef g", same=True, plain=True),
    module("another function of a module", "import helpers\ndef fit(): return helpers.g()\n", "def g(): return 1\ndef h(): return 1\n", "def h(): return 1", "def h(): return 2", same=True, plain=True),
    module("another function of a module imported in the body", "def fit():\n  import helpers\n  return helpers.g()\n", "def g(): return 1\ndef h(): return 1\n", "def h(): return 1", "def h(): return 2", same=True, plain=True),
    module("a comment in a module used as a value", "import helpers\ndef fit(): return vars(helpers)['g']()\n", "def g(): return 1\n", "def g", "# one\ndef g", same=True, plain=True),
    Case("a function moved to another module", {"main.py": "from a import g\ndef fit(): return g()\n", "a.py": "R = 1\ndef g(): return R\n", "b.py": "R = 1\n\n\ndef g(): return R\n"}, ("main.py", "from a", "from b"), same=True, plain=True),
    Case("where the script lies", {"main.py": "from pathlib import Path\nHERE = Path(__file__).parent / 'd'\nTEXT = str(HERE)\ndef fit(): return HERE, TEXT\n"}, ("other.txt", None, "x"), same=True, plain=True),
    Case("a file nobody names", {"main.py": "def fit(p): return 1\nargs = ('data.txt',)\n", "data.txt": "1", "other.txt": "1"}, ("other.txt", "1", "2"), same=True, plain=True),
    Case("a directory that a text names", {"main.py": "def fit(p): return 1\nargs = ('d',)\n", "d/data.txt": "1"}, ("d/data.txt", "1", "2"), same=True, plain=True),
]

CASES = CHANGED + KEPT
