"""Classes of a script that refer to themselves travel by value as others do."""

import pytest

from vcat._keeping.codec import dumps
from vcat.errors import UnpicklableError


@pytest.mark.parametrize("job", [False, True])
def test_a_registry_of_subclasses_travels(sent, job):
    """With its subclasses, none of which it is told of a second time."""
    assert sent(
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


def test_a_class_that_is_an_attribute_of_another_and_names_it_travels(sent):
    """Whatever its slots are, and whatever it and that other class are derived from."""
    assert sent(
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


def test_a_metaclass_that_lists_its_classes_travels(sent):
    """Nothing is added to the list where they are rebuilt; abstract classes stay abstract."""
    assert sent(
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


def test_what_a_job_has_changed_in_a_class_is_not_undone_by_another_value(sent):
    """Each value of a job brings the class; the job has it once."""
    assert sent(
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


def test_the_scripts_own_class_stays_as_it_is(sent):
    """A result that the job made is an instance of the class of the script that reads it."""
    assert sent(
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
def test_classes_of_a_factory_are_several(sent, job):
    """All of one name, of which none becomes another; their methods share what they close over."""
    assert sent(
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
def test_a_class_of_a_factory_is_the_same_in_every_process(sent, monkeypatch, seeds):
    """A result of an earlier job is an instance of the class of this one."""
    marks = []
    for seed in seeds:
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        use = """
        from vcat._keeping.kind import mark_of
        print(json.dumps([*map(mark_of, value)]))
        """
        marks.append(sent(FACTORY + "        value = [First, Second, Again]\n", use))
    first, second, again = marks[0]
    assert marks[1] == marks[0]
    assert first != second == again


def test_generic_classes_of_a_script_travel(sent):
    """Their type variables are the script's as well."""
    assert sent(
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


def test_a_generic_class_is_one_class_in_a_job(sent):
    """Each value brings it."""
    assert sent(
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
