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

from core.arrays import Doubles, Indices
from core.photo_pair import PhotoPair

SIDE_PX = 44
"""Both holds are compared at this size: what a small hold has of details on a photo of a wall."""

FILLED = 0.8
"""Share of that side that a disc fills; other outlines reach out farther."""

BLUR_PX = 1.0
"""Of SIDE_PX, standard deviation: grain and noise are no part of a hold."""

ANGLES, RADII = 64, 16
"""Size of the polar picture."""

OUTLINE_SHARE, STRETCH_SHARE = 2.0, 0.3
"""What the fit of the outlines and the stretch count beside the pictures in choosing the turn."""

ROUNDING_PX = 0.05
"""Added to both second moments of an outline: none is thinner than its pixels."""

Resemblance = Callable[[Sequence[Doubles], Sequence[Doubles], Indices], Doubles]
"""How pairs of holds resemble each other, as :class:`SameHold` tells."""


@dataclass(frozen=True, slots=True, eq=False)
class _Portrait:
    """A hold as it is compared: the spectra over angles (ANGLES // 2 + 1, RADII, 4) of its polar
    picture in Lab and of its mask, the length of both, and the matrix (2, 2) that normalised its
    outline."""

    spectra: np.ndarray
    picture_length: float
    mask_length: float
    whitening: Doubles


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
        old = {i: self._portrait(before[i], first=True) for i in set(pairs[:, 0].tolist())}
        new = {j: self._portrait(after[j], first=False) for j in set(pairs[:, 1].tolist())}
        told = [_resemblance(old[i], new[j]) for i, j in pairs.tolist()]
        return np.array(told, np.float64).reshape(-1, 2)

    def _portrait(self, outline: Doubles, *, first: bool) -> _Portrait:
        middle, whitening = _normalised(outline)
        place = np.eye(3)
        place[:2, :2] = whitening * (SIDE_PX * FILLED / 4)  # a disc's radius is twice its deviation
        place[:2, 2] = SIDE_PX / 2 - place[:2, :2] @ middle
        size = SIDE_PX, SIDE_PX
        if first:
            box = outline.min(0), outline.max(0)
            cut = self._pair.cut_before(box, place, size)
        else:
            cut = self._pair.cut_after(place, size)
        mask = np.zeros(size, np.uint8)
        points = outline @ place[:2, :2].T + place[:2, 2]
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
        soft = cv2.GaussianBlur(cut.astype(np.float32), (0, 0), BLUR_PX)
        inside = soft[mask > 0]
        flat = (soft - inside.mean(axis=0)) * mask[..., None] if len(inside) else soft * 0
        polar = _polar(np.dstack([flat, mask.astype(np.float32)]))
        return _Portrait(
            np.fft.rfft(polar, axis=0),
            float(np.linalg.norm(polar[..., :3])),
            float(np.linalg.norm(polar[..., 3])),
            whitening,
        )


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


def _polar(channels: np.ndarray) -> np.ndarray:
    """Channels (SIDE_PX, SIDE_PX, 4) over angle and radius, (ANGLES, RADII, 4); the square of a
    value counts as often as its ring has pixels."""
    middle = SIDE_PX / 2
    fine = cv2.warpPolar(
        channels, (2 * RADII, 2 * ANGLES), (middle, middle), middle,
        cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS,
    )  # fmt: skip
    polar = cv2.resize(fine, (RADII, ANGLES), interpolation=cv2.INTER_AREA)
    weighed: np.ndarray = polar * np.sqrt(np.arange(RADII, dtype=np.float32) + 0.5)[None, :, None]
    return weighed


def _resemblance(old: _Portrait, new: _Portrait) -> tuple[float, float]:
    """The correlation of both pictures at the best turn, and the stretch left at it."""
    shared = np.einsum("frc,frc->cf", old.spectra, np.conj(new.spectra))
    fits = np.fft.irfft(np.stack([shared[:3].sum(axis=0), shared[3]]), ANGLES)
    picture = fits[0] / max(old.picture_length * new.picture_length, 1e-6)
    outline = fits[1] / max(old.mask_length * new.mask_length, 1e-6)
    stretch = _stretches(old.whitening, new.whitening)
    step = int(np.argmax(picture + OUTLINE_SHARE * outline - STRETCH_SHARE * stretch))
    return float(picture[step]), float(stretch[step])


def _stretches(old: Doubles, new: Doubles) -> Doubles:
    """The logarithm of the ratio of both stretches at each turn, (ANGLES,): those of the map from
    the first outline to the normalised one, turned, and back to the second."""
    turns = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    spins = np.array([[np.cos(turns), np.sin(turns)], [-np.sin(turns), np.cos(turns)]])
    maps = np.einsum("ij,jkt,kl->ilt", np.linalg.inv(new), spins, old)
    # Singular values s and t have s^2 + t^2 as sum of squares and s t as determinant, so that
    # their ratio's logarithm is the inverse hyperbolic cosine of (s/t + t/s) / 2.
    area = np.linalg.det(old) / np.linalg.det(new)
    result: Doubles = np.arccosh(np.maximum((maps**2).sum(axis=(0, 1)) / (2 * area), 1.0))
    return result
