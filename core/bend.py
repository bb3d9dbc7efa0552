"""How far a folded wall lies off one homography, as a smooth field over the first photo.

Each flat panel of a folded wall has a homography of its own, and two neighbours agree along their
seam (Hartley and Zisserman, "Multiple View Geometry", 2nd ed., 13.2: the homographies of two planes
differ by a homology whose axis is the line in which they meet). So a place is put where the
homographies of the panels around it put it, weighted by how near their matches lie: a blend that
changes panels at the seams, where it does not matter which of them is taken.

Nothing here looks for panels (:mod:`core.panels`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.arrays import Doubles
from core.homography import mapped

NODES = 25
"""Nodes of the field along each side of the first photo."""

REACH = 0.05
"""Standard deviation of a match's say in what lies around it, as a share of the longest side."""

MOST_MATCHES = 600
"""Matches of a panel that have a say: more of them say the same."""


@dataclass(frozen=True, slots=True)
class Bend:
    """``shifts`` in pixels of the second photo that are added to where the homography of the
    largest panel puts a point: (NODES x NODES) pairs, row by row, over the first photo of ``size``
    (width, height)."""

    size: tuple[int, int]
    shifts: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.shifts) != NODES**2:
            raise ValueError(f"expected {NODES**2} shifts, got {len(self.shifts)}")

    def at(self, points: Doubles) -> Doubles:
        """The shifts at ``points`` (N, 2) of the first photo, float64 (N, 2); beyond the photo
        those of its rim."""
        if not len(points):
            return np.zeros((0, 2))
        field = np.array(self.shifts, np.float32).reshape(NODES, NODES, 2)
        spots = np.clip(points / self.size, 0.0, 1.0) * (NODES - 1)
        low = np.minimum(spots.astype(int), NODES - 2)
        right, below = (spots - low).T[:, :, None]
        column, row = low.T
        upper = field[row, column] * (1 - right) + field[row, column + 1] * right
        lower = field[row + 1, column] * (1 - right) + field[row + 1, column + 1] * right
        result: Doubles = upper * (1 - below) + lower * below
        return result


def bend_of(matrices: Sequence[Doubles], matches: Sequence[Doubles], size: tuple[int, int]) -> Bend:
    """The bend of a wall of panels, the largest first: their homographies (3, 3) in pixels of the
    full photos, and the points (N, 2) of the first photo, of ``size``, at which each was matched.
    """
    width, height = size
    across, down = np.meshgrid(np.linspace(0, width, NODES), np.linspace(0, height, NODES))
    nodes = np.column_stack([across.ravel(), down.ravel()])
    reach = REACH * max(size)
    says = np.stack([_say(nodes, points, reach) for points in matches])
    shares = np.exp(says - says.max(axis=0))
    shares /= shares.sum(axis=0)
    main = mapped(matrices[0], nodes)
    shifts = sum(
        (share[:, None] * (mapped(matrix, nodes) - main))
        for share, matrix in zip(shares, matrices, strict=True)
    )
    smooth = cv2.GaussianBlur(
        np.asarray(shifts, np.float64).reshape(NODES, NODES, 2), (3, 3), 0,
        borderType=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return Bend(size, tuple((float(x), float(y)) for x, y in smooth.reshape(-1, 2)))


def _say(nodes: Doubles, points: Doubles, reach: float) -> Doubles:
    """The logarithm of the summed Gaussian weights of ``points`` at each node, (NODES^2,): far from
    all of them the nearest still counts more than the others."""
    some = points[:: max(1, -(-len(points) // MOST_MATCHES))]
    square = ((nodes[:, None] - some[None]) ** 2).sum(2) / (-2 * reach**2)
    highest = square.max(axis=1)
    result: Doubles = highest + np.log(np.exp(square - highest[:, None]).sum(axis=1))
    return result
