"""Colour statistics against the CIE formulas, written out, and against planted holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.colour_statistics import (
    AROUND,
    FEATURES,
    SAMPLES,
    Light,
    clean_core,
    ground_around,
    photo_light,
    statistics,
    to_lab,
)
from core.masks import BoxMask

LIGHT = Light(median=60.0, bright=80.0)
DIRECTION = slice(8, 10)
LENGTH = 10
SIZE = 18
GROUND_PLACE = slice(19, 22)
GROUND = np.array([60, 2, 8], np.float32)
LEFT_OUT = 17


def lab_by_formula(rgb: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 (sRGB to XYZ), then CIE 15 (XYZ to Lab under D65)."""
    share = rgb.astype(np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    ratio = linear @ matrix.T / (matrix.sum(1))
    curve = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = curve.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def hold(*colours: tuple[int, int, int], side: int = 30) -> np.ndarray:
    """Equal stripes of colours, uint8 (side, side, 3)."""
    rows = np.array(colours, np.uint8)[np.arange(side) * len(colours) // side]
    return np.repeat(rows[:, None], side, axis=1)


def whole(crop: np.ndarray) -> np.ndarray:
    return np.ones(crop.shape[:2], np.uint8)


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=20))
@settings(deadline=None)
def test_lab_is_that_of_the_formula(colours: list[tuple[int, int, int]]) -> None:
    rgb = np.array(colours, np.uint8)

    assert np.abs(to_lab(rgb) - lab_by_formula(rgb)).max() < 0.7


def lab_to_rgb(lab: tuple[float, float, float]) -> tuple[int, int, int]:
    """The sRGB value nearest to a Lab value, by trying."""
    levels = np.arange(0, 256, 3, dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    near = grid[np.linalg.norm(lab_by_formula(grid) - lab, axis=1).argmin()]
    return int(near[0]), int(near[1]), int(near[2])


def test_hue_is_averaged_on_its_circle() -> None:
    # Two reds on both sides of hue 0: their plain average would be cyan, at 180 degrees.
    sides = [(50.0, 50 * np.cos(np.deg2rad(d)), 50 * np.sin(np.deg2rad(d))) for d in (345.0, 15.0)]
    crop = hold(*[lab_to_rgb(side) for side in sides])

    features, rgb = statistics(crop, whole(crop), LIGHT, GROUND)

    a, b = features[DIRECTION]
    hue = np.rad2deg(np.arctan2(b, a))
    assert abs(hue) < 4
    assert features[LENGTH] == pytest.approx(np.cos(np.deg2rad(15)), abs=0.03)
    assert rgb[0] > 150 and rgb[0] > max(rgb[1:]) + 60  # red, of which nothing is cyan


def test_opposite_hues_leave_no_direction() -> None:
    crop = hold(lab_to_rgb((50, 45, 0)), lab_to_rgb((50, -45, 0)))

    features, _ = statistics(crop, whole(crop), LIGHT, GROUND)

    assert features[LENGTH] < 0.1


BLUE = (30, 60, 170)


def test_mean_rgb_of_a_plain_hold_is_its_colour() -> None:
    for colour in (BLUE, (250, 250, 250), (0, 0, 0), (255, 0, 0)):
        crop = hold(colour)
        assert (
            np.abs(np.subtract(statistics(crop, whole(crop), LIGHT, GROUND)[1], colour)).max() <= 1
        )


def test_mean_rgb_is_near_the_plain_mean() -> None:
    noise = np.random.default_rng(2).normal(0, 6, (30, 30, 3))
    crop = np.clip(np.array(BLUE) + noise, 0, 255).astype(np.uint8)

    _, rgb = statistics(crop, whole(crop), LIGHT, GROUND)

    assert np.abs(np.subtract(rgb, crop.reshape(-1, 3).mean(0))).max() < 3


@pytest.mark.parametrize(
    ("stain", "what"), [((240, 240, 238), "chalk"), ((255, 255, 255), "light"), ((5, 5, 6), "bolt")]
)
def test_chalk_highlights_and_bolts_do_not_count(stain: tuple[int, int, int], what: str) -> None:
    colour = (190, 150, 30) if what == "bolt" else BLUE
    crop = hold(colour)
    crop[5:15, 5:20] = stain  # a sixth of it

    features, rgb = statistics(crop, whole(crop), LIGHT, GROUND)

    assert np.abs(np.subtract(rgb, colour)).max() <= 2
    assert features[LEFT_OUT] == pytest.approx(150 / 900, abs=0.01)


def test_a_hold_of_nothing_but_contrast_keeps_all_its_pixels() -> None:
    lab = np.zeros((100, 3), np.float32)
    lab[:, 0] = np.where(np.arange(100) % 2, 95, 5)

    assert clean_core(lab) is lab


def test_what_lies_outside_the_core_is_not_read() -> None:
    crop = hold(BLUE)
    core = np.zeros(crop.shape[:2], np.uint8)
    core[10:20, 10:20] = 1
    loud = crop.copy()
    loud[core == 0] = (255, 255, 0)

    features, rgb = statistics(crop, core, LIGHT, GROUND)
    with_loud, loud_rgb = statistics(loud, core, LIGHT, GROUND)

    assert np.array_equal(features, with_loud) and rgb == loud_rgb


@pytest.mark.parametrize("side", [1, 2, 30, 200])
def test_features_are_finite_and_of_one_length(side: int) -> None:
    crop = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)

    features, _ = statistics(crop, whole(crop), LIGHT, GROUND)

    assert features.shape == (FEATURES,) and features.dtype == np.float32
    assert np.isfinite(features).all()
    assert 10 ** (features[SIZE] + 2) <= SAMPLES + 0.5


def test_a_sample_of_a_large_hold_says_what_all_of_it_says() -> None:
    noise = np.random.default_rng(4).normal(0, 10, (300, 300, 3))
    crop = np.clip(np.array(BLUE) + noise, 0, 255).astype(np.uint8)

    features, rgb = statistics(crop, whole(crop), LIGHT, GROUND)

    lab = to_lab(crop.reshape(-1, 3))
    assert np.abs(features[:3] - (lab.mean(0) / [25, 30, 30] - [2, 0, 0])).max() < 0.05
    assert np.abs(np.subtract(rgb, crop.reshape(-1, 3).mean(0))).max() < 3


@pytest.mark.parametrize("side", [4, 40, 300])
def test_the_ground_is_what_lies_around_the_hold_and_in_its_gaps(side: int) -> None:
    wall = np.array([150, 140, 110], np.uint8)
    photo = np.full((3 * side, 3 * side, 3), 255, np.uint8)  # white, farther away
    margin = int(side * AROUND) + 1
    photo[side - margin : 2 * side + margin, side - margin : 2 * side + margin] = wall
    mask = np.ones((side, side), np.uint8)
    mask[0, 0] = 0
    photo[side : 2 * side, side : 2 * side][mask > 0] = (200, 0, 0)

    found = ground_around(photo, BoxMask(side, side, mask))

    assert found == pytest.approx(lab_by_formula(wall[None])[0], abs=0.7)
    features, _ = statistics(photo[side : 2 * side, side : 2 * side], mask, LIGHT, found)
    assert features[GROUND_PLACE] * [25, 30, 30] + [50, 0, 0] == pytest.approx(found, abs=1e-3)


def test_a_hold_at_the_photos_corner_has_ground_on_two_sides() -> None:
    photo = np.full((20, 20, 3), 200, np.uint8)
    photo[:10, :10] = (0, 0, 200)

    found = ground_around(photo, BoxMask(0, 0, np.ones((10, 10), np.uint8)))

    assert found == pytest.approx(lab_by_formula(np.array([[200] * 3]))[0], abs=0.7)


def test_a_hold_that_fills_the_photo_has_no_ground() -> None:
    photo = np.full((8, 8, 3), 200, np.uint8)

    assert ground_around(photo, BoxMask(0, 0, np.ones((8, 8), np.uint8))).tolist() == [50, 0, 0]


def test_light_is_that_of_the_lightness_over_the_photo() -> None:
    photo = np.zeros((192, 192, 3), np.uint8)
    photo[:, :] = (90, 90, 90)
    photo[:48] = (230, 230, 230)  # a quarter is bright

    light = photo_light(photo)

    dark, bright = lab_by_formula(np.array([[90] * 3, [230] * 3]))[:, 0]
    assert light.median == pytest.approx(dark, abs=0.5)
    assert light.bright == pytest.approx(bright, abs=0.5)


def test_features_tell_lightness_against_the_photos_light() -> None:
    crop = hold((119, 119, 119))  # L* 50
    bright, dim = (
        statistics(crop, whole(crop), light, GROUND)[0] for light in (LIGHT, Light(20, 30))
    )

    assert bright[14] == pytest.approx((50 - 60) / 25, abs=0.02)
    assert dim[14] == pytest.approx((50 - 20) / 25, abs=0.02)
    assert bright[15] == pytest.approx((50 - 80) / 25, abs=0.02)
