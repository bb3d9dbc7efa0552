"""The picture of one hold that the colour model sees: a square crop, everything but the hold greyed
out, so that a neighbour's colour cannot be named instead.

Training cuts its crops with the same function. Pixels are not normalised here (:mod:`core.colour`).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.masks import BoxMask

GREY = 127
"""What stands for wall and neighbours: neither light nor dark, and of no colour."""

MARGIN = 0.06
"""Ground around the hold, as a share of its longer side."""


def masked_crop(pixels: NDArray[np.uint8], hold: BoxMask, side: int) -> NDArray[np.uint8]:
    """The hold on grey, uint8 (side, side, 3) RGB, its longer side filling the square but for a
    margin.

    ``pixels`` is the whole picture uint8 (H, W, 3); only the hold's box is read.
    """
    height, width = hold.mask.shape
    room = side * (1 - 2 * MARGIN)
    scale = room / max(height, width)
    new = max(1, round(width * scale)), max(1, round(height * scale))
    part = np.where(hold.mask[..., None] > 0, hold.cut(pixels), np.uint8(GREY))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(part, new, interpolation=method)
    square = np.full((side, side, 3), GREY, np.uint8)
    x, y = (side - new[0]) // 2, (side - new[1]) // 2
    square[y : y + new[1], x : x + new[0]] = small
    return square
