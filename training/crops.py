"""Hold crops with a colour name that can be trusted, to train the colour models on.

Three sources: holds of real training photos named by eye (``colour_names.csv``; the name is that of
the colour as it appears), real holds repainted with a pigment of known name (the photo gives shape,
shading, chalk and bolts; its own colours, often hue-shifted by its source, are thrown away), and
holds of rendered walls. The validation photos and their named colours are never read here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from core.colour_statistics import AROUND, Light, photo_light
from core.masks import box_mask
from core.wall import Kind
from training.render.colours import HOLD_WEIGHTS, PIGMENTS, pigment, to_linear, to_srgb
from training.truth import CLASSES, Truth, read_truth

SIDE = 96  # crops are kept at most this large
NAMED = Path(__file__).with_name("colour_names.csv")
NAMED_VOLUMES = Path(__file__).with_name("volume_names.csv")
"""Volumes on photos whose colours look natural. They came later and are never held out: the CLIP
that is kept knows which photos of the other list it has not seen.
"""


@dataclass(frozen=True)
class Crop:
    """A hold cut out with a margin.

    ``pixels`` uint8 (h, w, 3) RGB, ``mask`` 0/1 uint8 (h, w), its colour's ``name``, the photo's
    ``light``, which ``photo`` it is from, its ``kind``, and the ``pigment`` as 8-bit sRGB where it
    is known.
    """

    pixels: np.ndarray
    mask: np.ndarray
    name: str
    light: Light
    photo: str
    kind: Kind = "hold"
    pigment: tuple[int, int, int] | None = None


def cut(pixels: np.ndarray, outline: np.ndarray, name: str, light: Light, photo: str) -> Crop:
    """Cut the object with ``outline`` (P, 2), in pixels of RGB ``pixels``, reduced to SIDE where it
    is larger.
    """
    height, width = pixels.shape[:2]
    own = box_mask(outline.astype(np.float32), width, height)
    margin = int(max(own.mask.shape) * AROUND) + 1
    x1, y1 = max(own.x - margin, 0), max(own.y - margin, 0)
    x2 = min(own.x + own.mask.shape[1] + margin, width)
    y2 = min(own.y + own.mask.shape[0] + margin, height)
    mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
    mask[own.y - y1 :, own.x - x1 :][: own.mask.shape[0], : own.mask.shape[1]] = own.mask
    part = pixels[y1:y2, x1:x2]
    shrink = SIDE / max(mask.shape)
    if shrink < 1:
        part = cv2.resize(part, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask, part.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    if not mask.any():
        mask[mask.shape[0] // 2, mask.shape[1] // 2] = 1
    return Crop(part.copy(), mask, name, light, photo)


def read_rgb(path: Path) -> np.ndarray:
    """Decode a picture as RGB uint8 (H, W, 3)."""
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise FileNotFoundError(f"cannot read the training picture {path}")
    return np.ascontiguousarray(pixels[:, :, ::-1])


def named_crops(truths: list[Truth], table: Path = NAMED) -> list[Crop]:
    """Holds of the training photos that were named by eye; ``truths`` give their outlines."""
    rows: dict[str, list[dict[str, str]]] = {}
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["image"], []).append(row)
    crops = []
    for truth in truths:
        if truth.image.name not in rows:
            continue
        pixels = read_rgb(truth.image)
        light, sides = photo_light(pixels), np.array(pixels.shape[1::-1])
        for row in rows[truth.image.name]:
            box = np.array([float(row[key]) for key in ("x1", "y1", "x2", "y2")])
            index = int(np.abs(truth.boxes - box).sum(1).argmin())
            outline = truth.outlines[index] * sides
            crop = cut(pixels, outline, row["colour"], light, truth.image.name)
            crops.append(replace(crop, kind=row["kind"]))
    return crops


def repainted_crops(truths: list[Truth], count: int, seed: int) -> Iterator[Crop]:
    """``count`` real holds repainted with pigments of known names, a few per photo."""
    random = np.random.default_rng(seed)
    names = list(PIGMENTS)
    weights = np.sqrt([HOLD_WEIGHTS[name] for name in names])
    done = 0
    while done < count:
        truth = truths[random.integers(len(truths))]
        known = np.flatnonzero(truth.outline_known & (truth.classes == 0))
        if len(known) < 3:
            continue
        pixels = read_rgb(truth.image)
        light, sides = photo_light(pixels), np.array(pixels.shape[1::-1])
        for index in random.choice(known, min(len(known), 12), replace=False):
            name = str(random.choice(names, p=weights / weights.sum()))
            crop = cut(pixels, truth.outlines[index] * sides, name, light, truth.image.name)
            if min(crop.mask.shape) >= 10:
                done += 1
                yield repaint(crop, pigment(random, name, rendered=False), random)


def repaint(crop: Crop, colour: np.ndarray, random: np.random.Generator) -> Crop:
    """``crop`` in a pigment (linear sRGB (3,)), keeping its shading, texture, chalk and highlights.

    The light that falls on the hold is taken from the photo: what is bright there is a pale wall of
    reflectance 0.6.
    """
    linear = to_linear(crop.pixels / 255.0)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    inside = crop.mask > 0
    middle = max(float(np.median(luminance[inside])), 0.004)
    shading = np.clip(luminance / middle, 0.15, 4.0)[..., None]
    bright = (
        ((crop.light.bright + 16) / 116) ** 3
        if crop.light.bright > 8
        else crop.light.bright / 903.3
    )
    lamp = max(bright, 0.02) / 0.6 * np.exp(random.normal(-0.1, 0.25))
    painted = colour * np.minimum(shading, 1.5) ** random.uniform(0.7, 1.1)
    gloss = np.clip(shading - 1.5, 0, 1) * random.uniform(0.2, 0.8)
    painted = (painted * (1 - gloss) + gloss * 0.9) * lamp
    result = np.where(inside[..., None], painted, linear)
    pixels = (to_srgb(result) * 255).astype(np.uint8)
    red, green, blue = (to_srgb(colour) * 255).round().astype(int).tolist()
    return replace(crop, pixels=pixels, pigment=(red, green, blue))


def rendered_crops(walls: Path) -> Iterator[Crop]:
    """Holds and volumes of rendered walls (``training.walls --out``), named by their pigment."""
    rows: dict[str, list[dict[str, str]]] = {}
    with (walls / "colours.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["image"], []).append(row)
    for name, objects in rows.items():
        truth = read_truth(walls / "images" / f"{name}.jpg")
        pixels = read_rgb(truth.image)
        light, sides = photo_light(pixels), np.array(pixels.shape[1::-1])
        kinds = (CLASSES[index] for index in truth.classes)
        for outline, kind, row in zip(truth.outlines, kinds, objects, strict=True):
            if (np.ptp(outline, axis=0) * sides).min() >= 10:
                crop = cut(pixels, outline * sides, row["colour"], light, name)
                painted = int(row["red"]), int(row["green"]), int(row["blue"])
                yield replace(crop, kind=kind, pigment=painted)


def photographed(crop: Crop, random: np.random.Generator) -> Crop:
    """``crop`` under another camera: exposure, white balance within what a person still names,
    blur, noise, a mask that is a little off.
    """
    gain = np.exp(random.normal(0, 0.16)) * np.exp(random.normal(0, [0.05, 0.02, 0.06]))
    pixels = to_srgb(to_linear(crop.pixels / 255.0) * gain.astype(np.float32)) * 255
    if random.random() < 0.3:
        pixels = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.4, 1.4))
    pixels = pixels + random.normal(0, random.uniform(0, 6), pixels.shape)
    mask = crop.mask
    if random.random() < 0.4 and min(mask.shape) > 16:
        step = cv2.dilate if random.random() < 0.5 else cv2.erode
        changed = step(mask, np.ones((3, 3), np.uint8))
        mask = changed if changed.any() else mask
    mean = float(np.log2(gain.mean()))
    light = Light(
        float(np.clip(crop.light.median + 9 * mean, 0, 100)),
        float(np.clip(crop.light.bright + 9 * mean, 0, 100)),
    )
    pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    return replace(crop, pixels=pixels, mask=mask, light=light, pigment=None)
