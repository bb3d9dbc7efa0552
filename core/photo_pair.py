"""An aligned pair of working pictures, and any place of it cut out of both at one size.

Whole pictures are never warped here: a place is a few thousand pixels, a picture some million.
Nothing is judged.
"""

from __future__ import annotations

import cv2
import numpy as np

from core.alignment import Alignment
from core.arrays import Doubles, Pixels


class PhotoPair:
    """Two working pictures, uint8 (H, W, 3) sRGB each, kept in OpenCV's Lab for 8 bits."""

    def __init__(self, before: Pixels, after: Pixels, alignment: Alignment) -> None:
        self._before = np.asarray(cv2.cvtColor(before, cv2.COLOR_RGB2LAB), np.uint8)
        self._after = np.asarray(cv2.cvtColor(after, cv2.COLOR_RGB2LAB), np.uint8)
        self._alignment = alignment
        # Working pictures are smaller than the full photos, whose pixels outlines are in.
        self._grow_before = alignment.before_size[0] / before.shape[1]
        self._grow_after = alignment.after_size[0] / after.shape[1]

    def cut_before(
        self, box: tuple[Doubles, Doubles], place: Doubles, size: tuple[int, int]
    ) -> Pixels:
        """What the first photo shows at ``box``, its lowest and highest corner (2,) in pixels of
        the full second photo; ``place`` (3, 3) maps those pixels to the cut of ``size`` (width,
        height)."""
        laid = place @ self._alignment.around(*box)
        return _cut(self._before, laid @ _scaled(self._grow_before), size)

    def cut_after(self, place: Doubles, size: tuple[int, int]) -> Pixels:
        """What the second photo shows where ``place`` (3, 3) maps its full pixels to the cut."""
        return _cut(self._after, place @ _scaled(self._grow_after), size)


def _scaled(share: float) -> Doubles:
    return np.diag([share, share, 1.0])


def _cut(picture: Pixels, matrix: Doubles, size: tuple[int, int]) -> Pixels:
    cut = cv2.warpPerspective(
        picture, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)
