"""A filter keeps what it says, and forgets what an edit took off the wall."""

from __future__ import annotations

from typing import Any

import pytest

from core.review_filter import MAX_COLOURS, HoldFilter
from core.wall import Problem
from tests.core.make import make_colour, make_hold

HOLDS = (
    make_hold(1, (0, 0, 30, 30), make_colour("red"), problem=1),
    make_hold(2, (40, 0, 30, 30), make_colour("red", sure=False, confidence=0.4), problem=1),
    make_hold(3, (80, 0, 30, 30), make_colour("blue"), problem=2),
    make_hold(4, (120, 0, 30, 30), make_colour("mint", sure=False, confidence=0.4)),
)
PROBLEMS = (Problem(1, "red", (1, 2)), Problem(2, "blue", (3,)))


@pytest.mark.parametrize(
    ("chosen", "holds", "problems"),
    [
        (HoldFilter(), [1, 2, 3, 4], [1, 2]),
        (HoldFilter(frozenset({"red", "mint"})), [1, 2, 4], [1]),
        (HoldFilter(problem=2), [3], [2]),
        (HoldFilter(unsure=True), [2, 4], [1]),
        (HoldFilter(frozenset({"mint"}), unsure=True), [4], []),
        (HoldFilter(frozenset({"blue"}), problem=1), [], []),
    ],
)
def test_what_is_kept(chosen: HoldFilter, holds: list[int], problems: list[int]) -> None:
    assert [hold.id for hold in chosen.holds(HOLDS)] == holds
    assert [problem.id for problem in chosen.problems(PROBLEMS, HOLDS)] == problems
    assert chosen.active == (len(holds) < len(HOLDS))


def test_a_problem_without_holds_in_sight_is_still_listed_where_nothing_is_left_out() -> None:
    assert HoldFilter().problems(PROBLEMS, ()) == PROBLEMS


def test_what_is_gone_is_forgotten() -> None:
    wish = HoldFilter(frozenset({"red", "pink"}), problem=7, unsure=True)

    assert wish.pruned(HOLDS, PROBLEMS) == HoldFilter(frozenset({"red"}), None, True)
    assert not wish.pruned(HOLDS[2:3], PROBLEMS[1:]).active
    assert HoldFilter(problem=2).pruned(HOLDS, PROBLEMS) == HoldFilter(problem=2)


def test_it_travels_as_plain_values() -> None:
    chosen = HoldFilter(frozenset({"red", "blue"}), 3, True)

    assert chosen.plain() == {"colours": ["blue", "red"], "problem": 3, "unsure": True}
    assert HoldFilter.of_plain(chosen.plain()) == chosen


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"colours": "red", "problem": None, "unsure": False},
        {"colours": [1], "problem": None, "unsure": False},
        {"colours": ["x"] * (MAX_COLOURS + 1), "problem": None, "unsure": False},
        {"colours": [], "problem": "1", "unsure": False},
        {"colours": [], "problem": True, "unsure": False},
        {"colours": [], "problem": None, "unsure": 1},
    ],
)
def test_anything_else_from_a_browser_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected colours, problem and unsure"):
        HoldFilter.of_plain(value)
