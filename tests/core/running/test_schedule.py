"""The order of stages: what is ready, what is released, what never starts, and maps."""

import random

import pytest

from vcat._running.schedule import Schedule


def taken(schedule):
    """Return all that is ready, in the order in which it is given out."""
    numbers = []
    while (number := schedule.take()) is not None:
        numbers.append(number)
    return numbers


def test_a_chain_runs_in_order_and_each_value_is_released_by_its_reader():
    """The last value is never released: it is the result."""
    schedule = Schedule([(), (0,), (1,)])
    seen = []
    while (number := schedule.take()) is not None:
        seen.append((number, schedule.complete(number)))
    assert seen == [(0, []), (1, [0]), (2, [1])]
    assert schedule.readers == [0, 0, 1]


def test_stages_run_in_the_order_of_the_graph_where_they_are_run_one_by_one():
    """What is ready with the least number is first, however early another one was ready."""
    upstream = [(), (0,), (), (1, 2), (), (3, 4)]
    schedule, order = Schedule(upstream), []
    while (number := schedule.take()) is not None:
        order.append(number)
        schedule.complete(number)
    assert order == [0, 1, 2, 3, 4, 5]


def test_a_stage_is_ready_when_all_it_reads_is_there():
    """The two sides of a diamond are ready together, its end when both have completed."""
    schedule = Schedule([(), (0,), (0,), (1, 2)])
    assert taken(schedule) == [0]
    schedule.complete(0)
    assert taken(schedule) == [1, 2]
    assert schedule.complete(2) == []
    assert taken(schedule) == []
    assert schedule.complete(1) == [0]
    assert taken(schedule) == [3]
    assert schedule.running == {3}


def test_what_depends_on_a_failure_never_starts_and_all_else_does():
    """Values that only they would have read are released."""
    schedule = Schedule([(), (), (0,), (1,), (2, 3), (1,), (4, 5)])
    assert taken(schedule) == [0, 1]
    assert schedule.complete(1) == []
    assert schedule.fail(0) == []
    assert [each for each in range(7) if schedule.is_out(each)] == [0, 2, 4, 6]
    assert taken(schedule) == [3, 5]
    assert schedule.complete(3) == [3]
    assert schedule.complete(5) == [1, 5]
    assert schedule.failed == [0]
    assert schedule.take() is None
    assert not schedule.running


def test_a_map_becomes_its_items_and_is_ready_again_when_they_have_completed():
    """Items go before other stages; what they read stays until the map has its value."""
    schedule = Schedule([(), (0,), (), (1, 2)])
    assert schedule.take() == 0
    schedule.complete(0)
    assert schedule.take() == 1
    assert schedule.items(1) is None
    assert schedule.expand(1, 3) == []
    assert schedule.items(1) == range(4, 7)
    assert [schedule.take() for _ in range(4)] == [4, 5, 6, 2]
    assert [schedule.upstream[each] for each in (4, 5, 6)] == [(0,)] * 3
    for each in (6, 4, 2, 5):
        assert schedule.complete(each) == []
    assert schedule.whole(5) == 1
    assert schedule.take() == 1
    assert schedule.items(1) == range(4, 7)
    assert schedule.complete(1) == [0]
    assert schedule.take() == 3
    assert schedule.complete(3) == [4, 5, 6, 1, 2]


def test_a_map_of_nothing_is_ready_at_once():
    """It has a value, the empty list."""
    schedule = Schedule([(), (0,)])
    schedule.take()
    schedule.complete(0)
    assert schedule.take() == 1
    assert schedule.expand(1, 0) == []
    assert schedule.items(1) == range(2, 2)
    assert schedule.take() == 1
    assert schedule.complete(1) == [0]


@pytest.mark.parametrize("order", [(3, 4, 5), (5, 3, 4), (4, 5, 3)])
def test_when_an_item_fails_the_others_run_and_the_map_does_not_complete(order):
    """What the items read is there until the last of them has ended."""
    schedule = Schedule([(), (0,), (1,)])
    schedule.take()
    schedule.complete(0)
    schedule.expand(schedule.take(), 3)
    assert taken(schedule) == [3, 4, 5]
    released = []
    for each in order:
        ended = schedule.fail(4) if each == 4 else schedule.complete(each)
        assert (0 in ended) == (each == order[-1])
        released += ended
    assert sorted(released) == [0, 3, 5]
    assert schedule.take() is None
    assert schedule.is_out(1)
    assert schedule.is_out(2)


def test_a_lost_value_is_had_again_before_its_reader_goes_on():
    """And it is released once more when the reader has ended, where nobody else needs it."""
    schedule = Schedule([(), (0,), (1,), (2,)])
    for each in (0, 1):
        assert schedule.take() == each
        schedule.complete(each)
    assert schedule.take() == 2
    schedule.wait(2, [1])
    assert schedule.take() == 1
    schedule.wait(1, [0])  # which was released before
    assert taken(schedule) == [0]
    assert schedule.complete(0) == []
    assert taken(schedule) == [1]
    assert schedule.complete(1) == [0]
    assert taken(schedule) == [2]
    assert schedule.complete(2) == [1]
    assert taken(schedule) == [3]


def test_two_readers_of_a_lost_value_have_it_computed_once():
    """Whoever comes second waits for the same."""
    schedule = Schedule([(), (0,), (0,), (1, 2)])
    schedule.take()
    schedule.complete(0)
    assert taken(schedule) == [1, 2]
    schedule.wait(1, [0])
    schedule.wait(2, [0])
    assert taken(schedule) == [0]
    schedule.complete(0)
    assert taken(schedule) == [1, 2]


def test_what_waits_for_a_value_that_fails_this_time_never_starts():
    """The reader was taken before, but has not begun."""
    schedule = Schedule([(), (0,), (1,)])
    schedule.take()
    schedule.complete(0)
    schedule.wait(schedule.take(), [0])
    assert schedule.take() == 0
    schedule.fail(0)
    assert schedule.take() is None
    assert schedule.is_out(1)


def test_an_item_that_waits_for_a_value_that_fails_this_time_never_starts():
    """The map reads the value for its items: it is over with the last of them."""
    schedule = Schedule([(), (0,), (1,)])
    schedule.take()
    schedule.complete(0)
    schedule.expand(schedule.take(), 2)
    first, second = schedule.items(1)
    assert taken(schedule) == [first, second]
    schedule.wait(first, [0])
    assert schedule.take() == 0
    schedule.fail(0)
    assert schedule.is_out(first)
    assert schedule.is_out(1)
    schedule.complete(second)
    assert schedule.take() is None
    assert schedule.is_out(2)


def test_what_runs_already_ends_as_it_does_though_a_value_it_read_is_lost_for_good():
    """It had the value; what comes after it has what it needs."""
    schedule = Schedule([(), (0,), (0,), (1,), (2, 3)])
    schedule.take()
    schedule.complete(0)
    assert taken(schedule) == [1, 2]
    schedule.wait(2, [0])
    assert schedule.take() == 0
    schedule.fail(0)
    schedule.complete(1)
    assert taken(schedule) == [3]


@pytest.mark.parametrize("seed", range(200))
def test_random_graphs(seed):
    """Nothing starts without its inputs, all that can run does, values live as long as needed."""
    random_ = random.Random(seed)
    count = random_.randrange(1, 30)
    upstream = [
        tuple(random_.sample(range(n), random_.randrange(min(n, 4) + 1))) for n in range(count)
    ]
    schedule = Schedule(upstream)
    there, started, failed = set(), [], set()
    while (number := schedule.take()) is not None or schedule.running:
        if number is not None:
            started.append(number)
            assert there.issuperset(schedule.upstream[number])
            if number % 5 == 3 and schedule.items(number) is None and number < count:
                schedule.expand(number, random_.randrange(4))
        if schedule.running and (number is None or random_.random() < 0.6):
            ended = random_.choice(sorted(schedule.running))
            if random_.random() < 0.05:
                failed.add(ended)
                released = schedule.fail(ended)
            else:
                there.add(ended)
                released = schedule.complete(ended)
            assert len(set(released)) == len(released)
            assert there.issuperset(released)
            there.difference_update(released)
    out = set(failed)
    for each in range(len(schedule.upstream)):
        whole = schedule.whole(each)
        if whole is not None and each in failed:
            out.add(whole)
    for each in range(count):
        if out.intersection(upstream[each]):
            out.add(each)
    assert {each for each in range(count) if schedule.is_out(each)} == out - set(
        range(count, len(schedule.upstream))
    )
    items = [each for each in range(count) if schedule.items(each) is not None]
    twice = [each for each in items if each not in out or started.count(each) == 2]
    expected = [each for each in range(len(schedule.upstream)) if each in started]
    assert sorted(started) == sorted(expected + twice)
    assert {each for each in range(count) if each not in out} <= set(started)
    needed = set() if count - 1 in out else {count - 1, *(schedule.items(count - 1) or ())}
    assert there - failed <= needed


def test_long_chains_and_wide_fans_are_no_matter():
    """Nothing is walked again and again, and nothing recursively."""
    schedule = Schedule([(), *[(n,) for n in range(99_999)]])
    while (number := schedule.take()) is not None:
        schedule.complete(number)
    assert sum(schedule.readers) == 1
    schedule = Schedule([(), *[(n,) for n in range(99_999)]])
    schedule.take()
    schedule.fail(0)
    assert schedule.is_out(99_999)
    wide = Schedule([(), *[(0,)] * 10_000, tuple(range(1, 10_001))])
    wide.take()
    wide.complete(0)
    assert taken(wide) == list(range(1, 10_001))
    for each in range(10_000, 0, -1):
        wide.complete(each)
    assert wide.take() == 10_001
