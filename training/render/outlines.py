"""From id maps to outlines: what is visible of every object, as one polygon in image pixels.

Polygons run through the centres of an object's rim pixels, as OpenCV's do; :func:`rim` moves one
out to the pixels' edges, where labels have it. Which objects count is decided in
:mod:`training.walls`.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Polygon = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]

SMALLEST_PX = 12  # visible pixels below which an object is no longer one


def boxes_of(ids: npt.NDArray[np.uint16]) -> dict[int, tuple[int, int, int, int, int]]:
    """For every id but 0: x0, y0, x1, y1 (exclusive) and its number of pixels."""
    flat = np.flatnonzero(ids)
    if not flat.size:
        return {}
    values = ids.ravel()[flat]
    y, x = np.divmod(flat, ids.shape[1])
    count = np.bincount(values)
    low_x, low_y = np.full(count.size, ids.shape[1]), np.full(count.size, ids.shape[0])
    high_x, high_y = np.zeros(count.size, int), np.zeros(count.size, int)
    np.minimum.at(low_x, values, x)
    np.maximum.at(high_x, values, x)
    np.minimum.at(low_y, values, y)
    np.maximum.at(high_y, values, y)
    return {
        int(i): (
            int(low_x[i]),
            int(low_y[i]),
            int(high_x[i]) + 1,
            int(high_y[i]) + 1,
            int(count[i]),
        )
        for i in np.flatnonzero(count)
    }


def outline(mask: Mask, corner: tuple[int, int]) -> Polygon | None:
    """The outline (N, 2) of a small mask (non-zero is the object) whose corner lies at ``corner``.

    Points are pixel centres, as ``cv2.findContours`` gives them, so ``cv2.fillPoly`` paints the
    same pixels again. Holes are filled. Separate parts of more than 3 % are joined by a line of no
    width; smaller ones are dropped. None when nothing with an area is left.
    """
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = sorted(
        (c.reshape(-1, 2) for c in contours if len(c) >= 3), key=cv2.contourArea, reverse=True
    )
    if not parts or cv2.contourArea(parts[0]) <= 2:
        return None
    total = sum(cv2.contourArea(part) for part in parts)
    joined = parts[0]
    for part in parts[1:]:
        if cv2.contourArea(part) > 0.03 * total:
            joined = _bridge(joined, part)
    return (joined + np.array(corner)).astype(np.float32)


def rim(polygon: Polygon) -> Polygon:
    """``polygon`` through the centres of an object's outermost pixels, (N, 2), moved out by half a
    pixel to their edges, in continuous coordinates: pixel i reaches from i to i + 1.

    Without it a hold of 12 px lost a sixth of its area on paper, and the detector learned that.
    """
    low = polygon.min(0)
    size = np.maximum(polygon.max(0) - low, 1)
    return np.asarray((polygon - low) * ((size + 1) / size) + low, np.float32)


def _bridge(first: npt.NDArray[np.int32], second: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Walk the first outline, cross at the nearest pair of points, walk the second, cross back."""
    gaps = ((first[:, None, :] - second[None, :, :]) ** 2).sum(-1)
    i, j = np.unravel_index(int(gaps.argmin()), gaps.shape)
    loop = np.roll(second, -int(j), axis=0)
    return np.vstack([first[: i + 1], loop, loop[:1], first[i:]])
