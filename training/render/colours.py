"""Pigments of gym holds by palette name, and the conversions between colour spaces.

Ranges are in CIE LCh(ab) under D65 (lightness 0..100, chroma, hue in degrees); they were written
from manufacturers' usual colours (including the fluorescent ones, limited to what sRGB can show)
and leave gaps between names that a person would not name surely. This module knows nothing of
light: a pigment is what a hold is, not how it looks.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
Range = tuple[float, float]

# name -> rows of (weight, lightness, chroma, hue); a hue range may pass through 360.
PIGMENTS: dict[str, tuple[tuple[float, Range, Range, Range], ...]] = {
    "red": (
        (6, (33, 47), (50, 72), (23, 36)),
        (2, (44, 52), (60, 76), (28, 37)),
        (1, (26, 34), (34, 48), (22, 34)),
    ),
    "orange": (
        (4, (55, 66), (60, 84), (52, 66)),
        (2, (62, 70), (76, 90), (50, 62)),
        (1, (50, 57), (52, 70), (50, 60)),
    ),
    "yellow": (
        (5, (74, 88), (60, 88), (80, 96)),
        (2, (88, 95), (70, 92), (97, 105)),
        (1, (66, 76), (50, 72), (78, 90)),
    ),
    "green": (
        (4, (32, 52), (28, 55), (135, 162)),
        (2, (66, 84), (62, 92), (117, 134)),
        (2, (22, 36), (16, 34), (142, 172)),
        (1, (50, 64), (45, 70), (125, 148)),
    ),
    "mint": (
        (3, (70, 84), (20, 38), (160, 186)),
        (2, (66, 74), (24, 40), (168, 190)),
    ),
    "blue": (
        (4, (34, 52), (32, 56), (262, 288)),
        (2, (48, 64), (28, 46), (245, 272)),
        (1, (64, 76), (20, 34), (232, 258)),
        (1, (22, 34), (22, 44), (272, 292)),
    ),
    "purple": (
        (4, (28, 46), (28, 52), (303, 324)),
        (2, (52, 68), (22, 40), (304, 322)),
        (1, (20, 30), (18, 36), (304, 326)),
    ),
    "pink": (
        (4, (50, 64), (52, 76), (345, 366)),
        (2, (70, 82), (20, 40), (348, 374)),
        (2, (56, 66), (66, 80), (350, 370)),
        (1, (40, 50), (50, 66), (346, 360)),
    ),
    "brown": ((3, (26, 42), (14, 32), (46, 70)), (1, (36, 46), (20, 34), (52, 66))),
    "black": ((4, (8, 17), (0, 3), (0, 360)), (2, (15, 25), (0, 4), (240, 290))),
    "grey": (
        (3, (40, 62), (0, 4), (0, 360)),
        (3, (40, 66), (3, 9), (238, 272)),
        (1, (62, 75), (0, 4), (80, 110)),
        (1, (35, 44), (0, 4), (0, 360)),
    ),
    "white": ((4, (89, 97), (0, 4), (70, 110)), (1, (85, 91), (2, 8), (75, 100))),
    "wood": (
        (3, (64, 78), (20, 32), (70, 82)),
        (1, (54, 66), (24, 36), (64, 76)),
    ),
}

UNRENDERED = {
    "green": ((2, (34, 56), (20, 42), (162, 190)),),
    "black": ((3, (14, 30), (4, 13), (235, 285)),),
}
"""Rows of the same kind that real holds are repainted with, beside :data:`PIGMENTS`: green as deep
as the sea is still green, mint is the pale one; black that shows the sky is still black. Rendered
walls do without, so that a seed goes on giving the wall that figures were measured on.
"""

# How often a colour is bought for holds, and for volumes (which are mostly grey, wall-like or
# black).
HOLD_WEIGHTS = {
    "red": 11, "orange": 8, "yellow": 12, "green": 12, "mint": 5, "blue": 12, "purple": 9,
    "pink": 9, "brown": 3, "black": 10, "grey": 4, "white": 9, "wood": 3,
}  # fmt: skip
VOLUME_WEIGHTS = {
    "grey": 30, "wood": 17, "black": 12, "white": 12, "blue": 8, "red": 6, "green": 5, "yellow": 4,
    "orange": 2, "purple": 2, "mint": 2, "pink": 1, "brown": 1,
}  # fmt: skip


def lch_to_linear(lightness: float, chroma: float, hue: float) -> Image:
    """Linear sRGB (3,) of an LCh(ab) colour, hue in degrees, not clipped to the gamut."""
    angle = np.deg2rad(hue)
    lab = np.array([[[lightness, chroma * np.cos(angle), chroma * np.sin(angle)]]], np.float32)
    return np.asarray(_lab_to_linear(lab)[0, 0], np.float32)


def _lab_to_linear(lab: Image) -> Image:
    """CIE 15: Lab to XYZ (D65) to linear sRGB (IEC 61966-2-1), without OpenCV's clipping."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.95047, 1.0, 1.08883]
    matrix = np.array(
        [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    )
    return np.asarray(xyz @ matrix.T, np.float32)


def to_srgb(linear: npt.ArrayLike) -> Image:
    """The sRGB transfer curve: linear 0..1 to encoded 0..1 (values outside are clipped)."""
    x = np.clip(np.asarray(linear, np.float32), 0, 1)
    return np.where(x <= 0.0031308, x * 12.92, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)


def to_linear(encoded: npt.ArrayLike) -> Image:
    """The inverse of :func:`to_srgb`."""
    x = np.asarray(encoded, np.float32)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb_to_lab(rgb: npt.ArrayLike) -> Image:
    """CIE Lab (...,3) of 8-bit sRGB values (...,3)."""
    values = np.asarray(rgb, np.float32) / 255
    lab = cv2.cvtColor(np.ascontiguousarray(values.reshape(1, -1, 3)), cv2.COLOR_RGB2Lab)
    return np.asarray(lab, np.float32).reshape(values.shape)


def pigment(rng: np.random.Generator, name: str, *, rendered: bool = True) -> Image:
    """A linear sRGB pigment (3,) of that palette name, inside the sRGB gamut; one of
    :data:`UNRENDERED` only if it is not ``rendered``.

    Raises ``KeyError`` for a name without a row in :data:`PIGMENTS`.
    """
    rows = PIGMENTS[name] if rendered else PIGMENTS[name] + UNRENDERED.get(name, ())
    weights = np.array([row[0] for row in rows])
    best, best_excess = np.zeros(3, np.float32), np.inf
    for _ in range(24):
        _, lightness, chroma, hue = rows[rng.choice(len(rows), p=weights / weights.sum())]
        colour = lch_to_linear(rng.uniform(*lightness), rng.uniform(*chroma), rng.uniform(*hue))
        excess = float(max(colour.max() - 1, -colour.min(), 0))
        if excess < best_excess:
            best, best_excess = colour, excess
        if excess <= 0.002:
            break
    return np.clip(best, 0.002, 1).astype(np.float32)


def choose_name(rng: np.random.Generator, weights: dict[str, int]) -> str:
    """Draw one palette name by weight."""
    names = list(weights)
    shares = np.array([weights[name] for name in names], float)
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def triple(linear: Image) -> tuple[int, int, int]:
    """A linear colour as 8-bit sRGB."""
    red, green, blue = np.rint(to_srgb(linear) * 255).astype(int).tolist()
    return red, green, blue
