"""Details of two photos and which of them are the same: ORB features and their matches.

ORB (Rublee et al. 2011) is part of OpenCV, free of patents and fast without a graphics card. A
T-nut looks like any other until one knows about where to look: so features are matched once by
their looks alone, both ways and by a clear margin, and a second time near the place that a first
homography gives them.

Nothing here knows which matches agree with each other (:mod:`core.homography`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.arrays import Doubles, Pixels, check_picture
from core.homography import mapped

LONGEST_SIDE_PX = 1024
"""Photos are reduced to this before features are looked for: more finds no more that match."""

FEATURES = 4000
"""Features of each photo, the strongest ones."""

RATIO = 0.85
"""A match must be this much nearer than the second nearest (Lowe 2004, 7.1): T-nuts look alike."""

NEAR = 0.012
"""In the second matching, features this share of the longest side off their place may match."""

ALIKE_BITS = 64
"""Of 256 bits of two descriptors that may differ there (random ones differ in 128)."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Points float64 (N, 2) and descriptors uint8 (N, 32) of a picture reduced to ``size``; the
    picture was ``whole`` (both width, height)."""

    points: Doubles
    descriptors: Pixels
    size: tuple[int, int]
    whole: tuple[int, int]


def features_of(pixels: Pixels) -> Features:
    """The features of uint8 (H, W, 3) RGB ``pixels``, which are reduced to LONGEST_SIDE_PX first.

    Raises ``ValueError`` for other pixels.
    """
    check_picture(pixels)
    height, width = pixels.shape[:2]
    share = min(1.0, LONGEST_SIDE_PX / max(width, height))
    size = max(1, round(width * share)), max(1, round(height * share))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if size != (width, height):
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    finder = cv2.ORB.create(FEATURES, fastThreshold=7)
    points, descriptors = finder.detectAndCompute(grey, None)
    return Features(
        np.array([point.pt for point in points], np.float64).reshape(-1, 2),
        np.empty((0, 32), np.uint8) if descriptors is None else np.asarray(descriptors, np.uint8),
        size,
        (width, height),
    )


def matches_by_looks(first: Features, second: Features) -> tuple[Doubles, Doubles]:
    """Points of both pictures that are each other's nearest, and clearly so: (N, 2) and (N, 2)."""
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
    there = matcher.knnMatch(first.descriptors, second.descriptors, 2)
    back = {m.queryIdx: m.trainIdx for m in matcher.match(second.descriptors, first.descriptors)}
    pairs = [
        (best.queryIdx, best.trainIdx)
        for best, next_best in (pair for pair in there if len(pair) == 2)
        if best.distance < RATIO * next_best.distance and back[best.trainIdx] == best.queryIdx
    ]
    indices = np.array(pairs, np.intp).reshape(-1, 2)
    return first.points[indices[:, 0]], second.points[indices[:, 1]]


def matches_near(first: Features, second: Features, matrix: Doubles) -> tuple[Doubles, Doubles]:
    """Points of both pictures that are each other's likest among those near the place that
    ``matrix`` gives: (N, 2) and (N, 2)."""
    reach = NEAR * max(second.size)
    places = mapped(matrix, first.points)
    best = np.full((len(places), 2), ALIKE_BITS + 1)  # bits that differ, index
    for start in range(0, len(places), 256):  # 256 rows at a time: 8 MB, not 128
        part = slice(start, start + 256)
        gap = np.abs(places[part, None] - second.points[None]).max(2)
        rows, columns = np.nonzero(gap < reach)
        bits = np.bitwise_count(first.descriptors[start + rows] ^ second.descriptors[columns])
        order = np.lexsort((columns, bits.sum(1, dtype=np.int64)))[::-1]
        rows, columns, differ = rows[order], columns[order], bits.sum(1, dtype=np.int64)[order]
        best[start + rows] = np.column_stack([differ, columns])  # the last one written stays
    found = np.flatnonzero(best[:, 0] <= ALIKE_BITS)
    order = found[np.lexsort((found, best[found, 0]))]
    _, one_each = np.unique(best[order, 1], return_index=True)  # the likest of those that share
    kept = np.sort(order[one_each])
    return first.points[kept], second.points[best[kept, 1]]
