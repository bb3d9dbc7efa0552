"""What makes a hold recognisable on another photo: its place, size, shape and colour, as arrays.

All of it is laid into the pixels of one photo first, so that distances and sizes of two photos can
be compared. The shape is the outline's radius in all directions, which a turned hold only shifts.
Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import Doubles
from core.lab import to_lab
from core.wall import Hold

DIRECTIONS = 64
"""Directions in which an outline's radius is taken."""

BLUR = 2
"""Neighbours on each side over which a radius is averaged: outlines are ragged."""

LIGHTNESS_SHARE = 0.5
"""Weight of L* in a colour difference: light falls differently on two photos of one hold."""

NEAR_COLOUR = 14.0
"""Colour difference at which the likeness of two colours has fallen to 1/e."""


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """Of N holds: ``outlines`` float64 (P, 2) each and ``middles`` (N, 2) in pixels of the common
    photo, ``sizes`` (N,) the roots of their areas there, ``shapes`` (N, DIRECTIONS), ``labs``
    (N, 3), ``names`` the probability of each colour name, ``volumes`` bool (N,)."""

    outlines: tuple[Doubles, ...]
    middles: Doubles
    sizes: Doubles
    shapes: Doubles
    labs: Doubles
    names: tuple[dict[str, float], ...]
    volumes: NDArray[np.bool_]


def traits_of(holds: Sequence[Hold], place: Callable[[Doubles], Doubles]) -> Traits:
    """The traits of ``holds`` after ``place`` has laid their outlines into the common photo."""
    outlines = tuple(place(np.array(hold.polygon, np.float64)) for hold in holds)
    middles, sizes = np.zeros((len(holds), 2)), np.ones(len(holds))
    for index, outline in enumerate(outlines):
        middles[index], sizes[index] = middle_and_size(outline)
    shapes = [radii(outline, middle) for outline, middle in zip(outlines, middles, strict=True)]
    rgb = np.array([hold.colour.rgb for hold in holds], np.uint8).reshape(-1, 3)
    return Traits(
        outlines,
        middles,
        sizes,
        np.array(shapes, np.float64).reshape(-1, DIRECTIONS),
        to_lab(rgb).astype(np.float64),
        tuple({h.colour.name: h.colour.confidence, **dict(h.colour.alternatives)} for h in holds),
        np.array([hold.kind == "volume" for hold in holds], bool),
    )


def radii(outline: Doubles, middle: Doubles) -> Doubles:
    """Distance from ``middle`` (2,) to the outline (P, 2) in all directions over its mean, (64,).

    Where the outline turns back the farthest part counts.
    """
    closed = np.concatenate([outline, outline[:1]])
    along = np.linspace(0, 1, 8, endpoint=False)[:, None, None]
    points = (closed[:-1] + along * np.diff(closed, axis=0)).reshape(-1, 2) - middle
    lengths = np.hypot(points[:, 0], points[:, 1])
    turns = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1.0
    bins = (turns * DIRECTIONS).astype(int) % DIRECTIONS
    farthest = np.zeros(DIRECTIONS)
    np.maximum.at(farthest, bins, lengths)
    filled = np.flatnonzero(farthest)
    if not len(filled):
        return np.ones(DIRECTIONS)
    every = np.interp(np.arange(DIRECTIONS), filled, farthest[filled], period=DIRECTIONS)
    smooth = np.mean([np.roll(every, step) for step in range(-BLUR, BLUR + 1)], axis=0)
    result: Doubles = smooth / smooth.mean()
    return result


def shape_difference(first: Doubles, second: Doubles) -> Doubles:
    """Mean difference of radii at the best turn: (N, M) of shapes (N, 64) and (M, 64)."""
    best = np.full((len(first), len(second)), np.inf)
    for turn in range(DIRECTIONS):
        turned = np.roll(second, turn, axis=1)
        best = np.minimum(best, np.abs(first[:, None] - turned[None]).mean(2))
    return best


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
