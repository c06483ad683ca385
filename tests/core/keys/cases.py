"""Edits of tiny projects, and whether the result of ``fit`` is still the same after each."""

# ruff: noqa: E501  # one case, one line: they are read as a table
# fmt: off

from __future__ import annotations

from importlib.util import find_spec
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
    module("two imports of one name in the body", "def fit():\n  try: from helpers import g\n  except ImportError: from os import getcwd as g\n  return g()\n", "def g(): return 1\n", "1", "2"),
    Case("the other import of one name in the body", {"main.py": "def fit(n=1):\n  if n: from a import g\n  else: from b import g\n  return g()\n", "a.py": "def g(): return 1\n", "b.py": "def g(): return 3\n"}, ("a.py", "1", "2"), same=False),
    module("a conditional import in the body", "def fit(n=1):\n  if n:\n    import helpers as h\n    return h.g()\n", "def g(): return 1\n", "1", "2"),
    module("an import for its side effects", "import registry\ndef fit():\n  import helpers\n  return registry.T['g']()\n", "import registry\ndef g(): return 1\nregistry.T['g'] = g\n", "1", "2")._replace(files={"main.py": "import registry\ndef look(): return registry.T\ndef fit():\n  import helpers\n  return look()['g']()\n", "registry.py": "T = {}\n", "helpers.py": "import registry\ndef g(): return 1\nregistry.T['g'] = g\n"}),
    module("a star import", "from helpers import *\ndef fit(): return g()\n", "def g(): return 1\n", "1", "2"),
    module("a name that is deleted", "import helpers\ndef fit(): return hasattr(helpers, 'g')\n", "def g(): return 1\n", "def g(): return 1\n", "def g(): return 1\ndel g\n"),
    module("a property that is assigned", "from helpers import k\ndef fit():\n  k.r = 1\n  return k.s\n", "class K:\n  s = 0\n  def __setattr__(self, n, v): self.__dict__['s'] = v + 1\nk = K()\n", "v + 1", "v + 2"),
    changed("a setter of a class", "class M(type):\n  def __setattr__(cls, n, v): super().__setattr__('s', v + 1)\nclass K(metaclass=M): pass\ndef fit():\n  K.r = 1\n  return K.s\n", "v + 1", "v + 2"),
    changed("an operator", "class K:\n  def __add__(self, o): return 1\nk = K()\ndef fit(): return k + k\n", "return 1", "return 2"),
    changed("a method of what a helper returns", "class K:\n  def m(self): return 1\ndef make(): return K()\ndef fit(): return make().m()\n", "return 1", "return 2"),
    changed("a context manager's exit", "class K:\n  def __enter__(self): return self\n  def __exit__(self, *e): print(1)\ndef fit():\n  with K(): return 3\n", "print(1)", "print(2)"),
    changed("a class pattern", "class P:\n  __match_args__ = ('a', 'b')\n  def __init__(self, a, b): self.a, self.b = a, b\ndef fit():\n  match P(1, 2):\n    case P(x, y): return x\n", "('a', 'b')", "('b', 'a')"),
    changed("a global behind a walrus", "R = 1\ndef fit(): return (x := R) + x\n", "R = 1", "R = 2"),
    changed("an async helper", "import asyncio\nasync def g(): return 1\nasync def h(): return await g()\ndef fit(): return asyncio.run(h())\n", "return 1", "return 2"),
    changed("a generator", "def g(): yield 1\ndef fit(): return list(g())\n", "yield 1", "yield 2"),
    changed("an async comprehension", "import asyncio\nR = 1\nasync def h(): return [R async for _ in x()]\nasync def x(): yield 1\ndef fit(): return asyncio.run(h())\n", "R = 1", "R = 2"),
    changed("a default of a nested function", "R = 1\ndef fit():\n  def g(x=R): return x\n  return g()\n", "R = 1", "R = 2"),
    changed("a partialmethod", "import functools\nclass K:\n  def m(self, x): return x\n  n = functools.partialmethod(m, 1)\ndef fit(): return K().n()\n", "(m, 1)", "(m, 2)"),
    changed("what a partialmethod calls", "import functools\nclass K:\n  n = functools.partialmethod(lambda self, x: x, 1)\ndef fit(): return K().n()\n", "x: x", "x: -x"),
    changed("a base that super finds", "class A:\n  def m(self): return 1\nclass B(A):\n  def m(self): return super().m()\ndef fit(): return B().m()\n", "return 1", "return 2"),
    changed("what a subclass registers", "T = []\nclass A:\n  def __init_subclass__(cls, r=1): T.append(r)\nclass B(A, r=2): pass\ndef fit(): return T\n", "r=2", "r=3"),
    changed("a subclass hook", "class A:\n  def __init_subclass__(cls): cls.r = 1\nclass B(A): pass\ndef fit(): return B.r\n", "= 1", "= 2"),
    changed("a descriptor", "class D:\n  def __get__(self, o, t): return 1\nclass K:\n  d = D()\ndef fit(): return K().d\n", "return 1", "return 2"),
    changed("a descriptor's state", "class D:\n  def __init__(self, r): self.r = r\n  def __get__(self, o, t): return self.r\nclass K:\n  d = D(1)\ndef fit(): return K().d\n", "D(1)", "D(2)"),
    changed("a property's setter", "class K:\n  @property\n  def m(self): return self._m\n  @m.setter\n  def m(self, v): self._m = v + 1\ndef fit():\n  k = K()\n  k.m = 1\n  return k.m\n", "v + 1", "v + 2"),
    changed("a dataclass's factory", "import dataclasses\ndef g(): return [1]\n@dataclasses.dataclass\nclass K:\n  r: list = dataclasses.field(default_factory=g)\ndef fit(): return K().r\n", "[1]", "[2]"),
    changed("a dataclass's factory that is a lambda", "import dataclasses\n@dataclasses.dataclass\nclass K:\n  r: list = dataclasses.field(default_factory=lambda: [1])\ndef fit(): return K().r\n", "[1]", "[2]"),
    changed("a dataclass's order", "import dataclasses\n@dataclasses.dataclass(order=True)\nclass K:\n  r: int = 1\ndef fit(): return sorted([K(2), K()])\n", "order=True", "order=False"),
    changed("a field that is not compared", "import dataclasses\n@dataclasses.dataclass\nclass K:\n  r: int = dataclasses.field(default=1, compare=True)\ndef fit(): return K(1) == K(2)\n", "compare=True", "compare=False"),
    changed("a dataclass's hook", "import dataclasses\n@dataclasses.dataclass\nclass K:\n  r: int = 1\n  def __post_init__(self): self.s = 1\ndef fit(): return K().s\n", "self.s = 1", "self.s = 2"),
    changed("a dataclass's base", "import dataclasses\n@dataclasses.dataclass\nclass A:\n  r: int = 1\n@dataclasses.dataclass\nclass K(A): pass\ndef fit(): return K().r\n", "= 1", "= 2"),
    changed("a typed dict's keys", "import typing\nclass K(typing.TypedDict):\n  a: int\ndef fit(): return list(K.__annotations__)\n", "a: int", "b: int"),
    changed("a protocol's member", "import typing\n@typing.runtime_checkable\nclass P(typing.Protocol):\n  def m(self): ...\nclass K:\n  def m(self): return 1\ndef fit(): return isinstance(K(), P)\n", "  def m(self): ...", "  def n(self): ..."),
    changed("an abstract class's registration", "import abc\nclass A(abc.ABC): pass\nclass B: pass\nA.register(B)\ndef fit(): return isinstance(B(), A)\n", "A.register(B)\n", "\n"),
    changed("a flag's value", "import enum\nclass F(enum.Flag):\n  A = 1\n  B = 2\ndef fit(): return F.A | F.B\n", "B = 2", "B = 4"),
    changed("a function in an object", "class K: pass\nk = K()\nk.f = lambda: 1\ndef fit(): return k.f()\n", "lambda: 1", "lambda: 2"),
    changed("a decorator that is a class", "class times:\n  def __init__(self, f): self.f = f\n  def __call__(self): return 2 * self.f()\n@times\ndef g(): return 1\ndef fit(): return g()\n", "2 *", "3 *"),
    changed("what a decorator that is a class holds", "class times:\n  def __init__(self, f): self.f = f\n  def __call__(self): return 2 * self.f()\n@times\ndef g(): return 1\ndef fit(): return g()\n", "return 1", "return 3"),
    changed("a decorator of the stage", "import functools\ndef wrap(f):\n  @functools.wraps(f)\n  def call(): return 1 + f()\n  return call\n@wrap\ndef fit(): return 1\n", "1 + f", "2 + f"),
    changed("annotations that a decorator reads", "import functools\ndef convert(f):\n  @functools.wraps(f)\n  def call(x): return f(f.__annotations__['x'](x))\n  return call\n@convert\ndef g(x: int): return x\ndef fit(): return g('1')\n", "x: int", "x: float"),
    changed("annotations that a decorator asks for", "import functools, inspect\ndef convert(f):\n  @functools.wraps(f)\n  def call(x): return f(inspect.signature(f).parameters['x'].annotation(x))\n  return call\n@convert\ndef g(x: int): return x\ndef fit(): return g('1')\n", "x: int", "x: float"),
    changed("a docstring that is read", "def g():\n  'one'\ndef fit(): return g.__doc__\n", "one", "two"),
    changed("the module's docstring that is read", "'one'\ndef fit(): return __doc__\n", "one", "two"),
    changed("globals by another way", "def g(): return 1\ndef fit(n='g'): return fit.__globals__[n]()\n", "return 1", "return 2"),
    changed("subclasses that are looked for", "class A: pass\nclass B(A):\n  r = 1\ndef fit(): return [k.r for k in A.__subclasses__()]\n", "r = 1", "r = 2"),
    changed("a source text that is read", "import inspect\ndef g(): return 1 # one\ndef fit(): return inspect.getsource(g)\n", "# one", "# two"),
    module("vars of a module", "import helpers\ndef fit(n='g'): return vars(helpers)[n]()\n", "def g(): return 1\n", "1", "2"),
    module("__all__ of a module used as a value", "import helpers\ndef fit(n='__all__'): return getattr(helpers, n)\n", "__all__ = ['a']\n", "'a'", "'b'"),
    module("an attribute getter", "import helpers, operator\ng = operator.attrgetter('g')\ndef fit(): return g(helpers)()\n", "def g(): return 1\n", "1", "2"),
    module("sys.modules", "import helpers, sys\ndef fit(n='helpers'): return sys.modules[n].g()\n", "def g(): return 1\n", "1", "2"),
    module("__import__", "def fit(n='helpers'): return __import__(n).g()\n", "def g(): return 1\n", "1", "2"),
    module("globals by a computed name", "from helpers import g\ndef fit(n='g'): return globals()[n]()\n", "def g(): return 1\n", "1", "2"),
    module("exec", "def fit():\n  d = {}\n  exec('import helpers; r = helpers.g()', d)\n  return d['r']\n", "def g(): return 1\n", "1", "2"),
    module("pkgutil", "import pkgutil, sys\ndef fit(n='helpers:g'): return pkgutil.resolve_name(n)()\n", "def g(): return 1\n", "1", "2"),
    module("a pickle's class", "import pickle, helpers\nD = pickle.dumps(helpers.K())\ndef fit(): return pickle.loads(D).m()\n", "class K:\n  def m(self): return 1\n", "return 1", "return 2"),
    module("a pickle's class by its name", "from pickle import loads\nimport pickle, helpers\nD = pickle.dumps(helpers.K())\ndef fit(): return loads(D).m()\n", "class K:\n  def m(self): return 1\n", "return 1", "return 2"),
    module("a module's __getattr__", "import helpers\ndef fit(): return helpers.anything\n", "def __getattr__(name): return 1\n", "return 1", "return 2"),
    module("a function patched into a module", "import helpers\ndef other(): return 3\nhelpers.g = other\ndef fit(): return helpers.g()\n", "def g(): return 1\n", "", "")._replace(files={"main.py": "import helpers\ndef other(): return 3\nhelpers.g = other\ndef fit(): return helpers.g()\n", "helpers.py": "def g(): return 1\n"}, edit=("main.py", "return 3", "return 4")),
    changed("a function patched into the standard library", "import math\ndef other(x): return 3\nmath.sqrt = other\ndef fit(): return math.sqrt(4)\n", "return 3", "return 4"),
    changed("a function put among the built-ins", "import builtins\ndef other(): return 3\nbuiltins.other_one = other\ndef fit(): return other_one()\n", "return 3", "return 4"),
    changed("a value put among the built-ins", "import builtins\nbuiltins.RATE_ONE = 3\ndef fit(): return RATE_ONE\n", "= 3", "= 4"),
    changed("a built-in that is replaced", "import builtins\nreal = ascii\nbuiltins.ascii = lambda x: real(x) + str(1)\ndef fit(): return ascii([])\n", "str(1)", "str(2)"),
    Case("a package's re-export", {"main.py": "from p import g\ndef fit(): return g()\n", "p/__init__.py": "from p._q import g\n", "p/_q.py": "def g(): return 1\n"}, ("p/_q.py", "1", "2"), same=False),
    Case("a circular import", {"main.py": "import a\ndef fit(): return a.g(3)\n", "a.py": "import b\ndef g(n): return n and b.h(n - 1)\n", "b.py": "import a\ndef h(n): return n and a.g(n - 2)\n"}, ("b.py", "n - 2", "n - 1"), same=False),
    Case("a namespace package", {"main.py": "import p.q\ndef fit(): return p.q.g()\n", "p/q.py": "def g(): return 1\n"}, ("p/q.py", "1", "2"), same=False),
    Case("a module named like one of a library", {"main.py": "import yaml\ndef fit(): return yaml.g()\n", "yaml.py": "def g(): return 1\n"}, ("yaml.py", "1", "2"), same=False),
    Case("a module named like one of Python's", {"main.py": "import this\ndef fit(): return this.g()\n", "this.py": "def g(): return 1\n"}, ("this.py", "1", "2"), same=False),
    Case("from the package in the body", {"main.py": "from p import fit\n", "p/__init__.py": "def fit():\n  from . import q\n  return q.g()\n", "p/q.py": "def g(): return 1\n"}, ("p/q.py", "1", "2"), same=False),
    changed("a conditional definition", "import sys\nif len(sys.path) > 0:\n  def g(): return 1\nelse:\n  def g(): return 3\ndef fit(): return g()\n", "return 1", "return 2"),
    changed("a global that a helper assigns", "S = 0\ndef g():\n  global S\n  S = 1\ndef fit():\n  g()\n  return S\n", "S = 1", "S = 2"),
    changed("the order of a class's attributes", "class K:\n  a = 1\n  b = 2\ndef fit(): return [n for n in vars(K) if n < 'c' and n > 'Z']\n", "  a = 1\n  b = 2", "  b = 2\n  a = 1"),
    changed("a vectorized function", "import numpy\ndef g(x): return x + 1\nv = numpy.vectorize(g)\ndef fit(): return v([1])\n", "x + 1", "x + 2"),
    changed("a single-dispatch method", "import functools\nclass K:\n  @functools.singledispatchmethod\n  def m(self, x): return 1\n  @m.register\n  def _(self, x: int): return 2\ndef fit(): return K().m(1)\n", "return 2", "return 3"),
    changed("a chained map of functions", "F = map(lambda x: x + 1, [1, 2])\ndef fit(): return list(F)\n", "x + 1", "x + 2"),
    changed("a nonlocal", "def make():\n  n = 1\n  def fit():\n    nonlocal n\n    n += 1\n    return n\n  return fit\nfit = make()\n", "n = 1\n", "n = 2\n"),
    changed("an exception group", "R = 1\ndef fit():\n  try: raise KeyError\n  except (KeyError, ValueError): return R\n", "R = 1", "R = 2"),
    changed("a set constant", "def fit(x=1): return x in {1, 'a', b'c', None}\n", "b'c'", "b'd'", plain=True),
    changed("a slice", "def fit(x='abc'): return x[1:2]\n", "1:2", "0:2", plain=True),
    changed("a format", "def fit(x=1.0): return f'{x:.2f}'\n", ".2f", ".3f", plain=True),
    changed("a sign of zero", "def fit(): return -0.0\n", "-0.0", "0.0", plain=True),
    changed("an annotated default", "def g(): return 1\ndef fit(x: 'int' = g()): return x\n", "return 1", "return 2"),
]

if find_spec("attrs"):
    CHANGED += [
        changed("an attrs class's default", "import attrs\n@attrs.define\nclass K:\n  r: int = 1\ndef fit(): return K().r\n", "= 1", "= 2"),
        changed("an attrs class's converter", "import attrs\n@attrs.define\nclass K:\n  r: int = attrs.field(default=1, converter=lambda x: x + 1)\ndef fit(): return K().r\n", "x + 1", "x + 2"),
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
    kept("a helper's annotation", "def g(x: int) -> int: return x\ndef fit(): return g(1)\n", ": int) -> int", ")", plain=True),
    kept("a cached helper's annotation", "import functools\n@functools.lru_cache\ndef g(x: int) -> int: return x\ndef fit(): return g(1)\n", ": int) -> int", ")", plain=True),
    kept("a method's annotation", "class K:\n  def m(self, x: int) -> int: return x\ndef fit(): return K().m(1)\n", ": int) -> int", ")", plain=True),
    kept("a context manager's annotation", "import contextlib, typing\n@contextlib.contextmanager\ndef g(x: int): yield x\ndef fit():\n  with g(1) as x: return x\n", "x: int", "x", plain=True),
    kept("a local variable's annotation", "def fit():\n  x: int = 1\n  return x\n", "x: int", "x"),
    kept("a method's docstring", "class K:\n  def m(self):\n    return None\ndef fit(): return K().m()\n", "    return None", "    'Do.'\n    return None", plain=True),
    kept("a formatting", "def fit(a=1, b=2): return max(a, b)\n", "a=1, b=2): return", "\n  a = 1,\n  b = 2,\n):\n  return"),
    kept("a quote", "def fit(): return 'a'\n", "'a'", '"a"'),
    kept("the order of helpers", "def g(): return 1\ndef h(): return 2\ndef fit(): return g() + h()\n", "def g(): return 1\ndef h(): return 2\n", "def h(): return 2\ndef g(): return 1\n", plain=True),
    kept("the module's docstring", "'one'\ndef fit(): return 1\n", "one", "two", plain=True),
    kept("an import at the top", "import os\ndef fit(): return 1\n", "import os", "import os, sys, json", plain=True),
    kept("a global that is assigned to a module", "import os\nR = 1\nos.something = R\ndef fit(): return 1\n", "R = 1", "R = 2", plain=True),
    Case("compiled modules", {"main.py": "import helpers\ndef fit(): return helpers.g()\n", "helpers.py": "def g(): return 1\n"}, ("__pycache__/x.pyc", None, ""), same=True, plain=True),
]

CASES = CHANGED + KEPT
