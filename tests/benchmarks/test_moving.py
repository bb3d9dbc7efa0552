"""The fit of the weights: on choices that the test drew by known weights."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.moving import believed, fitted, left_out

TRUE = np.array([3.0, 1.5, -2.0, 0.8, -1.0, -1.5])
START = -1.0


def drawn(walls: int, seed: int = 7) -> NDArray[np.float64]:
    """Rows as :func:`benchmarks.moving.rows_of` makes them: on each wall three holds that went, of
    which each is one of three others by itself that came, or none."""
    rng = np.random.default_rng(seed)
    rows = []
    for wall in range(walls):
        for hold in range(3):
            known = rng.normal(0, 1, (3, 6))
            odds = np.append(np.exp(known @ TRUE + START), 1.0)
            chosen = rng.choice(4, p=odds / odds.sum())
            for other in range(3):
                place = [wall, hold, 3 * hold + other, float(chosen == other)]
                rows.append([*place, *known[other]])
    return np.array(rows)


def test_the_signs_and_the_order_of_known_weights_are_found() -> None:
    weights = fitted(drawn(600))[:-1]

    # The model also lets those that came choose; so the size of all weights may differ a little.
    assert (np.sign(weights) == np.sign(TRUE)).all()
    assert np.corrcoef(weights, TRUE)[0, 1] > 0.98


def test_a_hold_with_one_rival_shares_its_probability() -> None:
    rows = np.array([[0, 0, 0, 1, *np.zeros(6)], [0, 0, 1, 0, *np.zeros(6)]], np.float64)

    share = believed(rows, np.zeros(7))  # odds of 1 each, and of 1 for none

    assert share.tolist() == pytest.approx([1 / 3, 1 / 3])


def test_what_is_left_out_is_told_by_the_others() -> None:
    rows = drawn(80)
    spoilt = rows.copy()
    here = np.isin(rows[:, 0], np.arange(0, 80, 8))
    spoilt[here, 3] = 1 - spoilt[here, 3]

    assert left_out(rows)[here] == pytest.approx(left_out(spoilt)[here])
    right = rows[:, 3] > 0
    assert left_out(rows)[right].mean() > 2 * left_out(rows)[~right].mean()
