"""What is logged where neither a stage nor a command of a job runs is checked, and dropped."""

from __future__ import annotations

import warnings

import pytest

from vcat import log_artifact, log_metric, log_param, set_tag, stage
from vcat._running.unheard import unheard
from vcat.errors import VcatError

LOST = (
    " is dropped, and so is whatever else this process logs: it runs no stage and is no command of"
    " a job; run() of a pipeline keeps what its stages log, `vcat submit -- python SCRIPT` what a"
    " script does"
)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """A process that has logged nothing yet."""
    monkeypatch.setattr(unheard, "_said", False)


@stage
def fit(x):
    """A stage that reports all there is."""
    log_metric("loss", 0.5, step=1)
    log_param("C", x)
    set_tag("kind", "test")
    log_artifact(__file__)
    return x + 1


def test_a_stage_that_is_called_directly_returns_and_warns_once():
    """The first report is answered with a warning at its own line, the others with nothing."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [fit.function(1), fit.function(2)] == [2, 3]
    (said,) = caught
    assert str(said.message) == f"vcat: metric 'loss'{LOST}"
    assert (said.category, said.filename) == (RuntimeWarning, __file__)
    assert said.lineno == fit.function.__code__.co_firstlineno + 3
    assert unheard.events == []
    assert unheard.artifacts == {}


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: log_metric("loss", 1), "metric 'loss'"),
        (lambda: log_param("C", object()), "param 'C'"),
        (lambda: set_tag("kind"), "tag 'kind'"),
        (lambda: log_artifact(__file__), "artifact 'test_unheard.py'"),
        (lambda: log_artifact(__file__, "code/test"), "artifact 'code/test'"),
    ],
)
def test_each_says_what_is_dropped_where_the_script_logs_it(call, what):
    """Each function can be the first; as an error it is raised every time, in every test."""
    for _ in range(2):
        with pytest.raises(RuntimeWarning) as caught:
            call()
        assert str(caught.value) == f"vcat: {what}{LOST}"
    with pytest.warns(RuntimeWarning) as told:
        call()
    assert [(each.filename, each.lineno) for each in told] == [
        (__file__, call.__code__.co_firstlineno)
    ]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: log_metric("a", "b"), TypeError, "log_metric('a'): 'b' is not a number"),
        (
            lambda: log_metric("a", 1, step="x"),
            TypeError,
            "log_metric('a'): step 'x' is not a whole number",
        ),
        (lambda: log_param(3, 4), TypeError, "log_param(): the name is a string, not 3"),
        (lambda: set_tag(3), TypeError, "set_tag(): the name is a string, not 3"),
        (
            lambda: log_metric("", 1),
            ValueError,
            "log_metric(): the name is ''; give one to be asked for by",
        ),
        (
            lambda: log_param(" ", 1),
            ValueError,
            "log_param(): the name is ' '; give one to be asked for by",
        ),
        (
            lambda: set_tag(""),
            ValueError,
            "set_tag(): the name is ''; give one to be asked for by",
        ),
        (
            lambda: log_artifact(3.5),
            TypeError,
            "log_artifact(): 3.5 is not a path; save it to a file first",
        ),
        (
            lambda: log_artifact("/tmp"),
            VcatError,
            "log_artifact('tmp'): /tmp is a directory; log its files",
        ),
        (
            lambda: log_artifact(__file__, "a/b/c/d"),
            VcatError,
            "artifact 'a/b/c/d': a name is one to three parts joined by '/'",
        ),
        (
            lambda: log_artifact("no-such"),
            FileNotFoundError,
            "[Errno 2] No such file or directory: 'no-such'",
        ),
    ],
)
def test_mistakes_show_as_in_a_job(call, error, text):
    """What a job would fail of is raised, and not hidden by a warning."""
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
