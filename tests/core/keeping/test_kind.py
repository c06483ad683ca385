"""Classes of a script that refer to themselves travel by value as others do."""

import json
import subprocess
import sys
import textwrap

import pytest

from vcat._keeping.codec import dumps
from vcat.errors import UnpicklableError

WRITE = """
import pathlib
from vcat._keeping.codec import dumps
pathlib.Path("value.bin").write_bytes(dumps(value))
"""
READ = """
import json
import pathlib
import sys
from vcat._keeping import rebuild
from vcat._keeping.codec import loads
from vcat._keeping.digest import digest
if sys.argv[1:] == ["job"]:
    rebuild.open_namespaces(vars(sys.modules["__main__"]))
data = pathlib.Path("value.bin").read_bytes()
def read(): return loads(data, digest(data))
value = read()
"""


def sent(tmp_path, define, use, *, job=False):
    """Return what *use* prints of the ``value`` that the script *define* has sent."""
    printed = ""
    for name, text in (("writer.py", define), ("reader.py", use)):
        body = textwrap.dedent(text)
        (tmp_path / name).write_text(body + WRITE if name == "writer.py" else READ + body)
        done = subprocess.run(
            [sys.executable, "-W", "error", name, *(["job"] if job else [])],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        printed = done.stdout
    return json.loads(printed)


@pytest.mark.parametrize("job", [False, True])
def test_a_registry_of_subclasses_travels(tmp_path, job):
    """With its subclasses, none of which it is told of a second time."""
    assert sent(
        tmp_path,
        """
        class Reg:
            kinds = {}
            def __init_subclass__(cls, *, tag, **rest):
                super().__init_subclass__(**rest)
                Reg.kinds[tag] = cls
        class First(Reg, tag="first"):
            def name(self): return "first"
        class Second(First, tag="second"):
            def name(self): return "second, " + super().name()
        value = [Reg, Second()]
        """,
        """
        Reg, second = value
        class Third(Reg, tag="third"): pass
        print(json.dumps([list(Reg.kinds), second.name(), type(second) is Reg.kinds["second"],
                          Reg.kinds["first"] in type(second).__mro__]))
        """,
        job=job,
    ) == [["first", "second", "third"], "second, first", True, True]


def test_an_instance_that_its_class_keeps_is_rebuilt_by_the_methods_of_the_class(tmp_path):
    """They are there before it: ``__setstate__`` is called, ``__hash__`` counts."""
    assert sent(
        tmp_path,
        """
        class Single:
            def __new__(cls, *numbers): return super().__new__(cls)
            def __init__(self, number): self.number = number
            def __getnewargs__(self): return (self.number,)
            def __setstate__(self, state): self.number = state["number"] + 1
            def __hash__(self): return 7
            def __eq__(self, other): return self.number == other.number
            @property
            def twice(self): return 2 * self.number
            @staticmethod
            def get(): return Single.inst
        Single.inst = Single(3)
        Single.known = {Single.inst}
        def value(): return Single.get()
        """,
        """
        it = value()
        print(json.dumps([it.number, it.twice, it in type(it).known, hash(it)]))
        """,
    ) == [4, 8, True, 7]


def test_a_class_that_is_an_attribute_of_another_and_names_it_travels(tmp_path):
    """Whatever its slots are, and whatever it and that other class are derived from."""
    assert sent(
        tmp_path,
        """
        from typing import Generic, TypeVar
        from dataclasses import dataclass, field
        T = TypeVar("T")
        class Par(Generic[T]):
            pass
        class Kid:
            par = Par
            __slots__ = ("x", "__y", "__weakref__")
            def __init__(self): self.x, self.__y = 1, 2
            def both(self): return self.x + self.__y
        class Grown(Par, dict):
            def __init_subclass__(cls, needed): pass
        class Older(Grown, needed=1):
            pass
        Par.Kid, Par.Grown = Kid, Older
        class Lost(ValueError):
            pass
        Lost.by = Lost("here")
        @dataclass
        class Node:
            number: int
            below: list = field(default_factory=list)
        Node.root = Node(0, [Node(1)])
        value = [Par, Lost, Node]
        """,
        """
        import dataclasses
        Par, Lost, Node = value
        kid, grown = Par.Kid(), Par.Grown(a=1)
        print(json.dumps([kid.both(), hasattr(kid, "__dict__"), grown, isinstance(grown, Par),
                          Par.Kid.par is Par, isinstance(Lost.by, Lost), str(Lost.by),
                          repr(Node.root), dataclasses.asdict(Node(3))]))
        """,
    ) == [
        *[3, False, {"a": 1}, True, True, True, "here"],
        *["Node(number=0, below=[Node(number=1, below=[])])", {"number": 3, "below": []}],
    ]


def test_a_metaclass_that_lists_its_classes_travels(tmp_path):
    """Nothing is added to the list where they are rebuilt; abstract classes stay abstract."""
    assert sent(
        tmp_path,
        """
        import abc
        class Meta(abc.ABCMeta):
            kinds = []
            def __init__(cls, *rest):
                super().__init__(*rest)
                Meta.kinds.append(cls)
            def __len__(cls): return len(Meta.kinds)
        class Shape(metaclass=Meta):
            @abc.abstractmethod
            def area(self): ...
        class Square(Shape):
            def area(self): return 4
            @classmethod
            def made(cls): return cls()
        Shape.register(dict)
        value = Shape
        """,
        """
        Shape = value
        Meta = type(Shape)
        try:
            made = str(Shape())
        except TypeError as error:
            made = type(error).__name__
        print(json.dumps([[each.__name__ for each in Meta.kinds], len(Shape), made,
                          Meta.kinds[1].made().area(), isinstance({}, Shape),
                          isinstance([], Shape)]))
        """,
    ) == [["Shape", "Square"], 2, "TypeError", 4, True, False]


def test_what_a_job_has_changed_in_a_class_is_not_undone_by_another_value(tmp_path):
    """Each value of a job brings the class; the job has it once."""
    assert sent(
        tmp_path,
        """
        class Par:
            count = 0
        Par.me = Par
        value = Par
        """,
        """
        value.count = 5
        again = read()
        print(json.dumps([again is value, again.count, again.me is again]))
        """,
        job=True,
    ) == [True, 5, True]


def test_the_scripts_own_class_stays_as_it_is(tmp_path):
    """A result that the job made is an instance of the class of the script that reads it."""
    assert sent(
        tmp_path,
        """
        class Par:
            count = 1
        Par.me = Par
        value = Par()
        """,
        """
        first = type(value)
        class Par:
            count = 2
        print(json.dumps([first.count, type(read()) is Par, Par.count, hasattr(Par, "me")]))
        """,
    ) == [1, True, 2, False]


FACTORY = """
        import math
        def make(number):
            count = 0
            def outer(): return number
            class Made:
                several = {"b", "a", "c"}
                twice = 2 * number
                def got(self): return outer()
                def add(self):
                    nonlocal count
                    count += 1
                def shown(self): return count if math else None
            return Made
        First, Second, Again = make(1), make(2), make(2)
"""


@pytest.mark.parametrize("job", [False, True])
def test_classes_of_a_factory_are_several(tmp_path, job):
    """All of one name, of which none becomes another; their methods share what they close over."""
    assert sent(
        tmp_path,
        FACTORY
        + """
        value = [First, Second, Second()]
        """,
        """
        First, Second, it = value
        it.add()
        again = read()
        print(json.dumps([First.twice, Second.twice, First().got(), it.got(), it.shown(),
                          First().shown(), type(it) is Second, First is Second,
                          First.__qualname__, again[0] is First, isinstance(again[2], Second)]))
        """,
        job=job,
    ) == [2, 4, 1, 2, 1, 0, True, False, "make.<locals>.Made", job, job]


@pytest.mark.parametrize("seeds", [("1", "2")])
def test_a_class_of_a_factory_is_the_same_in_every_process(tmp_path, monkeypatch, seeds):
    """A result of an earlier job is an instance of the class of this one."""
    marks = []
    for seed in seeds:
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        use = """
        from vcat._keeping.kind import mark_of
        print(json.dumps([*map(mark_of, value)]))
        """
        marks.append(sent(tmp_path, FACTORY + "        value = [First, Second, Again]\n", use))
    first, second, again = marks[0]
    assert marks[1] == marks[0]
    assert first != second == again


def test_generic_classes_of_a_script_travel(tmp_path):
    """Their type variables are the script's as well."""
    assert sent(
        tmp_path,
        """
        from typing import Generic, TypeVar
        T = TypeVar("T", int, str)
        B = TypeVar("B", bound="Box", covariant=True)
        class Box(Generic[T]):
            def __init__(self, content: T): self.content = content
        class Small(Box[int]):
            pass
        value = [Small(3), T, B]
        """,
        """
        small, T, B = value
        print(json.dumps([small.content, repr(T), T.__constraints__ == (int, str), repr(B),
                          str(type(small).__orig_bases__),
                          type(small).__mro__[1].__parameters__[0] is T]))
        """,
    ) == [3, "~T", True, "+B", "(__main__.Box[int],)", True]


@pytest.mark.parametrize("job", [False, True])
def test_an_instance_that_its_class_keeps_finds_the_attributes_it_is_rebuilt_with(tmp_path, job):
    """Those without the class are there first; ``__new__`` is done without where it needs more."""
    assert sent(
        tmp_path,
        """
        class Other:
            salt = 7
        class Hashed:
            known = set()
            salt = 7
            other = Other()
            def __init__(self, number): self.number = number
            def __hash__(self): return self.number * self.salt * self.other.salt
            def __eq__(self, other): return self.number == other.number
        Hashed.known.add(Hashed(1))
        class Single:
            inst = None
            def __new__(cls):
                if cls.inst is None: cls.inst = super().__new__(cls)
                return cls.inst
        class Shared(int):
            pool = {}
            def __new__(cls, number, *, name="it"):
                if number not in cls.pool: cls.pool[number] = super().__new__(cls, number)
                cls.pool[number].name = name
                return cls.pool[number]
            def __getnewargs_ex__(self): return (int(self),), {"name": self.name}
        class Named:
            pool = {}
            def __new__(cls, name):
                if name not in cls.pool:
                    cls.pool[name] = super().__new__(cls)
                    cls.pool[name].name = name
                return cls.pool[name]
            def __getnewargs__(self): return (self.name,)
        value = [Hashed(1), Single(), Named("a"), Shared(3, name="three")]
        """,
        """
        hashed, single, named, shared = value
        print(json.dumps([hashed in hashed.known, hash(hashed), type(single)() is single,
                          type(named)("a") is named, named.name, shared.name,
                          type(shared)(3) is shared, shared + 1]))
        """,
        job=job,
    ) == [True, 49, True, True, "a", "three", True, 4]


def test_a_load_that_fails_leaves_no_class_without_its_attributes(tmp_path):
    """The next load makes it again, and not what is left of it."""
    assert sent(
        tmp_path,
        """
        from vcat._keeping.codec import dumps
        class Par:
            def __setstate__(self, state):
                import sys
                if not hasattr(sys, "has_failed"):
                    sys.has_failed = True
                    raise ValueError("once")
        Par.me = Par()
        Par.me.number = 1
        value = dumps(Par)
        """,
        """
        failed = ""
        try:
            loads(value, digest(value))
        except ValueError as error:
            failed = str(error)
        left = "Par" in globals()
        Par = loads(value, digest(value))
        print(json.dumps([failed, left, isinstance(Par.me, Par)]))
        """,
        job=True,
    ) == ["once", False, True]


def test_a_generic_class_is_one_class_in_a_job(tmp_path):
    """Each value brings it."""
    assert sent(
        tmp_path,
        """
        import typing
        from dataclasses import dataclass
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class Box(Generic[T]): pass
        class Small(Box[int]): pass
        class Rows(typing.List["Rows"]): pass
        class Bad(Exception, Generic[T]): pass
        @dataclass
        class Point(Generic[T]):
            x: int
        value = [Box(), Small(), Rows([1]), Bad("x"), Point(2)]
        """,
        """
        again = read()
        print(json.dumps([[type(one) is type(two) for one, two in zip(value, again)],
                          isinstance(again[1], type(value[0])), again[4].x]))
        """,
        job=True,
    ) == [[True] * 5, True, 2]


def test_a_class_that_only_its_metaclass_can_make_is_refused():
    """And not sent by a name that nothing has in a job."""

    class Made(Foreign):
        pass

    Made.me = Made
    with pytest.raises(UnpicklableError) as caught:
        dumps(Made)
    name = "test_a_class_that_only_its_metaclass_can_make_is_refused.<locals>.Made"
    assert str(caught.value) == (
        f"cannot pickle the class {name!r}: it refers to itself, and only"
        f" {__name__}.ForeignMeta, its metaclass, can make it; move it to a module of the project"
    )


class ForeignMeta(type):
    """A metaclass as packages have them."""

    def __new__(cls, name, bases, members):
        """Return a class; what this does cannot be known."""
        return super().__new__(cls, name, bases, members)


class Foreign(metaclass=ForeignMeta):
    """What is derived from it is made by its metaclass."""
