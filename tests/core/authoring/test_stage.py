"""Stages refuse what they cannot mean, and any callable makes a good one."""

import asyncio
import copy
import functools
import operator
import pickle
from unittest.mock import Mock

import pytest

from vcat import Hyperparameter, Pipeline, pipeline, stage
from vcat.errors import GraphError


@stage
def load(path):
    return path


@stage(outputs=2)
def split(frame, share=0.2):
    return frame, share


HERE = "test_stage.py"


def line_of(stage_function):
    return stage_function.function.__code__.co_firstlineno


def refused(error, action, name="load", function=load):
    where = f"<stage {name!r} ({HERE}:{line_of(function)})>"
    with pytest.raises(error) as caught:
        action()
    return str(caught.value).replace(where, "STAGE")


def test_the_function_can_still_be_called_directly():
    """``load.function`` is the plain function."""
    assert load.function("a") == "a"
    assert load.__name__ == "load"


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (
            bool,
            "STAGE has no truth value: its value is known only when the job runs; decide inside a"
            " stage that takes it as argument",
        ),
        (
            lambda s: s == 1,
            "STAGE cannot be compared: its value is known only when the job runs; compare inside a"
            " stage that takes it as argument",
        ),
        (
            lambda s: s < 1,
            "STAGE cannot be compared: its value is known only when the job runs; compare inside a"
            " stage that takes it as argument",
        ),
        (
            list,
            "STAGE cannot be iterated: its value is known only when the job runs; write"
            " @stage(outputs=n) on 'load' or use .splice(n)",
        ),
        (
            len,
            "STAGE has no length: its value is known only when the job runs; take the length inside"
            " a stage",
        ),
        (
            lambda s: 1 in s,
            "STAGE contains nothing yet: its value is known only when the job runs; search inside a"
            " stage",
        ),
        (
            pickle.dumps,
            "STAGE cannot be pickled or copied: its value is known only when the job runs; pass it"
            " as an argument of a stage",
        ),
        (
            copy.copy,
            "STAGE cannot be pickled or copied: its value is known only when the job runs; pass it"
            " as an argument of a stage",
        ),
        (
            lambda s: s.splice(0),
            "STAGE: splice(0): the number of values is 1 or more",
        ),
    ],
)
def test_a_stage_refuses_what_it_cannot_mean(action, text):
    """Each mistake is answered by what to do instead."""
    assert refused(GraphError, lambda: action(load("a"))) == text


def test_a_missing_attribute_says_where_it_can_be_read():
    """A user who writes ``frame.shape`` learns that a stage is no frame."""
    assert refused(AttributeError, lambda: load("a").shape) == (
        "STAGE has no attribute 'shape': its value is known only when the job runs; read .shape"
        " inside a stage that takes it as argument"
    )


def test_other_libraries_questions_get_a_plain_no():
    """``_repr_html_`` is asked by notebooks and ``__dlpack__`` by NumPy, not by the user."""
    assert not hasattr(load("a"), "_repr_html_")
    assert not hasattr(load("a"), "__dlpack__")


def test_a_stage_equals_itself_and_is_hashable():
    """Stages can be looked for in lists and used as keys by identity."""
    one = load("a")
    assert one in [one]
    assert {one: 1}[one] == 1


def test_declared_outputs_unpack():
    """``outputs=2`` makes a stage unpack into two stages that take its items."""
    train, test = split(load("a"))
    assert (train.name, test.name) == ("split[0]", "split[1]")
    with pytest.raises(ValueError, match="not enough values"):
        _one, _two, _three = split(load("a"))


def test_splice_takes_the_declared_number_only():
    """A number other than the declared one is a mistake."""
    made = split(load("a"))
    assert [each.name for each in made.splice(2)] == ["split[0]", "split[1]"]
    assert refused(GraphError, lambda: made.splice(3), "split", split) == (
        "STAGE: splice(3): the number of values is 2, as declared"
    )


def test_options_give_new_stages():
    """A stage is immutable: every option makes another one."""
    one = load("a")
    assert one.persist().options.persist
    assert one.enable_caching().options.cache is True
    assert one.disable_caching().options.cache is False
    assert (one.options.persist, one.options.cache) == (False, None)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"outputs": 0}, "stage(outputs=0): outputs is a number of values, 1 or more"),
        ({"outputs": True}, "stage(outputs=True): outputs is a number of values, 1 or more"),
        ({"retries": -1}, "stage(retries=-1): retries is a number of calls, 0 or more"),
        ({"timeout": 0}, "stage(timeout=0): timeout is in seconds, more than 0 and up to 1e9"),
        (
            {"timeout": float("inf")},
            "stage(timeout=inf): timeout is in seconds, more than 0 and up to 1e9",
        ),
        (
            {"retry_delay": 1e10},
            "stage(retry_delay=10000000000.0): retry_delay is in seconds, 0 to 1e9",
        ),
        (
            {"timeout": "60"},
            "stage(timeout='60'): timeout is in seconds, more than 0 and up to 1e9",
        ),
        ({"version": [1]}, "stage(version=[1]): version is a text or a number"),
        ({"version": True}, "stage(version=True): version is a text or a number"),
        ({"ignore": [1]}, "stage(ignore=[1]): ignore is names of parameters"),
        *(
            (
                {"resources": given},
                f"stage(resources={given!r}): resources are 'cpus', a number above 0, and 'memory',"
                " a size such as '4GB'",
            )
            for given in ([], [("cpus", 1)], {"cpus": 0})
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(options, text):
    """An option is checked where it is written."""
    with pytest.raises(GraphError) as caught:
        stage(**options)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("ignore", "text"),
    [
        (
            "verbos",
            "stage(ignore=['verbos']) (test_stage.py:LINE): no parameter 'verbos', did you mean"
            " 'verbose'? quiet has 'x', 'verbose'",
        ),
        (
            ["x", "loud"],
            "stage(ignore=['loud']) (test_stage.py:LINE): no parameter 'loud'; quiet has 'x',"
            " 'verbose'",
        ),
    ],
)
def test_ignored_names_are_those_of_parameters(ignore, text):
    """A name that is misspelt would ignore nothing and say nothing."""

    def quiet(x, verbose=False):
        return x

    line = str(quiet.__code__.co_firstlineno)
    with pytest.raises(GraphError) as caught:
        stage(quiet, ignore=ignore)
    assert str(caught.value) == text.replace("LINE", line)


def test_any_name_can_be_ignored_of_a_function_that_takes_any():
    """Keywords that are passed on have no parameter of their own."""
    made = stage(lambda **others: others, ignore=["verbose", "jobs"])(verbose=1)
    assert made.options.ignore == ("verbose", "jobs")
    assert stage(int, version=1.5).options.version == 1.5


def test_what_cannot_be_called_is_no_stage():
    """The message names what was given."""
    with pytest.raises(GraphError) as caught:
        stage(3)
    assert str(caught.value) == (
        "stage(3): a int cannot be called; a stage is made of a function or another callable"
    )


async def fetch(address):
    return address


async def pages(address):
    yield address


class Fetcher:
    async def __call__(self, address):
        return address


@functools.wraps(fetch)
def waiting(address):
    return asyncio.run(fetch(address))


COROUTINE = (
    "an async function returns a coroutine, which is no value to keep or pass on; make the stage of"
    " a plain function that calls asyncio.run(...) and returns that"
)
GENERATOR = (
    "an async generator function returns an async generator, which is no value to keep or pass on;"
    " make the stage of a plain function that collects the values in asyncio.run(...) and returns"
    " them"
)


@pytest.mark.parametrize(
    ("function", "name", "line", "text"),
    [
        (fetch, "fetch", fetch.__code__.co_firstlineno, COROUTINE),
        (pages, "pages", pages.__code__.co_firstlineno, GENERATOR),
        (functools.partial(fetch, "a"), "fetch", fetch.__code__.co_firstlineno, COROUTINE),
        (Fetcher(), "Fetcher", Fetcher.__call__.__code__.co_firstlineno, COROUTINE),
        (Fetcher().__call__, "__call__", Fetcher.__call__.__code__.co_firstlineno, COROUTINE),
    ],
    ids=["function", "generator", "partial", "object", "method"],
)
def test_what_has_to_be_awaited_is_no_stage(function, name, line, text):
    """Nobody awaits it: the next stage would be given a coroutine."""
    for make in (stage, stage(persist=True), lambda function: pipeline | (function, "a")):
        with pytest.raises(GraphError) as caught:
            make(function)
        assert str(caught.value) == f"stage {name!r} (test_stage.py:{line}): {text}"


def test_what_awaits_by_itself_is_a_stage():
    """Whatever it wraps; and an object may answer to any name."""
    assert stage(waiting).function("a") == "a"
    assert stage(Mock(return_value=3)).function() == 3


class Scale:
    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return x * self.by


@pytest.mark.parametrize(
    ("function", "args", "name", "value"),
    [
        (len, ([1, 2],), "len", 2),
        (max, (1, 2), "max", 2),
        (functools.partial(max, 5), (1,), "max", 5),
        (lambda x: x + 1, (1,), "<lambda>", 2),
        (Scale(3), (2,), "Scale", 6),
        (str, (7,), "str", "7"),
        (operator.itemgetter(1), ([4, 5],), "itemgetter", 5),
        ("a-b".split, ("-",), "split", ["a", "b"]),
        (functools.lru_cache(abs), (-1,), "abs", 1),
    ],
)
def test_any_callable_is_a_good_stage(function, args, name, value):
    """Built-ins, partials, lambdas, objects, classes, bound methods and wrapped functions run."""
    made = stage(function)(*args)
    assert made.name == name
    assert made.disable_caching().run_same_process() == value


def test_piping_puts_the_upstream_value_first():
    """``pipeline | f | (g, 2, {"k": 3})`` calls ``g(f(), 2, k=3)``."""
    pipe = pipeline | (lambda: 10) | (lambda a, b, k: (a, b, k), 2, {"k": 3})
    assert isinstance(pipe, Pipeline)
    assert pipe.disable_caching().run_same_process() == (10, 2, 3)


def test_join_gives_several_upstream_values():
    """``pipeline.join([a, b], f, 1)`` calls ``f(a, b, 1)``."""
    joined = pipeline.join([load("a"), load("b")], lambda a, b, n: a * n + b, 2)
    assert joined.run_same_process() == "aab"


def test_an_empty_pipeline_cannot_run():
    """The message says how to begin."""
    with pytest.raises(GraphError) as caught:
        pipeline.run()
    assert str(caught.value) == (
        "pipeline has no stages yet; pipe a function into it: pipeline | load"
    )


def test_a_trailing_dict_with_other_keys_is_refused():
    """A dict that cannot be keyword arguments was meant as a value."""
    with pytest.raises(GraphError) as caught:
        pipeline | (load, {1: 2})
    assert str(caught.value) == (
        "pipeline: {1: 2}: a trailing dict is keyword arguments, whose names are strings; add an"
        " empty dict behind it to pass it as a value"
    )


def test_stages_in_containers_are_evaluated():
    """Lists, tuples, dicts, sets and named tuples of an argument may hold stages, at any depth."""
    from collections import namedtuple

    pair = namedtuple("pair", "left right")
    a, b = load("a"), load("b")
    seen = stage(lambda x: x)(
        {"list": [a, [b]], "tuple": (a,), "set": {a}, "named": pair(a, 1), b: "key"}
    )
    assert seen.disable_caching().run_same_process() == {
        "list": ["a", ["b"]],
        "tuple": ("a",),
        "set": {"a"},
        "named": pair("a", 1),
        "b": "key",
    }


@pytest.mark.parametrize(
    "compute",
    [
        lambda np, promise: np.sum(promise),
        lambda np, promise: np.asarray([1.0]) * promise,
        lambda np, promise: np.array([promise, promise]),
        lambda np, promise: np.asarray(promise),
        lambda np, promise: np.concatenate([promise, [1.0]]),
    ],
)
@pytest.mark.parametrize("promise", [load("a"), Hyperparameter("limit")])
def test_numpy_does_not_take_a_promise_for_a_value(compute, promise):
    """It would hand back an object as its own sum, and the stage would be given the whole array."""
    numpy = pytest.importorskip("numpy")
    with pytest.raises(GraphError) as caught:
        compute(numpy, promise)
    assert str(caught.value) == (
        f"{promise!r} cannot be computed with: its value is known only when the job runs; do so"
        " inside a stage that takes it as argument"
    )
