"""A dark photo, brightened for the models as a photographer would expose it again.

A gym with half of its lamps on gives photos on which the detector misses small holds and blue reads
as black. Their bright parts tell how much light is missing: some chalk, a white hold or bare wall
is on every photo. The models then see every value multiplied by one gain; what is shown and stored
stays as it was photographed. Colour casts are left alone: the colour readers know them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from core.arrays import Pixels
from core.quantiles import quantiles
from core.wall import RGB, Colour

BRIGHT_SHARE = 0.97
"""Quantile of the brightest channel; above it are lamps and reflections."""

WELL_EXPOSED = 210.0
"""sRGB value of the bright parts on a well exposed photo. Of 73 photos of gyms, 95 % reach 202."""

LEAST_GAIN = 1.25
"""A smaller lack of light costs neither holds nor colours."""

LARGEST_GAIN = 5.0
"""More would show the models nothing but noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """What the models look at: ``pixels`` uint8 (H, W, 3) RGB, ``gain`` times the photo's own (1
    where it was bright enough; then they are the photo's own array)."""

    pixels: Pixels
    gain: float

    @property
    def brightened(self) -> bool:
        """Whether the photo was too dark."""
        return self.gain > 1

    def as_photographed(self, colours: Sequence[Colour]) -> list[Colour]:
        """The colours with their mean RGB as it is on the photo itself."""
        if not self.brightened:
            return list(colours)
        return [replace(colour, rgb=_divided(colour.rgb, self.gain)) for colour in colours]


def expose(pixels: Pixels) -> Exposure:
    """Brighten uint8 (H, W, 3) RGB ``pixels`` where they are too dark.

    sRGB values are multiplied, which is close to more light of the same colour: sRGB is close to a
    power law, and a power law turns a factor into a factor.
    """
    small = cv2.resize(pixels, (160, 160), interpolation=cv2.INTER_AREA)
    brightest = small.max(axis=2).astype(np.float64).ravel()
    bright = float(quantiles(brightest, (BRIGHT_SHARE,))[0])
    gain = min(WELL_EXPOSED / max(bright, 1.0), LARGEST_GAIN)
    if gain < LEAST_GAIN:
        return Exposure(pixels, 1.0)
    table = np.clip(np.rint(np.arange(256) * gain), 0, 255).astype(np.uint8)
    return Exposure(np.asarray(cv2.LUT(pixels, table), np.uint8), gain)


def _divided(rgb: RGB, gain: float) -> RGB:
    red, green, blue = (round(value / gain) for value in rgb)
    return red, green, blue
