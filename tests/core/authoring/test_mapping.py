"""Maps as a script builds them: what they take, what they refuse, what can be done with them."""

import json
import pickle
from types import MappingProxyType

import pytest

from vcat import Hyperparameter, pipeline, stage
from vcat._authoring.graph import Graph
from vcat._keeping.definition import describe_graph, restore_graph, stage_records
from vcat.errors import GraphError


@stage
def names(count=2):
    return [str(each) for each in range(count)]


@stage
def fit(frame, C=1):
    return frame, C


WHERE = f"stage 'fit' (test_mapping.py:{fit.function.__code__.co_firstlineno})"


def refused(*args, **kwargs):
    with pytest.raises(GraphError) as caught:
        fit.map(*args, **kwargs)
    return str(caught.value)


def test_a_map_is_one_stage_in_the_graph():
    """Whatever its items are, they are expanded when the job runs."""
    graph = Graph.ending_in(stage(len)(fit.map(range(10_000))))
    assert graph.ids() == ["fit", "len"]
    assert graph.stages[0].is_map
    assert graph.stages[0].count == 10_000
    assert not graph.stages[1].is_map


def test_how_many_items_there_are_is_known_where_the_sequences_tell():
    """A promise does not tell, but for that of a map over what does."""
    known = fit.map(["a", "b"])
    assert fit.map(known, Hyperparameter("all")).count == 2
    assert fit.map(names()).count is None
    assert fit.map(Hyperparameter("all")).count is None
    assert fit.map([]).count == 0


def test_a_map_over_stages_depends_on_them():
    """Stages in its lists, and in its other arguments, are upstream."""
    one, two, same = names(1), names(2), names(3)
    graph = Graph.ending_in(fit.map([one, two], C=same))
    assert [each.args for each in graph.stages[:3]] == [(1,), (2,), (3,)]
    assert graph.upstream[3] == (0, 1, 2)


def test_an_iterator_is_read_and_a_list_is_taken_as_it_is_now():
    """``Path.glob`` can be given; a list that changes later changes no map."""
    items = ["a"]
    mapped = fit.map(items, (each for each in "x"))
    items.append("b")
    assert mapped.args == (("a",), ("x",))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            (["a", "b"], [1]),
            "map() of sequences of 2 and 1 items; they are taken item by item, so give each as"
            " many, and by name what is the same for all",
        ),
        (
            (["a", "b"], fit.map(range(3))),
            "map() of sequences of 2 and 3 items; they are taken item by item, so give each as"
            " many, and by name what is the same for all",
        ),
        (
            ("data.csv",),
            "map('data.csv'): type str has no items in an order; give a list, and by name what is"
            " the same for every item",
        ),
        (
            (["a"], 5),
            "map(5): type int has no items in an order; give a list, and by name what is the same"
            " for every item",
        ),
        (
            ({"k": 1},),
            "map({'k': 1}): type dict has no items in an order; give a list, and by name what is"
            " the same for every item",
        ),
        (
            (frozenset({1}),),
            "map(frozenset({1})): type frozenset has no items in an order; sorted(...) puts it into"
            " an order",
        ),
        (
            (),
            "map() needs a sequence; give what differs from item to item by position, and by name"
            " what is the same for all",
        ),
        (
            (["a"], ["b"], ["c"]),
            "3 positional arguments given, it takes 2; its signature is fit(frame, C=1)",
        ),
    ],
)
def test_what_cannot_be_mapped_is_refused_when_the_graph_is_built(given, text):
    """The message says what was given and what would be right."""
    assert refused(*given) == f"{WHERE}: {text}"


def test_a_table_is_not_mapped_over_its_columns():
    """Which is what iterating over a data frame gives; its columns by themselves are sequences."""
    pandas, polars, pyarrow = map(pytest.importorskip, ("pandas", "polars", "pyarrow"))
    columns = {"a": [1, 2], "b": [3, 4]}
    for table, instead in (
        (
            pandas.DataFrame(columns),
            "list(frame.itertuples(index=False, name=None)) gives its rows",
        ),
        (polars.DataFrame(columns), "frame.rows() gives its rows"),
        (pyarrow.table(columns), "table.to_pylist() gives its rows"),
    ):
        assert refused(table) == (
            f"{WHERE}: map(...): type {type(table).__name__} has no items in an order; {instead}"
        )
    rows = list(pandas.DataFrame(columns).itertuples(index=False, name=None))
    assert pickle.loads(pickle.dumps(rows)) == [(1, 3), (2, 4)]
    assert fit.map(pandas.Series([1, 2])).count == fit.map(polars.Series([1, 2])).count == 2
    assert fit.map(pandas.DataFrame(columns)["a"]).count == 2


def test_mappings_that_are_no_dicts_are_refused_as_dicts_are():
    """Their keys are not meant, either."""
    assert refused(MappingProxyType({"k": 1})) == (
        f"{WHERE}: map(mappingproxy({{'k': 1}})): type mappingproxy has no items in an order;"
        " give a list, and by name what is the same for every item"
    )


def test_arguments_of_a_map_are_bound_to_the_signature():
    """A wrong name is an error where the map is made."""
    assert refused(["a"], c=2) == (
        f"{WHERE}: no parameter 'c', did you mean 'C'?; its signature is fit(frame, C=1)"
    )


def test_a_map_of_a_known_number_unpacks():
    """Each of its items can be taken, and no more than there are."""
    one, two = fit.map(["a", "b"])
    assert (one.args[1], two.args[1]) == (0, 1)
    assert list(fit.map([])) == []
    with pytest.raises(GraphError) as caught:
        fit.map(["a"]).splice(2)
    assert str(caught.value) == (f"<{WHERE}>: splice(2): the number of values is 1, as declared")


def test_a_map_of_an_unknown_number_says_what_to_do_instead():
    """Nobody can unpack it, but another function can be mapped over it."""
    with pytest.raises(GraphError) as caught:
        list(fit.map(names()))
    assert str(caught.value) == (
        f"<{WHERE}> cannot be iterated: its value is known only when the job runs; map over it,"
        " other.map(it), or use .splice(n) where n is certain"
    )


def test_a_map_can_be_piped():
    """``f.map`` in a pipeline is called for every item of the upstream value."""
    end = pipeline | names | (fit.map, {"C": 2}) | stage(str).map | len
    graph = Graph.ending_in(end)
    assert graph.ids() == ["names", "fit", "str", "len"]
    assert [each.is_map for each in graph.stages] == [False, True, True, False]
    assert graph.stages[1].kwargs == {"C": 2}
    joined = pipeline.join([["a"], names()], fit.map)
    assert (joined.is_map, len(joined.args)) == (True, 2)


def test_options_of_a_map_keep_it_a_map():
    """``.persist()`` and the like return the same map."""
    kept = fit.map(["a"]).persist().disable_caching()
    assert (kept.is_map, kept.count, kept.options.persist, kept.options.cache) == (
        True,
        1,
        True,
        False,
    )


def test_what_is_taken_from_a_map_is_not_called_as_its_items_will_be():
    """``fit[0]`` is the first item of the map ``fit``, and an id belongs to one stage."""
    mapped = fit.map(["a", "b"])
    ids = Graph.ending_in(stage(max)(mapped[0], mapped[0], mapped)).ids()
    assert ids == ["fit", "fit[0]#2", "fit[0]#3", "max"]


def test_messages_of_a_job_name_stages_by_their_ids():
    """Two maps of one function are told apart, and so are their items."""
    graph = Graph.ending_in(stage(max)(fit.map(["a"]), fit.map(["b"])))
    place = f"(test_mapping.py:{fit.function.__code__.co_firstlineno})"
    assert graph.label(1) == f"stage 'fit' {place}"
    graph.called = graph.ids()
    graph.items[1] = range(3, 4)
    graph.stages.append(graph.stages[1])
    labels = [graph.label(number) for number in (0, 1, 3)]
    assert labels == [
        f"stage 'fit' {place}",
        f"stage 'fit#2' {place}",
        f"item 0 of stage 'fit#2' {place}",
    ]


def test_a_chain_of_maps_is_as_deep_as_any():
    """Its length is known without asking all of them again."""
    end = fit.map(["a"])
    for _ in range(5000):
        end = fit.map(end)
    assert end.count == 1
    assert len(Graph.ending_in(end).stages) == 5001


def test_a_map_comes_back_from_its_definition():
    """The JSON says that it is one, and of how many items where that is known."""
    first = fit.map([names(1), "x"], ["a", Hyperparameter("C", default=3)])
    second = fit.map(first, C=names())
    graph = Graph.ending_in(fit.map(names(), fit.map(range(2), C=second)))
    description, pickles = describe_graph(graph, graph.fill_parameters({}), "/project")
    description = json.loads(json.dumps(description))
    stages, _ = restore_graph(description, pickles)
    told = [(each.name, each.is_map, each.count) for each in graph.stages]
    assert [(each.name, each.is_map, each.count) for each in stages] == told
    assert sorted(told) == [("fit", True, 2)] * 4 + [("names", False, None)] * 3
    assert [each.args for each in stages if each.is_map][2] == (range(2),)
    described = [(each.get("map"), each.get("items")) for each in description["stages"]]
    assert described.count((True, 2)) == 4
    assert [each.items for each in stage_records(description)] == [each[1] for each in described]
