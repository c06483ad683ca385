"""What is done with a module the moment it has been imported, by as many hooks as there are."""

import sys
import threading
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec

import pytest

from vcat._running.process.import_hook import ImportHook

DRAWN = """
import sys
from vcat import *

@stage(cache=False)
def inner(n):
    import numpy.random
    return float(numpy.random.normal(0, 1, n).sum())

@stage(cache=False, seed=5)
def outer(n):
    first = inner(n).run_same_process()
    import numpy.random
    return numpy.random.random() if first else None
"""


@pytest.fixture
def hooked(tmp_path, monkeypatch):
    """The name of a module that can be imported and has not been."""
    (tmp_path / "hooked.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "hooked"
    sys.modules.pop("hooked", None)


@pytest.fixture
def hook(hooked):
    """Make and install hooks that note the value of that module under a name of their own."""
    made = []

    def hook(name, seen):
        made.append(ImportHook({hooked: lambda module: seen.append((name, module.value))}))
        made[-1].install()
        return made[-1]

    yield hook
    for each in made:
        each.remove()


def test_an_import_hook_leaves_the_module_as_it_is(hook):
    """Its loader is the one it would have had; the action sees it complete, once."""
    seen = []
    one = hook("one", seen)
    import hooked

    one.remove()
    one.remove()
    assert seen == [("one", 1)]
    assert "exec_module" not in vars(hooked.__loader__)
    assert hooked.__spec__.loader is hooked.__loader__


def test_each_of_several_hooks_acts_once(hook):
    """That of a pipeline in a stage of another one does not keep that one's from acting."""
    seen = []
    for name in ("one", "two", "three"):
        hook(name, seen)
    import hooked

    assert sorted(seen) == [("one", 1), ("three", 1), ("two", 1)]
    assert "exec_module" not in vars(hooked.__loader__)


def test_a_hook_that_is_removed_leaves_the_others(hook):
    """Whichever was installed first."""
    seen = []
    first, second = hook("first", seen), hook("second", seen)
    first.remove()
    import_module("hooked")

    second.remove()
    del sys.modules["hooked"]
    third, fourth = hook("third", seen), hook("fourth", seen)
    fourth.remove()
    import_module("hooked")

    third.remove()
    assert seen == [("second", 1), ("third", 1)]


class _Meanwhile:
    """A finder that finds nothing, and during whose search something else happens."""

    def __init__(self, happens):
        self._happens = happens

    def find_spec(self, name, path=None, target=None):
        """Let it happen, once."""
        if name == "hooked" and self._happens is not None:
            happens, self._happens = self._happens, None
            happens()


def test_a_hook_that_goes_during_an_import_hides_no_finder_from_it(hook, hooked, monkeypatch):
    """Another thread may end its pipeline while this one goes through ``sys.meta_path``."""
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    one = ImportHook({})
    one.install()
    # Right before the one that finds it; a library may have put its own after that.
    sys.meta_path.insert(sys.meta_path.index(PathFinder), _Meanwhile(one.remove))
    assert find_spec(hooked) is not None
    assert one not in sys.meta_path


def test_a_hook_that_is_gone_when_it_is_asked_finds_nothing(hook, hooked):
    """Whoever still goes by an older ``sys.meta_path`` asks those after it anyway."""
    one = hook("one", [])
    one.remove()
    assert one.find_spec(hooked) is None


def test_a_hook_asks_the_finders_that_were_there_when_it_was(hook, hooked, monkeypatch):
    """Also where one of them changes ``sys.meta_path``, or is none."""
    seen = []
    monkeypatch.setattr(sys, "meta_path", [object(), *sys.meta_path])
    sys.meta_path.insert(0, _Meanwhile(sys.meta_path.clear))
    one = hook("one", seen)
    whole = sys.meta_path[:]
    spec = one.find_spec(hooked)
    sys.meta_path[:] = whole
    assert spec.name == hooked


def test_hooks_of_threads_do_not_ask_each_other_in_turn(hook, hooked):
    """They come and go while others import; every import finds its module."""
    failed, over = [], threading.Event()

    def come():
        try:
            while not over.is_set():
                one = ImportHook({hooked: lambda _: None})
                one.install()
                find_spec(hooked)
                one.remove()
        except BaseException as error:  # whatever it is fails the test
            failed.append(error)

    threads = [threading.Thread(target=come) for _ in range(3)]
    for each in threads:
        each.start()
    missing = sum(find_spec(hooked) is None for _ in range(300))
    over.set()
    for each in threads:
        each.join()
    assert (failed, missing) == ([], 0)


def test_a_pipeline_in_a_stage_may_be_the_first_to_import_numpy(fresh):
    """Both begin with their own seeds: the stage around it draws what it would draw alone."""
    said = fresh(
        DRAWN,
        """
        print(outer(3).run_same_process())
        assert "ImportHook" not in [type(each).__name__ for each in sys.meta_path]
        """,
    )
    alone = fresh(
        DRAWN,
        """
        import numpy.random
        numpy.random.seed(5)
        print(numpy.random.random())
        """,
    )
    assert said == alone


def test_threads_that_run_pipelines_may_be_the_first_to_import_numpy(fresh):
    """Two at a time: neither hook asks the other for what it does not know."""
    said = fresh(
        DRAWN,
        """
        from threading import Barrier, Thread

        both = Barrier(2)

        @stage(cache=False)
        def draw(n):
            both.wait(60)
            import numpy.random
            return n

        drawn = []
        threads = [
            Thread(target=lambda n=n: drawn.append(draw(n).run_same_process())) for n in range(2)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        print(sorted(drawn))
        """,
    )
    assert said == "[0, 1]\n"
