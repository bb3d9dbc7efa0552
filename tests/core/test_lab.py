"""Lab against OpenCV's 8-bit conversion, published values, and its own inverse."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lab import to_lab, to_rgb

Levels = tuple[int, int, int]


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.74, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
    ],
)
def test_published_values(rgb: Levels, lab: tuple[float, float, float]) -> None:
    found = to_lab(np.array([rgb], np.uint8))

    assert found.dtype == np.float32
    # Published tables differ in their last digit with the digits of the matrix they use.
    assert np.abs(found[0] - lab).max() < 0.03


def test_a_grid_agrees_with_opencv() -> None:
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)

    theirs = cv2.cvtColor(grid[None].astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0]

    assert np.abs(to_lab(grid) - theirs).max() < 0.5  # it interpolates in a coarse table


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_there_and_back(rgb: Levels) -> None:
    assert to_rgb(to_lab(np.array([rgb], np.uint8))[0]) == rgb


@pytest.mark.parametrize(
    ("lab", "rgb"),
    [((150.0, 0.0, 0.0), (255, 255, 255)), ((-20.0, 0.0, 0.0), (0, 0, 0))],
)
def test_what_no_screen_shows_is_clipped(lab: tuple[float, float, float], rgb: Levels) -> None:
    assert to_rgb(np.array(lab, np.float32)) == rgb


def test_no_pixels_are_no_values() -> None:
    assert to_lab(np.zeros((0, 3), np.uint8)).shape == (0, 3)
