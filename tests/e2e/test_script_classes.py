"""Classes of a script are one class each, whole, wherever its stages run."""

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(params=[0, 2], ids=["in one process", "in workers"])
def where(request, project):
    """Where the stages run."""
    if request.param:
        project.use_workers(request.param)


GENERIC = """
    import json
    import typing
    from dataclasses import dataclass
    from typing import Generic, TypeVar
    from vcat import *

    T = TypeVar("T")

    class Box(Generic[T]):
        pass

    @dataclass
    class Point(Generic[T]):
        x: int = 1

    class Small(Box[int]):
        pass

    class Rows(typing.List["Rows"]):
        pass

    class Bad(Exception, Generic[T]):
        pass

    class Listed(Generic[T]):
        kinds = []
        def __init_subclass__(cls, **rest):
            super().__init_subclass__(**rest)
            Listed.kinds.append(cls)

    class Kept(Listed[int]):
        pass

    def fits(all):
        box, point, small, rows, bad, listed, kept = all
        try:
            raise bad
        except Bad:
            pass
        return [isinstance(box, Box), isinstance(point, Point), isinstance(small, Small),
                isinstance(small, Box), isinstance(rows, Rows), isinstance(listed, Listed),
                isinstance(kept, Kept), isinstance(kept, Listed)]

    def every():
        return [Box(), Point(), Small(), Rows(), Bad(), Listed(), Kept()]

    @stage
    def make():
        return every()

    @stage
    def other():
        return 1

    @stage
    def one(all, other):
        return fits(all)

    if __name__ == "__main__":
        print(json.dumps([
            one(make(), other()).run_same_process(),
            one(make(), other()).disable_caching().run().fetch_job_results(),
            one(make(), other()).run().fetch_job_results(),
            one(every(), other()).run().fetch_job_results(),
            fits(make().run().fetch_job_results()),
        ]))
"""


@pytest.mark.usefixtures("where")
def test_a_generic_class_is_one_class_in_jobs_and_on_what_is_fetched(project):
    """In one run, with its instances from the cache in the next, and as arguments."""
    project.write("script.py", GENERIC)
    for _ in range(2):
        assert json.loads(project.run("script.py").stdout) == [[True] * 8] * 5
        project.write("script.py", GENERIC.replace("return 1", "return 2"))


KEEPING = """
    import json
    from vcat import *

    class Single:
        inst = None
        def __new__(cls):
            if cls.inst is None:
                cls.inst = super().__new__(cls)
            return cls.inst

    class Hashed:
        known = set()
        salt = 7
        def __init__(self, number):
            self.number = number
            self.known.add(self)
        def __hash__(self):
            return hash((self.number, self.salt))
        def __eq__(self, other):
            return self.number == other.number

    class Named:
        pool = {}
        def __new__(cls, name):
            if name not in cls.pool:
                cls.pool[name] = super().__new__(cls)
                cls.pool[name].name = name
            return cls.pool[name]
        def __getnewargs__(self):
            return (self.name,)

    def every():
        return [Single(), Hashed(1), Named("a")]

    def fits(all):
        single, hashed, named = all
        return [single is Single(), hash(hashed) == hash((1, 7)), named is Named("a"), named.name]

    @stage
    def make():
        return every()

    @stage
    def other():
        return 1

    @stage
    def last(all, other):
        return [*fits(all), other]

    if __name__ == "__main__":
        before = last(make(), other()).run().fetch_job_results()
        print(json.dumps([
            before,
            last(make(), other()).run_same_process(),
            last(every(), other()).run().fetch_job_results(),
            fits(make().run().fetch_job_results()),
        ]))
"""


@pytest.mark.usefixtures("where")
def test_a_class_that_keeps_its_instances_is_whole_when_they_are_loaded(project):
    """Also from the cache, whose entry is then not said to be damaged."""
    for number in (1, 2):
        project.write("script.py", KEEPING.replace("return 1", f"return {number}"))
        done = project.run("script.py")
        fits = [True, True, True, "a"]
        assert json.loads(done.stdout) == [[*fits, number]] * 3 + [fits]
        assert "damaged" not in done.stderr
