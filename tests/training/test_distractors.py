"""What is laid over training tiles leaves the truth right."""

from __future__ import annotations

import numpy as np
import pytest

from training import distractors
from training.distractors import distract, hang_prints, send_people
from training.sprites import Sprite

SIDE = 240
WALL = 150


@pytest.fixture
def tile() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grey wall with nine red holds of 30 px: pixels, ids and boxes."""
    pixels = np.full((SIDE, SIDE, 3), WALL, np.uint8)
    ids = np.zeros((SIDE, SIDE), np.uint16)
    boxes = []
    for index in range(9):
        x, y = 20 + 80 * (index % 3), 20 + 80 * (index // 3)
        pixels[y : y + 30, x : x + 30] = (20, 20, 200)
        ids[y : y + 30, x : x + 30] = index + 1
        boxes.append([x + 15, y + 15, 30, 30])
    return pixels, ids, np.array(boxes, np.float32) / SIDE


def _block(reach: int, tone: float) -> Sprite:
    cover = np.ones((reach, reach), np.float32)
    return Sprite(np.full((reach, reach, 3), tone, np.float32), cover)


@pytest.mark.parametrize("seed", range(10))
def test_prints_hang_beside_the_holds(
    tile: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    pixels, ids, _ = tile
    before = pixels.copy(), ids.copy()

    hang_prints(pixels, ids, 30, 0.5, np.random.default_rng(seed))

    assert (ids == before[1]).all()
    assert (pixels[ids > 0] == before[0][ids > 0]).all()
    assert (pixels != before[0]).any()


@pytest.mark.parametrize("seed", range(10))
def test_people_hide_what_is_behind_them(
    tile: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    pixels, ids, _ = tile
    before = pixels.copy(), ids.copy()

    send_people(pixels, ids, 30, 0.5, np.random.default_rng(seed))

    hidden = (before[1] > 0) & (ids == 0)
    assert ((ids == before[1]) | (ids == 0)).all()
    assert (pixels[hidden] != before[0][hidden]).any(1).mean() > 0.95 if hidden.any() else True
    assert (pixels != before[0]).any()


def test_boxes_are_cut_to_what_is_seen(
    tile: tuple[np.ndarray, np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, ids, boxes = tile

    def cover_some(_tile: np.ndarray, ids: np.ndarray, *_: object) -> None:
        ids[20:50, 20:32] = 0  # two fifths of the first hold
        ids[20:50, 100:125] = 0  # five sixths of the second

    monkeypatch.setattr(distractors, "send_people", cover_some)
    monkeypatch.setattr(distractors, "WITH_PEOPLE", 1.0)
    monkeypatch.setattr(distractors, "WITH_PRINTS", 0.0)
    cut, stays = distract(pixels, ids, boxes, 0.5, np.random.default_rng(0))

    assert stays.tolist() == [True, False, *[True] * 7]
    np.testing.assert_allclose(cut[0] * SIDE, [41, 35, 18, 30], atol=1e-3)
    np.testing.assert_array_equal(cut[2:], boxes[2:])
    assert boxes[0, 2] * SIDE == pytest.approx(30)  # the caller's boxes are not touched


def test_most_tiles_of_a_wall_without_holds_can_be_distracted_too() -> None:
    changed = 0
    for seed in range(30):
        pixels = np.full((SIDE, SIDE, 3), WALL, np.uint8)
        boxes, stays = distract(
            pixels, np.zeros((SIDE, SIDE), np.uint16), np.zeros((0, 4), np.float32), 0.5,
            np.random.default_rng(seed),
        )  # fmt: skip
        assert boxes.shape == (0, 4) and stays.shape == (0,)
        changed += (pixels != WALL).any()
    assert 10 <= changed <= 28  # half get prints, a fifth people


def test_a_dark_wall_gets_dark_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distractors, "PRINTS", {lambda _random, _hold: _block(21, 250.0): 1.0})
    means = []
    for level in (30, 160):
        pixels = np.full((SIDE, SIDE, 3), level, np.uint8)
        hang_prints(pixels, np.zeros((SIDE, SIDE), np.uint16), 20, 0.5, np.random.default_rng(1))
        means.append(pixels[pixels != level].max())
    assert means[0] < 90 < 200 < means[1]
