"""When a hold is said to have moved: only where its picture is found again, clearly best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from core.arrays import Doubles
from core.hold_traits import Traits, traits_of
from core.moves import LEAD, LIKENESS, moved_pairs
from tests.core.make import make_hold


def traits(*places: tuple[float, float]) -> Traits:
    holds = [make_hold(n, (x, y, 40, 30)) for n, (x, y) in enumerate(places, 1)]
    return traits_of(holds, lambda points: points)


def moves(
    alike: list[list[float]], free: tuple[Sequence[int], Sequence[int]] | None = None
) -> list[tuple[int, int]]:
    table = np.array(alike)
    rows, columns = table.shape
    first = traits(*((60.0 * n, 50.0) for n in range(rows)))
    second = traits(*((60.0 * n, 400.0) for n in range(columns)))

    def likeness(
        _first: Sequence[Doubles], _second: Sequence[Doubles], asked: NDArray[np.bool_]
    ) -> Doubles:
        return np.where(asked, table, 0.0)

    everyone = range(rows), range(columns)
    return moved_pairs(first, second, free or everyone, np.zeros(3), likeness)


def test_pictures_that_are_found_again_are_moves() -> None:
    assert moves([[0.2, 0.95], [0.9, 0.3]]) == [(0, 1), (1, 0)]


def test_pictures_that_are_a_little_alike_are_none() -> None:
    assert moves([[LIKENESS - 0.01]]) == []


@pytest.mark.parametrize("alike", [[[0.95, 0.94]], [[0.95], [0.94]]], ids=["new", "old"])
def test_of_twins_none_is_said_to_have_moved(alike: list[list[float]]) -> None:
    assert moves(alike) == []


def test_the_lead_is_over_the_next_best_of_either_side() -> None:
    rival = 0.95 - LEAD - 0.01
    assert moves([[0.95, rival], [rival, 0.1]]) == [(0, 0)]


def test_holds_that_stayed_are_not_asked_about() -> None:
    assert moves([[0.95, 0.9]], ([0], [1])) == [(0, 1)]
    assert moves([[0.95, 0.9]], ([], [1])) == []
