"""Fitting the judge: who gets a true hold, and that it learns what its features tell."""

from __future__ import annotations

import numpy as np
import pytest

from core.judgement import FEATURES
from training.judgement import cross_entropy, fit, matched


def test_a_true_hold_goes_to_the_first_that_overlaps_it_enough() -> None:
    wanted = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float32)
    boxes = np.array(
        [[20, 0, 30, 10], [0, 0, 10, 9], [0, 0, 10, 10], [5, 0, 15, 10], [21, 0, 31, 10]],
        np.float32,
    )

    assert matched(boxes, wanted, 0.5).tolist() == [True, True, False, False, False]
    assert matched(boxes, wanted, 0.95).tolist() == [True, False, True, False, False]
    assert matched(boxes, np.zeros((0, 4), np.float32), 0.5).tolist() == [False] * 5


def test_each_source_counts_by_its_share_and_probabilities_are_those_of_the_data() -> None:
    random = np.random.default_rng(3)
    rows = random.normal(0, 1, (20_000, len(FEATURES))).astype(np.float32)
    chance = 1 / (1 + np.exp(-2 * rows[:, 4]))
    right = random.random(len(rows)) < chance
    contrary = (rows[:300], ~right[:300], ~right[:300])

    judge = fit([(1.0, (rows, right, right)), (0.001, contrary)])

    fresh = random.normal(0, 1, (2000, len(FEATURES))).astype(np.float32)
    expected = 1 / (1 + np.exp(-2 * fresh[:, 4]))
    assert np.abs(judge.probabilities(fresh) - expected).mean() < 0.05
    turned = fit([(0.001, (rows, right, right)), (1.0, contrary)])
    assert np.corrcoef(turned.probabilities(fresh), expected)[0, 1] < -0.5


def test_tight_finds_come_first_and_probabilities_stay_those_of_being_right() -> None:
    random = np.random.default_rng(5)
    rows = random.normal(0, 1, (20_000, len(FEATURES))).astype(np.float32)
    right = random.random(len(rows)) < 0.6
    tight = right * np.where(rows[:, 2] > 0, 1.0, 0.2)  # tells how tight, not whether right

    judge = fit([(1.0, (rows, right, tight))])

    share = judge.probabilities(rows)
    assert share[rows[:, 2] > 0.3].min() > share[rows[:, 2] < -0.3].max()
    assert share.mean() == pytest.approx(0.6, abs=0.01)


def test_cross_entropy_is_that_of_a_coin() -> None:
    assert abs(cross_entropy(np.full(8, 0.5), np.arange(8) < 3) - np.log(2)) < 1e-12
