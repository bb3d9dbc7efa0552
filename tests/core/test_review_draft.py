"""The rules that all edits share: the colour of a problem, and what is near."""

from __future__ import annotations

from itertools import permutations
from math import hypot

import pytest

from core.review_draft import common_colour, gap
from core.wall import Hold
from tests.core.make import make_colour, make_hold


def unsure(name: str, share: float, *others: tuple[str, float]) -> Hold:
    return make_hold(1, colour=make_colour(name, confidence=share, sure=False, alternatives=others))


RED, OTHER_RED, BLUE, PINK = (
    make_hold(k, colour=name) for k, name in enumerate(("red", "red", "blue", "pink"), start=1)
)
BLACK_VOLUMES = [make_hold(k, colour="black", kind="volume") for k in (8, 9)]
LEANING = [
    unsure("red", 0.5, ("pink", 0.4)),
    unsure("red", 0.5, ("pink", 0.4)),
    unsure("mint", 0.6, ("pink", 0.3)),
]
"""Expected numbers: red 1.0, pink 1.1, mint 0.6."""


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ([RED, OTHER_RED, BLUE], "red"),
        ([RED, BLUE], "blue"),  # a tie: as it was
        ([RED, PINK], "pink"),  # a tie that was neither: the first by name
        (LEANING, "pink"),
        ([RED, *BLACK_VOLUMES], "red"),
        (BLACK_VOLUMES, "black"),
    ],
)
def test_the_colour_that_most_are_expected_to_have(holds: list[Hold], expected: str) -> None:
    before = "blue" if expected == "blue" else "white"

    for order in permutations(holds):
        assert common_colour(order, before) == expected


def test_a_gap_is_between_the_boxes_and_a_vertical_one_counts_half() -> None:
    one = make_hold(1, (0.0, 0.0, 10.0, 10.0))

    assert gap(one, make_hold(2, (40.0, 0.0, 20.0, 10.0))) == 30
    assert gap(one, make_hold(2, (0.0, 40.0, 10.0, 20.0))) == 15
    assert gap(one, make_hold(2, (-50.0, 40.0, 10.0, 20.0))) == pytest.approx(hypot(40, 15))
    assert gap(one, make_hold(2, (5.0, 5.0, 10.0, 10.0))) == 0
