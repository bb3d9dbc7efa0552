"""HEIF and AVIF that name their colours by numbers instead of an embedded profile -> sRGB.

Phones and browsers write wide colours in this way too: a red hold on a Display P3 photo that is
taken for sRGB looks paler than it is. Only the primaries are converted. The usual curves are all
taken for sRGB's, as viewers do; HDR curves are not tone-mapped, and their pictures stay as they
are.

Sources: ISO/IEC 14496-12, 12.1.5 (the ``colr`` box); ITU-T H.273, tables 2 and 3 (code points,
chromaticities); SMPTE RP 177 (from chromaticities to a matrix).
"""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from core.lab import LINEAR

Chromaticities = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

SRGB = 1
PRIMARIES: dict[int, Chromaticities] = {
    SRGB: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
"""x and y of red, green and blue, by code point; those with the white of sRGB, D65."""

_WHITE = (0.3127, 0.3290)
_USUAL_CURVES = (1, 2, 6, 13, 14, 15)
_STRIP_ROWS = 128
_STEPS = 4095
"""Linear light is divided into so many steps: near black, sRGB's curve rises by 3300 levels of 255
over the whole range, so that a step is less than one of them."""


def coded_primaries(data: bytes) -> int:
    """The code point of the primaries of the HEIF or AVIF ``data``; that of sRGB where there is
    none, or one whose colours are not converted here."""
    meta = _meta_box(data)
    place = meta.find(b"colrnclx")
    if place < 0 or place + 14 > len(meta):
        return SRGB
    primaries, curve, _matrix = struct.unpack_from(">HHH", meta, place + 8)
    return primaries if primaries in PRIMARIES and curve in _USUAL_CURVES else SRGB


def convert_primaries(pixels: NDArray[np.uint8], code: int) -> None:
    """Convert ``pixels`` (uint8, (H, W, 3)) in place to sRGB from the primaries of ``code``, a key
    of :data:`PRIMARIES`."""
    if code == SRGB:
        return
    matrix = (np.linalg.inv(_to_xyz(PRIMARIES[SRGB])) @ _to_xyz(PRIMARIES[code])).astype(np.float32)
    share = np.arange(_STEPS + 1) / _STEPS
    levels = np.where(share <= 0.0031308, 12.92 * share, 1.055 * share ** (1 / 2.4) - 0.055)
    encoded = np.rint(255 * levels).astype(np.uint8)
    for top in range(0, len(pixels), _STRIP_ROWS):
        rows = pixels[top : top + _STRIP_ROWS]
        light = cv2.transform(LINEAR[rows], matrix)
        rows[...] = encoded[np.rint(np.clip(light, 0, 1) * _STEPS).astype(np.intp)]


def _to_xyz(corners: Chromaticities) -> NDArray[np.float64]:
    """Linear light of these primaries -> CIE XYZ, (3, 3), with the white of D65."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in corners]).T
    x, y = _WHITE
    white = np.array([x / y, 1.0, (1 - x - y) / y])
    return np.asarray(columns * np.linalg.solve(columns, white), dtype=np.float64)


def _meta_box(data: bytes) -> bytes:
    """What stands in the top-level ``meta`` box; empty where there is none."""
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"meta":
            return data[position + 8 : position + length]
        if length < 8:
            break
        position += length
    return b""
