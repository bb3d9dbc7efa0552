"""Cells of a table become one edit."""

from __future__ import annotations

import math
from typing import Any

import pytest

from core.errors import EditError
from core.review_table import table_edit
from tests.core.test_review import sets, wall


def test_many_cells_are_one_step() -> None:
    review = wall()
    edit = table_edit(
        review,
        holds={
            1: {"colour": "blue"},
            2: {"colour": "blue", "problem": 3.0},
            3: {"kind": "volume"},
            4: {"problem": None},
        },
        problems={1: {"name": "Slab"}, 2: {"grade": "V3", "name": None}},
        deleted=[16],
    )

    after = review.apply(edit)

    assert sets(after) == {
        1: ("red", {3, 5, 6}),
        2: ("blue", {1, 11, 12, 13, 14, 15}),
        3: ("green", {2, *range(21, 27)}),
    }
    assert after.hold(2).colour.name == "blue" and after.hold(3).kind == "volume"
    assert after.problem(1).name == "Slab" and after.problem(2).grade == "V3"
    assert after.undo().state == review.state


def test_cells_that_say_what_is_there_change_nothing() -> None:
    review = wall()
    cells = {"kind": "hold", "problem": 1}

    assert review.apply(table_edit(review, holds={1: cells})) is review
    assert review.apply(table_edit(review)) is review


@pytest.mark.parametrize("empty", [None, math.nan])
def test_an_emptied_problem_is_none(empty: Any) -> None:
    review = wall().apply(table_edit(wall(), holds={1: {"problem": empty}}))

    assert review.hold(1).problem is None and review.placed == {1}


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({1: {"score": 0.5}}, "bad_cell"),
        ({1: {"problem": "three"}}, "bad_cell"),
        ({1: {"problem": 1.5}}, "bad_cell"),
        ({1: {"problem": math.inf}}, "bad_cell"),
        ({1: {"problem": 9}}, "unknown_problem"),
        ({1: {"colour": None}}, "no_colour"),
        ({1: {"colour": 5}}, "bad_cell"),
        ({1: {"kind": ["hold"]}}, "bad_cell"),
        ({1: {"problem": [1]}}, "bad_cell"),
        ({1: {"kind": None}}, "bad_kind"),
        ({99: {"kind": "hold"}}, "unknown_hold"),
        ({99: {"colour": "red"}}, "unknown_hold"),
    ],
)
def test_a_cell_that_cannot_be_is_told(cells: dict[int, dict[str, Any]], code: str) -> None:
    review = wall()

    with pytest.raises(EditError) as caught:
        review.apply(table_edit(review, holds=cells))

    assert caught.value.code == code


def test_a_problem_that_is_not_there_is_told() -> None:
    with pytest.raises(EditError) as caught:
        wall().apply(table_edit(wall(), problems={9: {"name": "x"}}))

    assert caught.value.code == "unknown_problem"
