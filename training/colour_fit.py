"""How much the CLIP and the statistics count, how warm their sum is, and when a name is sure.

Fitted as if both were asked about every hold. That the CLIP is spared where the statistics leave no
doubt is the reader's own thrift (:data:`core.colour.SETTLED`); nothing is trained here.
"""

from __future__ import annotations

import numpy as np

from core.colour import log_softmax

SURE_RIGHT = 0.99  # share of sure names that are to be right on held-out crops


def negative_log_likelihood(logits: np.ndarray, names: np.ndarray) -> float:
    """Mean of -log p(name), in nats."""
    return float(-log_softmax(logits)[np.arange(len(names)), names].mean())


def fit_calibration(
    by_clip: np.ndarray, by_statistics: np.ndarray, names: np.ndarray
) -> dict[str, object]:
    """Weights and threshold from logits (N, C) of both parts on crops with true ``names`` (N,).

    The log-probability of a name is the softmax of ``clip`` times the CLIP's log-probability plus
    ``statistics`` times the statistics' one; both factors, found on a grid, minimise the negative
    log-likelihood (temperature scaling, Guo et al. 2017, with two temperatures). ``sure`` is the
    lowest confidence above which SURE_RIGHT of the names are right. Also told: the share right of
    each part alone and of both.
    """
    clip, statistics = log_softmax(by_clip), log_softmax(by_statistics)
    grid = np.linspace(0, 1.6, 33)
    best = min(
        (negative_log_likelihood(a * clip + b * statistics, names), a, b)
        for a in grid
        for b in grid
        if a + b > 0.1
    )
    _, a, b = best
    both = log_softmax(a * clip + b * statistics)
    return {
        "clip": round(float(a), 3),
        "statistics": round(float(b), 3),
        "sure": round(sure_threshold(np.exp(both), names), 3),
        "held_out": {
            "crops": len(names),
            "right_clip": round(float((clip.argmax(1) == names).mean()), 4),
            "right_statistics": round(float((statistics.argmax(1) == names).mean()), 4),
            "right_both": round(float((both.argmax(1) == names).mean()), 4),
            "nll_both": round(negative_log_likelihood(both, names), 4),
        },
    }


def sure_threshold(probabilities: np.ndarray, names: np.ndarray) -> float:
    """The lowest confidence from which on SURE_RIGHT of the names are right; at least 0.5."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == names
    for threshold in np.linspace(0.5, 0.99, 99):
        above = confidence >= threshold
        if not above.any():
            break
        if right[above].mean() >= SURE_RIGHT:
            return float(threshold)
    return 0.99
