"""The calibration, on readers whose worth is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.colour import log_softmax
from training.colour_fit import (
    SURE_RIGHT,
    fit_calibration,
    negative_log_likelihood,
    sure_threshold,
)

NAMES = 5


def reader(names: np.ndarray, strength: float, seed: int, warmth: float = 1.0) -> np.ndarray:
    """Logits that are right by as much as they say (times ``warmth``): log-odds of a Gaussian
    signal of ``strength``.
    """
    random = np.random.default_rng(seed)
    signal = random.normal(0, 1, (len(names), NAMES))
    signal[np.arange(len(names)), names] += strength
    return signal * strength * warmth


@pytest.fixture
def names() -> np.ndarray:
    return np.random.default_rng(0).integers(0, NAMES, 4000)


def test_the_likelihood_is_torchs() -> None:
    random = np.random.default_rng(1)
    logits, names = random.normal(0, 3, (50, NAMES)), random.integers(0, NAMES, 50)

    expected = torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(names))

    assert negative_log_likelihood(logits, names) == pytest.approx(expected.item())
    assert np.allclose(np.exp(log_softmax(logits)).sum(1), 1)


def test_two_independent_honest_readers_are_simply_added(names: np.ndarray) -> None:
    found = fit_calibration(reader(names, 1.5, 1), reader(names, 2.0, 2), names)

    assert found["clip"] == pytest.approx(1.0, abs=0.1)
    assert found["statistics"] == pytest.approx(1.0, abs=0.1)
    told = found["held_out"]
    assert isinstance(told, dict)
    assert told["right_both"] > max(told["right_clip"], told["right_statistics"])
    assert told["crops"] == len(names)


def test_a_boaster_is_cooled_down(names: np.ndarray) -> None:
    boaster = reader(names, 1.5, 1, warmth=4.0)

    found = fit_calibration(boaster, np.zeros_like(boaster), names)

    assert found["clip"] == pytest.approx(0.25, abs=0.05)


def test_a_reader_of_nothing_gets_no_weight(names: np.ndarray) -> None:
    noise = np.random.default_rng(9).normal(0, 2, (len(names), NAMES))

    found = fit_calibration(reader(names, 2.0, 1), noise, names)

    assert found["statistics"] == pytest.approx(0.0, abs=0.05)
    assert found["clip"] == pytest.approx(1.0, abs=0.1)


def test_the_confidence_is_calibrated(names: np.ndarray) -> None:
    readers = reader(names, 1.2, 1, warmth=3.0), reader(names, 1.5, 2, warmth=0.6)
    found = fit_calibration(*readers, names)
    a, b = float(str(found["clip"])), float(str(found["statistics"]))
    shares = np.exp(log_softmax(sum(
        factor * log_softmax(logits) for factor, logits in zip((a, b), readers, strict=True)
    )))  # fmt: skip

    confidence, right = shares.max(1), shares.argmax(1) == names
    for low in (0.4, 0.6, 0.8):
        some = (confidence >= low) & (confidence < low + 0.2)
        assert right[some].mean() == pytest.approx(confidence[some].mean(), abs=0.05)


def test_sure_names_are_right_as_often_as_promised(names: np.ndarray) -> None:
    shares = np.exp(log_softmax(reader(names, 3.0, 1)))

    threshold = sure_threshold(shares, names)

    confidence, right = shares.max(1), shares.argmax(1) == names
    assert right[confidence >= threshold].mean() >= SURE_RIGHT
    assert right[confidence >= threshold - 0.02].mean() < SURE_RIGHT + 0.005  # no stricter


@pytest.mark.parametrize(
    ("shares", "names", "expected"),
    [
        ([[0.9, 0.1], [0.8, 0.2]], [0, 0], 0.5),  # all right: the least threshold
        ([[0.9, 0.1], [0.8, 0.2]], [1, 1], 0.99),  # never right: hardly anything is sure
        ([[0.95, 0.05]] * 3 + [[0.7, 0.3]], [0, 0, 0, 1], 0.705),
    ],
)
def test_thresholds_of_small_tables(
    shares: list[list[float]], names: list[int], expected: float
) -> None:
    assert sure_threshold(np.array(shares), np.array(names)) == pytest.approx(expected, abs=0.006)
