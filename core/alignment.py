"""Two photos of one wall -> the homography that lays the first onto the second, or a refusal.

A climbing wall is flat enough, panel by panel, for one homography to place a hold of one photo on
the other (Hartley and Zisserman, "Multiple View Geometry", 2nd ed., 13.1). What ties the photos
together is whatever was not reset: T-nuts, seams, chalk, texture, volumes and the holds that
stayed. ORB features are matched both ways and the homography is estimated robustly (MAGSAC++,
Barath et al. 2020, in OpenCV), so holds that came or went are merely outliers. A T-nut looks like
any other until one knows about where to look: so the features are matched a second time, near the
place that the first homography gives them, and it is estimated anew from many more.

A homography can always be fitted to something. So the answer carries how far it can be believed,
and it is refused where too few matches agree, where they lie in one corner of the picture, or where
the mapping could not come from a camera before a wall (mirrored, torn apart, flattened).

Not done here: lens distortion and walls that fold sharply. What they leave is in ``error_px``, and
whoever compares holds allows for it. Nothing here knows holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import ClimbMateError
from core.wall import Point

Pixels = NDArray[np.uint8]
Doubles = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

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

TOLERANCE = 0.003
"""Matches this share of the longest side off the homography still count for it."""

FEWEST_INLIERS = 20
"""Photos of different walls agreed in at most 7 matches where they were tried, of 78 to 111."""

LEAST_COVERAGE = 0.1
"""Share of the cells of the common part that must hold an agreeing match."""

CELLS = 8
"""Cells along each side over which agreeing matches are counted."""

LEAST_OVERLAP = 0.15
"""Share of the second photo that the first must show."""

STRETCH = 6.0
"""Most that one photo may enlarge the other, in length, anywhere in the common part."""


class AlignmentError(ClimbMateError):
    """The two photos cannot be laid onto each other."""

    status = 422


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the first photo ("before") lies on the second ("after").

    ``matrix`` is the 3 x 3 homography, row by row, from pixels of the upright, full-size first
    photo to those of the second; ``before_size`` and ``after_size`` are (width, height).
    ``inliers`` of ``matches`` matches agree with it; ``coverage`` is the share of the common part,
    cut into cells, in which at least one of them lies; ``overlap`` the share of the second photo
    that the first one shows; ``error_px`` the median distance, in pixels of the full second photo,
    between a match that agrees and where the homography puts it.
    """

    matrix: tuple[float, float, float, float, float, float, float, float, float]
    before_size: tuple[int, int]
    after_size: tuple[int, int]
    matches: int
    inliers: int
    coverage: float
    overlap: float
    error_px: float

    def to_after(self, points: Sequence[Point] | Doubles) -> Doubles:
        """``points`` (N, 2) of the first photo in the second, float64 (N, 2)."""
        return mapped(self._array(), points)

    def to_before(self, points: Sequence[Point] | Doubles) -> Doubles:
        """``points`` (N, 2) of the second photo in the first, float64 (N, 2)."""
        return mapped(np.linalg.inv(self._array()), points)

    def scaled(self, before: float, after: float) -> Doubles:
        """The homography (3, 3) between pictures that are ``before`` and ``after`` times as large
        as the full photos."""
        matrix = np.diag([after, after, 1.0]) @ self._array() @ np.diag([1 / before] * 2 + [1.0])
        result: Doubles = matrix / matrix[2, 2]
        return result

    def _array(self) -> Doubles:
        return np.array(self.matrix, np.float64).reshape(3, 3)

    def document(self) -> dict[str, Any]:
        """The alignment in plain values, ready for ``json.dumps``."""
        return {
            # Nine digits place a corner of a 50-megapixel photo to a thousandth of a pixel.
            "matrix": [float(f"{value:.12g}") for value in self.matrix],
            "matches": self.matches,
            "inliers": self.inliers,
            "coverage": round(self.coverage, 3),
            "overlap": round(self.overlap, 3),
            "error_px": round(self.error_px, 2),
        }


def align(
    before: Pixels,
    after: Pixels,
    before_size: tuple[int, int] | None = None,
    after_size: tuple[int, int] | None = None,
) -> Alignment:
    """Lay ``before`` onto ``after``, both uint8 (H, W, 3) sRGB working pictures.

    The sizes (width, height) are those of the full photos, where the pictures are reduced ones.
    Deterministic. Raises :class:`AlignmentError` (``photos_without_detail``,
    ``photos_do_not_align``, ``photos_barely_overlap``) and ``ValueError`` for other pixels.
    """
    first, second = _features(before), _features(after)
    if min(len(first.points), len(second.points)) < FEWEST_INLIERS:
        raise AlignmentError(
            "photos_without_detail",
            "One of the two photos shows too little detail to be laid onto the other.",
            "Take photos that are sharp, well lit, and show more of the wall than one colour.",
        )
    tolerance_px = TOLERANCE * max(second.size)
    sources, targets = _matches(first, second)
    matrix, agree = _homography(sources, targets, tolerance_px)
    overlap = _possible_overlap(matrix, first.size, second.size) if agree.any() else 0.0
    if agree.sum() < FEWEST_INLIERS or not overlap:
        raise _strangers()
    sources, targets = _matches_near(first, second, matrix)
    matrix, agree = _homography(sources, targets, tolerance_px)
    overlap = _possible_overlap(matrix, first.size, second.size) if agree.any() else 0.0
    inliers = int(agree.sum())
    if inliers < FEWEST_INLIERS or not overlap:
        raise _strangers()
    if overlap < LEAST_OVERLAP:
        raise AlignmentError(
            "photos_barely_overlap",
            f"Only {100 * overlap:.0f} % of the second photo shows what the first one shows.",
            "Take both photos from about the same place, so that they show the same part.",
        )
    coverage = _coverage(matrix, first.size, second.size, targets[agree])
    if coverage < LEAST_COVERAGE:
        raise AlignmentError(
            "photos_agree_in_one_spot",
            "The two photos agree in one small spot only, too little to lay the rest of the wall "
            "by it.",
            "Choose two photos of the same part of one wall, taken from about the same place.",
        )
    miss = np.linalg.norm(mapped(matrix, sources[agree]) - targets[agree], axis=1)
    before_size, after_size = before_size or first.whole, after_size or second.whole
    enlarge = after_size[0] / second.size[0]
    full = _between(matrix, before_size[0] / first.size[0], enlarge)
    values = (full / full[2, 2]).ravel().tolist()
    return Alignment(
        tuple(values), before_size, after_size, len(sources), inliers, coverage, overlap,
        float(np.median(miss)) * enlarge,
    )  # fmt: skip


def mapped(matrix: Floats, points: Sequence[Point] | Floats) -> Doubles:
    """``points`` (N, 2) through the homography ``matrix`` (3, 3), float64 (N, 2)."""
    flat = np.asarray(points, np.float64).reshape(-1, 2)
    lifted = np.column_stack([flat, np.ones(len(flat))]) @ matrix.T
    result: Doubles = lifted[:, :2] / lifted[:, 2:]
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    """Points float64 (N, 2) and descriptors uint8 (N, 32) of a picture reduced to ``size``; the
    picture was ``whole`` (both width, height)."""

    points: Doubles
    descriptors: Pixels
    size: tuple[int, int]
    whole: tuple[int, int]


def _features(pixels: Pixels) -> _Features:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f"expected uint8 (H, W, 3) pixels, got {pixels.dtype} {pixels.shape}")
    height, width = pixels.shape[:2]
    share = min(1.0, LONGEST_SIDE_PX / max(width, height))
    size = max(1, round(width * share)), max(1, round(height * share))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if size != (width, height):
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    finder = cv2.ORB.create(FEATURES, fastThreshold=7)
    points, descriptors = finder.detectAndCompute(grey, None)
    return _Features(
        np.array([point.pt for point in points], np.float64).reshape(-1, 2),
        np.empty((0, 32), np.uint8) if descriptors is None else np.asarray(descriptors, np.uint8),
        size,
        (width, height),
    )


def _matches(first: _Features, second: _Features) -> tuple[Doubles, Doubles]:
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


def _matches_near(first: _Features, second: _Features, matrix: Doubles) -> tuple[Doubles, Doubles]:
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


def _homography(
    sources: Doubles, targets: Doubles, tolerance_px: float
) -> tuple[Doubles, NDArray[np.bool_]]:
    """The matrix (3, 3) that most matches agree with, and which do (N,); none where there is no
    such matrix."""
    nobody = np.eye(3), np.zeros(len(sources), bool)
    if len(sources) < FEWEST_INLIERS:
        return nobody
    found, _ = cv2.findHomography(
        sources, targets, cv2.USAC_MAGSAC, tolerance_px, maxIters=5000, confidence=0.999
    )
    if found is None:
        return nobody
    matrix = np.asarray(found, np.float64)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-9:
        return nobody
    # MAGSAC weighs without a threshold; what is reported is counted by one.
    ahead = np.flatnonzero(sources @ matrix[2, :2] + matrix[2, 2] > 1e-6)
    miss = np.full(len(sources), np.inf)
    miss[ahead] = np.linalg.norm(mapped(matrix, sources[ahead]) - targets[ahead], axis=1)
    return matrix, miss < tolerance_px


def _possible_overlap(matrix: Doubles, before: tuple[int, int], after: tuple[int, int]) -> float:
    """The share of the second picture that the first covers; 0 for a mapping that no camera before
    a wall could make."""
    corners = _corners(before)
    depth = corners @ matrix[2, :2] + matrix[2, 2]
    if depth.min() <= 0 or depth.max() > STRETCH * depth.min():
        return 0.0
    common, _ = cv2.intersectConvexConvex(
        mapped(matrix, corners).astype(np.float32), _corners(after).astype(np.float32)
    )
    # The local area scale is det / depth^3; negative would be a mirror.
    lowest, highest = np.linalg.det(matrix) / np.array([depth.max(), depth.min()]) ** 3
    if lowest < STRETCH**-2 or highest > STRETCH**2:
        return 0.0
    return float(common) / (after[0] * after[1])


def _coverage(
    matrix: Doubles, before: tuple[int, int], after: tuple[int, int], points: Doubles
) -> float:
    """The share of the second picture's cells in the common part that hold one of ``points``."""
    outline = np.round(
        mapped(matrix, _corners(before)) * (CELLS * 16) / np.array(after, np.float64)
    )
    cells = np.zeros((CELLS * 16, CELLS * 16), np.uint8)
    cv2.fillConvexPoly(cells, np.clip(outline, -1e6, 1e6).astype(np.int32), 1)
    common = cells.reshape(CELLS, 16, CELLS, 16).mean((1, 3)) >= 0.5
    places = np.clip((points * CELLS / np.array(after)).astype(int), 0, CELLS - 1)
    seen = np.zeros((CELLS, CELLS), bool)
    seen[places[:, 1], places[:, 0]] = True
    return float((seen & common).sum() / max(1, common.sum()))


def _corners(size: tuple[int, int]) -> Doubles:
    width, height = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def _between(matrix: Doubles, before: float, after: float) -> Doubles:
    """``matrix`` between pictures enlarged by ``before`` and ``after``. ORB's points have whole
    numbers in the middle of pixels, the analysis halves."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    middle = half @ matrix @ np.linalg.inv(half)
    result: Doubles = np.diag([after, after, 1.0]) @ middle @ np.diag([1 / before] * 2 + [1.0])
    return result


def _strangers() -> AlignmentError:
    return AlignmentError(
        "photos_do_not_align",
        "The two photos do not seem to show the same wall: too few details of one are found again "
        "on the other.",
        "Choose two photos of the same part of one wall, taken from about the same place.",
    )
