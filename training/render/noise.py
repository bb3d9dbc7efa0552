"""Random textures: white grain from a cached tile, and smooth clouds at any scale.

Grain is cut at random offsets from one tile made once per process, because drawing millions of
normal numbers for every picture would cost more than the rest of the picture.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from training.render.colours import Image

_TILE = 1024


@lru_cache(maxsize=1)
def _tile() -> Image:
    generator = np.random.default_rng(20240229)
    tile = generator.standard_normal((_TILE, _TILE), dtype=np.float32)
    return np.tile(tile, (3, 3))


def grain(rng: np.random.Generator, height: int, width: int) -> Image:
    """White noise (height, width), mean 0 and deviation 1; repeats every 1024 px. A copy that may
    be changed.
    """
    y, x = rng.integers(0, _TILE, 2)
    tile = _tile()
    if height + y > tile.shape[0] or width + x > tile.shape[1]:
        tile = np.tile(tile, (1 + (height + y) // tile.shape[0], 1 + (width + x) // tile.shape[1]))
    piece = tile[y : y + height, x : x + width]
    return np.ascontiguousarray(piece[:: -1 if rng.random() < 0.5 else 1])


def clouds(
    rng: np.random.Generator, height: int, width: int, cell: float, cell_y: float | None = None
) -> Image:
    """Smooth noise (height, width), deviation about 1, whose blobs are ``cell`` px wide and
    ``cell_y`` px high.
    """
    # Large pictures of large blobs are drawn at half or quarter size: nobody sees the difference in
    # a cloud.
    shrink = int(np.clip(min(cell, cell_y or cell) / 4, 1, 4)) if height * width > 1 << 16 else 1
    h, w = -(-height // shrink), -(-width // shrink)
    rows = max(2, round(height / max(cell_y or cell, 1)) + 1)
    columns = max(2, round(width / max(cell, 1)) + 1)
    small = rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(1.35)
    field = cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field if shrink == 1 else cv2.resize(field, (width, height)), np.float32)


def layered(rng: np.random.Generator, height: int, width: int, cell: float) -> Image:
    """Three octaves of clouds: irregular patches such as chalk, stains or wear."""
    total = clouds(rng, height, width, cell)
    total += 0.6 * clouds(rng, height, width, cell / 2.2)
    total += 0.35 * clouds(rng, height, width, cell / 5)
    return total * np.float32(0.8)
