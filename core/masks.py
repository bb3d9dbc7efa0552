"""Outline -> mask inside the hold's own box -> the core from which colour is read.

A mask never covers more than its hold's box: 300 full-size masks of a 12-megapixel photo would be
3.6 GB. Masks are made when they are read and not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.merge import Detection, areas, intersections


@dataclass(frozen=True, slots=True, eq=False)
class BoxMask:
    """A 0/1 uint8 mask (h, w) whose upper left pixel is at ``x``, ``y`` of the picture."""

    x: int
    y: int
    mask: NDArray[np.uint8]

    def cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of ``pixels`` (H, W, ...) under the mask's box, as a view."""
        height, width = self.mask.shape
        return pixels[self.y : self.y + height, self.x : self.x + width]


def box_mask(outline: NDArray[np.float32], width: int, height: int) -> BoxMask:
    """Fill ``outline`` (P, 2), in pixels of a picture of ``width`` x ``height``, inside its own
    bounds.

    A pixel belongs to the mask when its centre is inside the outline. The result has at least one
    pixel, and at least one is set, however small the outline is or however far it reaches over the
    border.
    """
    low = np.floor(outline.min(0)).astype(int)
    high = np.ceil(outline.max(0)).astype(int)
    x, y = np.clip(low, 0, [width - 1, height - 1]).tolist()
    right = min(max(int(high[0]), x + 1), width)
    bottom = min(max(int(high[1]), y + 1), height)
    mask = _centres_inside(outline.astype(np.float64) - [x, y], bottom - y, right - x)
    if not mask.any():
        mask[mask.shape[0] // 2, mask.shape[1] // 2] = 1
    return BoxMask(x, y, mask)


def _centres_inside(points: NDArray[np.float64], height: int, width: int) -> NDArray[np.uint8]:
    """0/1 mask (height, width) of the pixels whose centre lies in the polygon ``points`` (P, 2).

    Even-odd rule, row by row: every crossing of an edge with a row of centres turns the pixels to
    its right over. OpenCV's ``fillPoly`` is not used because it also sets every pixel that the rim
    touches: a third more than the area of a hold of 8 pixels, an eighth more at 16.
    """
    rows = np.arange(height) + 0.5
    following = np.roll(points, -1, axis=0)
    (x1, y1), (x2, y2) = points.T, following.T
    edge, row = np.nonzero((y1[:, None] <= rows) != (y2[:, None] <= rows))
    along = (rows[row] - y1[edge]) / (y2 - y1)[edge]
    crossing = x1[edge] + along * (x2 - x1)[edge]
    first = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.intp)
    turns = np.zeros((height, width + 1), np.uint8)
    np.add.at(turns, (row, first), 1)
    # 256 turns of one pixel count as none, which is right: only odd or even matters.
    mask = np.cumsum(turns, axis=1, dtype=np.uint8)[:, :width] & np.uint8(1)
    return np.asarray(mask, np.uint8)


def masks_of(detections: Sequence[Detection], width: int, height: int) -> Iterator[BoxMask]:
    """The mask of each detection, in order, without what lies on top of it.

    Where two outlines share ground, it belongs to the smaller object: holds lie on volumes, and a
    small hold before a large one. An object that would lose everything keeps its own mask.
    """
    if not detections:
        return
    boxes = np.stack([d.box for d in detections])
    size, shared = areas(boxes), intersections(boxes, boxes)
    for index, detection in enumerate(detections):
        own = box_mask(detection.outline, width, height)
        clear = own.mask.copy()
        for other in np.flatnonzero((shared[index] > 0) & (size < size[index])).tolist():
            _remove(clear, own, box_mask(detections[other].outline, width, height))
        yield BoxMask(own.x, own.y, clear) if clear.any() else own


def _remove(ground: NDArray[np.uint8], place: BoxMask, other: BoxMask) -> None:
    """Clear in ``ground``, which lies at ``place``, what ``other`` covers."""
    x1, y1 = max(place.x, other.x), max(place.y, other.y)
    x2 = min(place.x + ground.shape[1], other.x + other.mask.shape[1])
    y2 = min(place.y + ground.shape[0], other.y + other.mask.shape[0])
    if x2 > x1 and y2 > y1:
        theirs = other.mask[y1 - other.y : y2 - other.y, x1 - other.x : x2 - other.x]
        ground[y1 - place.y : y2 - place.y, x1 - place.x : x2 - place.x][theirs > 0] = 0


def mask_core(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The inner part of a 0/1 uint8 mask (h, w), away from its rim; same shape.

    Eroded twice with an elliptical kernel of side max(3, min(h, w) // 10), and everything outside
    the box counts as not the hold. Where that leaves nothing, eroded once; where that leaves
    nothing either, the mask itself. So the core of a mask that is not empty is never empty.
    """
    side = max(3, min(mask.shape) // 10)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    for iterations in (2, 1):
        core = cv2.erode(
            mask, kernel, iterations=iterations, borderType=cv2.BORDER_CONSTANT, borderValue=0
        )
        if core.any():
            return np.asarray(core, np.uint8)
    return mask
