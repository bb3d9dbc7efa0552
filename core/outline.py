"""Mask logits of one object -> its outline.

What the detector gives for a mask is small: a few numbers for each cell of the box. Drawing it
costs a hundred times that, and most objects are seen several times, so a :class:`Sketch` is kept
until it is known which of the views draws the object. No full-size mask ever exists. Nothing is
detected here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import Floats

STRIDE = 4
"""Tile pixels per cell of the mask prototypes."""

FINE_PX = 96.0
"""Longer side of a box, in tile pixels, up to which it is drawn at twice the tile's resolution."""

PIECE_SHARE = 0.1
"""Share of the largest piece's area from which on another piece belongs to a volume too."""


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A mask that is not drawn yet.

    ``logits`` float32 (h, w) are those of the cells that ``box`` touches, the first of them at the
    tile pixel ``corner`` (2,); ``box`` float32 (4,) are corners in tile pixels. Tile pixels become
    picture pixels by division by ``zoom`` (2,) and addition of ``origin`` (2,). A ``volume`` is
    drawn in another way than a hold.
    """

    logits: Floats
    corner: Floats
    box: Floats
    zoom: Floats
    origin: Floats
    volume: bool = False

    def outline(self) -> Floats:
        """The outline in picture pixels, float32 (P, 2), P >= 3; see :func:`trace`."""
        drawn = trace(self.logits, self.corner, self.box, self.volume)
        return (drawn / self.zoom + self.origin).astype(np.float32)


def box_logits(coefficients: Floats, prototypes: Floats, box: Floats) -> tuple[Floats, Floats]:
    """Mask logits of the cells that ``box`` (4,) touches, float32 (h, w), and the first one's
    corner in tile pixels, float32 (2,).

    ``coefficients`` (32,) weigh the ``prototypes`` (32, S/4, S/4) into logits (Bolya et al.,
    "YOLACT", 2019).
    """
    rows, columns = prototypes.shape[1:]
    x1, y1 = np.maximum(np.floor(box[:2] / STRIDE).astype(int) - 1, 0)
    x2 = min(int(np.ceil(box[2] / STRIDE)) + 1, columns)
    y2 = min(int(np.ceil(box[3] / STRIDE)) + 1, rows)
    cells = prototypes[:, y1:y2, x1:x2]
    logits = (coefficients @ cells.reshape(len(cells), -1)).reshape(y2 - y1, x2 - x1)
    return logits, np.array([x1, y1], np.float32) * STRIDE


def trace(logits: Floats, corner: Floats, box: Floats, volume: bool = False) -> Floats:
    """The outline of one object in ``box`` from :func:`box_logits`, float32 (P, 2) in tile pixels,
    P >= 3.

    The logits are enlarged bilinearly before the threshold, so that small holds get smooth
    outlines. Where nothing is above it, the ellipse in the box stands in. The prototypes are made
    for holds and tear a volume to pieces, often along the edges of its faces; volumes are flat all
    round, so one gets the convex hull of its pieces, stretched to the box.
    """
    factor = STRIDE if (box[2:] - box[:2]).max() > FINE_PX else 2 * STRIDE
    fine = cv2.resize(logits, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    inside = (fine > 0).astype(np.uint8)
    local = (box - np.tile(corner, 2)) * (factor / STRIDE)
    a, b = np.floor(local[:2]).astype(int), np.ceil(local[2:]).astype(int)
    inside[: max(a[1], 0)] = inside[b[1] :] = 0
    inside[:, : max(a[0], 0)] = inside[:, b[0] :] = 0
    outline = hull(inside) if volume else largest_outline(inside)
    if outline is None:
        return _ellipse(box)
    drawn: Floats = (corner + outline * (STRIDE / factor)).astype(np.float32)
    fitted = stretched(drawn, box) if volume else drawn
    return drawn if fitted is None else fitted


def hull(inside: NDArray[np.uint8]) -> Floats | None:
    """The convex hull of the pieces of a 0/1 mask but for the small ones, float32 (P, 2), P >= 3,
    in its pixels, or None."""
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    sizes = [cv2.contourArea(contour) for contour in contours]
    least = PIECE_SHARE * max(sizes, default=0.0)
    pieces = [c for c, size in zip(contours, sizes, strict=True) if size >= least]
    around = cv2.convexHull(np.concatenate(pieces))[:, 0] if pieces else np.zeros((0, 2))
    return np.asarray(around, np.float32) if len(around) >= 3 else None


def stretched(outline: Floats, box: Floats) -> Floats | None:
    """``outline`` (P, 2) with the corners ``box`` (4,) as its bounds, or None where it has no
    extent."""
    low, size = outline.min(0), np.ptp(outline, axis=0)
    if size.min() <= 0:
        return None
    return np.asarray(box[:2] + (outline - low) / size * (box[2:] - box[:2]), np.float32)


def largest_outline(inside: NDArray[np.uint8]) -> Floats | None:
    """The outer contour of the largest piece of a 0/1 mask, float32 (P, 2) in its pixels, or None.

    OpenCV's contour runs through the centres of the outermost pixels; it is moved out by half a
    pixel so that the polygon's area is the mask's.
    """
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    points = max(contours, key=cv2.contourArea)[:, 0].astype(np.float32)
    simple = cv2.approxPolyDP(points, 0.6, closed=True)[:, 0].astype(np.float32)
    if len(simple) < 3:
        return None
    low, high = simple.min(0), simple.max(0)
    size = np.maximum(high - low, 1)
    grown: Floats = (simple - low) * ((size + 1) / size) + low
    return grown


def _ellipse(box: Floats) -> Floats:
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    half = (box[2:] - box[:2]) / 2
    around = np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.asarray((box[:2] + box[2:]) / 2 + half * around, np.float32)
