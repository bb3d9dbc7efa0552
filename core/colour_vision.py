"""How a wall looks to a colour-blind climber, and which neighbouring problems then look alike.

A dichromat lacks one of the three kinds of cone, so all colours fall onto two half-planes of the
colour space: that is the simulation of Brettel, Viénot and Mollon. It is chosen over Machado's
model because that one, by its authors' own account, does not reach tritanopia. A milder, anomalous
trichromacy is the mixture, in linear light, of the colour and what a dichromat sees: an
approximation of unknown error, good enough to see where trouble starts.

Two problems are a trap when their holds are within one move of each other, a normal viewer tells
their colours apart, and the simulated viewer hardly does. Colours are the means that the analysis
measured under the photo's light, so the answer is about the photo as much as about the holds.

Sources: H. Brettel, F. Viénot, J. D. Mollon, "Computerized simulation of color appearance for
dichromats", J. Opt. Soc. Am. A 14 (1997), 2647-2655. Its half-planes, computed for sRGB with the
cone fundamentals of Smith and Pokorny (1975), are published by N. Burrus at daltonlens.org and in
libDaltonLens, whose figures are used here. IEC 61966-2-1 (sRGB).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.arrays import Floats, Pixels, check_picture
from core.colour_difference import Lab, ciede2000
from core.lab import LINEAR, to_lab, to_rgb
from core.wall import RGB, Problem, WallAnalysis

Deficiency = Literal["protan", "deutan", "tritan"]
DEFICIENCIES: tuple[Deficiency, ...] = get_args(Deficiency)
"""Without the cones for long, middle and short wavelengths."""

TOLD_APART = 15.0
"""CIEDE2000 from which two colours count as told apart at a glance, across a wall."""

HARD_TO_TELL = 10.0
"""CIEDE2000 below which two colours count as hard to tell apart there. Both limits are choices,
far above the 1 to 2 that an eye sees on a screen: chalk, shadow and distance cost the rest."""

WITHIN_MOVES = 1.5
"""How far apart the nearest holds of neighbouring problems are at most, in moves of this wall."""

_STRIP_ROWS = 64


@dataclass(frozen=True, slots=True)
class _HalfPlanes:
    """Two (3, 3) matrices in linear sRGB, and the normal (3,) of the plane between their domains.

    ``first`` is for the colours on that plane and on the side to which the normal points.
    """

    first: Floats
    second: Floats
    normal: Floats


def _half_planes(*numbers: float) -> _HalfPlanes:
    values = np.array(numbers, dtype=np.float32)
    return _HalfPlanes(values[:9].reshape(3, 3), values[9:18].reshape(3, 3), values[18:])


# fmt: off
_PLANES: dict[Deficiency, _HalfPlanes] = {
    "protan": _half_planes(
        0.14980, 1.19548, -0.34528, 0.10764, 0.84864, 0.04372, 0.00384, -0.00540, 1.00156,
        0.14570, 1.16172, -0.30742, 0.10816, 0.85291, 0.03892, 0.00386, -0.00524, 1.00139,
        0.00048, 0.00393, -0.00441,
    ),
    "deutan": _half_planes(
        0.36477, 0.86381, -0.22858, 0.26294, 0.64245, 0.09462, -0.02006, 0.02728, 0.99278,
        0.37298, 0.88166, -0.25464, 0.25954, 0.63506, 0.10540, -0.01980, 0.02784, 0.99196,
        -0.00281, -0.00611, 0.00892,
    ),
    "tritan": _half_planes(
        1.01277, 0.13548, -0.14826, -0.01243, 0.86812, 0.14431, 0.07589, 0.80500, 0.11911,
        0.93678, 0.18979, -0.12657, 0.06154, 0.81526, 0.12320, -0.37562, 1.12767, 0.24796,
        0.03901, -0.02788, -0.01113,
    ),
}
# fmt: on

_LIGHT_STEPS = 1 << 14
"""Enough that two neighbours among the steps never differ by more than a quarter of a level."""
_LIGHT = np.arange(_LIGHT_STEPS + 1) / _LIGHT_STEPS
_ENCODED: Pixels = np.round(
    255 * np.where(_LIGHT <= 0.0031308, 12.92 * _LIGHT, 1.055 * _LIGHT ** (1 / 2.4) - 0.055)
).astype(np.uint8)


def simulate(pixels: Pixels, deficiency: Deficiency, severity: float = 1.0) -> Pixels:
    """``pixels``, uint8 sRGB (H, W, 3), as a viewer with ``deficiency`` sees them; a new array.

    ``severity`` runs from 0 (normal vision) to 1 (the cones are missing). Computed in linear light,
    in strips of rows: beside the result it takes about 3 MiB for a picture 2048 pixels wide. Raises
    ``ValueError`` for other pixels, another deficiency, or a severity out of range.
    """
    check_picture(pixels)
    if deficiency not in DEFICIENCIES:
        raise ValueError(f"expected one of {', '.join(DEFICIENCIES)}, got {deficiency!r}")
    if not 0.0 <= severity <= 1.0:
        raise ValueError(f"expected a severity from 0 to 1, got {severity!r}")
    seen = np.empty(pixels.shape, dtype=np.uint8)
    for top in range(0, len(pixels), _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        light = LINEAR[pixels[rows]]
        steps = np.clip(_as_seen(light, _PLANES[deficiency], severity), 0, 1) * _LIGHT_STEPS
        seen[rows] = _ENCODED[np.round(steps).astype(np.uint16)]
    return seen


def simulate_colour(rgb: RGB, deficiency: Deficiency, severity: float = 1.0) -> RGB:
    """One sRGB colour (0..255) as that viewer sees it. Raises as :func:`simulate` does."""
    pixel = np.array([[rgb]], dtype=np.uint8)
    red, green, blue = simulate(pixel, deficiency, severity)[0, 0].tolist()
    return red, green, blue


def _as_seen(light: Floats, planes: _HalfPlanes, severity: float) -> Floats:
    """Linear sRGB (..., 3) through the half-planes; may leave 0..1 where no screen shows it."""
    first, second = (
        np.float32(severity) * plane + np.float32(1 - severity) * np.eye(3, dtype=np.float32)
        for plane in (planes.first, planes.second)
    )
    seen: Floats = light @ first.T
    beyond = light @ planes.normal < 0
    seen[beyond] = light[beyond] @ second.T
    return seen


@dataclass(frozen=True, slots=True)
class ConfusablePair:
    """Two neighbouring problems that a colour-blind climber may mix up.

    ``problems`` are their ids, ascending, ``colours`` the names in that order. ``difference`` is
    CIEDE2000 between their mean colours as a normal viewer sees them, ``difference_seen`` as the
    simulated viewer does. ``rgbs`` and ``rgbs_seen`` are those mean colours in sRGB. ``gap_moves``
    is the distance between the centres of their nearest holds, in moves (see
    :func:`confusable_problems`).
    """

    problems: tuple[int, int]
    colours: tuple[str, str]
    difference: float
    difference_seen: float
    rgbs: tuple[RGB, RGB]
    rgbs_seen: tuple[RGB, RGB]
    gap_moves: float


def confusable_problems(
    analysis: WallAnalysis, deficiency: Deficiency, severity: float = 1.0
) -> tuple[ConfusablePair, ...]:
    """Neighbouring problems that a normal viewer tells apart and that viewer hardly does.

    That is: a CIEDE2000 difference of at least :data:`TOLD_APART` between the means of their holds'
    colours falls below :data:`HARD_TO_TELL`. Pairs that look alike to everybody are not listed;
    they are no matter of colour blindness.

    Photos have no scale, so distances are measured in moves: one move is the median distance from a
    hold to the nearest other hold of its problem. Neighbours are problems whose nearest holds are
    at most :data:`WITHIN_MOVES` apart. Volumes count only where a problem has nothing else. The
    pair that is hardest to tell apart comes first. Raises as :func:`simulate` does.
    """
    centres = {problem.id: _centres(analysis, problem) for problem in analysis.problems}
    move_px = _move_px(list(centres.values()))
    rgbs = {problem.id: _mean_rgb(analysis, problem) for problem in analysis.problems}
    seen = {number: simulate_colour(rgb, deficiency, severity) for number, rgb in rgbs.items()}
    pairs: list[ConfusablePair] = []
    for one, other in combinations(sorted(analysis.problems, key=lambda p: p.id), 2):
        gap = float(_distances(centres[one.id], centres[other.id]).min())
        if gap > WITHIN_MOVES * move_px:
            continue
        before = _difference(rgbs[one.id], rgbs[other.id])
        after = _difference(seen[one.id], seen[other.id])
        if before >= TOLD_APART and after < HARD_TO_TELL:
            pairs.append(
                ConfusablePair(
                    (one.id, other.id),
                    (one.colour, other.colour),
                    before,
                    after,
                    (rgbs[one.id], rgbs[other.id]),
                    (seen[one.id], seen[other.id]),
                    gap / move_px if move_px else 0.0,
                )
            )
    return tuple(sorted(pairs, key=lambda pair: (pair.difference_seen, pair.problems)))


def _members(analysis: WallAnalysis, problem: Problem) -> list[int]:
    """Places in ``analysis.holds`` of the problem's holds; of its volumes when that is all."""
    every = [place for place, hold in enumerate(analysis.holds) if hold.problem == problem.id]
    return [place for place in every if analysis.holds[place].kind == "hold"] or every


def _centres(analysis: WallAnalysis, problem: Problem) -> NDArray[np.float64]:
    """Centres (n, 2) in pixels of the upright photo."""
    return np.array([analysis.holds[place].centre for place in _members(analysis, problem)])


def _mean_rgb(analysis: WallAnalysis, problem: Problem) -> RGB:
    """The mean in CIE Lab of the measured colours of the problem's holds."""
    colours = [analysis.holds[place].colour.rgb for place in _members(analysis, problem)]
    return to_rgb(to_lab(np.array(colours, dtype=np.uint8)).mean(axis=0))


def _move_px(problems: list[NDArray[np.float64]]) -> float:
    """The median distance in pixels from a hold to the nearest other of its problem.

    Where every problem is a single hold, it is the median distance between problems.
    """
    groups = [centres for centres in problems if len(centres) > 1]
    groups = groups or ([np.concatenate(problems)] if len(problems) > 1 else [])
    nearest = []
    for centres in groups:
        distances = _distances(centres, centres)
        np.fill_diagonal(distances, np.inf)
        nearest.append(distances.min(axis=1))
    return float(np.median(np.concatenate(nearest))) if nearest else 0.0


def _distances(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.hypot(*(some[:, None] - others[None]).transpose(2, 0, 1)))


def _difference(one: RGB, other: RGB) -> float:
    first, second = to_lab(np.array([one, other], dtype=np.uint8)).tolist()
    return ciede2000(_as_lab(first), _as_lab(second))


def _as_lab(values: list[float]) -> Lab:
    lightness, red_green, yellow_blue = values
    return lightness, red_green, yellow_blue
