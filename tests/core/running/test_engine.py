"""The engine: order, values dropped, failures, retries, timeouts and what the observer is told."""

import gc
import threading
import weakref

import pytest

from vcat import log_artifact, log_metric, log_param, set_tag, stage
from vcat._authoring.graph import Graph
from vcat._keeping.codec import loads
from vcat._running.engine import Engine, StageFailure
from vcat.errors import GraphError, StageError, UnpicklableError, VcatError


class Witness:
    """An observer that remembers what it was told."""

    def __init__(self):
        self.told = []
        self.values = {}

    def stage_started(self, number):
        self.told.append(("started", number))

    def stage_repeated(self, number, attempt):
        self.told.append(("repeated", number, attempt))

    def stage_failed(self, number, attempt, error, delay=0.0):
        self.told.append(("again", number, attempt, str(error)))

    def stage_ended(self, number, status, ending):
        self.told.append((status, number, ending.attempts))

    def reported(self, number, event):
        self.told.append((event["event"], number, event["name"], event["value"]))

    def artifact(self, number, name, data):
        self.told.append(("artifact", number, name, data))

    def restored(self, number, entry, artifacts):
        self.told.append(("restored", number))

    def value(self, number, parts, digest):
        self.values[number] = loads(b"".join(parts), digest)


def run(end, observer=None, **parameters):
    graph = Graph.ending_in(end)
    engine = Engine(graph, graph.fill_parameters(parameters), observer=observer)
    engine.run()
    return engine


@stage
def one():
    return 1


def test_the_value_of_the_last_stage_is_the_result():
    """And it is handed to the observer to be kept, with that of persisted stages."""
    witness = Witness()
    middle = stage(lambda x: x + 1)(one()).persist()
    engine = run(stage(lambda x: x * 10)(middle), witness)
    assert engine.result() == 20
    assert witness.values == {1: 2, 2: 20}
    assert witness.told == [
        ("started", 0),
        ("completed", 0, 1),
        ("started", 1),
        ("completed", 1, 1),
        ("started", 2),
        ("completed", 2, 1),
    ]


class Large:
    pass


def test_a_value_is_dropped_when_its_last_reader_has_it():
    """Memory follows the frontier of the graph, not its size."""
    alive = []

    def make():
        made = Large()
        alive.append(weakref.ref(made))
        return made

    def look(_large):
        return "small"

    def check(*_small):
        gc.collect()
        return [each() is None for each in alive]

    shared = stage(make)()
    end = stage(check)(stage(look)(shared), stage(look)(shared))
    assert run(end).result() == [True]


def failing(witness, end):
    with pytest.raises(StageFailure) as caught:
        run(end, witness)
    return caught.value


def test_a_failure_stops_the_run_and_names_the_stage():
    """Later stages are not run; what was done is told."""
    witness = Witness()

    def bad(x):
        raise ValueError(f"bad input {x}")

    never = stage(lambda x: pytest.fail("must not run"))(stage(bad)(3))
    failure = failing(witness, never)
    assert (failure.number, failure.stage.name) == (0, "bad")
    assert str(failure.__cause__) == "bad input 3"
    assert witness.told == [("started", 0), ("failed", 0, 1)]


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), RecursionError("deep")])
def test_leaving_a_stage_in_any_other_way_is_a_failure(error):
    """``sys.exit(0)`` in a stage has not given a value."""

    def leave():
        raise error

    assert failing(Witness(), stage(leave)()).__cause__ is error


def test_control_c_is_not_a_failure_of_the_stage():
    """It belongs to the user and goes all the way up."""

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stage(interrupted)())


def test_retries_repeat_a_failed_call():
    """The attempts are counted, each failure is told, what a failed call reported is not cached."""
    witness, calls = Witness(), []

    def flaky():
        calls.append(1)
        log_metric("call", len(calls))
        if len(calls) < 3:
            raise OSError(f"not yet {len(calls)}")
        return len(calls)

    assert run(stage(flaky, retries=2)(), witness).result() == 3
    assert witness.told == [
        ("started", 0),
        ("metric", 0, "call", 1),
        ("again", 0, 1, "not yet 1"),
        ("repeated", 0, 2),
        ("metric", 0, "call", 2),
        ("again", 0, 2, "not yet 2"),
        ("repeated", 0, 3),
        ("metric", 0, "call", 3),
        ("completed", 0, 3),
    ]


def test_retries_end():
    """The last failure is the stage's."""
    failure = failing(Witness(), stage(lambda: 1 / 0, retries=2)())
    assert isinstance(failure.__cause__, ZeroDivisionError)


def test_a_stage_that_takes_too_long_is_stopped():
    """A wait that nothing would end is interrupted."""
    failure = failing(Witness(), stage(threading.Event().wait, timeout=0.05)())
    assert str(failure.__cause__) == "timed out after 0.05 seconds"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, 2, 3), "declares outputs=2 and returned 3 values"),
        ((1,), "declares outputs=2 and returned 1 value"),
        (7, "declares outputs=2 and returned int, which has no length; return a tuple"),
        (
            (x for x in ()),
            "declares outputs=2 and returned generator, which has no length; return a tuple",
        ),
    ],
)
def test_declared_outputs_are_checked(value, text):
    """A wrong number of values is found at the stage that returned them."""

    def give():
        return value

    first, _second = stage(give, outputs=2)()
    failure = failing(Witness(), first)
    assert isinstance(failure.__cause__, GraphError)
    line = give.__code__.co_firstlineno
    assert str(failure.__cause__) == f"stage 'give' (test_engine.py:{line}) {text}"


def test_a_result_that_cannot_be_pickled_fails_the_job():
    """The message has the path inside the result; nothing is kept for that stage."""

    def give():
        return {"model": [threading.Lock()]}

    witness = Witness()
    failure = failing(witness, stage(give)())
    line = give.__code__.co_firstlineno
    assert isinstance(failure.__cause__, UnpicklableError)
    assert str(failure.__cause__) == (
        f"stage 'give' (test_engine.py:{line}): result cannot be sent back:"
        " result['model'][0]: cannot pickle '_thread.lock' object; return something that can be"
        " pickled"
    )
    assert witness.values == {}
    assert witness.told[-1] == ("failed", 0, 1)


def test_values_between_stages_need_not_be_picklable():
    """Only what is kept has to be bytes."""
    assert run(stage(bool)(stage(threading.Lock)()), Witness()).result() is True


def test_a_stage_reports(tmp_path):
    """Metrics, parameters, tags and artifacts go to the observer as they come, from threads too."""
    plot = tmp_path / "plot.txt"
    plot.write_bytes(b"picture")

    def body():
        log_metric("loss", 0.5, step=3)
        log_param("C", [1, object])
        set_tag("kind", "test")
        log_artifact(plot)
        log_artifact(str(plot), "plots/loss.txt")
        thread = threading.Thread(target=log_metric, args=("threaded", 1))
        thread.start()
        thread.join()

    witness = Witness()
    run(stage(body)(), witness)
    assert witness.told[1:-1] == [
        ("metric", 0, "loss", 0.5),
        ("param", 0, "C", [1, "<class 'object'>"]),
        ("tag", 0, "kind", "test"),
        ("artifact", 0, "plot.txt", b"picture"),
        ("artifact", 0, "plots/loss.txt", b"picture"),
        ("metric", 0, "threaded", 1),
    ]


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (lambda: log_metric("a", "b"), TypeError, "log_metric('a'): 'b' is not a number"),
        (lambda: set_tag(3), TypeError, "set_tag(): the name is a string, not 3"),
        (
            lambda: log_artifact(3.5),
            TypeError,
            "log_artifact(): 3.5 is not a path; save it to a file first",
        ),
        (
            lambda: log_artifact("/", "a/b/c/d"),
            VcatError,
            "artifact 'a/b/c/d': a name is one to three parts joined by '/'",
        ),
        (
            lambda: log_artifact(__file__, "../evil"),
            VcatError,
            "artifact '../evil': a name leads to no other directory; leave '.' and '..' out",
        ),
        (
            lambda: log_artifact("/tmp", "tmp"),
            VcatError,
            "log_artifact('tmp'): /tmp is a directory; log its files",
        ),
    ],
)
def test_wrong_reports_fail_the_stage(body, error, text):
    """And the message says what is wrong with them, in a run without observer too."""
    for witness in (Witness(), None):
        cause = failing(witness, stage(body)()).__cause__
        assert isinstance(cause, error)
        assert str(cause) == text


def test_run_same_process_chains_what_the_stage_raised():
    """A script that runs in one process can be debugged with the original exception."""

    @stage(cache=False)
    def bad():
        return {}["missing"]

    with pytest.raises(StageError) as caught:
        bad().run_same_process()
    line = bad.function.__code__.co_firstlineno
    assert str(caught.value) == f"stage 'bad' (test_engine.py:{line}): KeyError: 'missing'"
    assert isinstance(caught.value.__cause__, KeyError)
