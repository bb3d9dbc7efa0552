"""Grouping: by colour and place, whatever the order, the resolution and the place on the photo."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.problems import MIN_HOLDS, group_problems
from core.wall import Hold, Problem
from tests.core.make import column, make_colour, make_hold

WIDTH, HEIGHT = 1600, 700


def sets(problems: Iterable[Problem]) -> set[frozenset[int]]:
    return {frozenset(problem.holds) for problem in problems}


def ids(holds: Iterable[Hold]) -> frozenset[int]:
    return frozenset(hold.id for hold in holds)


def test_no_holds_no_problems() -> None:
    assert group_problems([], 10, 10) == ((), ())


@pytest.mark.parametrize("sides", [(0, 5), (5, -1)])
def test_a_photo_has_sides(sides: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="positive photo sides"):
        group_problems([], *sides)


def test_ids_must_differ() -> None:
    with pytest.raises(ValueError, match="different ids"):
        group_problems([make_hold(1), make_hold(1)], 10, 10)


def test_one_colour_far_apart_is_two_problems_numbered_from_the_left() -> None:
    right, left = column(1, 1300, "red"), column(11, 100, "red")

    holds, problems = group_problems(right + left, WIDTH, HEIGHT)

    assert [(p.id, p.colour, set(p.holds)) for p in problems] == [
        (1, "red", set(ids(left))),
        (2, "red", set(ids(right))),
    ]
    assert [hold.problem for hold in holds] == [2] * 6 + [1] * 6


def test_colours_that_stand_among_each_other_are_parted() -> None:
    red, blue = column(1, 100, "red"), column(11, 130, "blue")

    _, problems = group_problems(red + blue, WIDTH, HEIGHT)

    assert sets(problems) == {ids(red), ids(blue)}


def test_a_vertical_gap_is_forgiven_where_a_horizontal_one_is_not() -> None:
    upright = [make_hold(k, (800.0, 60.0 + 130 * k, 30.0, 30.0), "red") for k in range(1, 5)]
    lying = [make_hold(k, (60.0 + 130 * k, 300.0, 30.0, 30.0), "red") for k in range(1, 5)]
    crowd = column(20, 1400, "blue", count=6, step=45)  # sets the scale of the neighbours

    assert ids(upright) in sets(group_problems(upright + crowd, WIDTH, HEIGHT)[1])
    assert ids(lying) not in sets(group_problems(lying + crowd, WIDTH, HEIGHT)[1])


def test_touching_routes_are_parted_at_their_one_long_link() -> None:
    left = column(1, 300, "red", step=80)
    right = column(11, 300 + 60 + 130, "red", step=80)

    assert sets(group_problems(left + right, WIDTH, HEIGHT)[1]) == {ids(left), ids(right)}


def test_fewer_than_three_are_strays() -> None:
    for count in range(1, MIN_HOLDS):
        holds, problems = group_problems(column(1, 100, "red", count=count), WIDTH, HEIGHT)
        assert problems == ()
        assert {hold.problem for hold in holds} == {None}


def test_a_lone_hold_far_from_its_colour_stays_alone() -> None:
    stray = make_hold(50, (1500.0, 50.0, 30.0, 30.0), "red")

    holds, _ = group_problems([*column(1, 100, "red"), stray], WIDTH, HEIGHT)

    assert holds[-1].problem is None


def test_earlier_problems_are_forgotten() -> None:
    holds = [replace(hold, problem=9) for hold in column(1, 100, "red", count=2)]

    assert [hold.problem for hold in group_problems(holds, WIDTH, HEIGHT)[0]] == [None, None]


def unsure_in(places: list[Hold], name: str, *others: tuple[str, float]) -> Hold:
    """An unsure hold in the middle of ``places``."""
    x, y, _, _ = places[len(places) // 2].box
    colour = make_colour(name, confidence=0.5, sure=False, alternatives=others)
    return make_hold(99, (x + 35, y + 20, 30.0, 30.0), colour)


def test_an_unsure_hold_joins_the_alternative_it_stands_in() -> None:
    pink = column(1, 100, "pink")
    hold = unsure_in(pink, "red", ("pink", 0.4))

    holds, problems = group_problems([*pink, hold, *column(20, 1200, "red")], WIDTH, HEIGHT)

    assert ids([*pink, hold]) in sets(problems)
    assert holds[6].colour == hold.colour, "its colour is the setter's to change"


def test_an_unsure_hold_keeps_its_own_colour_where_that_stands_too() -> None:
    pink, red = column(1, 100, "pink"), column(20, 115, "red")
    hold = unsure_in(pink, "red", ("pink", 0.4))

    assert ids([*red, hold]) in sets(group_problems([*pink, hold, *red], WIDTH, HEIGHT)[1])


def test_a_sure_hold_is_not_recoloured() -> None:
    pink = column(1, 100, "pink")
    hold = replace(unsure_in(pink, "red"), colour=make_colour("red", alternatives=(("pink", 0.4),)))

    assert group_problems([*pink, hold], WIDTH, HEIGHT)[0][-1].problem is None


def test_a_photo_of_unsure_holds_still_has_problems() -> None:
    holds = [replace(hold, colour=make_colour("red", sure=False)) for hold in column(1, 100, "red")]

    assert sets(group_problems(holds, WIDTH, HEIGHT)[1]) == {ids(holds)}


@pytest.mark.parametrize(
    ("colour", "gap", "joins"),
    [
        ("red", 10.0, True),
        ("red", 300.0, False),
        ("blue", 10.0, False),
    ],
)
def test_a_volume_joins_a_problem_of_its_colour_close_by(
    colour: str, gap: float, joins: bool
) -> None:
    red = column(1, 100, "red")
    volume = make_hold(50, (160.0 + gap, 200.0, 150.0, 150.0), colour, kind="volume")

    holds, _ = group_problems([*red, volume], WIDTH, HEIGHT)

    assert (holds[-1].problem is not None) == joins


@pytest.mark.parametrize("colour", ["black", "grey", "white", "wood"])
def test_a_volume_of_the_wall_must_all_but_touch(colour: str) -> None:
    problem = column(1, 100, colour)
    for gap, joins in ((2.0, True), (40.0, False)):
        volume = make_hold(50, (160.0 + gap, 200.0, 150.0, 150.0), colour, kind="volume")
        holds, _ = group_problems([*problem, volume], WIDTH, HEIGHT)
        assert (holds[-1].problem is not None) == joins


def test_volumes_neither_form_nor_join_problems() -> None:
    volumes = [replace(hold, kind="volume") for hold in column(1, 500, "red")]
    assert group_problems(volumes, WIDTH, HEIGHT)[1] == ()

    left, right = column(11, 60, "red"), column(21, 900, "red")
    bridge = make_hold(31, (125.0, 200.0, 770.0, 90.0), "red", kind="volume")
    assert len(group_problems([*left, *right, bridge], WIDTH, HEIGHT)[1]) == 2


def test_overlapping_boxes_are_no_trouble() -> None:
    pile = [make_hold(k, (100.0 + k, 100.0, 30.0, 30.0), "red") for k in range(1, 6)]

    assert sets(group_problems(pile, WIDTH, HEIGHT)[1]) == {ids(pile)}


@st.composite
def layouts(draw: st.DrawFn) -> list[Hold]:
    """Up to 40 holds anywhere on 1000 x 800 pixels, some unsure, some volumes."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    names = ["red", "pink", "black"]
    holds = []
    for number in range(1, draw(st.integers(1, 40)) + 1):
        name, other = rng.permutation(names)[:2].tolist()
        sure = bool(rng.random() < 0.7)
        x, y = rng.uniform(0, (900, 700)).tolist()
        width, height = rng.uniform(10, 80, 2).tolist()
        holds.append(
            make_hold(
                number,
                (x, y, width, height),
                make_colour(name, confidence=0.5, sure=sure, alternatives=((other, 0.4),)),
                kind="volume" if rng.random() < 0.1 else "hold",
            )
        )
    return holds


@settings(max_examples=60, deadline=None)
@given(layouts(), st.randoms(use_true_random=False))
def test_the_order_of_the_holds_does_not_matter(holds: list[Hold], random: object) -> None:
    shuffled = list(holds)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    given_order, problems = group_problems(holds, 1000, 800)
    other_order, same = group_problems(shuffled, 1000, 800)

    assert problems == same
    assert sorted(other_order, key=lambda hold: hold.id) == list(given_order)
    assert [hold.id for hold in other_order] == [hold.id for hold in shuffled]


def moved(hold: Hold, factor: float, dx: float, dy: float) -> Hold:
    x, y, width, height = hold.box
    box = (x * factor + dx, y * factor + dy, width * factor, height * factor)
    return replace(hold, box=box)


@settings(max_examples=60, deadline=None)
@given(layouts(), st.sampled_from([0.125, 0.37, 2.0, 3.3, 8.0]))
def test_the_resolution_does_not_matter(holds: list[Hold], factor: float) -> None:
    scaled = [moved(hold, factor, 0, 0) for hold in holds]

    # Sides whose product with every factor is whole: 1000 and 800 times 0.37 and 3.3 are.
    sides = round(1000 * factor), round(800 * factor)
    assert group_problems(scaled, *sides)[1] == group_problems(holds, 1000, 800)[1]


@settings(max_examples=60, deadline=None)
@given(layouts(), st.floats(0, 500), st.floats(0, 500))
def test_the_place_on_the_photo_does_not_matter(holds: list[Hold], dx: float, dy: float) -> None:
    there = [moved(hold, 1.0, dx, dy) for hold in holds]

    assert group_problems(there, 1600, 1400)[1] == group_problems(holds, 1600, 1400)[1]


@settings(max_examples=40, deadline=None)
@given(layouts())
def test_problems_are_sound(holds: list[Hold]) -> None:
    found, problems = group_problems(holds, 1000, 800)
    by_id = {hold.id: hold for hold in found}

    assert [problem.id for problem in problems] == list(range(1, len(problems) + 1))
    for problem in problems:
        members = [by_id[number] for number in problem.holds]
        assert {hold.problem for hold in members} == {problem.id}
        assert sum(hold.kind == "hold" for hold in members) >= MIN_HOLDS
        for hold in members:
            names = {hold.colour.name}
            if not hold.colour.sure:
                names |= {name for name, _ in hold.colour.alternatives}
            assert problem.colour in names
    claimed = {number for problem in problems for number in problem.holds}
    assert {hold.id for hold in found if hold.problem is not None} == claimed


def test_five_hundred_holds_are_quick() -> None:
    rng = np.random.default_rng(0)
    names = ["red", "blue", "green", "yellow", "pink", "black", "white", "mint"]
    holds = [
        make_hold(
            number + 1,
            (float(x), float(y), 20.0, 20.0),
            make_colour(
                names[number % 8],
                sure=number % 5 > 0,
                alternatives=((names[(number + 1) % 8], 0.4),),
            ),
        )
        for number, (x, y) in enumerate(rng.uniform(0, 2000, (500, 2)))
    ]

    def seconds() -> float:
        start = time.process_time()
        group_problems(holds, 2000, 2000)
        return time.process_time() - start

    # About 8 ms where it is measured for itself; the bound allows for a busy machine.
    assert min(seconds() for _ in range(5)) < 0.05
