"""Segmentation by colour: on drawn shapes whose outline is known, and honest on bare wall."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.segment import segment_at, segment_in

WALL, HOLD = (176, 168, 158), (200, 60, 40)


def bare(noise: float = 5.0, seed: int = 0, side: int = 400) -> NDArray[np.uint8]:
    """A wall of plain colour with the grain of a photo."""
    grain = np.random.default_rng(seed).normal(0, noise, (side, side, 3))
    return np.clip(np.array(WALL) + grain, 0, 255).astype(np.uint8)


def with_ellipse(
    middle: tuple[int, int] = (200, 180), axes: tuple[int, int] = (40, 25)
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A wall with one hold, and the hold's 0/1 mask."""
    pixels = bare()
    mask = np.zeros(pixels.shape[:2], np.uint8)
    cv2.ellipse(mask, middle, axes, 30, 0, 360, 1, -1)
    grain = pixels[mask > 0].astype(float) - WALL
    pixels[mask > 0] = np.clip(np.array(HOLD) + grain, 0, 255).astype(np.uint8)
    return pixels, mask


def overlap(outline: NDArray[np.float32] | None, mask: NDArray[np.uint8]) -> float:
    assert outline is not None and outline.dtype == np.float32
    drawn = np.zeros_like(mask)
    cv2.fillPoly(drawn, [np.round(outline - 0.5).astype(np.int32)], 1)
    return float(np.count_nonzero(drawn & mask) / np.count_nonzero(drawn | mask))


@pytest.mark.parametrize("offset", [(0, 0), (15, 8), (-20, -5)])
def test_a_point_on_a_hold_gives_its_outline(offset: tuple[int, int]) -> None:
    pixels, mask = with_ellipse()
    point = np.array([200 + offset[0], 180 + offset[1]], np.float32)

    assert overlap(segment_at(pixels, point, 90), mask) > 0.85


@pytest.mark.parametrize("middle", [(5, 180), (396, 396), (200, 4)])
def test_a_hold_at_the_photos_rim(middle: tuple[int, int]) -> None:
    pixels, mask = with_ellipse(middle)
    point = np.array(np.argwhere(mask).mean(0)[::-1], np.float32)

    assert overlap(segment_at(pixels, point, 90), mask) > 0.6


def test_a_box_around_a_hold_gives_its_outline() -> None:
    pixels, mask = with_ellipse()
    ys, xs = np.nonzero(mask)
    box = np.array([xs.min() - 6, ys.min() - 6, xs.max() + 6, ys.max() + 6], np.float32)

    assert overlap(segment_in(pixels, box), mask) > 0.85


@pytest.mark.parametrize("size", [20, 300])
def test_small_and_large_windows(size: int) -> None:
    pixels, mask = with_ellipse((200, 200), (size // 3, size // 3))
    half = size / 2
    box = np.array([200 - half, 200 - half, 200 + half, 200 + half], np.float32)

    assert overlap(segment_in(pixels, box), mask) > 0.7


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("noise", [0.0, 5.0, 12.0])
def test_on_bare_wall_there_is_nothing(noise: float, seed: int) -> None:
    pixels = bare(noise, seed)

    assert segment_at(pixels, np.array([200, 200], np.float32), 60) is None
    assert segment_in(pixels, np.array([150, 150, 230, 210], np.float32)) is None


def test_a_box_of_the_whole_photo_has_no_surroundings() -> None:
    pixels, _ = with_ellipse()

    assert segment_in(pixels, np.array([0, 0, 400, 400], np.float32)) is None


def test_the_same_click_gives_the_same_outline_and_leaves_the_photo_alone() -> None:
    pixels, _ = with_ellipse()
    pixels.flags.writeable = False
    point = np.array([205, 183], np.float32)

    first, second = segment_at(pixels, point, 90), segment_at(pixels, point, 90)

    assert first is not None and second is not None and np.array_equal(first, second)
