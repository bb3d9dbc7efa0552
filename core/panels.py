"""The flat panels of a folded wall: further homographies among the matches that the first one
leaves over.

Found one after the other, each among what the others leave (sequential RANSAC, as in Vincent and
Laganière, "Detecting planar homographies in an image pair", 2001). What is left over also holds
matches that are wrong together: a moved hold carries some twenty along, and a grid of T-nuts fits
itself shifted by one. So a panel must be larger than any hold, and lie apart from the others: the
matches around a match of it are its own.

What this cannot find: panels with too few details, and bends without a seam, which one homography
fits nearly as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.arrays import Doubles
from core.homography import homography, mapped, possible_overlap
from core.photo_matches import Features, matches_near

MOST = 4
"""Panels of one wall, the first included."""

FEWEST = 16
"""Matches of a further panel that no other panel explains."""

LEAST_AREA = 0.025
"""Share of the second photo that the matches of a further panel must span."""

FARTHEST = 0.2
"""Share of the longest side that a panel may lie off the first homography where it was matched."""

NEIGHBOURS = 7
OWN_SHARE = 0.7
"""Of the nearest matches around each of a panel's, the mean share that must be its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A homography (3, 3) between two pictures, and the matches (N, 2) of both that agree with
    it."""

    matrix: Doubles
    sources: Doubles
    targets: Doubles


def with_further_panels(
    main: Panel,
    sources: Doubles,
    targets: Doubles,
    features: tuple[Features, Features],
    tolerance_px: float,
) -> list[Panel]:
    """``main`` and the panels besides it, at most :data:`MOST`.

    ``sources`` and ``targets`` (N, 2) are the matches by looks alone. Deterministic.
    """
    panels = [main]
    while len(panels) < MOST:
        left = _left_over(panels, sources, targets, 2 * tolerance_px)
        if left.sum() < FEWEST:
            break
        found = _further(panels, sources[left], targets[left], features, tolerance_px)
        if found is None:
            break
        panels.append(found)
    return panels


def _further(
    panels: list[Panel],
    sources: Doubles,
    targets: Doubles,
    features: tuple[Features, Features],
    tolerance_px: float,
) -> Panel | None:
    """The panel that most of these matches agree with; None where it is none."""
    first, second = features
    matrix, agree = homography(sources, targets, tolerance_px)
    if agree.sum() < FEWEST or not possible_overlap(matrix, first.size, second.size):
        return None
    near = matches_near(first, second, matrix)
    # Close to a seam another panel's matches are near as well, and may be more.
    left = _left_over(panels, *near, tolerance_px)
    near = near[0][left], near[1][left]
    matrix, own = homography(*near, tolerance_px)
    if own.sum() < FEWEST or not possible_overlap(matrix, first.size, second.size):
        return None
    panel = Panel(matrix, near[0][own], near[1][own])
    hull = cv2.convexHull(panel.targets.astype(np.float32))
    if cv2.contourArea(hull) < LEAST_AREA * second.size[0] * second.size[1]:
        return None
    off = np.linalg.norm(mapped(panels[0].matrix, panel.sources) - panel.targets, axis=1)
    if np.quantile(off, 0.9) > FARTHEST * max(second.size):
        return None
    others = np.concatenate([other.targets for other in panels])
    return panel if _own_neighbours(panel.targets, others) >= OWN_SHARE else None


def _left_over(
    panels: list[Panel], sources: Doubles, targets: Doubles, tolerance_px: float
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which matches (N,) agree with none of the panels."""
    left = np.ones(len(sources), np.bool_)
    for panel in panels:
        miss = np.linalg.norm(mapped(panel.matrix, sources) - targets, axis=1)
        left &= ~(miss < tolerance_px)
    return left


def _own_neighbours(own: Doubles, others: Doubles) -> float:
    """The mean share of ``own`` among the nearest neighbours of ``own`` in both sets of points."""
    everyone = np.concatenate([own, others])
    shares = []
    for start in range(0, len(own), 256):  # 256 rows at a time bound the memory
        gap = np.linalg.norm(own[start : start + 256, None] - everyone[None], axis=2)
        gap[np.arange(len(gap)), start + np.arange(len(gap))] = np.inf  # not one's own neighbour
        count = min(NEIGHBOURS, len(everyone) - 1)
        nearest = np.argpartition(gap, count - 1, axis=1)[:, :count]
        shares.append((nearest < len(own)).mean(axis=1))
    return float(np.concatenate(shares).mean())
