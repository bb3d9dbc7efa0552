"""Whether two outlines of an aligned pair of photos show one hold in two places: the pictures are
asked.

A camera sees a hold elsewhere on a wall from another side: smaller, pressed, and the setter may
have turned it. To first order that is an affine map. So both holds are cut out normalised by the
second moments of their outlines, which leaves nothing but a turn between two affine pictures of
one thing (Leu, "Shape normalization through compacting", 1989). In polar coordinates a turn is a
shift, so that one product of spectra tells how two holds fit at every turn (Reddy and Chatterji
1996, here on the pictures themselves): by their correlation in all three channels of Lab, each
without its mean, which brightness and cast do not change, and by their outlines. Nothing around a
hold counts, since another wall may lie behind it.

What this cannot tell: a hold from its twin of one mould and colour. Nothing is decided here
(:mod:`core.moves`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import Doubles, Indices
from core.photo_pair import PhotoPair

SIDE_PX = 44
"""Both holds are compared at this size: what a small hold has of details on a photo of a wall."""

FILLED = 0.8
"""Share of that side that a disc fills; other outlines reach out farther."""

BLUR_PX = 1.0
"""Of SIDE_PX, standard deviation: grain and noise are no part of a hold."""

PLAY_PX = 1.5
"""Of SIDE_PX, in which the best fit is looked for in four directions: an outline that is a little
off, by a shadow or a neighbour, has its middle elsewhere."""

ANGLES, RADII = 64, 16
"""Size of the polar picture."""

HARMONICS = 17
"""Of its spectrum over angles, from the mean on: the others are finer than the blur."""

OUTLINE_SHARE, STRETCH_SHARE = 2.0, 0.3
"""What the fit of the outlines and the stretch count beside the pictures in choosing the turn."""

ROUNDING_PX = 0.05
"""Added to both second moments of an outline: none is thinner than its pixels."""

_HALF = SIDE_PX / 2
MIDDLES = (
    (_HALF, _HALF),
    (_HALF + PLAY_PX, _HALF),
    (_HALF - PLAY_PX, _HALF),
    (_HALF, _HALF + PLAY_PX),
    (_HALF, _HALF - PLAY_PX),
)

Resemblance = Callable[[Sequence[Doubles], Sequence[Doubles], Indices], Doubles]
"""How pairs of holds resemble each other, as :class:`SameHold` tells."""


@dataclass(frozen=True, slots=True, eq=False)
class _Portraits:
    """N holds as they are compared, each with its middle at P places: the ``spectra`` over angles,
    complex64 (N, P, HARMONICS, RADII, 4), of their polar pictures in Lab and of their masks; the
    lengths (N, P) of both; and the matrices (N, 2, 2) that normalised their outlines."""

    spectra: NDArray[np.complex64]
    pictures: Doubles
    masks: Doubles
    whitenings: Doubles


class SameHold:
    """The question put to one aligned pair of pictures."""

    def __init__(self, pair: PhotoPair) -> None:
        self._pair = pair

    def __call__(
        self, before: Sequence[Doubles], after: Sequence[Doubles], pairs: Indices
    ) -> Doubles:
        """Float64 (K, 2) for ``pairs`` (K, 2) of indices: how alike the pictures are, -1 to 1, at
        the turn at which all fits best, and by how much more one hold has to be stretched along one
        axis than across it to lie on the other then, as a natural logarithm, 0 or more.

        ``before`` are the outlines (P, 2) of the first photo, laid into the pixels of the full
        second photo, ``after`` those of the second.
        """
        told = np.zeros((len(pairs), 2))
        if not len(pairs):
            return told
        olds, rows = np.unique(pairs[:, 0], return_inverse=True)
        news, columns = np.unique(pairs[:, 1], return_inverse=True)
        old = self._portraits([before[i] for i in olds.tolist()], first=True)
        new = self._portraits([after[j] for j in news.tolist()], first=False)
        for row in range(len(olds)):  # row by row: all products at once would be hundreds of MiB
            here = np.flatnonzero(rows == row)
            told[here] = _resemblance(old, row, new, columns[here])
        return told

    def _portraits(self, outlines: Sequence[Doubles], *, first: bool) -> _Portraits:
        places = MIDDLES[:1] if first else MIDDLES
        count = len(outlines), len(places)
        whitenings = np.empty((len(outlines), 2, 2))
        spectra = np.empty((*count, HARMONICS, RADII, 4), np.complex64)
        squares = np.empty((*count, 4))
        for index, outline in enumerate(outlines):
            middle, whitenings[index] = _normalised(outline)
            channels = self._channels(outline, middle, whitenings[index], first=first)
            for at, place in enumerate(places):
                polar = _unrolled(channels, place)
                spectra[index, at] = np.fft.rfft(polar, axis=0)[:HARMONICS]
                squares[index, at] = (polar**2).sum(axis=(0, 1))
        return _Portraits(
            spectra, np.sqrt(squares[..., :3].sum(axis=2)), np.sqrt(squares[..., 3]), whitenings
        )

    def _channels(
        self, outline: Doubles, middle: Doubles, whitening: Doubles, *, first: bool
    ) -> NDArray[np.float32]:
        """A hold, normalised, (SIDE_PX, SIDE_PX, 4): Lab without its mean, and the mask."""
        place = np.eye(3)
        place[:2, :2] = whitening * (SIDE_PX * FILLED / 4)  # a disc's radius is twice its deviation
        place[:2, 2] = SIDE_PX / 2 - place[:2, :2] @ middle
        size = SIDE_PX, SIDE_PX
        if first:
            cut = self._pair.cut_before((outline.min(0), outline.max(0)), place, size)
        else:
            cut = self._pair.cut_after(place, size)
        mask = np.zeros(size, np.uint8)
        points = outline @ place[:2, :2].T + place[:2, 2]
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
        soft = cv2.GaussianBlur(cut.astype(np.float32), (0, 0), BLUR_PX)
        inside = soft[mask > 0]
        flat = (soft - inside.mean(axis=0)) * mask[..., None] if len(inside) else soft * 0
        return np.dstack([flat, mask.astype(np.float32)])


def _normalised(outline: Doubles) -> tuple[Doubles, Doubles]:
    """The middle (2,) of an outline's area and the symmetric matrix (2, 2) that gives the area
    second moments of 1 in every direction."""
    moments = cv2.moments(outline.astype(np.float32))
    area = moments["m00"]
    if abs(area) < 1:
        return outline.mean(0), np.eye(2)
    middle = np.array([moments["m10"], moments["m01"]]) / area
    spread = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]])
    values, vectors = np.linalg.eigh(spread / area)
    lengths = np.sqrt(np.maximum(values, 0.0) + ROUNDING_PX)
    return middle, np.asarray(vectors / lengths @ vectors.T, np.float64)


def _unrolled(channels: NDArray[np.float32], middle: tuple[float, float]) -> NDArray[np.float32]:
    """Channels (SIDE_PX, SIDE_PX, 4) over angle and radius around ``middle``, (ANGLES, RADII, 4);
    the square of a value counts as often as its ring has pixels."""
    fine = cv2.warpPolar(
        channels, (2 * RADII, 2 * ANGLES), middle, SIDE_PX / 2,
        cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS,
    )  # fmt: skip
    polar = cv2.resize(fine, (RADII, ANGLES), interpolation=cv2.INTER_AREA)
    rings = np.sqrt(np.arange(RADII, dtype=np.float32) + 0.5)
    return np.asarray(polar * rings[None, :, None], np.float32)


def _resemblance(old: _Portraits, row: int, new: _Portraits, columns: Indices) -> Doubles:
    """The correlation of one hold's picture and each of the others' at the best turn and place, and
    the stretch left at it, (K, 2)."""
    mine, others = old.spectra[row, 0], np.conj(new.spectra[columns])
    pictures = _at_all_turns(mine[..., :3], others[..., :3])
    pictures /= np.maximum(old.pictures[row] * new.pictures[columns], 1e-6)[..., None]
    outlines = _at_all_turns(mine[..., 3:], others[..., 3:])
    outlines /= np.maximum(old.masks[row] * new.masks[columns], 1e-6)[..., None]
    stretches = _stretches(old.whitenings[row], new.whitenings[columns])
    fits = pictures + OUTLINE_SHARE * outlines - STRETCH_SHARE * stretches[:, None]
    places, turns = np.divmod(fits.reshape(len(columns), -1).argmax(axis=1), ANGLES)
    each = np.arange(len(columns))
    return np.column_stack([pictures[each, places, turns], stretches[each, turns]])


def _at_all_turns(mine: NDArray[np.complex64], others: NDArray[np.complex64]) -> Doubles:
    """The products of one polar picture (HARMONICS, RADII, C), given by its spectrum, with others
    (K, P, HARMONICS, RADII, C), given by their conjugates, at all turns: (K, P, ANGLES)."""
    shared = np.einsum("frc,kpfrc->kpf", mine, others)
    return np.asarray(np.fft.irfft(shared, ANGLES), np.float64)


def _stretches(old: Doubles, new: Doubles) -> Doubles:
    """The logarithm of the ratio of both stretches at each turn, (K, ANGLES): those of the map from
    the first outline to the normalised one, turned, and back to each of the second (K, 2, 2)."""
    turns = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    spins = np.array([[np.cos(turns), np.sin(turns)], [-np.sin(turns), np.cos(turns)]])
    maps = np.einsum("kij,jlt,lm->kimt", np.linalg.inv(new), spins, old, optimize=True)
    # Singular values s and t have s^2 + t^2 as sum of squares and s t as determinant, so that
    # their ratio's logarithm is the inverse hyperbolic cosine of (s/t + t/s) / 2.
    area = (np.linalg.det(old) / np.linalg.det(new))[:, None]
    result: Doubles = np.arccosh(np.maximum((maps**2).sum(axis=(1, 2)) / (2 * area), 1.0))
    return result
