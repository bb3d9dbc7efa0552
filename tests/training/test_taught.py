"""Outlines the detector draws for true boxes: which are taken, and that they fit their box."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.merge import Detection
from training.taught import taught_outlines, with_taught
from training.truth import Truth, ellipse

WIDTH, HEIGHT = 200, 100
DIAMOND = np.array([[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]], np.float32)


def detection(box: list[float], kind: str = "hold") -> Detection:
    corners = np.array(box, np.float32)
    outline = corners[:2] + DIAMOND * (corners[2:] - corners[:2])
    return Detection(kind, 0.5, corners, outline)  # type: ignore[arg-type]


class Answering:
    """A detector that finds what it is told."""

    def __init__(self, found: list[Detection]) -> None:
        self.found = found

    def detect(self, pixels: np.ndarray) -> Generator[float, None, list[Detection]]:
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        yield 1.0
        return self.found


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    image = tmp_path / "wall.png"
    cv2.imwrite(str(image), np.full((HEIGHT, WIDTH, 3), 128, np.uint8))
    boxes = np.array([[0.1, 0.2, 0.3, 0.6], [0.5, 0.2, 0.7, 0.6]], np.float32)
    known = np.array([False, True])
    return Truth(image, np.array([0, 0]), boxes, [ellipse(box) for box in boxes], known)


def test_an_agreeing_outline_is_stretched_to_the_true_box(truth: Truth) -> None:
    found = [detection([22, 21, 60, 58]), detection([100, 20, 140, 60])]
    taught = with_taught(truth, Answering(found))  # type: ignore[arg-type]
    assert taught.outline_known.tolist() == [True, True]
    np.testing.assert_allclose(taught.outlines[0].min(0), [0.1, 0.2], atol=1e-6)
    np.testing.assert_allclose(taught.outlines[0].max(0), [0.3, 0.6], atol=1e-6)
    assert len(taught.outlines[0]) == 4


def test_a_known_outline_stays(truth: Truth) -> None:
    taught = with_taught(truth, Answering([detection([100, 20, 140, 60])]))  # type: ignore[arg-type]
    np.testing.assert_array_equal(taught.outlines[1], truth.outlines[1])
    assert taught.outline_known.tolist() == [False, True]


@pytest.mark.parametrize(
    "found",
    [
        [],
        [detection([20, 20, 40, 60])],  # half of the box
        [detection([20, 20, 60, 60], kind="volume")],
        [detection([120, 20, 160, 60])],
    ],
    ids=["nothing", "half", "other kind", "elsewhere"],
)
def test_a_disagreeing_detection_teaches_nothing(truth: Truth, found: list[Detection]) -> None:
    assert taught_outlines(truth, Answering(found))[0] is None  # type: ignore[arg-type]
