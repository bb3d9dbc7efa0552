"""What is drawn over training tiles looks like something and keeps to its size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training import sprites
from training.distractors import PRINTS
from training.sprites import Sheet, Sprite, climber, contrast, head, ink, painted

DRAWN = [*PRINTS, head, climber]


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
@pytest.mark.parametrize("seed", range(6))
def test_sprites_are_seen_and_grow_with_the_holds(draw: sprites.Draw, seed: int) -> None:
    small, large = (draw(np.random.default_rng(seed), hold) for hold in (16.0, 64.0))

    for sprite in (small, large):
        assert sprite.bgr.dtype == sprite.cover.dtype == np.float32
        assert sprite.bgr.shape == (*sprite.cover.shape, 3)
        assert sprite.cover.min() >= 0 and 0.25 < sprite.cover.max() <= 1.001
        # Premultiplied: no brighter than a white thing of this coverage.
        assert (sprite.bgr <= 255.5 * sprite.cover[..., None] + 0.5).all()
    growth = np.sqrt(large.cover.sum() / small.cover.sum())
    assert (1.2 if draw is painted else 2.5) < growth < 6  # words are cut at sprites.WIDEST


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_no_two_are_alike(draw: sprites.Draw) -> None:
    random = np.random.default_rng(1)
    drawn = [draw(random, 30) for _ in range(6)]

    sums = {round(float(sprite.bgr.sum()), 1) for sprite in drawn}
    assert len(sums) == 6


def test_a_sheet_draws_where_it_is_told() -> None:
    sheet = Sheet(40)
    sheet.box((10, 0), (8, 4), (10, 20, 30))
    sheet.oval((-10, -10), (5, 5), (200, 100, 0))

    sprite = sheet.sprite()

    assert sprite.cover[20, 30] == 1 and sprite.bgr[20, 30].tolist() == [10, 20, 30]
    assert sprite.cover[10, 10] == 1 and sprite.bgr[10, 10].tolist() == [200, 100, 0]
    assert sprite.cover.sum() == pytest.approx(8 * 4 + np.pi * 25, rel=0.08)


@pytest.mark.parametrize("text", ["START", "7", "boulder"])
def test_writing_stays_in_its_box(text: str) -> None:
    sheet = Sheet(60)
    sheet.write(text, (0, 0), (40, 12), (255, 255, 255), cv2.FONT_HERSHEY_SIMPLEX, 0.15)

    ys, xs = np.nonzero(sheet.sprite().cover > 0.3)
    assert np.ptp(xs) <= 44 and np.ptp(ys) <= 18
    assert abs(xs.mean() - 30) < 4 and abs(ys.mean() - 30) < 4


def test_a_turn_moves_a_mark_around_the_middle() -> None:
    sheet = Sheet(41)
    sheet.box((15, 0), (4, 4), (255, 255, 255))

    turned = sheet.sprite().turned(np.pi / 2)

    ys, xs = np.nonzero(turned.cover > 0.5)
    assert abs(xs.mean() - 20) < 1.5 and abs(ys.mean() - 5) < 1.5  # right of the middle is now up


def test_softening_keeps_the_amount_of_light() -> None:
    cover = np.zeros((31, 31), np.float32)
    cover[13:18, 13:18] = 1
    sprite = Sprite(np.repeat(cover[..., None], 3, 2) * 200, cover)

    soft = sprite.softened(2.0)

    assert soft.cover.sum() == pytest.approx(cover.sum(), rel=1e-3)
    assert soft.cover.max() < 0.9


def test_text_is_read_on_its_ground() -> None:
    random = np.random.default_rng(2)
    for _ in range(50):
        ground = ink(random, 0.6)
        assert all(0 <= tone <= 255 for tone in ground)
        assert abs(np.mean(contrast(ground)) - np.mean(ground)) > 90
