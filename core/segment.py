"""An object told from what surrounds it by colour alone, in a small window of a picture.

GrabCut (Rother, Kolmogorov and Blake, 2004) in a window that is reduced or enlarged to a bounded
size, started from a point on the object or from a box around it. It always finds something, so its
answer is only believed where the object's mean colour differs from that of the ring around it; on
bare wall the answer is None. For where the detector sees nothing: it knows no holds, and takes a
patch of chalk or a tag for an object.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import Floats
from core.lab import to_lab
from core.outline import largest_outline

Mask = NDArray[np.uint8]

WINDOW_PX = 160
"""Longer side of the window in its own pixels: about 30 ms of work."""

LARGEST_ZOOM = 4.0
"""A small window is enlarged at most this much."""

ROUNDS = 4
"""Iterations of GrabCut; more change little."""

LEAST_CONTRAST = 9.0
"""CIE 1976 colour difference between the object's mean and its ring's from which it is believed:
about four times what an eye just sees (2.3, Mahy et al. 1994)."""

LEAST_SHARE, MOST_SHARE = 0.01, 0.6
"""Share of the window that an object around a point covers; of a box's own area, at least a
quarter (:data:`LEAST_OF_BOX`)."""

LEAST_OF_BOX = 0.25


def segment_at(pixels: NDArray[np.uint8], point: Floats, reach: float) -> Floats | None:
    """The outline (P, 2) of the object at ``point`` on uint8 (H, W, 3) RGB ``pixels``, in its
    pixels; None where nothing stands out. It is looked for up to ``reach`` pixels from the point.
    """
    part = _Window(pixels, np.concatenate([point - reach, point + reach]))
    seed = tuple(np.clip(part.inward(point), 0, part.limit).astype(int).tolist())
    side = max(part.shown.shape[:2])
    start = np.full(part.shown.shape[:2], cv2.GC_PR_BGD, np.uint8)
    cv2.circle(start, seed, round(0.25 * side), cv2.GC_PR_FGD, -1)
    cv2.circle(start, seed, max(2, round(0.04 * side)), cv2.GC_FGD, -1)
    cv2.rectangle(start, (0, 0), part.limit.astype(int).tolist(), cv2.GC_BGD, max(2, side // 24))
    start[seed[1], seed[0]] = cv2.GC_FGD  # also where the point is at the photo's rim
    inside = _piece(_cut(part.shown, start), seed)
    share = np.count_nonzero(inside) / inside.size
    if not LEAST_SHARE <= share <= MOST_SHARE or _contrast(part.shown, inside) < LEAST_CONTRAST:
        return None
    return part.outline(inside)


def segment_in(pixels: NDArray[np.uint8], corners: Floats) -> Floats | None:
    """The same for the object that fills the box ``corners`` (x1, y1, x2, y2) best."""
    margin = 0.25 * (corners[2:] - corners[:2]) + 2
    part = _Window(pixels, np.concatenate([corners[:2] - margin, corners[2:] + margin]))
    low, high = part.inward(corners[:2]), part.inward(corners[2:])
    start = np.full(part.shown.shape[:2], cv2.GC_BGD, np.uint8)
    x1, y1 = np.clip(np.floor(low), 0, part.limit).astype(int).tolist()
    x2, y2 = np.clip(np.ceil(high), 1, part.limit + 1).astype(int).tolist()
    start[y1:y2, x1:x2] = cv2.GC_PR_FGD
    if not (start == cv2.GC_BGD).any():  # the box is the whole photo
        return None
    inside = _piece(_cut(part.shown, start), None)
    enough = np.count_nonzero(inside) >= LEAST_OF_BOX * (x2 - x1) * (y2 - y1)
    if not enough or _contrast(part.shown, inside) < LEAST_CONTRAST:
        return None
    return part.outline(inside)


class _Window:
    """A part of the picture at a bounded size, and the way between its pixels and the picture's."""

    def __init__(self, pixels: NDArray[np.uint8], corners: Floats) -> None:
        height, width = pixels.shape[:2]
        x1, y1 = np.clip(np.floor(corners[:2]), 0, [width - 1, height - 1]).astype(int).tolist()
        x2 = int(np.clip(np.ceil(corners[2]), x1 + 1, width))
        y2 = int(np.clip(np.ceil(corners[3]), y1 + 1, height))
        part = pixels[y1:y2, x1:x2]
        zoom = min(WINDOW_PX / max(part.shape[:2]), LARGEST_ZOOM)
        size = (max(2, round(part.shape[1] * zoom)), max(2, round(part.shape[0] * zoom)))
        method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        self.shown = np.asarray(cv2.resize(part, size, interpolation=method), np.uint8)
        self.corner = np.array([x1, y1], np.float32)
        self.zoom = np.array(size, np.float32) / (x2 - x1, y2 - y1)
        self.limit = np.array(size, np.float32) - 1

    def inward(self, point: Floats) -> Floats:
        """A place of the picture in the window's pixels."""
        return np.asarray((point - self.corner) * self.zoom, np.float32)

    def outline(self, inside: Mask) -> Floats | None:
        """The outline of a 0/1 mask of the window in the picture's pixels."""
        outline = largest_outline(inside)
        return None if outline is None else (outline / self.zoom + self.corner).astype(np.float32)


def _cut(shown: NDArray[np.uint8], start: Mask) -> Mask:
    """GrabCut's 0/1 mask, smoothed by an opening."""
    cv2.setRNGSeed(0)  # its clusters begin at random, and the same click shall give the same hold
    models = (np.zeros((1, 65)), np.zeros((1, 65)))
    no_rectangle = (0, 0, 1, 1)  # asked for, but not looked at where a mask says where to begin
    cv2.grabCut(shown, start, no_rectangle, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    inside = np.isin(start, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    return np.asarray(cv2.morphologyEx(inside, cv2.MORPH_OPEN, kernel), np.uint8)


def _piece(inside: Mask, seed: tuple[int, int] | None) -> Mask:
    """The connected piece at ``seed`` (x, y), or the largest one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
    if seed is not None:
        wanted = int(labels[seed[1], seed[0]])
    else:
        wanted = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if count > 1 else 0
    return (labels == wanted).astype(np.uint8) if wanted else np.zeros_like(inside)


def _contrast(shown: NDArray[np.uint8], inside: Mask) -> float:
    """CIE 1976 difference between the mean colours of a piece and of the ring around it."""
    width = max(3, round(0.06 * max(shown.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    ring = (cv2.dilate(inside, kernel) > 0) & (inside == 0)
    if not inside.any() or not ring.any():
        return 0.0
    object_mean, ring_mean = (to_lab(shown[place]).mean(0) for place in (inside > 0, ring))
    return float(np.linalg.norm(object_mean - ring_mean))
