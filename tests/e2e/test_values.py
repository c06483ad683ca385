"""39: deep values, and values that contain themselves, in every way that values take."""

import pytest

pytestmark = pytest.mark.slow

#: Where the stages run.
JOB, WORKER = "in one process", "in workers"

WORKERS = """
    execution_implementation:
      executor_type: vcat.ProcessPoolExecutor
      constructor_keyword_arguments: {workers: 1}
"""


@pytest.fixture(params=[JOB, WORKER])
def where(request, project):
    """Where the stages run."""
    if request.param == WORKER:
        project.write("workers.config.yaml", WORKERS)
    return request.param


SHAPES = """
    from vcat import *

    class Node:
        pass

    @stage
    def ring():
        found = [1]
        found.append(found)
        return found

    @stage
    def web():
        shared, node = [1, 2], Node()
        node.itself, node.shared = node, shared
        return {"one": shared, "two": (shared, node), "node": node}

    @stage(cache=False)
    def both(ring, web):
        return ring, web

    @stage(cache=False)
    def shape(both):
        return list(kept(*both))

    def kept(ring, web):
        shared, node = web["two"]
        yield ring[1] is ring
        yield web["one"] is shared
        yield web["node"] is node
        yield node.itself is node
        yield node.shared is shared
        yield type(node) is Node

    if __name__ == "__main__":
        pipe = both(ring(), web())
        for _ in range(2):
            print(all(shape(pipe).run_same_process()), all(kept(*pipe.run_same_process())))
        made, fetched = shape(pipe).run(), pipe.run()
        print(all(made.fetch_job_results()), all(kept(*fetched.fetch_job_results())))
"""


def test_values_keep_their_shape(project, where):
    """What is itself a part of it, or twice in it, is so after every way that it takes."""
    project.write("train.py", SHAPES)
    assert project.run("train.py").stdout == "True True\n" * 3


DEEP = """
    import warnings
    from vcat import *

    @stage
    def nest(depth):
        value = None
        for _ in range(depth):
            value = [value]
        return value

    @stage
    def measure(value):
        depth = 0
        while value is not None:
            value, depth = value[0], depth + 1
        return depth

    if __name__ == "__main__":
        deep = nest(20_000)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                print(measure(deep).run_same_process())
            except StageError as error:
                print(error)
        print(*(each.message for each in caught), sep="\\n")
        try:
            deep.run().fetch_job_results()
        except RemoteException as error:
            print(str(error).splitlines()[0])
"""

REASON = "[0][0][0]...: it is nested too deeply to be pickled"


def test_a_value_of_depth_20_000_crashes_nothing(project, where):
    """It goes on to the next stage where that is possible; the error says which stage it is of."""
    project.write("train.py", DEEP)
    sent = f"UnpicklableError: stage 'nest' (train.py:5): result cannot be sent %s: result{REASON}"
    said = {
        JOB: [
            "20000",
            f"vcat: stage 'nest' (train.py:5) is not cached: result: result{REASON}",
            "vcat: stage 'measure' (train.py:12) is not cached: an upstream result has no digest:"
            f" {REASON}",
        ],
        WORKER: [
            f"stage 'nest' (train.py:5): {sent % 'to another process'}; return something that can"
            " be pickled",
            "",
        ],
    }
    assert project.run("train.py").stdout.splitlines() == [
        *said[where],
        f"{sent % 'back'}; return something that can be pickled",
    ]


CLASSES = """
    from vcat import *

    class Reg:
        kinds = {}
        def __init_subclass__(cls):
            Reg.kinds[cls.__name__] = cls

    class Some(Reg):
        def number(self): return 1

    def make(number):
        class Made:
            def number(self): return number
        return Made

    Two, Three = make(2), make(3)

    @stage
    def build():
        return [Reg.kinds["Some"](), Two(), Three()]

    @stage
    def told(built):
        kinds = [Some, Two, Three]
        fits = [[isinstance(each, kind) for kind in kinds] for each in built]
        return [each.number() for each in built], fits, len(Reg.kinds)

    if __name__ == "__main__":
        print(told(build()).run().fetch_job_results())
"""


def test_classes_that_name_themselves_and_those_of_one_name(project, where):
    """Stages have one class for each of the script's, also where the cache has its instances."""
    project.write("train.py", CLASSES)
    fits = [[True, False, False], [False, True, False], [False, False, True]]
    for _ in range(2):
        done = project.run("train.py")
        assert done.stdout == f"{([1, 2, 3], fits, 1)}\n"
        project.write("train.py", CLASSES.replace("kinds = [", "kinds = 0 or ["))
