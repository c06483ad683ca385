"""Instances that their classes keep, which are rebuilt before these are whole."""

import pytest


def test_an_instance_that_its_class_keeps_is_rebuilt_by_the_methods_of_the_class(sent):
    """They are there before it: ``__setstate__`` is called, ``__hash__`` counts."""
    assert sent(
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


@pytest.mark.parametrize("job", [False, True])
def test_an_instance_that_its_class_keeps_finds_the_attributes_it_is_rebuilt_with(sent, job):
    """Those without the class are there first; ``__new__`` is done without where it needs more."""
    assert sent(
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


def test_a_load_that_fails_leaves_no_class_without_its_attributes(sent):
    """The next load makes it again, and not what is left of it."""
    assert sent(
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


def test_an_instance_that_needs_what_holds_it_is_refused_with_the_cure(sent):
    """No order of a pickle can rebuild it."""
    assert sent(
        """
        from vcat._keeping.codec import dumps
        class Par:
            known = {}
            def __setstate__(self, state): self.place = len(self.known)
        Par.known[1] = it = Par()
        it.number = 1
        value = dumps(it)
        """,
        """
        try:
            loads(value, digest(value))
        except Exception as error:
            print(json.dumps([type(error).__name__, str(error), "Par" in globals()]))
        """,
        job=True,
    ) == [
        "UnpicklableError",
        "cannot rebuild the class 'Par': an instance that it keeps needs its attribute 'known',"
        " which is there only after its instances; move the class to a module of the project",
        False,
    ]
