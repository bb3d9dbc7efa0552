"""Lay what is no hold over training tiles: prints beside the holds, people before them.

On unseen photos half of the surest false holds were printed START and TOP tags, letters of a gym's
name and the heads of people in front of the wall. The real training photos have few of them and
rendered walls none that look printed, so they are drawn (:mod:`training.sprites`) onto tiles of
both, beside those that were cut out of photos (:mod:`training.cuttings`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from training.sprites import (
    Draw,
    Sprite,
    climber,
    head,
    light,
    logo,
    painted,
    plate,
    quickdraw,
    tag,
)

WITH_PRINTS, WITH_PEOPLE = 0.5, 0.2
"""Shares of the tiles that get some."""

STAYS = 0.35  # an object of which people hide more than the rest of this share is no truth any more

Window = tuple[slice, slice]

Prints = Mapping[Draw, float]

PRINTS: Prints = {
    tag: 0.42, plate: 0.18, painted: 0.16, logo: 0.1, quickdraw: 0.07, light: 0.07,
}  # fmt: skip
"""What hangs on the wall, and how often."""


def _meet(x: int, y: int, cover: np.ndarray, side: int) -> tuple[Window, Window] | None:
    """Slices of the tile and of a sprite whose corner is at x, y; None where they do not meet."""
    x1, y1 = min(x + cover.shape[1], side), min(y + cover.shape[0], side)
    x0, y0 = max(x, 0), max(y, 0)
    if x1 <= x0 or y1 <= y0:
        return None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))


def _lay(tile: np.ndarray, sprite: Sprite, cover: np.ndarray, here: Window, there: Window) -> None:
    """Blend a sprite in, as bright as the place it comes to."""
    level = float(np.clip(np.median(tile[here]) / 165, 0.2, 1.1))
    share = (cover / np.maximum(sprite.cover[there], 1e-6))[..., None]
    mixed = tile[here] * (1 - cover[..., None]) + sprite.bgr[there] * share * level
    tile[here] = np.clip(mixed, 0, 255).astype(np.uint8)


def hang_prints(
    tile: np.ndarray,
    ids: np.ndarray,
    hold: float,
    blur: float,
    random: np.random.Generator,
    prints: Prints = PRINTS,
) -> None:
    """Put one to six ``prints`` on the wall between the objects of ``ids``, half of them next to an
    object, as tags are; objects keep their pixels.
    """
    side = tile.shape[0]
    kinds, weights = list(prints), np.array(list(prints.values()))
    weights = weights / weights.sum()
    ys, xs = np.nonzero(ids[::4, ::4])
    for _ in range(int(random.integers(1, 7))):
        draw = kinds[int(random.choice(len(kinds), p=weights))]
        sprite = draw(random, hold).softened(blur * random.uniform(0.7, 1.4))
        for _ in range(8):
            x, y = random.uniform(0, side, 2)
            if len(xs) and random.random() < 0.5:
                chosen = int(random.integers(len(xs)))
                x, y = 4 * np.array([xs[chosen], ys[chosen]]) + random.normal(0, hold, 2)
            half = sprite.cover.shape[0] / 2
            meet = _meet(int(x - half), int(y - half), sprite.cover, side)
            if meet is None:
                continue
            here, there = meet
            cover = np.where(ids[here] > 0, 0, sprite.cover[there])
            if cover.sum() > 0.8 * sprite.cover[there].sum():
                _lay(tile, sprite, cover, here, there)
                break


def send_people(
    tile: np.ndarray, ids: np.ndarray, hold: float, blur: float, random: np.random.Generator
) -> None:
    """Put one or two people before the wall; ``ids`` becomes 0 where they are."""
    side = tile.shape[0]
    for _ in range(int(random.integers(1, 3))):
        sprite = (head if random.random() < 0.6 else climber)(random, hold)
        sprite = sprite.softened(blur * random.uniform(0.7, 1.4))
        x, y = random.uniform(0, side), random.uniform(0.2 * side, 1.1 * side)
        half = sprite.cover.shape[0] / 2
        meet = _meet(int(x - half), int(y - half), sprite.cover, side)
        if meet is not None:
            here, there = meet
            _lay(tile, sprite, sprite.cover[there], here, there)
            ids[here][sprite.cover[there] > 0.5] = 0


def distract(
    tile: np.ndarray,
    ids: np.ndarray,
    boxes: np.ndarray,
    blur: float,
    random: np.random.Generator,
    prints: Prints = PRINTS,
) -> tuple[np.ndarray, np.ndarray]:
    """Add prints and people to some tiles, in place.

    ``tile`` is BGR uint8 (side, side, 3); ``ids`` (side, side) marks object i by i + 1; ``boxes``
    float32 (N, 4) are centre x, y, width, height in shares of the side; ``blur`` (px) is how
    unsharp the tile is. Returns the boxes, cut to what is still seen of objects behind people, and
    bool (N,): which objects are still truth.
    """
    side = tile.shape[0]
    stays = np.ones(len(boxes), bool)
    lengths = np.sqrt(boxes[:, 2] * boxes[:, 3]) * side
    typical = np.median(lengths) if len(boxes) else np.exp(random.uniform(np.log(12), np.log(90)))
    hold = float(np.clip(typical, 10, 150))
    if random.random() < WITH_PRINTS:
        hang_prints(tile, ids, hold, blur, random, prints)
    if random.random() >= WITH_PEOPLE:
        return boxes, stays
    before = np.bincount(ids.ravel(), minlength=len(boxes) + 1)
    send_people(tile, ids, hold, blur, random)
    after = np.bincount(ids.ravel(), minlength=len(boxes) + 1)
    boxes = boxes.copy()
    for index in np.flatnonzero(after[1:] < before[1:]):
        if after[index + 1] < STAYS * before[index + 1]:
            stays[index] = False
            continue
        ys, xs = np.nonzero(ids == index + 1)
        low, high = np.array([xs.min(), ys.min()]), np.array([xs.max(), ys.max()]) + 1
        boxes[index] = np.concatenate([(low + high) / 2, high - low]) / side
    return boxes, stays
