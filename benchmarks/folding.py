"""Rendered walls folded along a line: a second photo on which one homography cannot be enough.

Two cameras see two planes by two homographies that differ by a homology: the identity plus the
outer product of one direction with the seam (Hartley and Zisserman, "Multiple View Geometry", 2nd
ed., 13.2). So a picture of a flat wall becomes one of a folded wall by such a homology on one side
of a line. Hidden parts and other light on the second panel are not made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.walls import SyntheticWall, TruthObject

Doubles = NDArray[np.float64]

OFF = (0.03, 0.08)
"""How far the far corner of the second panel is off, as a share of the longest side."""

SEEN = 0.9
"""Share of an outline's points that stay in the picture, or the object leaves the truth."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """The ``seam`` (3,), positive on the second panel, and that panel's homology (3, 3)."""

    seam: Doubles
    homology: Doubles

    @classmethod
    def draw(cls, rng: np.random.Generator, width: int, height: int) -> Fold:
        """A fold through the middle part of a picture, the smaller panel being the second."""
        through = np.array([width, height]) * rng.uniform(0.35, 0.65, 2)
        angle, away = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        seam = np.array([np.cos(angle), np.sin(angle), 0.0])
        seam[2] = -(seam[:2] @ through)
        reach = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]]) @ seam
        if reach.max() < -reach.min():
            seam, reach = -seam, -reach
        off = rng.uniform(*OFF) * max(width, height)
        way = np.array([np.cos(away), np.sin(away), rng.uniform(-0.3, 0.3) / max(width, height)])
        return cls(seam, np.eye(3) + np.outer(off * way, seam) / reach.max())

    def moved(self, points: Doubles) -> Doubles:
        """Where ``points`` (N, 2) of the flat wall lie on the folded one, (N, 2)."""
        lifted = np.column_stack([points, np.ones(len(points))])
        there = lifted @ self.homology.T
        result: Doubles = np.where(
            (lifted @ self.seam > 0)[:, None], there[:, :2] / there[:, 2:], points
        )
        return result

    def picture(self, flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The folded wall, uint8 (H, W, 3); grey where nothing was photographed."""
        height, width = flat.shape[:2]
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        by_index = np.linalg.inv(half) @ self.homology @ half
        other = cv2.warpPerspective(flat, by_index, (width, height), borderValue=(90, 90, 90))
        y, x = np.mgrid[0:height, 0:width] + 0.5
        beyond = self.seam[0] * x + self.seam[1] * y + self.seam[2] > 0
        return np.where(beyond[..., None], other, flat).astype(np.uint8)

    def wall(self, flat: SyntheticWall) -> SyntheticWall:
        """The folded wall with its truth."""
        moved = (self._object(item, flat.image.shape) for item in flat.objects)
        return replace(
            flat, image=self.picture(flat.image), objects=tuple(item for item in moved if item)
        )

    def _object(self, item: TruthObject, shape: tuple[int, ...]) -> TruthObject | None:
        polygon = self.moved(item.polygon.astype(np.float64) + 0.5) - 0.5
        last = np.array([shape[1] - 1, shape[0] - 1])
        if ((polygon >= 0) & (polygon <= last)).all(1).mean() < SEEN:
            return None
        polygon = np.clip(polygon, 0, last)
        low, high = polygon.min(0), polygon.max(0) + 1
        box = (float(low[0]), float(low[1]), *(high - low).tolist())
        return replace(item, polygon=polygon.astype(np.float32), box=box)
