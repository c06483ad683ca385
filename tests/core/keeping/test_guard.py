"""Calling backends: what is raised, and that what they open is not the stage's."""

from _thread import get_ident

import pytest

from vcat._keeping.guard import ask, at_work, call, guarded
from vcat.abc import unobserved
from vcat.errors import BackendError, VcatError


class Backend:
    """Raises what it is told to."""

    def raises(self, error):
        raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(5, "io"), "Backend.raises: OSError: [Errno 5] io"),
        (KeyError(), "Backend.raises: KeyError"),
    ],
)
def test_what_a_backend_raises_names_it(error, told):
    """Its class, the operation and the cause."""
    for do in (call, ask):
        with pytest.raises(BackendError) as caught:
            do(Backend(), "raises", error)
        assert str(caught.value) == told
        assert caught.value.__cause__ is error


def test_lookup_error_is_an_answer_only_where_it_is_one():
    """Listings do not know a job; a cache that raises it is as wrong as with any other."""
    with pytest.raises(LookupError, match=r"^no job$"):
        call(Backend(), "raises", LookupError("no job"))
    with pytest.raises(BackendError) as caught:
        ask(Backend(), "raises", LookupError("no job"))
    assert str(caught.value) == "Backend.raises: LookupError: no job"
    with pytest.raises(BackendError), guarded(Backend(), "raises"):
        raise LookupError


@pytest.mark.parametrize("do", [call, ask])
def test_errors_of_vcat_pass(do):
    """What says what to do is not wrapped in something that does not."""
    with pytest.raises(VcatError, match=r"^do this$"):
        do(Backend(), "raises", VcatError("do this"))
    with pytest.raises(VcatError, match=r"^do this$"), guarded(Backend(), "raises"):
        raise VcatError("do this")


class Interrupted(set):
    """A set in which an interrupt comes as soon as something is added."""

    def add(self, item):
        super().add(item)
        raise KeyboardInterrupt


def _enter():
    with unobserved():
        pass


@pytest.mark.parametrize(
    ("module", "name", "do"),
    [
        ("vcat._keeping.guard", "at_work", lambda: call(Backend(), "raises", OSError())),
        ("vcat.abc.backend", "_at_work", _enter),
    ],
)
def test_an_interrupt_leaves_no_thread_at_work(monkeypatch, module, name, do):
    """Else nothing would be observed any more, and results would be stale."""
    interrupted = Interrupted()
    monkeypatch.setattr(f"{module}.{name}", interrupted)
    with pytest.raises(KeyboardInterrupt):
        do()
    assert interrupted == set()


def test_blocks_within_blocks_end_with_the_outermost():
    """What is called at work does not end the work."""
    with unobserved():
        with unobserved():
            pass
        with guarded(Backend(), "raises"):
            assert get_ident() in at_work
        assert get_ident() in at_work
    assert get_ident() not in at_work
