"""The light of one photo -> that of another: what a colour would be there.

Other lamps multiply what each channel of a camera counts (von Kries 1902, "Die
Gesichtsempfindungen"; the usual model of a white balance). The factors are those that most holds
seen on both photos tell: a median, which some wrong pairs do not shift.

What this cannot tell: light that differs from place to place, and lamps with spikes.
"""

from __future__ import annotations

import numpy as np

from core.arrays import Doubles, Pixels
from core.lab import LINEAR, to_lab

FEWEST = 5
"""Fewer pairs say nothing about the light of two photos."""

BLACK = 0.01
"""Linear light added to both sides of a ratio, so that what is nearly black says little."""


def gains(before: Pixels, after: Pixels) -> Doubles:
    """The factor (3,) of each linear channel from colours ``before`` to ``after``, both sRGB uint8
    (N, 3), of the same N things; ones where they are fewer than FEWEST."""
    if len(before) < FEWEST:
        return np.ones(3)
    ratios = np.log(LINEAR[after] + BLACK) - np.log(LINEAR[before] + BLACK)
    result: Doubles = np.exp(np.median(ratios.astype(np.float64), axis=0))
    return result


def relit(colours: Pixels, factors: Doubles) -> Doubles:
    """Lab float64 (N, 3) of sRGB uint8 ``colours`` (N, 3) in the light of ``factors`` (3,)."""
    nearest = np.searchsorted((LINEAR[1:] + LINEAR[:-1]) / 2, LINEAR[colours] * factors)
    return to_lab(nearest.astype(np.uint8)).astype(np.float64)
