"""Arguments are bound while the graph is built, and a mistake names the stage and the parameter."""

import pytest

from vcat import stage
from vcat.errors import GraphError


@stage
def fit(frame, C, *, depth=3):
    return frame, C, depth


LINE = fit.function.__code__.co_firstlineno
WHERE = f"stage 'fit' (test_signature.py:{LINE})"
SIGNATURE = "its signature is fit(frame, C, *, depth=3)"


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ((1,), {}, "missing argument 'C'"),
        ((), {}, "missing argument 'frame' and 'C'"),
        ((1, 2, 3), {}, "3 positional arguments given, it takes 2"),
        ((1, 2), {"c": 3}, "no parameter 'c', did you mean 'C'?"),
        ((1, 2), {"frame": 3}, "argument 'frame' is given twice, by position and by name"),
        ((1, 2), {"colour": 3}, "no parameter 'colour'"),
    ],
)
def test_wrong_arguments_are_refused_when_the_graph_is_built(args, kwargs, problem):
    """Nothing waits for the job to find out."""
    with pytest.raises(GraphError) as caught:
        fit(*args, **kwargs)
    assert str(caught.value) == f"{WHERE}: {problem}; {SIGNATURE}"


def test_one_argument_too_many_is_one_argument():
    """The message counts as people do."""
    with pytest.raises(GraphError, match=r": 1 positional argument given, it takes 0; its sign"):
        stage(lambda: 1)(2)


def plain(a, b=2, *, _c=3):
    return a, b


def only_positional(a, /, b):
    return a, b


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "fits"),
    [
        (plain, (1,), {}, True),
        (plain, (1,), {"b": 3}, True),
        (plain, (), {"b": 3}, False),
        (plain, (1, 2), {"b": 3}, False),
        (only_positional, (1,), {"b": 2}, True),
        (only_positional, (), {"a": 1, "b": 2}, False),
        (lambda *a, **k: 1, (1, 2, 3), {"x": 1}, True),
        (dict, (), {"anything": 1}, True),
        (int, ("7", 8), {}, True),
        (print, (1,), {"sep": ""}, True),
    ],
)
def test_binding_agrees_with_python(function, args, kwargs, fits):
    """The quick check for plain functions and the full one say what a call would say."""
    if fits:
        stage(function)(*args, **kwargs)
    else:
        with pytest.raises(GraphError):
            stage(function)(*args, **kwargs)
