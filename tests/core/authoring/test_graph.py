"""Order, names, parameters and cycles of graphs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcat import Hyperparameter, stage
from vcat._authoring.graph import MAX_DEPTH, Graph
from vcat._running.engine import Engine
from vcat.errors import GraphError


@stage
def first():
    return 1


@stage
def add(*values):
    return sum(values)


WHERE = f"(test_graph.py:{add.function.__code__.co_firstlineno})"


def test_names_that_recur_are_numbered():
    """Ids are unique, and stay so when somebody already uses such a name."""
    one = add(first())
    two = add(one, first())
    odd = stage(name="add#2")(lambda x, y: x)(two, one)
    ids = Graph.ending_in(odd).ids()
    assert ids == ["first", "add", "first#2", "add#3", "add#2"]
    assert len(set(ids)) == len(ids)


def test_a_stage_used_twice_is_one_node():
    """Sharing a stage runs it once."""
    calls = []
    shared = stage(lambda: calls.append(1) or 5)().disable_caching()
    assert add(shared, shared, [shared][0]).disable_caching().run_same_process() == 15
    assert calls == [1]


def test_a_cycle_is_named():
    """A container that is filled in later can close a circle; the stages in it are named."""
    hole = []
    one = stage(name="one")(lambda x: x)(hole)
    two = stage(name="two")(lambda x: x)(one)
    hole.append(two)
    with pytest.raises(GraphError) as caught:
        Graph.ending_in(two)
    where = f"(test_graph.py:{two.place[1]})"
    assert str(caught.value) == (
        f"<stage 'two' {where}> depends on itself: 'one' -> 'two' -> 'one'; a graph of stages has"
        " no cycles"
    )


def test_a_container_inside_itself_ends():
    """Walking an argument ends where it contains itself."""
    loop = []
    loop.append(loop)
    graph = Graph.ending_in(stage(len)(loop))
    assert len(graph.stages) == 1


def test_a_stage_too_deep_in_containers_is_refused():
    """The depth is limited, and the message says what to do."""
    deep = first()
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(GraphError) as caught:
        Graph.ending_in(add(deep))
    assert str(caught.value) == (
        f"stage 'add' {WHERE}: a stage lies more than 100 containers deep in an argument, or in a"
        " container that contains itself; pass it as an argument of its own"
    )


def test_a_chain_of_100_000_stages_runs():
    """Nothing in the graph or in the engine recurses over stages."""
    end = first()
    step = stage(cache=False)(lambda x: x + 1)
    for _ in range(100_000):
        end = step(end)
    assert end.run_same_process() == 100_001


def filled(end, **given):
    return Graph.ending_in(end).fill_parameters(given)


def test_parameters_come_from_run_else_from_defaults():
    """The hyperparameter's own name counts, wherever it stands."""
    end = add(Hyperparameter("C", default=1.0), [Hyperparameter("n")])
    assert filled(end, n=2) == {"C": 1.0, "n": 2}
    assert filled(end, n=2, C=None) == {"C": None, "n": 2}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"c": 1, "n": 1},
            "run(): no hyperparameter 'c'; did you mean 'C'? the pipeline has 'C', 'n'",
        ),
        (
            {},
            f"run(): hyperparameter 'n' of <stage 'add' {WHERE}> has no value and no default; give"
            " it with run(n=...)",
        ),
        (
            {"zzz": 1},
            "run(): no hyperparameter 'zzz'; the pipeline has 'C', 'n'\n"
            f"run(): hyperparameter 'n' of <stage 'add' {WHERE}> has no value and no default; give"
            " it with run(n=...)",
        ),
    ],
)
def test_unknown_and_missing_parameters_are_all_named(given, text):
    """All problems at once, before anything is sent."""
    with pytest.raises(GraphError) as caught:
        filled(add(Hyperparameter("C", default=1.0), Hyperparameter("n")), **given)
    assert str(caught.value) == text


XS, NS = Hyperparameter("xs", default=[1, 2]), Hyperparameter("ns", default=range(2))
OF_XS = f"stage 'add' {WHERE}: map() "
DIFFER = "items; they are taken item by item, so give each as many, and by name what is the same"
UNORDERED = "which has no items in an order; give a list"


@pytest.mark.parametrize(
    ("end", "given", "text"),
    [
        (add.map(XS, [1, 2, 3]), {}, OF_XS + f"of sequences of 2 and 3 {DIFFER} for all"),
        (
            add.map(XS, NS),
            {"ns": "ab"},
            OF_XS + f"over <hyperparameter 'ns'>: its value is of type str, {UNORDERED}",
        ),
        (
            add.map(XS, add.map(NS, NS)),
            {"xs": (1,)},
            OF_XS + f"of sequences of 1 and 2 {DIFFER} for all",
        ),
        (
            stage(list)([add.map(XS, [1, 2, 3]), add.map([1], NS)]),
            {"xs": 5},
            OF_XS
            + f"over <hyperparameter 'xs'>: its value is of type int, {UNORDERED}\n"
            + OF_XS
            + f"of sequences of 1 and 2 {DIFFER} for all",
        ),
    ],
)
def test_maps_over_hyperparameters_that_cannot_be_are_refused(end, given, text):
    """As those over lists are, as soon as the values are known, all of them at once."""
    with pytest.raises(GraphError) as caught:
        filled(end, **given)
    assert str(caught.value) == text


def test_what_only_a_job_can_count_is_left_to_it():
    """Iterators are not read, stages are not run."""
    values = filled(add.map(XS, first()), xs=iter([1, 2, 3]))
    assert [*values["xs"]] == [1, 2, 3]
    assert filled(add.map(add.map(XS, first()), [1, 2, 3]), xs=iter([1])).keys() == {"xs"}
    assert filled(add.map(XS, NS), xs=[], ns=()) == {"xs": [], "ns": ()}


def test_a_pipeline_without_parameters_says_so():
    """There is nothing to suggest."""
    with pytest.raises(GraphError) as caught:
        filled(first(), C=1)
    assert str(caught.value) == "run(): no hyperparameter 'C'; the pipeline has none"


def test_two_defaults_for_one_name_are_refused():
    """Which of them holds would be a guess; equal ones are fine."""
    with pytest.raises(GraphError) as caught:
        Graph.ending_in(add(Hyperparameter("C", default=1), Hyperparameter("C", default=2)))
    assert str(caught.value) == (
        "<hyperparameter 'C'> has two defaults, 1 and 2; make one Hyperparameter and use it in both"
        " places"
    )
    end = add(Hyperparameter("C", default=1), Hyperparameter("C", default=1), Hyperparameter("C"))
    assert filled(end) == {"C": 1}


def test_a_name_that_run_could_not_take_is_refused():
    """``run()`` takes it as a keyword."""
    with pytest.raises(GraphError) as caught:
        Hyperparameter("learning rate")
    assert str(caught.value) == (
        "Hyperparameter: 'learning rate' is not a name; use a Python identifier, because run()"
        " takes it as a keyword argument"
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=25))
def test_upstream_stages_come_first_in_any_graph(wiring):
    """The order can be run, contains each stage once, and gives what Python would give."""
    made, expected = [], []
    for number, wires in enumerate(wiring):
        picks = [each % number for each in wires] if number else []
        made.append(add(*[made[each] for each in picks], 1))
        expected.append(sum(expected[each] for each in picks) + 1)
    graph = Graph.ending_in(made[-1])
    assert len({id(each) for each in graph.stages}) == len(graph.stages)
    for number, upstream in enumerate(graph.upstream):
        assert all(each < number for each in upstream)
    engine = Engine(graph, {})
    engine.run()
    assert engine.result() == expected[-1]


def test_containers_that_would_hide_a_stage_are_refused():
    """A stage in an ``OrderedDict`` would reach the function as a stage."""
    from collections import OrderedDict

    for holder in (OrderedDict(a=first()), [OrderedDict(a=first())]):
        with pytest.raises(GraphError) as caught:
            Graph.ending_in(add(holder))
        line = first.function.__code__.co_firstlineno
        assert str(caught.value) == (
            f"stage 'add' {WHERE}: a OrderedDict holds <stage 'first' (test_graph.py:{line})>: only"
            " in lists, tuples, dicts and sets of just these types are stages evaluated; make it"
            " inside a stage"
        )


def test_a_stage_function_as_argument_was_meant_to_be_called():
    """Forgotten parentheses are found before anything is sent."""
    with pytest.raises(GraphError) as caught:
        Graph.ending_in(add(first, 2))
    line = first.function.__code__.co_firstlineno
    assert str(caught.value) == (
        f"stage 'add' {WHERE}: an argument is <stage function 'first' (test_graph.py:{line})>"
        " itself; call it, first(...), or pass first.function where the function is meant"
    )


def test_a_stage_is_no_value_of_a_hyperparameter():
    """``run(C=stage())`` would not be part of the graph."""
    with pytest.raises(GraphError) as caught:
        filled(add(Hyperparameter("C")), C=first())
    line = first.function.__code__.co_firstlineno
    assert str(caught.value) == (
        f"run(): hyperparameter 'C' is given <stage 'first' (test_graph.py:{line})>; pass a stage"
        " as an argument of another one"
    )
