"""Scores against cases whose value can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from benchmarks.scores import Scorer, encode
from core.merge import Detection
from training.truth import Truth

SQUARE = np.array([[10, 20], [30, 20], [30, 60], [10, 60]], np.float32)


def detection(outline: np.ndarray, score: float) -> Detection:
    box = np.concatenate([outline.min(0), outline.max(0)]).astype(np.float32)
    return Detection("hold", score, box, outline.astype(np.float32))


def truth(*outlines: np.ndarray) -> Truth:
    shares = [(outline / 100).astype(np.float32) for outline in outlines]
    boxes = np.stack([np.concatenate([o.min(0), o.max(0)]) for o in shares])
    count = len(shares)
    return Truth(Path("w.png"), np.zeros(count, np.int64), boxes, shares, np.ones(count, bool))


def test_an_outline_covers_its_own_area() -> None:
    runs = encode(SQUARE, 100, 100)
    assert coco_mask.area(runs) == 20 * 40
    assert coco_mask.toBbox(runs).tolist() == [10, 20, 20, 40]


def test_a_perfect_answer_scores_one() -> None:
    scorer = Scorer(masks=True)
    scorer.add(
        truth(SQUARE, SQUARE + 35), [detection(SQUARE, 0.9), detection(SQUARE + 35, 0.4)], 100, 100
    )
    for iou in ("bbox", "segm"):
        scores = scorer.scores("hold", iou)
        assert (scores.ap, scores.ap50, scores.recall50) == pytest.approx((1, 1, 1))


def test_an_overlap_of_two_thirds_counts_up_to_that_threshold() -> None:
    half = SQUARE.copy()
    half[:2, 1] += 40 / 3  # two thirds of the height are left
    scorer = Scorer(masks=False)
    scorer.add(truth(SQUARE), [detection(half, 0.9)], 100, 100)
    scores = scorer.scores("hold", "bbox")
    assert scores.ap50 == pytest.approx(1)
    assert scores.ap == pytest.approx(0.4)  # at .50, .55, .60 and .65 of ten thresholds


def test_a_wrong_answer_before_a_right_one_halves_the_precision() -> None:
    scorer = Scorer(masks=False)
    scorer.add(truth(SQUARE), [detection(SQUARE + 35, 0.9), detection(SQUARE, 0.5)], 100, 100)
    assert scorer.scores("hold", "bbox").ap50 == pytest.approx(0.5)


def test_nothing_found_scores_nothing() -> None:
    scorer = Scorer(masks=True)
    scorer.add(truth(SQUARE), [], 100, 100)
    assert scorer.scores("hold", "bbox").recall50 == 0
