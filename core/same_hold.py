"""Whether two outlines of an aligned pair of photos show one hold in two places: the pictures are
asked, after the outlines agreed.

Outlines of holds are much alike: of the pairs that agree in outline, size and colour, two in three
are two holds. So both are cut out at one size, the turn between them is found in polar coordinates,
in which turning is shifting (Reddy and Chatterji 1996, here on the picture itself), and one is laid
onto the other at that turn, with a little play in place, turn and size. What counts is their
normalised cross-correlation over the hold (Lewis 1995), in all three channels of Lab, which
brightness and cast do not change.

What this cannot tell: a hold from its twin of one mould and colour, and a hold that was turned or
washed so that light and chalk make another picture of it. Such a hold is not recognised.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from core.arrays import Doubles, Pixels
from core.hold_traits import middle_and_size
from core.photo_pair import PhotoPair

SIDE_PX = 40
"""Both holds are compared at this size: what a small hold has of details on a photo of a wall."""

FILLED = 0.6
"""Share of that side that a hold's size, the root of its area, takes up."""

PLAY_PX = 4
"""Of SIDE_PX, in which the best fit is looked for in all directions, in steps of two."""

TURNS = (-0.13, 0.0, 0.13)
"""Besides the turn that was found, in radians: a step of the polar picture."""

GROWTHS = (0.9, 1.0, 1.1)
"""The areas of two outlines of one hold differ a little."""

ANGLES, RADII = 48, 12
"""Size of the polar picture."""

RIM_PX = 2
"""Of SIDE_PX, that is compared around an outline: its contrast with the wall is part of a hold."""


class SameHold:
    """The question put to one aligned pair of pictures."""

    def __init__(self, pair: PhotoPair) -> None:
        self._pair = pair

    def __call__(
        self, before: Sequence[Doubles], after: Sequence[Doubles], asked: NDArray[np.bool_]
    ) -> Doubles:
        """How alike holds are, -1 to 1, float64 (N, M): 0 where ``asked`` (N, M) is not.

        ``before`` are the N outlines (P, 2) of the first photo, laid into the pixels of the full
        second photo, ``after`` the M outlines of the second.
        """
        likeness = np.zeros(asked.shape)
        rows = np.flatnonzero(asked.any(axis=1)).tolist()
        columns = np.flatnonzero(asked.any(axis=0)).tolist()
        old = {row: self._cut(before[row], first=True)[0] for row in rows}
        new = {column: self._cut(after[column], first=False) for column in columns}
        for row, column in np.argwhere(asked).tolist():
            likeness[row, column] = _fit(old[row], *new[column])
        return likeness

    def _cut(self, outline: Doubles, *, first: bool) -> tuple[Pixels, NDArray[np.bool_]]:
        """A hold with PLAY_PX around SIDE_PX, and where it is, its rim included."""
        low, high = outline.min(0), outline.max(0)
        middle, size = middle_and_size(outline)
        grow, side = SIDE_PX * FILLED / size, SIDE_PX + 2 * PLAY_PX
        place = np.array([[grow, 0, side / 2], [0, grow, side / 2], [0, 0, 1]])
        place[:2, 2] -= grow * middle
        if first:
            cut = self._pair.cut_before((low, high), place, (side, side))
        else:
            cut = self._pair.cut_after(place, (side, side))
        mask = np.zeros((side, side), np.uint8)
        points = outline @ place[:2, :2].T + place[:2, 2]
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
        around = cv2.dilate(mask, np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8))
        return cut, around.astype(bool)


def _standard(rows: Doubles) -> Doubles:
    """Each row (N, pixels * 3) with the mean of each channel taken off, and of length 1."""
    pixels = rows.reshape(len(rows), -1, 3)
    flat = (pixels - pixels.mean(axis=1, keepdims=True)).reshape(len(rows), -1)
    result: Doubles = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    return result


def _fit(old: Pixels, new: Pixels, mask: NDArray[np.bool_]) -> float:
    """The best correlation of two cuts over ``mask``, at the turn that they have."""
    inner = slice(PLAY_PX, PLAY_PX + SIDE_PX)
    where = mask[inner, inner]
    ours = _standard(new[inner, inner][where].reshape(1, -1).astype(np.float64))
    turn, middle, best = _turn(old, new), old.shape[0] / 2, -1.0
    for more in TURNS:
        for growth in GROWTHS:
            spin = cv2.getRotationMatrix2D((middle, middle), np.degrees(turn + more), growth)
            turned = cv2.warpAffine(
                old, spin, old.shape[:2], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            windows = sliding_window_view(turned, (SIDE_PX, SIDE_PX), axis=(0, 1))[::2, ::2]
            held = windows[..., where].swapaxes(2, 3).reshape(-1, ours.shape[1])
            best = max(best, float((_standard(held.astype(np.float64)) @ ours[0]).max()))
    return best


def _turn(old: Pixels, new: Pixels) -> float:
    """The angle in radians, counter-clockwise as seen, by which ``old`` has to be turned to look
    like ``new``."""
    spectra = []
    for picture in (old, new):
        middle = picture.shape[0] / 2
        polar = cv2.warpPolar(
            picture, (2 * RADII, 2 * ANGLES), (middle, middle), middle, cv2.INTER_LINEAR
        )
        small = cv2.resize(polar, (RADII, ANGLES), interpolation=cv2.INTER_AREA).astype(np.float64)
        weights = (np.arange(RADII) + 0.5)[None, :, None]  # a ring has as many pixels as its radius
        mean = (small * weights).sum((0, 1)) / (weights.sum() * ANGLES)
        spectra.append(np.fft.rfft((small - mean) * np.sqrt(weights), axis=0))
    fit = np.fft.irfft((spectra[0] * np.conj(spectra[1])).sum((1, 2)), ANGLES)
    return float(np.argmax(fit)) * 2 * np.pi / ANGLES
