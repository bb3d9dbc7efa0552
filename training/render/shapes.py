"""Families of hold shapes as height fields.

A family maps a local grid to two fields: ``inside`` (positive on the hold, zero on its rim) and
``height`` above the wall. Grid units are half the hold's sides, so the outline of most families is
near the unit circle before it is stretched and turned. Shading, colour and bolts are no concern of
this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from training.render.colours import Image
from training.render.noise import clouds

MARGIN = 1.3  # side of a patch over the hold's longer side


@dataclass(frozen=True, slots=True)
class Relief:
    """One hold's shape on a patch of (n, n) pixels.

    ``height`` and ``inside`` are float32 in pixels; ``inside`` is a signed distance only near the
    rim, where it serves for smooth edges. ``bolt`` is the bolt's x, y in the patch, or None for
    holds that are screwed on.
    """

    height: Image
    inside: Image
    bolt: tuple[float, float] | None

    def turned(self, angle: float) -> Relief:
        """The same piece of plastic, turned by ``angle`` (radians) around the patch's middle."""
        middle = (len(self.height) - 1) / 2
        turn = cv2.getRotationMatrix2D((middle, middle), -float(np.rad2deg(angle)), 1)
        height, inside = (
            np.asarray(
                cv2.warpAffine(part, turn, part.shape[::-1], borderMode=cv2.BORDER_REPLICATE),
                np.float32,
            )
            for part in (self.height, self.inside)
        )
        bolt = None
        if self.bolt is not None:
            x, y = turn @ [*self.bolt, 1.0]
            bolt = (float(x), float(y))
        return Relief(height, inside, bolt)


@dataclass(frozen=True, slots=True)
class Family:
    """How a family is drawn: its function, the ranges of its aspect (short over long side) and
    height.
    """

    draw: Callable[[np.random.Generator, Image, Image], tuple[Image, Image]]
    aspect: tuple[float, float]
    relief: tuple[float, float]
    weight: float
    size: tuple[float, float] = (0.5, 2.0)  # multiples of the wall's typical size


def _radius(rng: np.random.Generator, theta: Image, rough: float) -> Image:
    """Polar outline with low harmonics; ``rough`` is the deviation of the first of them."""
    radius = np.full_like(theta, 0.92)
    for k in range(2, 6):
        amplitude = rng.normal(0, rough / (k - 1) ** 0.8)
        radius += np.float32(amplitude) * np.cos(k * theta + np.float32(rng.uniform(0, 6.283)))
    return np.maximum(radius, 0.35)


def _organic(rng: np.random.Generator, u: Image, v: Image, rough: float = 0.07) -> Image:
    """Normalised radius: 0 at the middle, 1 on an irregular round outline."""
    return np.sqrt(u * u + v * v) / _radius(rng, np.arctan2(v, u), rough)


def _dome(t: Image, flat: float, power: float) -> Image:
    """A cap over t in 0..1; ``flat`` above 2 gives a plateau, ``power`` below 1 steep sides."""
    return np.maximum(1 - np.minimum(t, 1) ** np.float32(flat), 0) ** np.float32(power)


def _bump(u: Image, v: Image, x: float, y: float, a: float, b: float, turn: float = 0.0) -> Image:
    """A Gaussian bump with half axes a and b."""
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    du, dv = u - np.float32(x), v - np.float32(y)
    return np.exp(-(((du * c + dv * s) / a) ** 2) - ((dv * c - du * s) / b) ** 2)


def _step(x: Image, width: float) -> Image:
    """Smooth 0..1 step over ``width``, centred at 0."""
    s = np.clip(x / np.float32(width) + 0.5, 0, 1)
    return s * s * (3 - 2 * s)


def sloper(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """Round and smooth: from a flat plate to a half ball."""
    t = _organic(rng, u, v, rng.choice([0.0, 0.04, 0.08]))
    return 1 - t, _dome(t, rng.uniform(2, 3.4), rng.uniform(0.45, 0.9))


def jug(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """A deep bowl behind a rounded lip."""
    t = _organic(rng, u, v, 0.06)
    body = _dome(t, 2.6, 0.55)
    x, y = rng.normal(0, 0.1), rng.uniform(-0.42, -0.12)
    bowl = _bump(u, v, x, y, rng.uniform(0.42, 0.62), rng.uniform(0.22, 0.38))
    lip = _bump(u, v, x, y + 0.5, 0.7, 0.25)
    return 1 - t, body * (1 - 0.75 * bowl) + 0.25 * lip * body


def crimp(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """A thin ledge: one steep edge, one long slope."""
    t = _organic(rng, u, v, 0.06)
    edge = rng.uniform(-0.35, 0.05)
    ramp = np.clip((1 - v) / (1 - edge), 0, 1) * _step(v - np.float32(edge), 0.35)
    return 1 - t, _dome(t, 3, 0.5) * (0.3 + 0.7 * ramp)


def pinch(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """A long ridge with a waist for the thumb."""
    waist = 1 - np.float32(rng.uniform(0.1, 0.4)) * np.exp(-((u / 0.45) ** 2))
    t = _organic(rng, u, v / waist, 0.04)
    ridge = np.exp(-((v / np.float32(rng.uniform(0.3, 0.7))) ** 2))
    return 1 - t, _dome(t, 2.4, 0.6) * (0.45 + 0.55 * ridge)


def pocket(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """A round body with one or two holes for fingers."""
    t = _organic(rng, u, v, 0.07)
    height = _dome(t, 2.6, 0.55)
    for _ in range(rng.integers(1, 3)):
        x, y = rng.uniform(-0.4, 0.4), rng.uniform(-0.35, 0.35)
        a = rng.uniform(0.18, 0.4)
        hole = np.sqrt(((u - x) / a) ** 2 + ((v - y) / (a * rng.uniform(0.6, 1))) ** 2)
        height = height * (1 - 0.85 * _step(1 - hole, 0.35)) + 0.1 * _bump(
            hole, hole, 1, 1, 0.3, 0.3
        )
    return 1 - t, height


def ridged(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """A blob with parallel, radial or wavy ridges."""
    t = _organic(rng, u, v, 0.08)
    waves = np.float32(rng.uniform(7, 20))
    wobble = clouds(rng, *u.shape, cell=max(u.shape[1] / 3, 4)) * np.float32(0.08)
    kind = rng.integers(0, 3)
    along = (
        u + wobble
        if kind == 0
        else np.arctan2(v, u + 0.3) * 0.5 + wobble
        if kind == 1
        else t + wobble
    )
    return 1 - t, _dome(t, 2.3, 0.6) * (
        1 + np.float32(rng.uniform(0.04, 0.1)) * np.sin(waves * along)
    )


def cells(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """Knobbly like a brain or a lizard."""
    t = _organic(rng, u, v, 0.06)
    k = np.float32(rng.uniform(7, 14))
    wobble = clouds(rng, *u.shape, cell=max(u.shape[1] / 4, 4)) * np.float32(0.12)
    knobs = np.abs(np.sin(k * (u + wobble)) * np.sin(k * (v - wobble))) ** 0.5
    return 1 - t, _dome(t, 2.3, 0.6) * (0.86 + 0.14 * knobs)


def faceted(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """Cut like a stone: the lower envelope of tilted planes over a polygon."""
    count = int(rng.integers(3, 8))
    angles = np.sort(np.arange(count) + rng.uniform(-0.3, 0.3, count)) * (2 * np.pi / count)
    inside = np.full_like(u, 9)
    height = np.full_like(u, rng.uniform(0.6, 1.0))
    for angle in angles + rng.uniform(0, 6.283):
        distance = np.float32(rng.uniform(0.72, 0.98)) - (
            u * np.float32(np.cos(angle)) + v * np.float32(np.sin(angle))
        )
        inside = np.minimum(inside, distance)
        height = np.minimum(height, distance * np.float32(rng.uniform(0.7, 2.6)))
    for _ in range(rng.integers(0, 4)):
        angle = rng.uniform(0, 6.283)
        cut = rng.uniform(0.55, 0.95) - rng.uniform(0.3, 0.8) * (
            u * np.float32(np.cos(angle)) + v * np.float32(np.sin(angle))
        )
        height = np.minimum(height, cut.astype(np.float32))
    return inside, np.maximum(height, 0)


def rail(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """A rounded bar or box."""
    p = rng.uniform(3, 8)
    t = (np.abs(u) ** p + np.abs(v) ** rng.uniform(2, p)) ** np.float32(1 / p)
    profile = _dome(np.abs(v), rng.uniform(2, 5), 0.5)
    return (1 - t) * 0.9, _dome(t, 6, 0.5) * (0.4 + 0.6 * profile)


def croissant(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """A bent, tapering tube: kidneys, croissants, horns, bananas."""
    bend = np.float32(rng.uniform(0.25, 0.7))
    taper = 1 - np.float32(rng.uniform(0.2, 0.75)) * np.abs(u) ** 2
    taper[taper == 0] = np.float32(1e-6)  # far outside the tube
    offset = (v + bend * (0.5 - u * u)) / (taper * np.float32(rng.uniform(0.5, 0.75)))
    t = np.sqrt(offset**2 + np.maximum(np.abs(u) - 0.55, 0) ** 2 * 5)
    return (1 - t) * 0.55, _dome(t, 2.2, 0.6) * (0.6 + 0.4 * taper)


def knobs(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """Two to five merged lobes."""
    total = np.zeros_like(u)
    count = int(rng.integers(2, 6))
    start = rng.uniform(0, 6.283)
    for i in range(count):
        angle = start + i * 6.283 / count + rng.normal(0, 0.25)
        far = rng.uniform(0.3, 0.52)
        a, b = rng.uniform(0.3, 0.52, 2)
        x, y = far * np.cos(angle), far * np.sin(angle)
        total += _bump(u, v, float(x), float(y), a, b, rng.uniform(0, 3.14))
    level = np.float32(0.5)
    over = np.maximum(total - level, 0)
    return (total - level) * 0.7, np.sqrt(over / (over + 0.5))


def wedge(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """A half-moon or lens with a flat face cut off by a slanted one."""
    t = _organic(rng, u, v, 0.02)
    cut = np.float32(rng.uniform(-0.55, 0.3))
    inside = np.minimum(1 - t, v - cut) if rng.random() < 0.6 else 1 - t
    slope = np.minimum((v - cut) * np.float32(rng.uniform(1.2, 4)), 1)
    face = 1 - np.float32(rng.uniform(0, 0.7)) * np.maximum(v - cut, 0)
    return inside, np.maximum(_dome(t, rng.uniform(2, 9), 0.5) * np.minimum(np.abs(slope), face), 0)


def horn(rng: np.random.Generator, u: Image, v: Image) -> tuple[Image, Image]:
    """A drop: thick at one end, pointed at the other."""
    x = (u + 1) / 2
    width = (
        np.sqrt(np.clip(x, 0, 1)) * np.clip(1 - x, 0, 1) ** np.float32(rng.uniform(0.5, 1)) * 1.9
    )
    sag = np.float32(rng.uniform(-0.4, 0.4)) * (x - 0.4) ** 2
    t = np.abs(v - sag) / np.maximum(width, 0.02)
    inside = np.minimum((1 - t) * np.maximum(width, 0.1), np.minimum(x, 1 - x) * 2)
    return inside, _dome(t, 2, 0.6) * np.minimum(width, 1)


FAMILIES: dict[str, Family] = {
    "sloper": Family(sloper, (0.6, 1.0), (0.35, 1.0), 9, (0.8, 2.4)),
    "jug": Family(jug, (0.5, 0.9), (0.6, 1.0), 12, (0.8, 1.6)),
    "crimp": Family(crimp, (0.28, 0.55), (0.4, 0.8), 9, (0.5, 1.2)),
    "pinch": Family(pinch, (0.35, 0.6), (0.6, 1.1), 7, (0.9, 2.2)),
    "pocket": Family(pocket, (0.65, 1.0), (0.5, 0.9), 6, (0.7, 1.3)),
    "ridged": Family(ridged, (0.5, 1.0), (0.5, 0.9), 6, (0.7, 1.8)),
    "cells": Family(cells, (0.5, 1.0), (0.5, 0.9), 3, (0.8, 1.8)),
    "faceted": Family(faceted, (0.45, 1.0), (0.5, 0.9), 8, (0.6, 2.0)),
    "rail": Family(rail, (0.16, 0.5), (0.6, 1.0), 5, (0.9, 2.6)),
    "croissant": Family(croissant, (0.45, 0.9), (0.5, 0.9), 8, (0.8, 2.2)),
    "knobs": Family(knobs, (0.6, 1.0), (0.4, 0.8), 6, (0.7, 1.8)),
    "wedge": Family(wedge, (0.4, 0.9), (0.4, 0.8), 6, (0.9, 2.8)),
    "horn": Family(horn, (0.3, 0.7), (0.5, 0.9), 5, (0.8, 2.2)),
    "chip": Family(sloper, (0.4, 0.9), (0.5, 1.0), 6, (0.3, 0.6)),
}


def choose_family(rng: np.random.Generator) -> str:
    """Draw a family by how common it is in gyms."""
    names = list(FAMILIES)
    weights = np.array([FAMILIES[name].weight for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def relief(
    rng: np.random.Generator,
    family: str,
    length_px: float,
    turn: float = 0.0,
    lean: tuple[float, float] = (0.0, 0.0),
) -> Relief:
    """One hold of ``family``, ``length_px`` long, turned by ``turn`` radians.

    ``lean`` moves the highest point sideways, in half sides: what a camera sees of a thing that
    stands out when it does not look at it straight. Raises ``KeyError`` for an unknown family.
    """
    kind = FAMILIES[family]
    aspect = rng.uniform(*kind.aspect)
    side = max(8, int(np.ceil(length_px * MARGIN)) + 2)
    half = length_px / 2
    axis = ((np.arange(side, dtype=np.float32) + 0.5) - side / 2) / np.float32(half)
    x, y = (
        np.broadcast_to(axis[None, :], (side, side)),
        np.broadcast_to(axis[:, None], (side, side)),
    )
    fall = np.maximum(1 - (x * x + y * y), 0)
    x, y = x - np.float32(lean[0]) * fall, y - np.float32(lean[1]) * fall
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u, v = x * c + y * s, (y * c - x * s) / np.float32(aspect)
    if rng.random() < 0.7:  # bend space a little, so that no two holds of a family are alike
        amount = np.float32(rng.uniform(0.02, 0.09))
        u = u + amount * clouds(rng, side, side, side / 2.5)
        v = v + amount * clouds(rng, side, side, side / 2.5)
    inside, height = kind.draw(rng, np.ascontiguousarray(u), np.ascontiguousarray(v))
    low = rng.uniform(*kind.relief) * half * aspect
    height = cv2.GaussianBlur(height.astype(np.float32), (0, 0), max(0.4, length_px * 0.008))
    bolt = None
    if rng.random() < 0.85 and family != "chip":
        spot = rng.normal(0, 0.12, 2) * half * [1, aspect]
        bolt = (
            side / 2 + float(spot[0] * c - spot[1] * s) + lean[0] * half * 0.7,
            side / 2 + float(spot[0] * s + spot[1] * c) + lean[1] * half * 0.7,
        )
    return Relief(
        height * np.float32(low), inside.astype(np.float32) * np.float32(half * aspect), bolt
    )
