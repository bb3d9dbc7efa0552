"""Colours in another light: against light that the test multiplied by the formula of sRGB."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.lab import to_lab
from core.light import FEWEST, gains, relit

Pixels = NDArray[np.uint8]


def colours(count: int) -> Pixels:
    return np.random.default_rng(3).integers(40, 180, (count, 3)).astype(np.uint8)


def in_light(rgb: Pixels, factors: tuple[float, float, float]) -> Pixels:
    """By IEC 61966-2-1, written out here once more."""
    level = rgb / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear * factors, 0, 1)
    back = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(back * 255).astype(np.uint8)


LAMP = (1.3, 1.0, 0.7)


def test_the_light_of_two_photos_is_found() -> None:
    before = colours(60)

    assert gains(before, in_light(before, LAMP)) == pytest.approx(LAMP, rel=0.06)


def test_some_wrong_pairs_do_not_shift_it() -> None:
    before = colours(60)
    after = in_light(before, LAMP)
    after[:15] = (250, 20, 250)

    assert gains(before, after) == pytest.approx(LAMP, rel=0.1)


def test_too_few_pairs_say_nothing() -> None:
    before = colours(FEWEST - 1)

    assert gains(before, in_light(before, LAMP)).tolist() == [1, 1, 1]


def test_a_relit_colour_is_the_other_photos() -> None:
    before = colours(60)
    after = in_light(before, LAMP)

    gap = relit(before, gains(before, after)) - to_lab(after)
    untouched = to_lab(before) - to_lab(after)

    assert np.median(np.linalg.norm(gap, axis=1)) < 2
    assert np.median(np.linalg.norm(untouched, axis=1)) > 10


def test_the_same_light_changes_nothing() -> None:
    every = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)

    assert np.array_equal(relit(every, np.ones(3)), to_lab(every))
