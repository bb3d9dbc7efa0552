"""Cuttings: what is cut out of a photo looks the same on another, beside holds of any size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.cuttings import LEAST_PX, SHARE, WIDEST_PX, Cutting, cut, prints_with
from training.distractors import PRINTS, hang_prints
from training.truth import Truth, ellipse

WIDTH, HEIGHT, WALL = 400, 200, 110
HOLD = 20.0  # px, the side of the holds on the photo


def truth_of(image: Path, boxes: list[list[float]]) -> Truth:
    shares = np.array(boxes, np.float32).reshape(-1, 4) / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    shares = shares.astype(np.float32)
    square = [box[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2) for box in shares]
    return Truth(image, np.zeros(len(boxes), np.int64), shares, square, np.ones(len(boxes), bool))


@pytest.fixture
def photo(tmp_path: Path) -> tuple[Truth, Truth]:
    """A wall with two holds of 20 px and a tag of 40 by 20 px, green on its left, red on its
    right: the tag and the holds.
    """
    pixels = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    pixels[80:100, 100:120] = (0, 200, 0)
    pixels[80:100, 120:140] = (0, 0, 200)
    image = tmp_path / "wall.png"
    cv2.imwrite(str(image), pixels)
    holds = [[10, 10, 30, 30], [200, 150, 220, 170]]
    return truth_of(image, [[100, 80, 140, 100]]), truth_of(image, holds)


@pytest.mark.parametrize("hold", [10.0, 20.0, 36.0])
def test_a_thing_keeps_its_size_beside_the_holds(photo: tuple[Truth, Truth], hold: float) -> None:
    (piece,) = cut(*photo)
    areas = []
    for seed in range(60):
        sprite = piece(np.random.default_rng(seed), hold)
        assert sprite.bgr.shape == (*sprite.cover.shape, 3)
        assert sprite.cover.shape[0] == sprite.cover.shape[1]
        if len(sprite.cover) > 30:  # no edge is cut off; in a smaller one a pixel is a border
            assert sprite.cover[[0, -1]].max() < 0.5 and sprite.cover[:, [0, -1]].max() < 0.5
        areas.append(float(sprite.cover.sum()))

    # 40 by 20 px beside holds of 20 px, and a border of 6 % of its length on each side
    assert np.median(areas) == pytest.approx(44.8 * 24.8 * (hold / HOLD) ** 2, rel=0.2)


def test_a_thing_keeps_its_colours_in_daylight(photo: tuple[Truth, Truth]) -> None:
    (piece,) = cut(*photo)
    middle = len(piece.cover) // 2

    left, right = piece.bgr[middle, middle - 10], piece.bgr[middle, middle + 10]
    assert left.tolist() == [0, 255, 0] and right.tolist() == [0, 0, 255]  # 200 * 165 / 110
    assert piece.cover[middle, middle - 10] == 255 and piece.cover[0, 0] == 0


def test_without_holds_nothing_tells_its_size(photo: tuple[Truth, Truth]) -> None:
    things, holds = photo

    assert cut(things, truth_of(things.image, [])) == []
    assert cut(truth_of(things.image, []), holds) == []


def test_large_things_are_kept_small_and_small_ones_are_seen(photo: tuple[Truth, Truth]) -> None:
    things, holds = photo
    large = Truth(things.image, np.zeros(1, np.int64), np.array([[0, 0, 1, 1]], np.float32),
                  [ellipse(np.array([0, 0, 1, 1], np.float32))], np.ones(1, bool))  # fmt: skip
    (piece,) = cut(large, holds)

    assert len(piece.cover) <= WIDEST_PX and piece.hold < HOLD
    sprite = piece(np.random.default_rng(0), 0.01)
    assert len(sprite.cover) == LEAST_PX


def test_cuttings_hang_beside_what_is_drawn(photo: tuple[Truth, Truth]) -> None:
    pieces = [*cut(*photo), *cut(*photo)]
    prints = prints_with(pieces)

    assert sum(prints.values()) == pytest.approx(1)
    assert sum(prints[piece] for piece in pieces) == pytest.approx(SHARE)
    assert set(PRINTS) < set(prints)
    assert prints_with([]) == PRINTS

    alone: dict[Cutting, float] = {pieces[0]: 1.0}
    tile = np.full((240, 240, 3), 165, np.uint8)
    hang_prints(tile, np.zeros((240, 240), np.uint16), HOLD, 0.5, np.random.default_rng(4), alone)
    assert ((tile == (0, 255, 0)).all(2)).any() and ((tile == (0, 0, 255)).all(2)).any()
