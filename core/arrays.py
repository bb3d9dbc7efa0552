"""Names for the arrays that go from module to module, and the check that one is a picture.

Shapes stand where an array is taken or given. Nothing is computed here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""A picture (H, W, 3) in sRGB, unless something else is said."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


def check_picture(pixels: Pixels) -> None:
    """Raise ``ValueError`` where ``pixels`` are no picture, uint8 (H, W, 3), or an empty one."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f"expected uint8 (H, W, 3) pixels, got {pixels.dtype} {pixels.shape}")
