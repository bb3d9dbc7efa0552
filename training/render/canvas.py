"""The wall seen straight on: its pixels, and whose pixel each one is.

Two maps of ids are kept, because a volume lies under the holds bolted onto it: ``volumes`` knows
volumes only, ``objects`` what is on top. Id 0 is the wall.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.render.colours import Image
from training.render.filters import blended, scaled, soften
from training.render.shading import Light, Patch

Ids = npt.NDArray[np.uint16]


class Canvas:
    """``rgb`` is linear float32 (height, width, 3); ``area[id]`` counts an object's own pixels,
    hidden or not.
    """

    def __init__(self, rgb: Image) -> None:
        self.rgb = np.ascontiguousarray(rgb, np.float32)
        self.height, self.width = rgb.shape[:2]
        self.objects: Ids = np.zeros((self.height, self.width), np.uint16)
        self.volumes: Ids = np.zeros((self.height, self.width), np.uint16)
        self.area: dict[int, int] = {}
        self.centre: dict[int, tuple[float, float]] = {}

    def _window(
        self, x: int, y: int, shape: tuple[int, int]
    ) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
        """Slices of the canvas and of a patch placed with its corner at x, y; None when they do not
        meet.
        """
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + shape[1], self.width), min(y + shape[0], self.height)
        if x1 <= x0 or y1 <= y0:
            return None
        return (slice(y0, y1), slice(x0, x1)), (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))

    def cast(self, patch: Patch, x: int, y: int, light: Light, strength: float) -> None:
        """Darken what lies under and beside a patch by its soft shadow and its dark line of
        contact.
        """
        n, m = patch.alpha.shape
        tall = float(patch.height.max())
        dx, dy = light.reach[0] * tall * 0.85, light.reach[1] * tall * 0.85
        pad = int(abs(dx) + abs(dy) + 2.2 * light.softness * tall) + 3
        padded = cv2.copyMakeBorder(patch.alpha, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
        far = np.zeros(padded.shape, np.float32)
        for share in (0.35, 0.7, 1.0):
            sx, sy = pad + round(dx * share), pad + round(dy * share)
            part = far[sy : sy + n, sx : sx + m]
            np.maximum(part, patch.alpha, out=part)
        shadow = soften(far, 0.6 + light.softness * tall * 0.55)
        touch = soften(padded, 0.7 + tall * 0.2)
        dark = (1 - np.float32(strength * (1 - 0.7 * light.ambient)) * shadow) * (
            1 - np.float32(0.38 * strength) * touch
        )
        window = self._window(x - pad, y - pad, dark.shape)
        if window is not None:
            self.rgb[window[0]] = scaled(self.rgb[window[0]], dark[window[1]])

    def paste(self, patch: Patch, x: int, y: int, ident: int, volume: bool) -> None:
        """Lay a patch with its corner at x, y over the wall, as the object ``ident``."""
        own = patch.alpha > 0.5
        self.area[ident] = self.area.get(ident, 0) + int(np.count_nonzero(own))
        self.centre[ident] = (x + patch.alpha.shape[1] / 2, y + patch.alpha.shape[0] / 2)
        window = self._window(x, y, patch.alpha.shape)
        if window is None:
            return
        here, there = window
        self.rgb[here] = blended(self.rgb[here], patch.rgb[there], patch.alpha[there])
        for ids in (self.objects, self.volumes) if volume else (self.objects,):
            ids[here][own[there]] = ident
