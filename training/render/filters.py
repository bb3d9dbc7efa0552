"""Fast forms of two everyday operations on float32 pictures: wide blurs, and a factor for all
channels.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.render.colours import Image


def soften(picture: Image, sigma: float) -> Image:
    """Gaussian blur; wide ones (sigma above 4 px) are made on a smaller copy, at a fraction of the
    cost.
    """
    factor = int(sigma / 2)
    if factor < 2 or min(picture.shape[:2]) < 4 * factor:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(sigma, 0.3)), np.float32)
    height, width = picture.shape[:2]
    size = (max(width // factor, 2), max(height // factor, 2))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / factor), (width, height)), np.float32
    )


def scaled(rgb: Image, factor: Image) -> Image:
    """``rgb`` (n, m, 3) times ``factor`` (n, m); several times faster on small patches than
    broadcasting.
    """
    return np.asarray(cv2.multiply(rgb, cv2.merge([factor, factor, factor])), np.float32)


def blended(below: Image, above: Image, share: Image) -> Image:
    """``below`` towards ``above`` (both (n, m, 3)) by ``share`` (n, m) of 0..1."""
    return below + scaled(above - below, share)
