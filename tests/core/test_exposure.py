"""Dark photos are brightened for the models, and only those."""

from __future__ import annotations

import numpy as np
import pytest

from core.exposure import LARGEST_GAIN, WELL_EXPOSED, Exposure, expose
from core.wall import Colour


def wall(share: float) -> np.ndarray:
    """A wall of all greys up to 230 with a saturated hold, under ``share`` of its light."""
    ramp = np.linspace(20, 230, 320)
    pixels = np.repeat(np.tile(ramp, (240, 1))[..., None], 3, axis=2)
    pixels[100:140, 100:160] = (200, 40, 30)
    return np.rint(pixels * share).astype(np.uint8)


def test_a_bright_photo_is_handed_on_untouched() -> None:
    pixels = wall(1.0)

    seen = expose(pixels)

    assert seen.pixels is pixels
    assert not seen.brightened


@pytest.mark.parametrize("share", [0.7, 0.5, 0.3])
def test_a_dark_photo_looks_like_the_bright_one(share: float) -> None:
    seen = expose(wall(share))

    at_full_light = np.clip(wall(1.0) * (seen.gain * share), 0, 255)
    # Half a level is lost where the dark photo was rounded, and it is multiplied with the rest.
    assert np.abs(seen.pixels - at_full_light).max() <= seen.gain / 2 + 1
    assert np.percentile(seen.pixels.max(axis=2), 97) == pytest.approx(WELL_EXPOSED, abs=6)


def test_a_black_picture_is_not_blown_up_without_end() -> None:
    seen = expose(np.ones((200, 300, 3), np.uint8))

    assert seen.gain == LARGEST_GAIN
    assert seen.pixels.max() == 5


def test_lamps_and_reflections_do_not_pass_for_light_on_the_wall() -> None:
    pixels = wall(0.4)
    pixels[:4, :100] = 255  # half a percent of the picture

    assert expose(pixels).gain > 2


def test_the_photo_itself_is_not_changed() -> None:
    pixels = wall(0.4)
    pixels.flags.writeable = False
    before = pixels.copy()

    expose(pixels)

    assert (pixels == before).all()


def test_mean_colours_are_told_as_photographed() -> None:
    colour = Colour("red", 0.9, True, (), (200, 40, 30))

    (told,) = Exposure(np.zeros((1, 1, 3), np.uint8), 2.5).as_photographed([colour])

    assert told.rgb == (80, 16, 12)
    assert told.name == "red"
