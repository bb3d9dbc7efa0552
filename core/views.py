"""Which parts of a picture the detector looks at: the whole, and overlapping tiles.

One tensor shape serves all views, since every new shape grows the runtime's native memory for good.
This module only lays views out and cuts them; it detects nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

GROUND = 114
"""Grey of the padding, the one the detector was trained with."""


COARSE = 0.6
"""Magnification below which pixels are averaged by area. From there on two by two are blended, as
in the tiles that the detector was trained on, in a fifth of the time.
"""


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of the picture shown to the detector at ``zoom`` view pixels per picture pixel.

    ``x``, ``y``, ``width`` and ``height`` are in picture pixels. The sides that lie inside the
    picture, where an object may be cut, are told by ``cuts``: left, top, right, bottom.
    """

    x: int
    y: int
    width: int
    height: int
    zoom: float
    cuts: tuple[bool, bool, bool, bool] = (False, False, False, False)


def _starts(length: int, window: int, overlap: int) -> list[int]:
    """First pixels of the fewest windows that cover ``length`` and share at least ``overlap``,
    evenly spread.
    """
    if length <= window:
        return [0]
    count = math.ceil((length - overlap) / (window - overlap))
    return [round(index * (length - window) / (count - 1)) for index in range(count)]


def lay_out(width: int, height: int, side: int, *, zoom: float = 1.0) -> list[View]:
    """The views of a picture of ``width`` x ``height`` pixels, the whole one first.

    ``side`` is the detector's input side in pixels, ``zoom`` the magnification of the tiles. Tiles
    share an eighth of their side, so a hold up to that size is whole in one of them; larger ones
    are whole in the view of everything. A picture that fits into one tile gets that tile alone.
    """
    whole = View(0, 0, width, height, min(side / max(width, height), zoom))
    # The small term is for zooms that are themselves side / length: 320 / (320 / 424) is a little
    # below 424, and a window of 423 pixels would need four tiles where the whole view fits.
    window = math.floor(side / zoom + 1e-6)
    columns = _starts(width, window, window // 8)
    rows = _starts(height, window, window // 8)
    if len(columns) * len(rows) == 1:
        return [whole]
    tiles = []
    for y in rows:
        for x in columns:
            right, bottom = min(x + window, width), min(y + window, height)
            cuts = (x > 0, y > 0, right < width, bottom < height)
            tiles.append(View(x, y, right - x, bottom - y, zoom, cuts))
    return [whole, *tiles]


def cut_view(
    pixels: NDArray[np.uint8], view: View, side: int
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """The view as a float32 tensor (1, 3, side, side) in 0..1, and its true zoom along x and y.

    ``pixels`` is uint8 (H, W, 3) RGB. The view lies in the tensor's upper left corner; what is left
    over is grey.
    """
    part = pixels[view.y : view.y + view.height, view.x : view.x + view.width]
    width = max(1, min(side, round(view.width * view.zoom)))
    height = max(1, min(side, round(view.height * view.zoom)))
    canvas = np.full((side, side, 3), GROUND, np.uint8)
    if (width, height) == (view.width, view.height):
        canvas[:height, :width] = part
    else:
        method = cv2.INTER_AREA if view.zoom < COARSE else cv2.INTER_LINEAR
        canvas[:height, :width] = cv2.resize(part, (width, height), interpolation=method)
    tensor = cv2.dnn.blobFromImage(canvas, 1 / 255.0)
    return np.asarray(tensor, np.float32), (width / view.width, height / view.height)
