"""Small photos made with numpy, and how far an opened one is from what was put in."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from core.photo import Photo, open_photo
from core.settings import load_settings

SETTINGS = load_settings()


def opened(data: bytes, **overrides: object) -> Photo:
    """``data`` through :func:`open_photo`, under the default settings but for ``overrides``."""
    return open_photo(
        data, name="wall.jpg", settings=load_settings(**overrides) if overrides else SETTINGS
    )


def corners(width: int = 96, height: int = 64) -> np.ndarray:
    """A picture with a red, a green, a blue and a yellow quarter."""
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2] = (200, 30, 40)
    rgb[: height // 2, width // 2 :] = (30, 180, 60)
    rgb[height // 2 :, : width // 2] = (40, 60, 190)
    rgb[height // 2 :, width // 2 :] = (220, 210, 50)
    return rgb


def smooth(width: int, height: int, seed: int = 1) -> np.ndarray:
    """A picture of soft colour gradients, as uint8 RGB."""
    seeds = np.random.default_rng(seed).integers(
        0, 256, (height // 32 + 2, width // 32 + 2, 3), np.uint8
    )
    return np.asarray(cv2.resize(seeds, (width, height), interpolation=cv2.INTER_LINEAR))


def exif(orientation: int) -> bytes:
    """An EXIF block that notes ``orientation`` and nothing else."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def worst(got: np.ndarray, expected: np.ndarray, rim: int = 0) -> int:
    """The largest difference of any channel, leaving out ``rim`` pixels along the middle lines."""
    assert got.shape == expected.shape
    difference = np.abs(got.astype(int) - expected.astype(int)).max(axis=2)
    if rim:
        height, width = difference.shape
        difference[height // 2 - rim : height // 2 + rim] = 0
        difference[:, width // 2 - rim : width // 2 + rim] = 0
    return int(difference.max())
