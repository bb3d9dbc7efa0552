"""What the pixels of a mask core say about a hold's colour, as a short vector of numbers.

Chalk, bolts and highlights are left out; hue is averaged on its circle. The lightness of the whole
photo goes along, since black, grey and white differ by what light falls on the wall, and so does
the ground around the hold, against which people see its colour. No names are given here;
:mod:`core.colour` gives them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import Floats
from core.lab import to_lab, to_rgb
from core.masks import BoxMask
from core.quantiles import quantiles

SAMPLES = 1500
"""Core pixels that are read at most; a regular sample of a larger core says the same."""

FEATURES = 22

AROUND = 0.12
"""How far the ground around a hold is looked at, as a share of the longer side of its box."""

GROUND_SAMPLES = 2500
"""Pixels that are looked at for it, at most, those of the hold among them."""

MID_GREY: Floats = np.array([50, 0, 0], np.float32)


@dataclass(frozen=True, slots=True)
class Light:
    """The light of a whole photo: L* (0..100) of its median and of its bright parts (90th
    percentile).
    """

    median: float
    bright: float


def photo_light(pixels: NDArray[np.uint8]) -> Light:
    """Read the light of uint8 (H, W, 3) RGB ``pixels`` from a 96-pixel reduction."""
    small = cv2.resize(pixels, (96, 96), interpolation=cv2.INTER_AREA)
    lightness = to_lab(np.asarray(small, np.uint8).reshape(-1, 3))[:, 0]
    median, bright = quantiles(lightness, (0.5, 0.9))
    return Light(float(median), float(bright))


def clean_core(lab: Floats) -> Floats:
    """The rows of ``lab`` (N, 3) that show the hold's material.

    Left out: much lighter and paler pixels than the rest (chalk, highlights) and much darker ones
    (bolts and their holes). At least a quarter of the rows stay, else all of them.
    """
    lightness, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    (middle,), (vivid,) = quantiles(lightness, (0.5,)), quantiles(chroma, (0.7,))
    chalk = (lightness > middle + 12) & (chroma < 0.65 * vivid)
    chalk |= lightness > middle + 30
    bolt = lightness < middle - 28
    kept = ~(chalk | bolt)
    return lab[kept] if kept.mean() >= 0.25 else lab


def ground_around(pixels: NDArray[np.uint8], hold: BoxMask) -> Floats:
    """Median Lab float32 (3,) of what lies around ``hold`` on uint8 (H, W, 3) RGB ``pixels``: in
    its box, and AROUND it. Where the hold fills all of that, MID_GREY.
    """
    height, width = hold.mask.shape
    margin = int(max(height, width) * AROUND) + 1
    x, y = max(hold.x - margin, 0), max(hold.y - margin, 0)
    part = pixels[y : hold.y + height + margin, x : hold.x + width + margin]
    ground = np.ones(part.shape[:2], bool)
    ground[hold.y - y :, hold.x - x :][:height, :width] = hold.mask == 0
    step = 1 + int(np.sqrt(ground.size / GROUND_SAMPLES))
    seen = part[::step, ::step][ground[::step, ::step]]
    return quantiles(to_lab(seen), (0.5,))[0] if len(seen) else MID_GREY


def statistics(
    crop: NDArray[np.uint8], core: NDArray[np.uint8], light: Light, ground: Floats
) -> tuple[Floats, tuple[int, int, int]]:
    """Features float32 (FEATURES,) and the mean sRGB of the clean core.

    ``crop`` is uint8 (h, w, 3) RGB, ``core`` the 0/1 mask (h, w) of what to read, ``ground`` what
    :func:`ground_around` gives. Features, scaled to about -2..2: mean and median Lab; L* at the
    10th and 90th percentile; the circular mean of hue weighted by chroma (Fisher, "Statistical
    Analysis of Circular Data", 1993: direction, and resultant length); chroma at the 50th and 80th
    percentile; the share of neutral pixels; L* relative to the photo's light; the share left out as
    chalk and bolts; how many pixels were read; the ground's Lab.
    """
    rgb = crop[core > 0]
    if len(rgb) > SAMPLES:
        rgb = rgb[:: len(rgb) // SAMPLES + 1]
    whole = to_lab(rgb)
    lab = clean_core(whole)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    total = max(float(chroma.sum()), 1e-3)
    direction = lab[:, 1:].sum(0) / total
    mean = lab.mean(0)
    (low, *_), median, (high, *_) = quantiles(lab, (0.1, 0.5, 0.9))
    typical, vivid = quantiles(chroma, (0.5, 0.8))
    features = np.array(
        [
            mean[0] / 25 - 2, mean[1] / 30, mean[2] / 30,
            median[0] / 25 - 2, median[1] / 30, median[2] / 30,
            low / 25 - 2, high / 25 - 2,
            direction[0], direction[1], np.hypot(*direction),
            typical / 30, vivid / 30, float((chroma < 8).mean()),
            (mean[0] - light.median) / 25, (mean[0] - light.bright) / 25, light.bright / 25 - 3,
            1 - len(lab) / len(whole), np.log10(len(whole)) - 2,
            ground[0] / 25 - 2, ground[1] / 30, ground[2] / 30,
        ],
        np.float32,
    )  # fmt: skip
    return features, to_rgb(mean)
