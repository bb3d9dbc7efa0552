"""Whether two pictures show one hold: on walls that the test painted, turned by OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.alignment import Alignment
from core.moves import LIKENESS
from core.photo_pair import PhotoPair
from core.same_hold import SameHold

Pixels = NDArray[np.uint8]
Doubles = NDArray[np.float64]
SAME_PLACE = Alignment((1, 0, 0, 0, 1, 0, 0, 0, 1), (600, 400), (600, 400), 99, 99, 1.0, 1.0, 0.5)
HOOK = np.array([[-35, -20], [30, -24], [36, 0], [5, 4], [-4, 26], [-30, 22]], np.float64)


def bare(seed: int) -> Pixels:
    noise = np.random.default_rng(seed).normal((190, 170, 140), 4, (400, 600, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


def hang(
    wall: Pixels, at: tuple[float, float], degrees: float, rgb: tuple[int, int, int], bolt: int = 20
) -> tuple[Pixels, Doubles]:
    """The wall with a hook-shaped hold: a bolt hole and a pale ridge on it, turned by degrees."""
    picture = wall.copy()
    spin = cv2.getRotationMatrix2D((0.0, 0.0), degrees, 1.0)[:, :2]
    outline = HOOK @ spin.T + at
    hole, ridge = np.array([[-bolt, 0]]), np.array([[-28, -12], [26, -14]])
    cv2.fillPoly(picture, [np.round(outline).astype(np.int32)], rgb, cv2.LINE_AA)
    x, y = (hole @ spin.T + at)[0]
    cv2.circle(picture, (round(x), round(y)), 6, (20, 20, 20), cv2.FILLED, cv2.LINE_AA)
    start, end = np.round(ridge @ spin.T + at).astype(int).tolist()
    cv2.line(picture, start, end, tuple(min(255, c + 70) for c in rgb), 5, cv2.LINE_AA)
    return picture, outline


def likeness(first: tuple[Pixels, Doubles], second: tuple[Pixels, Doubles]) -> float:
    look = SameHold(PhotoPair(first[0], second[0], SAME_PLACE))
    return float(look([first[1]], [second[1]], np.ones((1, 1), bool))[0, 0])


@pytest.mark.parametrize("degrees", [0, 40, 100, 180, 265])
def test_a_hold_that_was_hung_elsewhere_and_turned_is_recognised(degrees: float) -> None:
    before = hang(bare(1), (150, 120), 0, (190, 40, 50))
    after = hang(bare(2), (420, 280), degrees, (190, 40, 50))

    assert likeness(before, after) > LIKENESS + 0.05


def test_other_light_does_not_matter() -> None:
    before = hang(bare(1), (150, 120), 0, (190, 40, 50))
    after, outline = hang(bare(2), (420, 280), 30, (190, 40, 50))
    evening = np.clip(after * np.array([0.8, 0.72, 0.62]), 0, 255).astype(np.uint8)

    assert likeness(before, (evening, outline)) > LIKENESS


def test_another_colour_or_another_face_is_another_hold() -> None:
    before = hang(bare(1), (150, 120), 0, (190, 40, 50))
    same = likeness(before, hang(bare(2), (420, 280), 40, (190, 40, 50)))

    assert likeness(before, hang(bare(2), (420, 280), 40, (40, 160, 70))) < LIKENESS
    assert likeness(before, hang(bare(2), (420, 280), 40, (190, 40, 50), bolt=-18)) < same - 0.05


def test_what_was_not_asked_is_not_answered() -> None:
    before = hang(bare(1), (150, 120), 0, (190, 40, 50))
    look = SameHold(PhotoPair(before[0], before[0], SAME_PLACE))
    asked = np.array([[True, False], [False, False]])

    found = look([before[1]] * 2, [before[1]] * 2, asked)

    assert found[0, 0] > 0.95 and np.count_nonzero(found) == 1
