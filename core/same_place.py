"""Whether a place of an aligned pair of photos looks the same on both: a second look at holds that
only one detection saw.

The first photo is laid onto the second around the hold's box, and both are compared by their
normalised cross-correlation (Lewis 1995), which light does not change; a few pixels of play make up
for what the alignment is off. Whole pictures are never warped here.
"""

from __future__ import annotations

import cv2
import numpy as np

from core.arrays import Doubles
from core.photo_pair import PhotoPair

SIDE_PX = 48
"""Both patches are compared at this size: details of the surface do not matter."""

MARGIN = 0.25
"""Of the box, on every side: the rim of a hold tells more than its middle."""

PLAY_PX = 5
"""Of SIDE_PX, in which the best fit is looked for in all directions."""

SAME = 0.8
"""Correlation from which on both show the same; chosen by eye on the demo walls."""

LEAST_CONTRAST = 8.0
"""Standard deviation of grey levels below which a patch is plain wall and says nothing."""


class SamePlace:
    """The question put to one aligned pair of pictures."""

    def __init__(self, pair: PhotoPair) -> None:
        self._pair = pair

    def __call__(self, outline: Doubles) -> bool:
        """Whether the place of ``outline`` (P, 2), in pixels of the full second photo, looks the
        same on both."""
        return self.likeness(outline) >= SAME

    def likeness(self, outline: Doubles) -> float:
        """The correlation of both, -1 to 1; 0 where a picture shows nothing but plain wall."""
        low, high = outline.min(0), outline.max(0)
        pad = MARGIN * (high - low).max()
        low, high = low - pad, high + pad
        grow = SIDE_PX / max(float((high - low).max()), 1.0)
        width, height = np.maximum(np.round((high - low) * grow), 8).astype(int).tolist()
        place = np.array([[grow, 0, -low[0] * grow], [0, grow, -low[1] * grow], [0, 0, 1]])
        ours = self._pair.cut_after(place, (width, height))
        wider = np.array([[1, 0, PLAY_PX], [0, 1, PLAY_PX], [0, 0, 1]], np.float64) @ place
        size = width + 2 * PLAY_PX, height + 2 * PLAY_PX
        theirs = self._pair.cut_before((low, high), wider, size)
        if min(ours[..., 0].std(), theirs[..., 0].std()) < LEAST_CONTRAST:
            return 0.0
        fit = cv2.matchTemplate(theirs, ours, cv2.TM_CCOEFF_NORMED)
        return float(np.nan_to_num(fit).max())
