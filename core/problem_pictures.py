"""Pictures of single problems for paper: a part of the photo in which the problem stands out.

Ink is dear and toner smears, so the wall around the problem's holds is made pale and grey, not dark
as on a screen; only the holds keep their colour. The outlines are not drawn here: on paper they are
lines, sharp at any size (:mod:`core.sheet_canvas`).

Each picture is cut from the photo, reduced, faded and encoded by itself, so that never more than
one is in memory beside the photo.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from core.arrays import Pixels
from core.overlay import encode_jpeg
from core.wall import Box, Hold, PhotoInfo

INK_LEFT = 0.5
"""What is left of the darkness of the wall around the holds."""

JPEG_QUALITY = 78

MARGIN_SHARE = 0.12
"""Air around a problem, as a share of its longer side."""

_STRIP_ROWS = 64

SMALLEST_SHARE = 0.3
"""A picture shows at least this share of the photo's shorter side: a problem must be found again on
the wall by what is around it."""


def frame(holds: Sequence[Hold], photo: PhotoInfo, aspect: float) -> Box:
    """The part of the photo to show for ``holds``: x, y, width, height in pixels of the photo.

    All of the holds with a margin, grown to the ``aspect`` (width / height) of the place on the
    paper as far as the photo reaches. Holds that reach over the photo's rim are cut there. Raises
    ``ValueError`` without holds or for an aspect that is not positive.
    """
    if not holds or not aspect > 0:
        raise ValueError(f"expected holds and a positive aspect, got {len(holds)} and {aspect!r}")
    boxes = np.array([hold.box for hold in holds], dtype=np.float64)
    low = boxes[:, :2].min(axis=0)
    size = (boxes[:, :2] + boxes[:, 2:]).max(axis=0) - low
    middle = low + size / 2
    size += 2 * MARGIN_SHARE * size.max()
    size = np.maximum(size, SMALLEST_SHARE * min(photo.width, photo.height))
    size = np.maximum(size, [size[1] * aspect, size[0] / aspect])
    whole = np.array([photo.width, photo.height], dtype=np.float64)
    size = np.minimum(size, whole)
    x, y = np.clip(middle - size / 2, 0, whole - size).tolist()
    width, height = size.tolist()
    return x, y, width, height


def faded_jpeg(
    pixels: Pixels, scale: float, part: Box, holds: Sequence[Hold], longest_px: int
) -> bytes:
    """The ``part`` of the photo as a JPEG: ``holds`` in their colours, all else pale and grey.

    ``pixels`` is the working picture, uint8 sRGB (H, W, 3), ``scale`` full size over its size;
    ``part`` and the holds are in pixels of the full photo. The picture's longest side is at most
    ``longest_px``; it is never enlarged.
    """
    left, top, width, height = (value / scale for value in part)
    rows = slice(int(top), max(int(top) + 1, round(top + height)))
    columns = slice(int(left), max(int(left) + 1, round(left + width)))
    view = pixels[rows, columns]
    shrink = min(1.0, longest_px / max(view.shape[:2]))
    size = tuple(max(1, round(side * shrink)) for side in view.shape[1::-1])
    picture = np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    kept = np.zeros(picture.shape[:2], dtype=np.uint8)
    for hold in holds:
        outline = np.array(hold.polygon) / scale - (columns.start, rows.start)
        cv2.fillPoly(kept, [np.round(outline * shrink).astype(np.int32)], 255)
    # A slice of rows at a time and in place: whole pictures in between would double the memory.
    for top_row in range(0, len(picture), _STRIP_ROWS):
        strip = picture[top_row : top_row + _STRIP_ROWS]
        grey = cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY)
        pale = cv2.convertScaleAbs(grey, alpha=INK_LEFT, beta=255 * (1 - INK_LEFT))
        faded = np.asarray(pale, dtype=np.uint8)[..., None]
        np.copyto(strip, faded, where=kept[top_row : top_row + _STRIP_ROWS, :, None] == 0)
    return encode_jpeg(picture, JPEG_QUALITY)
