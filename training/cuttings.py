"""Real things that were taken for holds, cut out of training photos to be laid over other tiles.

Drawn tags and heads (:mod:`training.sprites`) look like drawings. These are the very ones on which
the detector was wrong (:mod:`training.checked`), each a sprite that is drawn like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from training.distractors import PRINTS
from training.sprites import Draw, Sprite
from training.truth import CLASSES, Truth

SHARE = 0.6  # of what hangs on the walls
BORDER = 0.06  # what is cut reaches beyond its outline, as a share of its longest side
WIDEST_PX = 200  # a larger one is cut from a smaller picture
LEAST_PX = 6.0
MOST_LARGER = 2.0  # how much larger than cut; beyond, it is a blur no camera makes
DAYLIGHT = 165.0  # BGR level of the walls that sprites are drawn for
DARKEST = 60.0  # a darker wall's things are not made brighter than this would


@dataclass(frozen=True, slots=True, eq=False)
class Cutting:
    """A thing as BGR uint8 (S, S, 3) and its cover uint8 (S, S) of 0..255, in daylight, from a
    picture whose holds are ``hold`` px long.
    """

    bgr: np.ndarray
    cover: np.ndarray
    hold: float

    def __call__(self, random: np.random.Generator, hold: float) -> Sprite:
        """As a sprite beside holds of ``hold`` px: in the size it had beside its own, or near
        it.
        """
        scale = hold / self.hold * np.exp(random.normal(0, 0.3))
        scale = float(np.clip(scale, LEAST_PX / len(self.cover), MOST_LARGER))
        side = max(2, round(len(self.cover) * scale))
        cover = self.cover.astype(np.float32) / 255
        solid = self.bgr * cover[..., None]
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = [cv2.resize(part, (side, side), interpolation=way) for part in (solid, cover)]
        if random.random() < 0.5:
            small = [np.ascontiguousarray(part[:, ::-1]) for part in small]
        return Sprite(*small).turned(random.normal(0, 0.25))


def cut(things: Truth, neighbours: Truth) -> list[Cutting]:
    """The ``things`` of a picture as cuttings; none where no hold of its truth, ``neighbours``,
    tells how large they are.
    """
    holds = neighbours.boxes[neighbours.classes == CLASSES.index("hold")]
    if not things.outlines or not len(holds):
        return []
    pixels = cv2.imread(str(things.image))
    sides = np.array([pixels.shape[1], pixels.shape[0]], np.float32)
    hold = float(np.median(np.sqrt(np.prod((holds[:, 2:] - holds[:, :2]) * sides, 1))))
    return [_cut(pixels, outline * sides, hold) for outline in things.outlines]


def _cut(pixels: np.ndarray, outline: np.ndarray, hold: float) -> Cutting:
    """One thing in a square that holds its outline (P, 2), in px, at every angle."""
    reach = _reach(outline)
    if 2 * reach > WIDEST_PX:  # area-averaged: warpAffine has no such mode
        scale = WIDEST_PX / (2 * reach)
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        outline, hold, reach = outline * scale, hold * scale, WIDEST_PX / 2
    low, high = outline.min(0), outline.max(0)
    side = max(2, round(2 * reach))
    corner = side / 2 - (low + high) / 2
    to_square = np.hstack([np.eye(2), corner[:, None]])
    bgr = cv2.warpAffine(pixels, to_square, (side, side), borderMode=cv2.BORDER_REPLICATE)
    cover = np.zeros((side, side), np.uint8)
    points = (outline + corner - 0.5) * 16
    cv2.fillPoly(cover, [points.round().astype(np.int32)], (255,), shift=4)
    border = max(1, round(BORDER * float((high - low).max())))
    cover = cv2.dilate(cover, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * border + 1,) * 2))
    cover = cv2.GaussianBlur(cover, (0, 0), 0.5 * border)
    around = bgr[cover < 128]
    level = max(float(np.median(around)) if len(around) else DAYLIGHT, DARKEST)
    daylight = np.clip(bgr * (DAYLIGHT / level), 0, 255).astype(np.uint8)
    return Cutting(daylight, cover, hold)


def _reach(outline: np.ndarray) -> float:
    """From the middle of an outline to its farthest corner, and the border, in px."""
    span = np.ptp(outline, axis=0)
    return float(np.linalg.norm(span)) / 2 + BORDER * float(span.max()) + 1


def prints_with(cuttings: Iterable[Cutting]) -> dict[Draw, float]:
    """What hangs on the walls and how often: what is drawn, and ``SHARE`` of cuttings."""
    cuttings = list(cuttings)
    if not cuttings:
        return dict(PRINTS)
    total = sum(PRINTS.values())
    drawn = {draw: weight / total * (1 - SHARE) for draw, weight in PRINTS.items()}
    return drawn | dict.fromkeys(cuttings, SHARE / len(cuttings))
