"""sRGB <-> CIE Lab under D65, by the formulas.

OpenCV's conversion of floats reads a coarse table that it builds at its first call: 0.1 s that a
single analysis does not have, for values that are off by up to 0.4. What is converted here is a
few thousand pixels, so the formulas themselves are as quick.

Sources: IEC 61966-2-1 (sRGB, and its matrix to XYZ); CIE 15:2004, 8.2.1 (XYZ to Lab).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.arrays import Floats

_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
# Relative to the white point, which is what (1, 1, 1) becomes: so every grey has a* and b* of 0.
_TO_RATIOS = _TO_XYZ / _TO_XYZ.sum(1, keepdims=True)
_TO_LINEAR = np.linalg.inv(_TO_RATIOS)
_RATIOS_32: Floats = _TO_RATIOS.T.astype(np.float32)

_KNEE = 6 / 29

_LEVELS = np.arange(256) / 255
LINEAR: Floats = np.where(
    _LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4
).astype(np.float32)
"""Linear light (256,) in 0..1 of each sRGB level."""


def to_lab(rgb: NDArray[np.uint8]) -> Floats:
    """CIE Lab float32 (N, 3) of sRGB uint8 (N, 3); L* in 0..100, within 0.001 of the formula."""
    ratios = LINEAR[rgb] @ _RATIOS_32
    curve = np.where(
        ratios > np.float32(_KNEE**3),
        np.power(ratios, np.float32(1 / 3)),
        ratios * np.float32(1 / (3 * _KNEE**2)) + np.float32(4 / 29),
    )
    lab = np.empty_like(curve)
    lab[:, 0] = 116 * curve[:, 1] - 16
    lab[:, 1] = 500 * (curve[:, 0] - curve[:, 1])
    lab[:, 2] = 200 * (curve[:, 1] - curve[:, 2])
    return lab


def to_rgb(lab: Floats) -> tuple[int, int, int]:
    """The nearest sRGB levels (0..255) to one Lab value (3,); what no screen shows is clipped."""
    lightness, a, b = (float(value) for value in lab)
    middle = (lightness + 16) / 116
    curve = np.array([middle + a / 500, middle, middle - b / 200])
    ratios = np.where(curve > _KNEE, curve**3, 3 * _KNEE**2 * (curve - 4 / 29))
    linear = np.clip(_TO_LINEAR @ ratios, 0, 1)
    share = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.round(share * 255).astype(int).tolist()
    return red, green, blue
