"""What random numbers of a stage start from, and that nobody else's are touched."""

import random
import textwrap

import pytest

import vcat
from vcat import stage
from vcat._authoring.graph import Graph
from vcat._running.engine import Engine
from vcat._running.process.seed import Seeds
from vcat.errors import StageError, VcatError


def draw(label):
    """Draw from the generator that all share."""
    return label, random.random()


def test_the_same_work_draws_the_same_numbers(tmp_path, monkeypatch):
    """In any process, with a cache of any other; other arguments draw others."""
    results = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        random.seed(name)
        results.append([stage(draw)(each).run_same_process() for each in "ab"])
    assert results[0] == results[1]
    assert results[0][0][1] != results[0][1][1]


def test_a_seed_of_ones_own_is_what_the_generators_are_given():
    """As if the stage began with ``random.seed(7)``."""
    assert stage(draw, seed=7)("x").run_same_process() == ("x", random.Random(7).random())


def test_numpy_and_torch_are_seeded_too(tmp_path, fresh):
    """Numpy by the last 32 bits, whatever the seed; torch with all of them."""
    numpy = pytest.importorskip("numpy")
    (tmp_path / "torch.py").write_text("def manual_seed(seed): global given; given = seed\n")
    said = fresh(
        """
        def drawn():
            import numpy.random, torch
            return float(numpy.random.random()), torch.given

        print(stage(drawn, seed=(1 << 40) + 5, cache=False)().run_same_process())
        """,
    )
    assert said == f"{(float(numpy.random.RandomState(5).random()), (1 << 40) + 5)}\n"


def test_the_first_to_import_a_generator_finds_it_seeded(fresh):
    """Nothing is imported for it, and a stage draws the same whether it imports or finds it."""
    code = """
        def drawn():
            import sys
            {}
            found = "random" in sys.modules
            import random
            return found, random.random()

        print(stage(drawn, seed=3, cache=False)().run_same_process())
        """
    number = random.Random(3).random()
    first = fresh(code.format("sys.modules.pop('random', None)"))
    assert first == f"{(False, number)}\n"
    assert fresh("import random\n" + textwrap.dedent(code.format(""))) == (f"{(True, number)}\n")


def test_the_script_has_its_generators_back(monkeypatch):
    """Running a pipeline in the process of a script changes nothing that the script draws."""
    numpy = pytest.importorskip("numpy")

    def both():
        return random.random(), float(numpy.random.random())

    random.seed(1)
    numpy.random.seed(1)
    expected = both()
    random.seed(1)
    numpy.random.seed(1)
    stage(both, seed=5, cache=False)().run_same_process()

    def failing():
        both()
        raise ValueError

    with pytest.raises(StageError):
        stage(failing, seed=5)().run_same_process()
    assert both() == expected


def test_what_a_stage_was_the_first_to_import_is_not_left_seeded(fresh):
    """A script that imports :mod:`random` later draws new numbers in each process."""
    code = """
        import sys
        stage(abs, cache=False)(1).run_same_process()  # all that vcat itself imports
        sys.modules.pop("random", None)

        def drawn():
            import random

        stage(drawn, seed=3, cache=False)().run_same_process()
        import random
        print(random.random())
        """
    assert fresh(code) != fresh(code)


def test_a_stage_that_is_not_cached_draws_from_the_scripts_generators():
    """Without a key, a seed or a job there is nothing to start from, and nothing is touched."""
    random.seed(1)
    expected = random.random()
    random.seed(1)
    assert stage(draw, cache=False)("x").run_same_process() == ("x", expected)


def test_a_stage_that_runs_a_pipeline_has_its_own_numbers():
    """What the inner stages draw does not change what the outer one draws after them."""

    def outer(inner):
        first = random.random()
        if inner:
            stage(draw, seed=8)("inner").run_same_process()
        return first, random.random(), vcat.stage_seed()

    def run(inner):
        return stage(outer, seed=9, cache=False)(inner).run_same_process()

    assert run(inner=True) == run(inner=False)


def test_a_repeated_call_starts_from_the_same_seed():
    """A call that failed for the network's sake gives what it would have given."""
    drawn = []

    def fails_twice():
        drawn.append(random.random())
        if len(drawn) < 3:
            raise OSError
        return drawn[-1]

    assert stage(fails_twice, retries=2, seed=4, cache=False)().run_same_process() == drawn[0]
    assert drawn == [random.Random(4).random()] * 3


def test_seeds_come_from_option_key_or_job():
    """In this order; without any of them there is none, and an item that is taken needs none."""

    class Key:
        hex = "00000000000000ff" + "0" * 48

    plain, given = stage(draw)("x"), stage(draw, seed=1)("x")
    seeds = Seeds("job", ["a", "b"])
    assert seeds.of(0, given, Key) == 1
    assert seeds.of(1, plain, Key) == 255
    assert seeds.used == {0: 1, 1: 255}
    assert seeds.of(0, plain, None) == Seeds("job", ["a"]).of(0, plain, None)
    assert seeds.of(0, plain, None) != Seeds("other", ["a"]).of(0, plain, None)
    assert seeds.of(0, plain, None) != seeds.of(1, plain, None)
    assert Seeds().of(0, plain, None) is None
    assert seeds.of(1, plain[0], None) is None


def test_items_of_a_map_without_keys_draw_each_its_own_numbers():
    """They come after the stages of the job, and have no ids of their own."""
    plain, seeds = stage(draw)("x"), Seeds("job", ["a"])
    assert len({seeds.of(number, plain, None) for number in range(5)}) == 5
    assert seeds.of(3, plain, None) == Seeds("job", ["a"]).of(3, plain, None)


def test_the_engine_takes_note_of_the_seeds_that_were_used():
    """They are part of the record."""
    graph = Graph.ending_in(stage(draw, seed=6)("x"))
    seeds = Seeds()
    Engine(graph, {}, seeds=seeds).run()
    assert seeds.used == {0: 6}


def test_stage_seed_tells_the_seed():
    """For generators that a stage makes itself, in its threads too."""
    assert stage(vcat.stage_seed, seed=11)().run_same_process() == 11
    first, second = (stage(vcat.stage_seed, cache=False)() for _ in range(2))
    assert first.run_same_process() != second.run_same_process()


def test_stage_seed_is_of_a_stage():
    """Elsewhere there is none to tell."""
    with pytest.raises(VcatError) as caught:
        vcat.stage_seed()
    assert str(caught.value) == (
        "stage_seed(): no stage is running in this process; call it in a function that is a stage"
        " of the pipeline"
    )


def test_another_seed_is_another_result():
    """``seed=`` is part of what results are filed under."""
    results = [stage(draw, seed=each)("x").run_same_process() for each in (1, 2, 1)]
    assert results[0] == results[2] != results[1]


def test_a_module_of_the_project_with_such_a_name_is_left_alone(tmp_path, fresh):
    """``random.py`` beside the script is the user's, whatever it has."""
    (tmp_path / "random.py").write_text("def seed(number): raise SystemExit('seeded')\n")
    said = fresh(
        """
        import sys
        sys.modules.pop("random", None)
        sys.path.insert(0, ".")

        def drawn():
            import random
            return random.__file__.endswith("random.py")

        print(stage(drawn, seed=3)().run_same_process())
        print(stage(drawn, seed=4)().run_same_process())
        """,
    )
    assert said == "True\nTrue\n"
