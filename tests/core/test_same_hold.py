"""Whether two pictures show one hold: on walls that the test painted, turned by OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.alignment import Alignment
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


def told(first: tuple[Pixels, Doubles], second: tuple[Pixels, Doubles]) -> tuple[float, float]:
    """How alike both are, and by how much one has to be stretched."""
    look = SameHold(PhotoPair(first[0], second[0], SAME_PLACE))
    ((likeness, stretch),) = look([first[1]], [second[1]], np.zeros((1, 2), np.intp)).tolist()
    return likeness, stretch


@pytest.mark.parametrize("degrees", [0, 40, 100, 180, 265])
def test_a_hold_that_was_hung_elsewhere_and_turned_is_recognised(degrees: float) -> None:
    before = hang(bare(1), (150, 120), 0, (190, 40, 50))
    after = hang(bare(2), (420, 280), degrees, (190, 40, 50))

    likeness, stretch = told(before, after)

    assert likeness > 0.85 and stretch < 0.1


def test_a_hold_seen_aslant_is_recognised_and_its_stretch_told() -> None:
    before = hang(bare(1), (150, 120), 0, (190, 40, 50))
    wall, outline = hang(bare(2), (420, 280), 60, (190, 40, 50))
    aslant = np.array([[0.7, 0.0, 40.0], [0.1, 1.0, 0.0]])
    after = cv2.warpAffine(wall, aslant, (600, 400), borderMode=cv2.BORDER_REPLICATE)
    longest, shortest = np.linalg.svd(aslant[:, :2], compute_uv=False)

    likeness, stretch = told(
        before, (np.asarray(after, np.uint8), outline @ aslant[:, :2].T + aslant[:, 2])
    )

    assert likeness > 0.8
    assert stretch == pytest.approx(np.log(longest / shortest), abs=0.1)


def test_another_form_has_to_be_stretched() -> None:
    long = np.array([[-70, -9], [70, -9], [70, 9], [-70, 9]], np.float64)
    wide = np.array([[-40, -30], [40, -30], [40, 30], [-40, 30]], np.float64)

    _likeness, stretch = told((bare(1), long + 200), (bare(2), wide + 200))

    assert stretch == pytest.approx(np.log((140 / 18) / (80 / 60)), abs=0.05)


def test_other_light_does_not_matter() -> None:
    before = hang(bare(1), (150, 120), 0, (190, 40, 50))
    after, outline = hang(bare(2), (420, 280), 30, (190, 40, 50))
    evening = np.clip(after * np.array([0.8, 0.72, 0.62]), 0, 255).astype(np.uint8)

    assert told(before, (evening, outline))[0] > 0.8


def test_another_wall_behind_it_does_not_matter() -> None:
    before = hang(bare(1), (150, 120), 0, (190, 40, 50))
    slate = np.clip(bare(2) * 0.25, 0, 255).astype(np.uint8)

    assert told(before, hang(slate, (420, 280), 30, (190, 40, 50)))[0] > 0.8


def test_another_face_is_another_hold() -> None:
    before = hang(bare(1), (150, 120), 0, (190, 40, 50))
    same, _ = told(before, hang(bare(2), (420, 280), 40, (190, 40, 50)))
    other, _ = told(before, hang(bare(2), (420, 280), 40, (190, 40, 50), bolt=-18))

    assert other < same - 0.1


def test_pairs_are_answered_in_their_order() -> None:
    wall, hook = hang(bare(1), (150, 120), 0, (190, 40, 50))
    look = SameHold(PhotoPair(wall, wall, SAME_PLACE))
    elsewhere = np.add(hook, (250, 150))

    told = look([hook, elsewhere], [hook, elsewhere], np.array([[0, 1], [0, 0]]))

    assert told.shape == (2, 2)
    assert told[1] == pytest.approx([1, 0], abs=0.01) and told[0, 0] < 0.5
    assert look([hook], [hook], np.zeros((0, 2), np.intp)).shape == (0, 2)
