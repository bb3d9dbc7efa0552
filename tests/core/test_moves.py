"""When a hold is said to have moved: by its picture, its problem and its rivals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from core.arrays import Doubles, Indices
from core.hold_traits import traits_of
from core.moves import (
    BELIEVED,
    EVIDENCE,
    START,
    WEIGHTS,
    Side,
    evidence,
    kept_companions,
    moved_pairs,
    promising,
)
from core.wall import Hold
from tests.core.make import make_colour, make_hold

NO_CHANGE = np.ones(3)


def side(holds: Sequence[Hold], free: Sequence[int] | None = None, kept: float = 0.9) -> Side:
    chosen = np.zeros(len(holds), bool)
    chosen[list(range(len(holds)) if free is None else free)] = True
    return Side(traits_of(holds, lambda points: points), chosen, np.full(len(holds), kept))


def row(count: int, y: float, colour: str = "red") -> list[Hold]:
    return [make_hold(n + 1, (60.0 * n, y, 40, 30), colour) for n in range(count)]


class Looks:
    """Pictures as alike as a table says, and what was asked of them."""

    def __init__(self, alike: Sequence[Sequence[float]], stretch: float = 0.0) -> None:
        self.alike, self.stretch = np.array(alike), stretch
        self.asked: list[tuple[int, int]] = []

    def __call__(
        self, _before: Sequence[Doubles], _after: Sequence[Doubles], pairs: Indices
    ) -> Doubles:
        self.asked += [(a, b) for a, b in pairs.tolist()]
        told = self.alike[pairs[:, 0], pairs[:, 1]]
        return np.column_stack([told, np.full(len(told), self.stretch)])


def moves(alike: Sequence[Sequence[float]], kept: float = 0.9) -> list[tuple[int, int]]:
    rows, columns = np.array(alike).shape
    sides = side(row(rows, 50), kept=kept), side(row(columns, 400), kept=kept)
    return moved_pairs(*sides, NO_CHANGE, Looks(alike))


def test_pictures_that_are_found_again_are_moves() -> None:
    assert moves([[0.2, 0.95], [0.9, 0.3]]) == [(0, 1), (1, 0)]


def test_pictures_that_are_not_alike_are_none() -> None:
    assert moves([[0.0]]) == []


def test_of_many_twins_none_is_said_to_have_moved() -> None:
    assert moves([[0.9] * 8]) == [] and moves([[0.9]] * 8) == []
    assert moves([[0.9]]) == [(0, 0)]


def test_a_likely_pair_gives_way_to_a_likelier_one() -> None:
    assert moves([[0.97, 0.9], [0.9, 0.1]]) == [(0, 0)]


def test_a_hold_of_a_problem_that_was_stripped_went() -> None:
    assert moves([[0.8]], kept=0.9) == [(0, 0)]
    assert moves([[0.8]], kept=0.05) == []


def test_holds_that_are_not_free_are_not_asked_about() -> None:
    looks = Looks([[0.95, 0.9], [0.95, 0.9]])

    found = moved_pairs(side(row(2, 50), [0]), side(row(2, 400), [1]), NO_CHANGE, looks)

    assert found == [(0, 1)] and looks.asked == [(0, 1)]


@pytest.mark.parametrize(
    "other",
    [
        make_hold(1, (500, 400, 40, 30), make_colour("green", rgb=(30, 160, 60))),
        make_hold(1, (500, 400, 100, 75), "red"),
        make_hold(1, (500, 400, 40, 30), "red", kind="volume"),
    ],
    ids=["colour", "size", "kind"],
)
def test_what_no_picture_could_prove_is_not_looked_at(other: Hold) -> None:
    looks = Looks([[1.0]])

    assert moved_pairs(side(row(1, 50)), side([other]), NO_CHANGE, looks) == []
    assert looks.asked == []


def test_nothing_that_could_be_believed_is_left_out() -> None:
    rng = np.random.default_rng(4)
    sides = [
        side(
            [
                make_hold(
                    n + 1,
                    (60.0 * n, 50, 40 * float(rng.uniform(0.6, 1.6)), 30),
                    make_colour("red", rgb=tuple(rng.integers(60, 200, 3).tolist())),
                )
                for n in range(20)
            ]
        )
        for _side in range(2)
    ]
    every = np.argwhere(np.ones((20, 20), bool))
    same = Looks(np.ones((20, 20)))

    odds = START + evidence(*sides, every, NO_CHANGE, same) @ WEIGHTS
    possible = {(a, b) for (a, b), odd in zip(every.tolist(), odds, strict=True)
                if odd > np.log(BELIEVED / (1 - BELIEVED))}  # fmt: skip
    asked = {(a, b) for a, b in promising(*sides, NO_CHANGE).tolist()}

    assert possible == asked and 0 < len(asked) < 400


def test_the_evidence_is_measured() -> None:
    grey = make_hold(1, (0, 0, 40, 30), make_colour("grey", rgb=(119, 119, 119)))
    large = make_hold(1, (200, 0, 80, 60), make_colour("white", rgb=(255, 255, 255)))
    looks = Looks([[np.tanh(0.5)]], stretch=0.25)

    (known,) = evidence(
        side([grey], kept=0.9), side([large], kept=0.5), np.array([[0, 0]]), NO_CHANGE, looks
    )

    told = dict(zip(EVIDENCE, known.tolist(), strict=True))
    # sRGB 119 is L* 50.0 by the formula (CIE 15), white is 100; greys have no chroma.
    assert told["likeness"] == pytest.approx(0.5) and told["stretch"] == 0.25
    assert told["kept"] == pytest.approx(np.log(9))
    assert told["lightness"] == pytest.approx(50, abs=0.1)
    assert told["colour"] == pytest.approx(0, abs=0.01)
    assert told["size"] == pytest.approx(np.log(2), abs=0.01)


def test_other_light_is_no_other_colour() -> None:
    red = make_hold(1, (0, 0, 40, 30), make_colour("red", rgb=(200, 60, 50)))
    dim = make_hold(1, (200, 0, 40, 30), make_colour("red", rgb=(146, 42, 35)))  # half the light
    pair = np.array([[0, 0]])

    (known,) = evidence(side([red]), side([dim]), pair, np.full(3, 0.5), Looks([[0.9]]))
    (unlit,) = evidence(side([red]), side([dim]), pair, NO_CHANGE, Looks([[0.9]]))

    assert known[2] < 2 and known[3] < 1.5
    assert unlit[3] > 10


def test_no_holds_no_moves() -> None:
    looks = Looks(np.zeros((0, 0)))

    assert moved_pairs(side([]), side([]), NO_CHANGE, looks) == []
    assert moved_pairs(side(row(2, 50)), side([]), NO_CHANGE, looks) == []


def test_companions_are_the_others_of_the_problem_that_both_photos_show() -> None:
    problems = [1, 1, 1, 1, 2, None]
    stayed = [False, True, True, None, False, True]

    shares = kept_companions(problems, stayed)

    # Two of two, one of two twice, two of three, none at all twice; half a companion added.
    assert shares.tolist() == pytest.approx([2.5 / 3, 1.5 / 3, 1.5 / 3, 2.5 / 4, 0.5, 0.5])
