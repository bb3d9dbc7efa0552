"""Outlines that the detector draws for true boxes: which are taken, what they are averaged with,
and that they fit their box."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.generators import result_of
from core.merge import Detection
from training.taught import (
    drawn_outlines,
    mean_outline,
    mirrored,
    teach_all,
    teacher,
    with_taught,
)
from training.truth import Truth, ellipse

WIDTH, HEIGHT = 200, 100
DIAMOND = np.array([[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]], np.float32)


def detection(box: list[float], kind: str = "hold") -> Detection:
    corners = np.array(box, np.float32)
    outline = corners[:2] + DIAMOND * (corners[2:] - corners[:2])
    return Detection(kind, 0.5, corners, outline)  # type: ignore[arg-type]


class Answering:
    """A detector that finds what it is told, and in a mirror the same mirrored."""

    def __init__(self, found: list[Detection], mirror: list[Detection] | None = None) -> None:
        self.answers = [found, mirror or []]

    def detect(self, pixels: np.ndarray) -> Generator[float, None, list[Detection]]:
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        yield 1.0
        return self.answers[int(pixels[0, 0].mean() < 100)]


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    """Two boxes on a wall that is bright on its left; the second has a guessed outline."""
    image = tmp_path / "wall.png"
    pixels = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    pixels[:, WIDTH // 2 :] = 20
    cv2.imwrite(str(image), pixels)
    boxes = np.array([[0.1, 0.2, 0.3, 0.6], [0.5, 0.2, 0.7, 0.6]], np.float32)
    known = np.array([False, True])
    return Truth(image, np.array([0, 0]), boxes, [ellipse(box) for box in boxes], known)


def area(outline: np.ndarray) -> float:
    """Of an outline in shares, as a share of its box."""
    return float(cv2.contourArea(outline.astype(np.float32)) / np.prod(np.ptp(outline, axis=0)))


@pytest.mark.parametrize("side", ["photo", "mirror"])
def test_an_agreeing_outline_is_stretched_to_the_true_box(truth: Truth, side: str) -> None:
    if side == "photo":
        detector = Answering([detection([22, 21, 60, 58])])
    else:
        detector = Answering([], [detection([140, 21, 178, 58])])
    taught = with_taught(truth, detector)  # type: ignore[arg-type]
    assert taught.outline_known.tolist() == [True, True]
    np.testing.assert_allclose(taught.outlines[0].min(0), [0.1, 0.2], atol=1e-6)
    np.testing.assert_allclose(taught.outlines[0].max(0), [0.3, 0.6], atol=1e-6)
    assert area(taught.outlines[0]) == pytest.approx(0.5, abs=0.03)  # the diamond


def test_a_guess_and_a_detection_are_averaged(truth: Truth) -> None:
    diamond = detection([100, 20, 140, 60])
    taught = with_taught(truth, Answering([diamond], [detection([60, 20, 100, 60])]))  # type: ignore[arg-type]

    between = area(taught.outlines[1])
    assert 0.5 + 0.04 < between < np.pi / 4 - 0.04  # more than the diamond, less than the ellipse
    assert taught.outline_known.tolist() == [False, True]
    np.testing.assert_allclose(taught.outlines[1].min(0), [0.5, 0.2], atol=1e-6)


def test_a_guess_without_a_detection_stays(truth: Truth) -> None:
    taught = with_taught(truth, Answering([]))  # type: ignore[arg-type]
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
    pixels = cv2.imread(str(truth.image))
    drawn = drawn_outlines(pixels, truth.boxes, truth.classes, Answering(found))  # type: ignore[arg-type]
    assert drawn[0] is None


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_a_mean_outline_lies_between(weight: float) -> None:
    box = np.array([0.2, 0.1, 0.6, 0.9], np.float32)
    corners = box[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2)
    shapes = [ellipse(box, 200), corners]

    mean = mean_outline(shapes, [weight, 1 - weight], box, np.array([300.0, 150.0], np.float32))

    np.testing.assert_allclose([mean.min(0), mean.max(0)], box.reshape(2, 2), atol=1e-6)
    low, high = area(shapes[0]), area(corners)
    assert low - 0.02 <= area(mean) <= high + 0.01
    if weight in (0.0, 1.0):
        assert area(mean) == pytest.approx(high if weight == 0 else low, abs=0.02)


def test_a_mirror_is_undone_by_a_mirror() -> None:
    boxes = np.array([[0.1, 0.2, 0.4, 0.9]], np.float32)
    np.testing.assert_allclose(mirrored(boxes), [[0.6, 0.2, 0.9, 0.9]])
    np.testing.assert_allclose(mirrored(mirrored(boxes)), boxes, atol=1e-6)
    outline = ellipse(boxes[0])
    np.testing.assert_allclose(mirrored(mirrored(outline)), outline, atol=1e-6)


def test_processes_draw_what_one_process_draws(repository: Path) -> None:
    image = repository / "assets" / "demo_wall.jpg"
    pixels = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2RGB)
    height, width = pixels.shape[:2]
    boxes = np.stack([d.box for d in result_of(teacher(1).detect(pixels))[:8]])
    boxes = (boxes / np.tile([width, height], 2)).astype(np.float32)
    bare = Truth(image, np.zeros(8, int), boxes, [ellipse(box) for box in boxes], np.zeros(8, bool))

    (taught,) = teach_all([bare], 1)

    alone = with_taught(bare, teacher(1))
    assert taught.outline_known.any()
    for outline, drawn in zip(taught.outlines, alone.outlines, strict=True):
        np.testing.assert_array_equal(outline, drawn)
