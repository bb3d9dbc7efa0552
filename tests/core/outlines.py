"""How alike two outlines are, for the tests of what draws and joins them."""

from __future__ import annotations

import cv2
import numpy as np


def outline_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two polygons, rasterised at 8 samples per pixel."""
    low = np.minimum(a.min(0), b.min(0)) - 1
    size = np.ceil((np.maximum(a.max(0), b.max(0)) - low + 1) * 8).astype(int)
    masks = []
    for outline in (a, b):
        mask = np.zeros(size[::-1], np.uint8)
        cv2.fillPoly(mask, [((outline - low) * 8).round().astype(np.int32)], 1)
        masks.append(mask > 0)
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())
