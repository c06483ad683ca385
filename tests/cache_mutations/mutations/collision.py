"""Stages of one project that look alike: each must get its own result, and keep it."""

# ruff: noqa: E501  # one case, one line: they are read as a table
# fmt: off

from __future__ import annotations

from mutations.case import DISTINCT, PRELUDE, Case
from mutations.edit import nothing

#: Keys that are not typed, or compare by equality, take these for one; repr does not.
_TOLD = "their repr differs"
_REPR = "@stage\ndef fit(x): ran(); return repr(x)\n"


def _apart(name: str, text: str, calls: str, value: str, *, bodies: int = 2, files: dict[str, str] | None = None, needs: str = "", plain: str = "") -> Case:
    ends = f"@stage(cache=False)\ndef all_of(*each): return '; '.join(map(str, each))\nprint(all_of({calls}).run_same_process())\n"
    return Case(name, {"main.py": PRELUDE + text + ends, **(files or {})}, nothing(), value, value, DISTINCT, bodies=bodies, needs=needs, plain=plain)


COLLISIONS = [
    _apart("1, True and 1.0", _REPR, "fit(1), fit(True), fit(1.0)", "1; True; 1.0", bodies=3, plain=_TOLD),
    _apart("1 and '1'", _REPR, "fit(1), fit('1')", "1; '1'", plain=_TOLD),
    _apart("'a' and b'a'", _REPR, "fit('a'), fit(b'a')", "'a'; b'a'", plain=_TOLD),
    _apart("b'a' and bytearray(b'a')", _REPR, "fit(b'a'), fit(bytearray(b'a'))", "b'a'; bytearray(b'a')", plain=_TOLD),
    _apart("(1,) and [1]", _REPR, "fit((1,)), fit([1])", "(1,); [1]", plain=_TOLD),
    _apart("0.0 and -0.0", _REPR, "fit(0.0), fit(-0.0)", "0.0; -0.0", plain=_TOLD),
    _apart("0j and -0j", _REPR, "fit(complex(0.0, 0.0)), fit(complex(-0.0, 0.0))", "0j; (-0+0j)", plain=_TOLD),
    _apart("nan and 'nan'", _REPR, "fit(float('nan')), fit('nan')", "nan; 'nan'", plain=_TOLD),
    _apart("None, 'None' and ()", _REPR, "fit(None), fit('None'), fit(())", "None; 'None'; ()", bodies=3, plain=_TOLD),
    _apart("{1: 2} and {'1': 2}", _REPR, "fit({1: 2}), fit({'1': 2})", "{1: 2}; {'1': 2}", plain=_TOLD),
    _apart("['ab', 'c'] and ['a', 'bc']", _REPR, "fit(['ab', 'c']), fit(['a', 'bc'])", "['ab', 'c']; ['a', 'bc']", plain=_TOLD),
    _apart("[[1], 2] and [[1, 2]]", _REPR, "fit([[1], 2]), fit([[1, 2]])", "[[1], 2]; [[1, 2]]", plain=_TOLD),
    _apart("{1} and frozenset({1})", _REPR, "fit({1}), fit(frozenset({1}))", "{1}; frozenset({1})", plain=_TOLD),
    _apart("a=1, b=2 and a=2, b=1", "@stage\ndef fit(a, b): ran(); return a\n", "fit(a=1, b=2), fit(a=2, b=1)", "1; 2", plain=_TOLD),
    _apart("f(1, 2) and f(*(1, 2)) into one tuple", "@stage\ndef fit(*a): ran(); return len(a)\n", "fit(1, 2), fit((1, 2))", "2; 1", plain=_TOLD),
    _apart("an integer enum and its number", f"import enum\nclass E(enum.IntEnum): A = 1\n{_REPR}", "fit(1), fit(E.A)", "1; <E.A: 1>", plain=_TOLD),
    _apart("equal objects of two classes", "class A:\n  def __repr__(self): return 'K'\nclass B(A): pass\n@stage\ndef fit(x): ran(); return type(x).__name__\n", "fit(A()), fit(B())", "A; B"),
    _apart("arrays that print alike", "import numpy\na, b = numpy.zeros(5000), numpy.zeros(5000)\nb[2500] = 1\n@stage\ndef fit(x): ran(); return x.sum()\n", "fit(a), fit(b)", "0.0; 1.0", needs="numpy"),
    _apart("numpy.float64(1) and 1.0", "import numpy\n@stage\ndef fit(x): ran(); return type(x).__name__\n", "fit(numpy.float64(1)), fit(1.0)", "float64; float", needs="numpy", plain=_TOLD),
    _apart("two functions of one name in two modules", "import a, b\n", "a.fit(), b.fit()", "1; 2", files={"a.py": "from vcat import stage\nfrom tally import ran\nRATE = 1\n@stage\ndef fit(): ran(); return RATE\n", "b.py": "from vcat import stage\nfrom tally import ran\nRATE = 2\n@stage\ndef fit(): ran(); return RATE\n"}),
    _apart("two helpers of one name in two modules", "import a, b\nf, g = stage(a.fit), stage(b.fit)\n", "f(), g()", "1; 2", files={"a.py": "from tally import ran\ndef g(): return 1\ndef fit(): ran(); return g()\n", "b.py": "from tally import ran\ndef g(): return 2\ndef fit(): ran(); return g()\n"}),
    _apart("two lambdas on one line", "f, g = stage(lambda: (ran(), 1)[1]), stage(lambda: (ran(), 2)[1])\n", "f(), g()", "1; 2"),
    _apart("two closures of one function", "def make(rate):\n  @stage\n  def fit(): ran(); return rate\n  return fit\nf, g = make(1), make(2)\n", "f(), g()", "1; 2"),
    _apart("two methods of two objects", "class K:\n  def __init__(self, rate): self.rate = rate\n  def fit(self): ran(); return self.rate\n  def __repr__(self): return 'K'\nf, g = stage(K(1).fit), stage(K(2).fit)\n", "f(), g()", "1; 2"),
    _apart("two partials of one function", "import functools\ndef base(x): ran(); return x\nf, g = stage(functools.partial(base, 1)), stage(functools.partial(base, 2))\n", "f(), g()", "1; 2"),
    _apart("two functions that take a number from a module made on demand", "import lib\n@stage\ndef one(): ran(); return lib.RATE\n@stage\ndef two(): ran(); return lib.RATE + 1\n", "one(), two()", "1; 2", files={"lib.py": "TABLE = {'RATE': 1}\ndef __getattr__(name): return TABLE[name]\n"}, plain="their text differs"),
    _apart("two classes of one name", "def make(rate):\n  class K: r = rate\n  return K\nA, B = make(1), make(2)\n@stage\ndef fit(k): ran(); return k.r\n", "fit(A), fit(B)", "1; 2"),
    _apart("a stage before and after its argument changes in place", "@stage(cache=False)\ndef load(): return [1]\n@stage(cache=False)\ndef grow(x, _): x.append(2); return 0\n@stage\ndef fit(x, _): ran(); return len(x)\nx = load()\nfirst = fit(x, 0)\n", "first, fit(x, grow(x, first))", "1; 2"),
]
