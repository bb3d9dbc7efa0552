"""Guessed outlines on pictures whose outlines are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.pseudo import (
    guess_all,
    guess_outline,
    load_outlines,
    measure,
    overlap,
    save_outlines,
    with_outlines,
)
from training.truth import Truth, read_truth

WALL, PAINT = (150, 170, 180), (60, 40, 200)


def egg(middle: tuple[float, float], size: float, turn: float = 0.4) -> np.ndarray:
    """A lopsided, convex outline."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = size * (1 + 0.35 * np.cos(angle - turn)) / 1.35
    return (
        np.array(middle) + radius[:, None] * np.stack([np.cos(angle), 0.75 * np.sin(angle)], 1)
    ).astype(np.float32)


def wedge(middle: tuple[float, float], size: float) -> np.ndarray:
    """A triangle, which the ellipse in its box fits badly."""
    corners = np.array([[-1.0, -0.8], [1.0, -0.7], [0.1, 0.9]])
    return (np.array(middle) + size * corners).astype(np.float32)


def painted(outlines: list[np.ndarray], noise: float = 8.0) -> np.ndarray:
    """BGR uint8 picture 300 x 400 of a plain wall with holds."""
    pixels = np.full((300, 400, 3), WALL, np.uint8)
    for outline in outlines:
        cv2.fillPoly(pixels, [outline.round().astype(np.int32)], PAINT)
    grain = np.random.default_rng(0).normal(0, noise, pixels.shape)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def bounds(outline: np.ndarray) -> np.ndarray:
    return np.concatenate([outline.min(0), outline.max(0)]).astype(np.float32)


@pytest.mark.parametrize("size", [12, 30, 80])
@pytest.mark.parametrize("turn", [0.0, 0.4, 2.0])
def test_the_outline_of_a_clear_hold_is_found(size: float, turn: float) -> None:
    outline = egg((200, 150), size, turn)

    guess = guess_outline(painted([outline]), bounds(outline))

    assert guess is not None and guess.dtype == np.float32
    assert overlap(guess, outline, (300, 400)) > 0.88
    assert np.abs(bounds(guess) - bounds(outline)).max() < 1e-3  # its bounds are the box


def test_a_hold_at_the_edge_of_the_photo() -> None:
    outline = egg((200, 150), 40) - [0, 150 - 29]

    guess = guess_outline(painted([outline]), np.clip(bounds(outline), 0, 400))

    assert guess is None or overlap(guess, outline, (300, 400)) > 0.8


@pytest.mark.parametrize("box", [(100, 100, 105, 140), (100, 100, 140, 107)])
def test_tiny_boxes_are_not_guessed(box: tuple[float, ...]) -> None:
    assert guess_outline(painted([]), np.array(box, np.float32)) is None


def test_half_a_box_is_not_believed() -> None:
    # Two small holds in one box: neither fills it.
    pair = [egg((150, 150), 12), egg((230, 150), 12)]

    assert guess_outline(painted(pair), np.array([130, 130, 250, 170], np.float32)) is None


def test_a_whole_picture_as_box_has_no_background() -> None:
    assert guess_outline(painted([]), np.array([0, 0, 400, 300], np.float32)) is None


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A clear hold, a box of bare wall, and a polygon; written as box, box and polygon."""
    outlines = [egg((100, 100), 30), egg((300, 200), 30)]
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "w_0.jpg"), painted(outlines))
    rows = []
    for box in (bounds(outlines[0]), np.array([20, 220, 90, 232])):
        middle, size = (box[:2] + box[2:]) / 2 / [400, 300], (box[2:] - box[:2]) / [400, 300]
        rows.append(f"0 {middle[0]} {middle[1]} {size[0]} {size[1]}")
    rows.append("0 " + " ".join(str(v) for v in (outlines[1] / [400, 300]).ravel()))
    (tmp_path / "labels" / "w_0.txt").write_text("\n".join(rows))
    return tmp_path


def test_only_believed_outlines_are_marked_known(labelled: Path) -> None:
    truth = read_truth(labelled / "images" / "w_0.jpg")

    guessed = with_outlines(truth)

    assert truth.outline_known.tolist() == [False, False, True]  # the input is left as it was
    assert guessed.outline_known[0] and guessed.outline_known[2]
    assert np.array_equal(guessed.outlines[2], truth.outlines[2])
    sides = np.array([400, 300])
    assert overlap(guessed.outlines[0] * sides, egg((100, 100), 30), (300, 400)) > 0.88
    if not guessed.outline_known[1]:
        assert np.array_equal(guessed.outlines[1], truth.outlines[1])


def test_processes_give_what_one_process_gives(labelled: Path) -> None:
    truth = read_truth(labelled / "images" / "w_0.jpg")

    (by_process,) = guess_all([truth], 1)

    assert by_process.outline_known.tolist() == with_outlines(truth).outline_known.tolist()


def test_the_measure_compares_with_real_polygons(tmp_path: Path) -> None:
    outlines = [wedge((100, 100), 30), wedge((300, 200), 40)]
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "w_0.jpg"), painted(outlines))
    rows = ["0 " + " ".join(str(v) for v in (o / [400, 300]).ravel()) for o in outlines]
    (tmp_path / "labels" / "w_0.txt").write_text("\n".join(rows))

    kept, iou, by_ellipse = measure(tmp_path)

    assert kept == 1.0 and iou > 0.8 and iou > by_ellipse + 0.1


def test_kept_outlines_are_read_back(tmp_path: Path) -> None:
    outline = np.array([[0.1, 0.1], [0.4, 0.1], [0.4, 0.5]], np.float32)
    truth = Truth(
        Path("images/a.jpg"),
        np.array([1]),
        np.array([[0.1, 0.1, 0.4, 0.5]], np.float32),
        [outline],
        np.array([True]),
    )

    save_outlines([truth], tmp_path / "outlines.pt")
    (back,) = load_outlines(tmp_path / "outlines.pt")

    assert back.image == truth.image
    assert back.classes.tolist() == [1] and back.outline_known.tolist() == [True]
    assert np.array_equal(back.boxes, truth.boxes)
    assert np.array_equal(back.outlines[0], outline)
