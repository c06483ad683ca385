"""Maps over maps: each item waits for its partner alone, as the schedule and the engine have it."""

import random

import pytest

from vcat._running.schedule import Schedule


def taken(schedule):
    """Return all that is ready, in the order in which it is given out."""
    numbers = []
    while (number := schedule.take()) is not None:
        numbers.append(number)
    return numbers


def chain(count, length):
    """Return a schedule of maps over one another, expanded, none of whose items has been taken."""
    schedule = Schedule(
        [(), *[(number,) for number in range(length - 1)]],
        {number: (number - 1,) for number in range(1, length)},
    )
    for number in range(length):
        assert schedule.take() == number
        assert schedule.expand(number, count) == []
    return schedule


def test_a_map_over_a_map_is_expanded_before_the_items_of_that_run():
    """How many items it has is known then, and what each waits for."""
    schedule = Schedule([(), (0,), (1,)], {1: (0,)})
    assert schedule.take() == 0
    schedule.expand(0, 2)
    assert schedule.take() == 1
    schedule.expand(1, 2)
    assert [list(schedule.items(each)) for each in (0, 1)] == [[3, 4], [5, 6]]
    assert taken(schedule) == [3, 4]
    schedule.complete(4)
    assert taken(schedule) == [6]
    schedule.complete(6)
    schedule.complete(3)
    assert taken(schedule) == [0, 5]
    schedule.complete(5)
    assert taken(schedule) == [1]
    assert schedule.complete(1) == []
    assert taken(schedule) == [2]
    assert schedule.complete(2) == [5, 6, 1]


def test_chains_of_what_is_computed_go_on_at_once():
    """One after the other where one process runs them, however many maps deep they are."""
    schedule = chain(3, 3)
    order = []
    while (number := schedule.take()) is not None:
        order.append(number)
        schedule.complete(number)
    assert order == [3, 6, 9, 4, 7, 10, 5, 0, 8, 1, 11, 2]


def test_chains_of_what_is_found_go_on_map_by_map():
    """So that what is beside one another is looked for together."""
    schedule = chain(3, 3)
    order = []
    while (number := schedule.take()) is not None:
        order.append(number)
        schedule.complete(number, goes_on=False)
    assert order == [3, 4, 5, 0, 6, 7, 8, 1, 9, 10, 11, 2]


def test_the_value_of_an_item_goes_when_its_partners_have_it():
    """It does not wait for the other items; the last map's values are all needed."""
    schedule = chain(2, 3)
    assert schedule.take() == 3
    assert schedule.complete(3) == []
    assert schedule.take() == 5
    assert schedule.complete(5) == [3]
    assert schedule.take() == 7
    assert schedule.complete(7) == [5]
    assert [schedule.are_kept(each) for each in (0, 1, 2)] == [False, False, True]


def test_the_values_of_items_stay_while_the_map_itself_is_needed():
    """By a reader of the whole list; nobody waits for that who needs an item."""
    schedule = Schedule([(), (0,), (0,), (1, 2)], {1: (0,)})
    items = []
    for number in (0, 1):
        assert schedule.take() == number
        schedule.expand(number, 2)
        items += schedule.items(number)
    assert schedule.are_kept(0)
    for each in (items[0], items[2], items[1], 0, items[3], 1):
        assert schedule.take() == each
        assert schedule.complete(each) == []
    assert schedule.take() == 2
    assert schedule.complete(2) == [items[0], items[1], 0]


def test_a_map_over_two_maps_over_one_has_an_item_when_both_have():
    """The value of the first is there until both have had it."""
    schedule = Schedule([(), (0,), (0,), (1, 2)], {1: (0,), 2: (0,), 3: (1, 2)})
    for number in range(4):
        assert schedule.take() == number
        schedule.expand(number, 2)
    order = []
    while (number := schedule.take()) is not None:
        order.append((number, schedule.complete(number)))
    assert order == [
        (4, []),
        (6, []),
        (8, [4]),
        (10, [6, 8]),
        (5, []),
        (0, [0]),
        (7, []),
        (1, [1]),
        (9, [5]),
        (2, [2]),
        (11, [7, 9]),
        (3, []),
    ]


def test_maps_over_a_map_of_nothing_are_of_nothing():
    """All of them complete."""
    schedule, seen = Schedule([(), (0,), (1,)], {1: (0,), 2: (1,)}), []
    while (number := schedule.take()) is not None:
        if schedule.items(number) is None:
            schedule.expand(number, 0)
        else:
            seen.append((number, schedule.complete(number)))
    assert seen == [(0, [0]), (1, [1]), (2, [])]


def test_where_an_item_fails_those_that_follow_it_never_start_and_all_others_do():
    """Maps are spoiled when all their items have ended, that with the failure first."""
    schedule = chain(3, 3)
    assert schedule.are_kept(2)
    assert schedule.take() == 3
    assert schedule.fail(3) == []
    assert not schedule.are_kept(2)
    assert [each for each in range(12) if schedule.is_out(each)] == [0, 1, 2, 3, 6, 9]
    assert {schedule.culprit(each) for each in (0, 1, 2, 3, 6, 9)} == {3}
    assert schedule.spoiled == []
    released = []
    for expected in (4, 7, 10, 5):
        assert schedule.take() == expected
        released += schedule.complete(expected)
    assert schedule.spoiled == [0]
    for expected in (8, 11):
        assert schedule.take() == expected
        released += schedule.complete(expected)
    assert schedule.spoiled == [0, 1, 2]
    assert schedule.take() is None
    assert sorted(released) == [4, 5, 7, 8, 10, 11]
    assert schedule.failed == [3]


def test_the_last_item_may_be_the_one_that_fails():
    """All maps are spoiled at once."""
    schedule = chain(2, 3)
    for expected in (3, 5, 7, 4):
        assert schedule.take() == expected
        if expected != 4:
            schedule.complete(expected)
    assert schedule.fail(4) == [7]
    assert schedule.spoiled == [0, 1, 2]


def test_a_map_that_is_expanded_after_items_failed_has_those_that_can_run():
    """It waited for something else. The partners of what never starts are let go."""
    schedule = Schedule([(), (), (), (0, 1, 2)], {3: (0, 1)})
    assert schedule.take() == 0
    schedule.expand(0, 2)
    assert [schedule.take() for _ in range(3)] == [4, 5, 1]
    schedule.expand(1, 2)
    assert taken(schedule) == [6, 7, 2]
    schedule.fail(4)
    for each in (5, 6, 7):
        assert schedule.complete(each) == []
    assert schedule.take() == 1
    assert schedule.complete(1) == [1]
    assert schedule.spoiled == [0]
    assert schedule.complete(2) == []
    assert schedule.take() == 3
    assert schedule.expand(3, 2) == [6]
    assert schedule.culprit(8) == 4
    assert schedule.take() == 9
    assert sorted(schedule.complete(9)) == [2, 5, 7, 9]
    assert schedule.spoiled == [0, 3]
    assert schedule.take() is None


def test_a_map_that_cannot_be_expanded_leaves_the_other_alone():
    """The values that it would have read go when they are there."""
    schedule = Schedule([(), (0,), (1,), (0,)], {1: (0,), 2: (1,)})
    assert schedule.take() == 0
    schedule.expand(0, 2)
    assert schedule.take() == 1
    schedule.fail(1)
    assert [schedule.is_out(each) for each in range(4)] == [False, True, True, False]
    assert taken(schedule) == [4, 5]
    schedule.complete(4)
    schedule.complete(5)
    assert schedule.take() == 0
    schedule.complete(0)
    assert schedule.take() == 3
    assert schedule.complete(3) == [4, 5, 0]
    assert schedule.spoiled == []


def test_a_map_that_cannot_be_put_together_is_no_matter_for_the_items_over_it():
    """They have what they need."""
    schedule = chain(1, 2)
    assert schedule.take() == 2
    schedule.complete(2)
    assert taken(schedule) == [0, 3]
    schedule.fail(0)
    assert schedule.spoiled == []
    assert schedule.complete(3) == [2]
    assert schedule.take() == 1


def test_a_lost_item_is_had_again_before_its_follower_goes_on():
    """And released once more after it."""
    schedule = chain(2, 2)
    assert schedule.take() == 2
    schedule.complete(2)
    assert schedule.take() == 4
    schedule.wait(4, [2])
    assert schedule.take() == 2
    assert schedule.complete(2) == []
    assert schedule.take() == 3
    assert schedule.take() == 4
    assert schedule.complete(4) == [2]


def test_an_item_that_is_lost_for_good_spoils_its_map_and_those_over_it():
    """What had been ready is not given out."""
    schedule = Schedule([(), (0,), (0,), (1, 2)], {1: (0,), 2: (0,)})
    for number in range(3):
        assert schedule.take() == number
        schedule.expand(number, 1)
    assert schedule.take() == 4
    schedule.complete(4, goes_on=False)
    assert schedule.take() == 0
    schedule.complete(0)
    assert schedule.take() == 5
    schedule.wait(5, [4])
    assert schedule.take() == 4
    schedule.fail(4)
    assert schedule.take() is None
    assert [schedule.is_out(each) for each in (0, 1, 2, 3)] == [False, True, True, True]
    assert schedule.spoiled == [1, 2]


def test_what_has_what_it_needs_ends_where_the_next_has_not():
    """So far results can be looked for ahead."""
    schedule = chain(4, 2)
    for each in (2, 3, 5):
        schedule.complete(each)
    assert schedule.reach(2, 6) == 6
    assert schedule.reach(6, 10) == 8
    assert schedule.reach(6, 7) == 7
    schedule.complete(4)
    assert schedule.reach(6, 10) == 10


@pytest.mark.parametrize("seed", range(300))
def test_random_graphs_of_maps(seed):
    """Nothing starts without its inputs, all that can run does, values live as long as needed."""
    random_ = random.Random(seed)
    count = random_.randrange(2, 14)
    upstream = [
        tuple(random_.sample(range(n), random_.randrange(min(n, 3) + 1))) for n in range(count)
    ]
    maps = {n: random_.random() < 0.7 for n in range(count)}
    size = random_.randrange(4)
    zipped = {
        n: found
        for n, inputs in enumerate(upstream)
        if maps[n] and (found := tuple(e for e in inputs if maps[e] and random_.random() < 0.8))
    }
    schedule = Schedule(upstream, zipped)
    failing = random_.random() * 0.15
    partners, there, failed, started, spoiled = {}, set(), set(), [], []

    def needed(number):
        whole = schedule.whole(number)
        yield from schedule.upstream[number if whole is None else whole]
        yield from partners.get(number, ())
        if schedule.items(number) is not None and schedule.are_kept(number):
            yield from schedule.items(number)

    while (number := schedule.take()) is not None or schedule.running:
        released = []
        if number is not None:
            started.append(number)
            assert there.issuperset(needed(number))
            if number < count and maps[number] and schedule.items(number) is None:
                if random_.random() < failing:
                    failed.add(number)
                    released = schedule.fail(number)
                else:
                    released = schedule.expand(number, size)
                    others = [schedule.items(each) for each in zipped.get(number, ())]
                    for each, *theirs in zip(schedule.items(number), *others, strict=True):
                        partners[each] = theirs
        if schedule.running and (number is None or random_.random() < 0.6):
            ended = random_.choice(sorted(schedule.running))
            if random_.random() < failing:
                failed.add(ended)
                released += schedule.fail(ended)
            else:
                there.add(ended)
                released += schedule.complete(ended, goes_on=random_.random() < 0.5)
        assert len(set(released)) == len(released)
        assert there.issuperset(released)
        there.difference_update(released)
        spoiled += schedule.spoiled
        schedule.spoiled.clear()

    every = range(len(schedule.upstream))
    out, before = set(failed), None
    while before != len(out):
        before = len(out)
        for each in every:
            whole = schedule.whole(each)
            if whole is not None:
                if each in out:
                    out.add(whole)
                if out.intersection(partners[each]):
                    out.add(each)
                continue
            unexpanded = () if schedule.items(each) is not None else zipped.get(each, ())
            cut_off = any(o in out and schedule.items(o) is None for o in unexpanded)
            if out.intersection(schedule.upstream[each]) or cut_off:
                out.add(each)
    assert {each for each in every if schedule.is_out(each)} == out
    expanded = {each for each in range(count) if schedule.items(each) is not None}
    assert set(spoiled) == {n for n in expanded if out.intersection(schedule.items(n))}
    assert len(set(spoiled)) == len(spoiled)
    assert sorted({*started, *(out - failed - expanded)}) == list(every)
    twice = sorted(each for each in started if started.count(each) == 2)
    assert set(twice) == {n for n in expanded if n not in spoiled}
    last = count - 1
    assert there <= (set() if last in out else {last, *(schedule.items(last) or ())})


def test_ten_thousand_items_ten_maps_deep():
    """Nothing is walked again and again."""
    schedule, done = chain(10_000, 10), 0
    while (number := schedule.take()) is not None:
        done += 1
        schedule.complete(number)
    assert done == 100_010
    schedule = chain(10_000, 10)
    for number in range(10, 10_010):
        schedule.fail(number)
    assert schedule.take() is None
    assert schedule.spoiled == list(range(10))
