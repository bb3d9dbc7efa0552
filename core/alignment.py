"""Two photos of one wall -> where each place of the first lies on the second, or a refusal.

A climbing wall is flat, panel by panel: one homography lays the largest panel of one photo onto the
other, further ones the panels that fold away from it (:mod:`core.panels`), and a smooth field joins
them (:mod:`core.bend`). What ties the photos together is whatever was not reset: T-nuts, seams,
chalk, texture, volumes and the holds that stayed. Holds that came or went are merely outliers. The
details are matched twice, the second time near the place that the first homography gives them, and
it is estimated anew from many more.

A homography can always be fitted to something. So the answer carries how far it can be believed,
and it is refused where too few matches agree, where they lie in one corner of the picture, or where
the mapping could not come from a camera before a wall (mirrored, torn apart, flattened).

Not done here: lens distortion and the parallax of what stands off the wall. What they leave is in
``error_px``, and whoever compares holds allows for it. Nothing here knows holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import Doubles, Pixels
from core.bend import Bend, bend_of
from core.errors import ClimbMateError
from core.homography import between, coverage, homography, mapped, possible_overlap
from core.panels import Panel, with_further_panels
from core.photo_matches import Features, features_of, matches_by_looks, matches_near
from core.wall import Point

TOLERANCE = 0.003
"""Matches this share of the longest side off the homography still count for it."""

FEWEST_INLIERS = 20
"""Photos of different walls agreed in at most 7 matches where they were tried, of 78 to 111."""

LEAST_COVERAGE = 0.1
"""Share of the cells of the common part that must hold an agreeing match."""

LEAST_OVERLAP = 0.15
"""Share of the second photo that the first must show."""

TURNS = 12
"""Steps in which a bent place is sought back; each leaves a fraction of what the last one did."""


class AlignmentError(ClimbMateError):
    """The two photos cannot be laid onto each other."""

    status = 422


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the first photo ("before") lies on the second ("after").

    ``matrix`` is the 3 x 3 homography of the largest panel, row by row, from pixels of the upright,
    full-size first photo to those of the second; ``before_size`` and ``after_size`` are (width,
    height). ``inliers`` of ``matches`` matches agree with it or with another panel; ``coverage`` is
    the share of the common part, cut into cells, in which at least one of them lies; ``overlap``
    the share of the second photo that the first one shows; ``error_px`` the median distance, in
    pixels of the full second photo, between a match that agrees and where its panel's homography
    puts it. ``bend`` adds to the homography where the wall has more than one of ``panels``.
    """

    matrix: tuple[float, float, float, float, float, float, float, float, float]
    before_size: tuple[int, int]
    after_size: tuple[int, int]
    matches: int
    inliers: int
    coverage: float
    overlap: float
    error_px: float
    panels: int = 1
    bend: Bend | None = None

    def to_after(self, points: Sequence[Point] | Doubles) -> Doubles:
        """``points`` (N, 2) of the first photo in the second, float64 (N, 2)."""
        flat = mapped(self._array(), points)
        if self.bend is None:
            return flat
        return flat + self.bend.at(np.asarray(points, np.float64).reshape(-1, 2))

    def to_before(self, points: Sequence[Point] | Doubles) -> Doubles:
        """``points`` (N, 2) of the second photo in the first, float64 (N, 2)."""
        back, there = np.linalg.inv(self._array()), np.asarray(points, np.float64).reshape(-1, 2)
        found = mapped(back, there)
        if self.bend is not None:
            for _ in range(TURNS):  # the field is flat beside the homography: a contraction
                found = mapped(back, there - self.bend.at(found))
        return found

    def around(self, low: Doubles, high: Doubles) -> Doubles:
        """The homography (3, 3) from the first photo to the second that holds in the box from
        ``low`` to ``high``, both (2,), of the second."""
        if self.bend is None:
            return self._array()
        box = np.array([low, [high[0], low[1]], high, [low[0], high[1]]], np.float64)
        found = cv2.getPerspectiveTransform(
            self.to_before(box).astype(np.float32), box.astype(np.float32)
        )
        return np.asarray(found, np.float64)

    def _array(self) -> Doubles:
        return np.array(self.matrix, np.float64).reshape(3, 3)

    def document(self) -> dict[str, Any]:
        """The alignment in plain values, ready for ``json.dumps``."""
        return {
            # Of these digits nine already place a corner of a 50-megapixel photo to a thousandth
            # of a pixel.
            "matrix": [float(f"{value:.12g}") for value in self.matrix],
            "panels": self.panels,
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
    ``photos_do_not_align``, ``photos_barely_overlap``, ``photos_agree_in_one_spot``) and
    ``ValueError`` for other pixels.
    """
    first, second = features_of(before), features_of(after)
    if min(len(first.points), len(second.points)) < FEWEST_INLIERS:
        raise AlignmentError(
            "photos_without_detail",
            "One of the two photos shows too little detail to be laid onto the other.",
            "Take photos that are sharp, well lit, and show more of the wall than one colour.",
        )
    tolerance_px = TOLERANCE * max(second.size)
    by_looks = matches_by_looks(first, second)
    matrix, _, _ = _believed(*by_looks, first, second)
    near = matches_near(first, second, matrix)
    matrix, agree, overlap = _believed(*near, first, second)
    if overlap < LEAST_OVERLAP:
        raise AlignmentError(
            "photos_barely_overlap",
            f"Only {100 * overlap:.0f} % of the second photo shows what the first one shows.",
            "Take both photos from about the same place, so that they show the same part.",
        )
    main = Panel(matrix, near[0][agree], near[1][agree])
    panels = with_further_panels(main, *by_looks, (first, second), tolerance_px)
    targets = np.concatenate([panel.targets for panel in panels])
    covered = coverage(matrix, first.size, second.size, targets)
    if covered < LEAST_COVERAGE:
        raise AlignmentError(
            "photos_agree_in_one_spot",
            "The two photos agree in one small spot only, too little to lay the rest of the wall "
            "by it.",
            "Choose two photos of the same part of one wall, taken from about the same place.",
        )
    matches = len(near[0]) + len(targets) - len(main.targets)
    return _in_full(panels, (first, second), (before_size, after_size), matches, covered, overlap)


def _believed(
    sources: Doubles, targets: Doubles, first: Features, second: Features
) -> tuple[Doubles, NDArray[np.bool_], float]:
    """The homography of these matches, which of them agree (N,), and the overlap; refused where
    there is none to believe."""
    matrix, agree = homography(sources, targets, TOLERANCE * max(second.size))
    overlap = possible_overlap(matrix, first.size, second.size) if agree.any() else 0.0
    if agree.sum() < FEWEST_INLIERS or not overlap:
        raise _strangers()
    return matrix, agree, overlap


def _in_full(
    panels: Sequence[Panel],
    features: tuple[Features, Features],
    sizes: tuple[tuple[int, int] | None, tuple[int, int] | None],
    matches: int,
    covered: float,
    overlap: float,
) -> Alignment:
    """The alignment of the full photos from that of the reduced pictures."""
    (first, second), (before_size, after_size) = features, sizes
    before_size, after_size = before_size or first.whole, after_size or second.whole
    shrunk, enlarge = before_size[0] / first.size[0], after_size[0] / second.size[0]
    full = [between(panel.matrix, shrunk, enlarge) for panel in panels]
    misses = [
        np.linalg.norm(mapped(panel.matrix, panel.sources) - panel.targets, axis=1)
        for panel in panels
    ]
    points = [(panel.sources + 0.5) * shrunk for panel in panels]
    return Alignment(
        tuple((full[0] / full[0][2, 2]).ravel().tolist()), before_size, after_size, matches,
        sum(map(len, misses)), covered, overlap,
        float(np.median(np.concatenate(misses))) * enlarge, len(panels),
        bend_of(full, points, before_size) if len(panels) > 1 else None,
    )  # fmt: skip


def _strangers() -> AlignmentError:
    return AlignmentError(
        "photos_do_not_align",
        "The two photos do not seem to show the same wall: too few details of one are found again "
        "on the other.",
        "Choose two photos of the same part of one wall, taken from about the same place.",
    )
