"""Steps: what they keep, and that putting one in twice changes nothing."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from core.history import MAX_STEPS, History, WallState, step_between, swap
from core.wall import Hold, Problem
from tests.core.make import make_hold


def random_state(seed: int) -> WallState:
    """Some of ten holds in one of three versions each, some marks, some problems."""
    dice = random.Random(seed)
    ids = sorted(dice.sample(range(1, 11), dice.randint(0, 10)))
    holds = tuple(make_hold(k, colour=dice.choice(["red", "blue", "mint"])) for k in ids)
    problems = tuple(
        Problem(k, "red", (k,), name=dice.choice(["", "x"])) for k in ids if dice.random() < 0.5
    )
    marks = [frozenset(k for k in ids if dice.random() < 0.5) for _ in range(2)]
    return WallState(holds, problems, *marks)


@pytest.mark.parametrize("seed", range(40))
def test_a_step_leads_there_and_back(seed: int) -> None:
    here, there = random_state(seed), random_state(1000 + seed)

    reached, back = swap(here, step_between("any", here, there))

    assert reached == there and back.what == "any"
    assert swap(reached, back)[0] == here


def test_a_step_keeps_only_what_differs() -> None:
    holds = tuple(make_hold(k) for k in range(1, 6))
    here = WallState(holds, (Problem(1, "red", (1,)),))
    there = replace(here, holds=(*holds[:2], replace(holds[2], kind="volume"), holds[4]))

    step = step_between("x", here, there)

    assert step.holds == {3: there.holds[2], 4: None} and step.problems == {}
    assert not step.empty and step_between("x", here, replace(here)).empty


def test_an_equal_copy_is_no_difference() -> None:
    one, same = (WallState((make_hold(1),), ()) for _ in range(2))

    assert one.holds[0] is not same.holds[0] and step_between("x", one, same).empty


def test_an_outline_of_its_own_counts_and_a_shared_one_does_not() -> None:
    hold = make_hold(1)
    long: Hold = replace(hold, polygon=tuple((float(k), k * 0.5 + k % 2) for k in range(1, 201)))
    kept = WallState((long,), ())

    shared = step_between("x", kept, WallState((replace(long, kind="volume"),), ()))
    alone = step_between("x", WallState((), ()), kept)

    assert alone.size_bytes - shared.size_bytes > 200 * 64
    assert shared.size_bytes < 3000


def test_the_oldest_steps_go_first() -> None:
    history = History()
    for number in range(MAX_STEPS + 5):
        step = step_between(str(number), WallState((), ()), WallState((make_hold(1),), ()))
        history = history.after(step)

    assert len(history.past) == MAX_STEPS
    assert (history.past[0].what, history.past[-1].what) == ("5", str(MAX_STEPS + 4))
