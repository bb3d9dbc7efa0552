"""The colour model's picture of a hold: its place, its size, and nothing of its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.colour_crops import GREY, MARGIN, masked_crop
from core.masks import BoxMask, box_mask
from tests.core.fakes import oval

SIDE = 64


def red_wall() -> np.ndarray:
    return np.full((90, 120, 3), (200, 30, 40), np.uint8)


@given(st.integers(1, 90), st.integers(1, 120))
@settings(max_examples=60, deadline=None)
def test_the_longer_side_fills_the_square_but_for_the_margin(height: int, width: int) -> None:
    crop = masked_crop(red_wall(), BoxMask(0, 0, np.ones((height, width), np.uint8)), SIDE)

    assert crop.shape == (SIDE, SIDE, 3) and crop.dtype == np.uint8
    shown = (crop != GREY).any(-1)
    rows, columns = shown.any(1).sum(), shown.any(0).sum()
    assert max(rows, columns) == round(SIDE * (1 - 2 * MARGIN))
    assert abs(rows / columns - height / width) <= (1 + height / width) / min(rows, columns)
    ys, xs = np.nonzero(shown)
    assert abs(ys.min() - (SIDE - 1 - ys.max())) <= 1 and abs(xs.min() - (SIDE - 1 - xs.max())) <= 1


@pytest.mark.parametrize("size", [16, 44, 88])  # enlarged, about the same, reduced
def test_neighbours_and_wall_are_greyed_out(size: int) -> None:
    pixels = np.full((100, 100, 3), (10, 250, 10), np.uint8)  # a wall of loud green
    own = box_mask(oval((6, 6, 6 + size, 6 + size)), 100, 100)
    own.cut(pixels)[own.mask > 0] = (200, 30, 40)

    crop = masked_crop(pixels, own, SIDE).astype(int)

    # Between hold and grey, every value lies between the two: no green anywhere.
    assert crop[..., 1].max() <= GREY and crop[..., 0].min() >= GREY
    assert crop[SIDE // 2, SIDE // 2].tolist() == [200, 30, 40]
    assert crop[0, 0].tolist() == [GREY] * 3


def test_a_reduced_hold_keeps_its_mean_colour() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (400, 400, 3), np.uint8)

    crop = masked_crop(pixels, BoxMask(0, 0, np.ones((400, 400), np.uint8)), SIDE)

    inner = crop[8:56, 8:56].reshape(-1, 3)
    assert np.abs(inner.mean(0) - pixels.reshape(-1, 3).mean(0)).max() < 3
    assert inner.std() < 30  # averaged, not picked


def test_the_photo_is_left_as_it_was() -> None:
    pixels = red_wall()
    pixels.flags.writeable = False

    masked_crop(pixels, box_mask(oval((10, 10, 40, 60)), 120, 90), SIDE)

    assert (pixels == (200, 30, 40)).all()
