"""The homography that most matches of two photos agree with, and whether a camera could make it.

A flat wall is seen by two cameras as two pictures that a homography maps onto each other (Hartley
and Zisserman, "Multiple View Geometry", 2nd ed., 13.1). It is estimated robustly (MAGSAC++, Barath
et al. 2020, in OpenCV): matches that do not agree are merely outliers.

A homography can always be fitted to something; nothing here decides whether to believe it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import Doubles
from core.wall import Point

Floats = NDArray[np.floating[Any]]

CELLS = 8
"""Cells along each side over which agreeing matches are counted."""

GRID = 64
"""Points along each side of the second picture at which is looked whether the first shows them."""

STRETCH = 6.0
"""Most that one photo may enlarge the other, in length, anywhere in the common part."""


def mapped(matrix: Floats, points: Sequence[Point] | Floats) -> Doubles:
    """``points`` (N, 2) through the homography ``matrix`` (3, 3), float64 (N, 2)."""
    flat = np.asarray(points, np.float64).reshape(-1, 2)
    lifted = np.column_stack([flat, np.ones(len(flat))]) @ matrix.T
    result: Doubles = lifted[:, :2] / lifted[:, 2:]
    return result


def homography(
    sources: Doubles, targets: Doubles, tolerance_px: float
) -> tuple[Doubles, NDArray[np.bool_]]:
    """The matrix (3, 3) that most matches agree with, and which do (N,); none where there is no
    such matrix."""
    nobody = np.eye(3), np.zeros(len(sources), bool)
    if len(sources) < 4:
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


def possible_overlap(matrix: Doubles, before: tuple[int, int], after: tuple[int, int]) -> float:
    """The share of the second picture that the first covers; 0 for a mapping that no camera before
    a wall could make."""
    corners = corners_of(before)
    depth = corners @ matrix[2, :2] + matrix[2, 2]
    if depth.min() <= 0 or depth.max() > STRETCH * depth.min():
        return 0.0
    # The local area scale is det / depth^3; negative would be a mirror.
    lowest, highest = np.linalg.det(matrix) / np.array([depth.max(), depth.min()]) ** 3
    if lowest < STRETCH**-2 or highest > STRETCH**2:
        return 0.0
    return _shown(matrix, before, after)


def _shown(matrix: Doubles, before: tuple[int, int], after: tuple[int, int]) -> float:
    """The share of a grid over the second picture whose points come from within the first.

    OpenCV's area of two convex polygons is off by any amount where their sides nearly coincide, as
    those of two photos from one tripod do.
    """
    steps = (np.arange(GRID) + 0.5) / GRID
    grid = np.stack(np.meshgrid(steps * after[0], steps * after[1]), -1).reshape(-1, 2)
    lifted = np.column_stack([grid, np.ones(len(grid))]) @ np.linalg.inv(matrix).T
    ahead = lifted[np.abs(lifted[:, 2]) > 1e-12]
    places = ahead[:, :2] / ahead[:, 2:]
    # Half a thousandth of a pixel: rounding must not cut a photo that lies on itself.
    inside = ((places > -5e-4) & (places < np.array(before) + 5e-4)).all(axis=1)
    return float(inside.sum()) / len(grid)


def coverage(
    matrix: Doubles, before: tuple[int, int], after: tuple[int, int], points: Doubles
) -> float:
    """The share of the second picture's cells in the common part that hold one of ``points``."""
    outline = np.round(
        mapped(matrix, corners_of(before)) * (CELLS * 16) / np.array(after, np.float64)
    )
    cells = np.zeros((CELLS * 16, CELLS * 16), np.uint8)
    cv2.fillConvexPoly(cells, np.clip(outline, -1e6, 1e6).astype(np.int32), 1)
    common = cells.reshape(CELLS, 16, CELLS, 16).mean((1, 3)) >= 0.5
    places = np.clip((points * CELLS / np.array(after)).astype(int), 0, CELLS - 1)
    seen = np.zeros((CELLS, CELLS), bool)
    seen[places[:, 1], places[:, 0]] = True
    return float((seen & common).sum() / max(1, common.sum()))


def corners_of(size: tuple[int, int]) -> Doubles:
    """The corners (4, 2) of a picture of ``size`` (width, height), clockwise from the first."""
    width, height = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def between(matrix: Doubles, before: float, after: float) -> Doubles:
    """``matrix`` between pictures enlarged by ``before`` and ``after``. ORB's points have whole
    numbers in the middle of pixels, the analysis halves."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    middle = half @ matrix @ np.linalg.inv(half)
    result: Doubles = np.diag([after, after, 1.0]) @ middle @ np.diag([1 / before] * 2 + [1.0])
    return result
