"""What makes a hold recognisable on another photo: its place, size and colour, as arrays.

All of it is laid into the pixels of one photo first, so that distances and sizes of two photos can
be compared. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import Doubles, Pixels
from core.lab import to_lab
from core.wall import Hold

LIGHTNESS_SHARE = 0.5
"""Weight of L* in a colour difference: light falls differently on two photos of one hold."""

NEAR_COLOUR = 14.0
"""Colour difference at which the likeness of two colours has fallen to 1/e."""


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """Of N holds: ``outlines`` float64 (P, 2) each and ``middles`` (N, 2) in pixels of the common
    photo, ``sizes`` (N,) the roots of their areas there, ``rgbs`` uint8 (N, 3) and ``labs`` (N, 3)
    the measured colours, ``names`` the probability of each colour name, ``volumes`` bool (N,)."""

    outlines: tuple[Doubles, ...]
    middles: Doubles
    sizes: Doubles
    rgbs: Pixels
    labs: Doubles
    names: tuple[dict[str, float], ...]
    volumes: NDArray[np.bool_]


def traits_of(holds: Sequence[Hold], place: Callable[[Doubles], Doubles]) -> Traits:
    """The traits of ``holds`` after ``place`` has laid their outlines into the common photo."""
    outlines = tuple(place(np.array(hold.polygon, np.float64)) for hold in holds)
    middles, sizes = np.zeros((len(holds), 2)), np.ones(len(holds))
    for index, outline in enumerate(outlines):
        middles[index], sizes[index] = middle_and_size(outline)
    rgb = np.array([hold.colour.rgb for hold in holds], np.uint8).reshape(-1, 3)
    return Traits(
        outlines,
        middles,
        sizes,
        rgb,
        to_lab(rgb).astype(np.float64),
        tuple({h.colour.name: h.colour.confidence, **dict(h.colour.alternatives)} for h in holds),
        np.array([hold.kind == "volume" for hold in holds], bool),
    )


def size_ratios(first: Traits, second: Traits) -> Doubles:
    """The larger size over the smaller, (N, M)."""
    ratio = first.sizes[:, None] / second.sizes[None]
    result: Doubles = np.maximum(ratio, 1 / ratio)
    return result


def colour_likeness(first: Traits, second: Traits, light: Doubles) -> Doubles:
    """How alike the colours are, 0..1, (N, M): by their names' probabilities, or by their shades.

    The probability that both have one name, summed as the overlap of both distributions; or, where
    larger, how near the measured colours are once ``light`` (3,), the difference of the two
    photos' light in Lab, is taken off.
    """
    words = sorted({name for names in (*first.names, *second.names) for name in names})
    shares = [
        np.array([[n.get(w, 0.0) for w in words] for n in side.names]).reshape(
            len(side.names), len(words)
        )
        for side in (first, second)
    ]
    overlap = np.minimum(shares[0][:, None], shares[1][None]).sum(2)
    gap = second.labs[None] - first.labs[:, None] - light
    gap[..., 0] *= LIGHTNESS_SHARE
    near = np.exp(-((np.linalg.norm(gap, axis=2) / NEAR_COLOUR) ** 2))
    result: Doubles = np.maximum(overlap, near)
    return result


def middle_and_size(outline: Doubles) -> tuple[Doubles, float]:
    """The middle of the area (2,) of an outline (P, 2), and the root of that area."""
    moments = cv2.moments(outline.astype(np.float32))
    area = abs(moments["m00"])
    if area < 1:
        return outline.mean(0), 1.0
    middle = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    return middle, float(np.sqrt(area))
