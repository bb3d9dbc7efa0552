"""Where to put small plates beside the holds they name, so that they hide as little as they can.

Only geometry: sizes and boxes in, centres out; :mod:`core.overlay` draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays import Doubles
from core.wall import RGB, Box, Point

# Preferred first: above to the right, as one writes a number beside a thing.
_SIDES = ((1, -1), (-1, -1), (1, 1), (-1, 1), (0, -1), (0, 1), (1, 0), (-1, 0))

OVER_PLATE, OVER_HOLD, FURTHER, LATER = 20.0, 1.5, 0.35, 0.02
"""Costs of a place: for each plate's area that lies over plates, over holds, for each step further
from the hold, and for each rank in the order of preference."""


@dataclass(frozen=True, slots=True)
class Plate:
    """A text on a ground of ``colour``; ``size`` is width and height, ``box`` the hold it names."""

    text: str
    colour: RGB
    size: tuple[float, float]
    box: Box


def place_plates(
    plates: Sequence[Plate], obstacles: Doubles, shape: tuple[float, float]
) -> list[Point]:
    """Centres of the plates, in their order, within a picture of ``shape`` (height, width).

    ``obstacles`` are the boxes (n, 4) of all holds, those of the plates included. Greedy: the
    plates of the smallest holds choose first, because theirs is the least room; each takes the
    cheapest of 24 places around its hold. All lengths are in one unit, such as pixels of a picture
    or millimetres of a sheet.
    """
    centres: list[Point] = [(0.0, 0.0)] * len(plates)
    taken = np.zeros((0, 4))
    by_room = sorted(range(len(plates)), key=lambda i: (plates[i].box[2] * plates[i].box[3], i))
    for index in by_room:
        plate = plates[index]
        middles, costs = _candidates(plate, shape)
        spots = np.column_stack(
            [middles - np.array(plate.size) / 2, np.broadcast_to(plate.size, middles.shape)]
        )
        area = plate.size[0] * plate.size[1]
        costs += OVER_PLATE * _overlap(spots, taken).sum(axis=1) / area
        # Its own hold is round, so a plate at the corner of that box hides nothing of it.
        hidden = (
            _overlap(spots, obstacles).sum(axis=1) - _overlap(spots, np.array([plate.box]))[:, 0]
        )
        costs += OVER_HOLD * hidden / area
        best = int(np.argmin(costs))
        centres[index] = (float(middles[best, 0]), float(middles[best, 1]))
        taken = np.concatenate([taken, spots[best : best + 1]])
    return centres


def _candidates(plate: Plate, shape: tuple[float, float]) -> tuple[Doubles, Doubles]:
    """Places around the hold, kept inside the picture: centres (n, 2) and costs (n,)."""
    x, y, width, height = plate.box
    middle = np.array([x + width / 2, y + height / 2])
    size = np.array(plate.size)
    places, costs = [], []
    for ring in range(3):
        for rank, (across, down) in enumerate(_SIDES):
            # A hold is round: at a corner of its box its rim is only 0.71 of the way out.
            rim = 0.71 if across and down else 1.0
            away = np.array([width, height]) / 2 * rim + size * (0.55 + 0.6 * ring)
            places.append(middle + away * (across, down))
            costs.append(FURTHER * ring + LATER * rank)
    limit = np.array([shape[1], shape[0]]) - size / 2
    found = np.array(places)
    return np.clip(found, np.minimum(size / 2, limit), limit), np.array(costs)


def _overlap(boxes: Doubles, others: Doubles) -> Doubles:
    """Areas that ``boxes`` (n, 4) and ``others`` (m, 4) share: (n, m)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(
        boxes[:, None, :2] + boxes[:, None, 2:], others[None, :, :2] + others[None, :, 2:]
    )
    areas: Doubles = np.clip(high - low, 0, None).prod(axis=2)
    return areas
