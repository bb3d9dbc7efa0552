"""How different two colours look: CIEDE2000.

A difference of 1 is about the smallest that a trained eye sees side by side; names of colours
differ by tens. Only the formula with its three weights at 1 is here: no conversion
(:mod:`core.lab`), no thresholds.

Source: G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 Color-Difference Formula: Implementation
Notes, Supplementary Test Data, and Mathematical Observations", Color Research and Application 30
(2005), 21-30; the numbers of equations below are those of that paper.
"""

from __future__ import annotations

from math import atan2, cos, exp, hypot, radians, sin, sqrt, tau

Lab = tuple[float, float, float]

_PIVOT = 25.0**7


def ciede2000(first: Lab, second: Lab) -> float:
    """The CIEDE2000 difference of two CIE Lab colours (L* in 0..100), at least 0; symmetric."""
    lightness, red_green, yellow_blue = first
    other_lightness, other_red_green, other_yellow_blue = second
    # (2) to (7): a* is stretched near grey, which changes chroma and hue.
    mean = (hypot(red_green, yellow_blue) + hypot(other_red_green, other_yellow_blue)) / 2
    stretch = 1 + 0.5 * (1 - _saturation(mean))
    chroma, hue = _polar(red_green * stretch, yellow_blue)
    other_chroma, other_hue = _polar(other_red_green * stretch, other_yellow_blue)
    # (8) to (14)
    turn, mean_hue = _hues(hue, other_hue, coloured=chroma * other_chroma > 0)
    hue_step = 2 * sqrt(chroma * other_chroma) * sin(turn / 2)
    mean_lightness = (lightness + other_lightness) / 2
    mean_chroma = (chroma + other_chroma) / 2
    # (15) to (22): one step counts less where the eye sees less.
    off_middle = (mean_lightness - 50) ** 2
    lightness_part = (other_lightness - lightness) / (
        1 + 0.015 * off_middle / sqrt(20 + off_middle)
    )
    chroma_part = (other_chroma - chroma) / (1 + 0.045 * mean_chroma)
    hue_part = hue_step / (1 + 0.015 * mean_chroma * _hue_weight(mean_hue))
    blue = radians(30) * exp(-(((mean_hue - radians(275)) / radians(25)) ** 2))
    rotation = -2 * _saturation(mean_chroma) * sin(2 * blue)
    square = lightness_part**2 + chroma_part**2 + hue_part**2 + rotation * chroma_part * hue_part
    return sqrt(max(0.0, square))


def _saturation(chroma: float) -> float:
    """0 at grey, towards 1 for strong chroma: the root in (4) and (17)."""
    return sqrt(chroma**7 / (chroma**7 + _PIVOT))


def _polar(red_green: float, yellow_blue: float) -> tuple[float, float]:
    """Chroma and hue in 0..2 pi; the hue of grey is 0."""
    if red_green == 0 and yellow_blue == 0:
        return 0.0, 0.0
    return hypot(red_green, yellow_blue), atan2(yellow_blue, red_green) % tau


def _hues(hue: float, other_hue: float, *, coloured: bool) -> tuple[float, float]:
    """The turn from one hue to the other, the short way round, and the mean of both: (10), (14).

    Where one of the colours is grey there is no turn, and the mean is the sum: one of the two is 0.
    """
    if not coloured:
        return 0.0, hue + other_hue
    turn, total = other_hue - hue, hue + other_hue
    if abs(turn) <= tau / 2:
        return turn, total / 2
    turn += -tau if turn > 0 else tau
    return turn, (total + tau if total < tau else total - tau) / 2


def _hue_weight(hue: float) -> float:
    """T of equation (15)."""
    return (
        1
        - 0.17 * cos(hue - radians(30))
        + 0.24 * cos(2 * hue)
        + 0.32 * cos(3 * hue + radians(6))
        - 0.20 * cos(4 * hue - radians(63))
    )
