"""A graph as JSON and pickles: what comes back is the same graph."""

import json

import pytest

from vcat import Hyperparameter, pipeline, stage
from vcat._authoring.graph import Graph
from vcat._keeping.definition import describe_graph, restore_graph, stage_records
from vcat._running.engine import Engine
from vcat.errors import FormatError, UnpicklableError


@stage
def load(path):
    return [path, 1]


@stage(outputs=2, persist=True, retries=3)
def split(frame, share=0.2):
    return frame[:1], frame[1:]


@stage
def fit(frame, C, **options):
    return frame, C, options


def described(end, **given):
    graph = Graph.ending_in(end)
    description, pickles = describe_graph(graph, graph.fill_parameters(given), "/project")
    return json.loads(json.dumps(description)), pickles


def run(stages, parameters):
    engine = Engine(Graph.in_order(stages), parameters)
    engine.run()
    return engine.result()


def test_a_graph_comes_back_and_runs():
    """Stages, containers, hyperparameters and options survive JSON."""
    train, test = split(load("a"))
    end = fit([train, {"k": (test,)}], Hyperparameter("C", default=float("inf")), seed={1, 2})
    description, pickles = described(end)
    stages, parameters = restore_graph(description, pickles)
    assert [each.name for each in stages] == ["load", "split", "split[0]", "split[1]", "fit"]
    options = stages[1].options
    assert (options.outputs, options.persist, options.retries) == (2, True, 3)
    assert run(stages, parameters) == (
        [["a"], {"k": ([1],)}],
        float("inf"),
        {"seed": {1, 2}},
    )


def test_what_is_shared_is_stored_once():
    """A large value or a function used by many stages is pickled one time."""
    data = list(range(1000))
    one, two = load(data), load(data)
    description, _ = described(pipeline.join([one, two], max))
    assert len(description["values"]) == 3
    stages, _ = restore_graph(*described(pipeline.join([one, two], max)))
    assert stages[0].args[0] is stages[1].args[0]


def test_a_damaged_pickle_is_refused():
    """Nothing is unpickled whose digest is not the one the definition names."""
    description, pickles = described(load([1]))
    with pytest.raises(FormatError, match="stored value is damaged"):
        restore_graph(description, b"x" + pickles[1:])


def test_records_can_be_read_without_the_project():
    """Names and places of stages are plain JSON; files are relative to the project."""
    description, _ = described(load("a"))
    (record,) = stage_records(description)
    assert (record.id, record.status) == ("load", "not run")
    assert record.file == __file__
    assert record.line == load.function.__code__.co_firstlineno


class Callback:
    def __init__(self):
        import threading

        self.lock = threading.Lock()


WHERE = "(test_definition.py:{})"


@stage
def gather(first, *rest, last=None):
    return first, rest, last


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (
            lambda: fit(1, 2, config={"callbacks": [0, 1, Callback()]}),
            "stage 'fit' (test_definition.py:{fit}): argument 'config' cannot be sent to a job:"
            " config['callbacks'][2].lock: cannot pickle '_thread.lock' object; create it inside"
            " the function",
        ),
        (
            lambda: fit(Callback(), 2),
            "stage 'fit' (test_definition.py:{fit}): argument 'frame' cannot be sent to a job:"
            " frame.lock: cannot pickle '_thread.lock' object; create it inside the function",
        ),
        (
            lambda: fit(1, Callback().lock),
            "stage 'fit' (test_definition.py:{fit}): argument 'C' cannot be sent to a job: cannot"
            " pickle '_thread.lock' object; create it inside the function",
        ),
        (
            lambda: gather(1, 2, [Callback()], last=3),
            "stage 'gather' (test_definition.py:{gather}): argument 'rest[1]' cannot be sent to a"
            " job: rest[1][0].lock: cannot pickle '_thread.lock' object; create it inside the"
            " function",
        ),
        (
            stage(Callback().lock.acquire),
            "stage 'acquire' cannot be sent to a job: acquire.__self__: cannot pickle"
            " '_thread.lock' object; create it inside the function",
        ),
    ],
)
def test_what_cannot_be_sent_is_named(end, text):
    """The message has the stage, the argument and the path inside it."""
    with pytest.raises(UnpicklableError) as caught:
        described(end())
    stages = {"fit": fit, "gather": gather}
    lines = {name: each.function.__code__.co_firstlineno for name, each in stages.items()}
    assert str(caught.value) == text.format(**lines)


def test_a_hyperparameter_that_cannot_be_sent_is_named():
    """Values given to ``run`` are checked like arguments."""
    with pytest.raises(UnpicklableError) as caught:
        described(load(Hyperparameter("hook")), hook=[Callback()])
    assert str(caught.value) == (
        "run(): hyperparameter 'hook' cannot be sent to a job: hook[0].lock: cannot pickle"
        " '_thread.lock' object; create it inside the function"
    )
