"""From a height field and a pigment to lit pixels: the light, the material and one finished patch.

The model is a sky of even light plus one lamp (Lambert), ambient occlusion from the blurred height
field, and a Blinn-Phong highlight, in linear light. It is scaled so that a surface facing the
viewer keeps its pigment: what a photo does to the whole wall (exposure, casts, spots of light) is
the camera's business.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.render.colours import Image
from training.render.filters import blended, scaled, soften
from training.render.noise import clouds, grain, layered
from training.render.shapes import Relief


@dataclass(frozen=True, slots=True)
class Light:
    """The lamp's direction (unit vector x, y, z towards the lamp; y is negative above) and the
    sky's share 0..1.
    """

    direction: tuple[float, float, float]
    ambient: float
    softness: float  # of shadows: blur over the height of what casts them

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Light:
        """A lamp above and before the wall, as gyms have it; rarely from the side or below."""
        x, y = rng.normal(0, 0.38), -rng.uniform(0.15, 1.15)
        vector = np.array([x, y if rng.random() < 0.94 else -y * 0.3, 1.0])
        vector /= np.linalg.norm(vector)
        direction = (float(vector[0]), float(vector[1]), float(vector[2]))
        return cls(direction, rng.uniform(0.25, 0.65), rng.uniform(0.12, 0.6))

    @property
    def reach(self) -> tuple[float, float]:
        """How far a shadow falls, in x and y, per unit of height."""
        x, y, z = self.direction
        return -x / z, -y / z


@dataclass(frozen=True, slots=True)
class Material:
    """What a hold is made of; shares are 0..1, ``pigment`` and ``second`` are linear RGB (3,)."""

    pigment: Image
    second: Image | None = None  # of a two-tone hold, on less than a third of it
    gloss: float = 0.2
    grit: float = 0.3
    chalk: float = 0.1
    dual: float = 0.0  # share of a shiny part on a rough hold
    grained: bool = False  # wood


@dataclass(frozen=True, slots=True)
class Patch:
    """A drawn object: linear RGB (n, m, 3), coverage (n, m) 0..1 and height (n, m) in px, for its
    shadow.
    """

    rgb: Image
    alpha: Image
    height: Image


def shade(height: Image, albedo: Image, light: Light, gloss: Image | float, size: float) -> Image:
    """Lit linear RGB (n, m, 3) of a height field (px); ``size`` is the object's size in px."""
    gx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    gy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    nz = 1 / np.sqrt(gx * gx + gy * gy + 1)
    nx, ny = -gx * nz, -gy * nz
    lx, ly, lz = light.direction
    wide = soften(height, max(0.6, size * 0.07))
    hollow = np.maximum(wide - height, 0) / np.float32(max(size, 1))
    occlusion = 1 / (1 + 14 * hollow)
    sky = (0.62 + 0.38 * nz - 0.3 * ny) * occlusion
    lamp = np.maximum(nx * lx + ny * ly + nz * lz, 0) / np.float32(lz)
    energy = light.ambient * sky + (1 - light.ambient) * lamp * (0.35 + 0.65 * occlusion)
    lit = scaled(albedo, np.minimum(energy, 1.7).astype(np.float32))
    hx, hy, hz = lx, ly - 0.12, lz + 1.0  # the viewer stands low before the wall
    norm = float(np.sqrt(hx * hx + hy * hy + hz * hz))
    facing = np.maximum((nx * hx + ny * hy + nz * hz) / np.float32(norm), 0)
    f2 = facing**8
    shine = gloss * (0.10 * f2 + 0.85 * f2**8) + 0.05 * gloss * np.maximum(-ny, 0)
    shine = np.asarray(shine * occlusion, np.float32)
    return np.asarray(lit + cv2.merge([shine, shine, shine]), np.float32)


def _colouring(
    rng: np.random.Generator, relief: Relief, material: Material, size: float
) -> tuple[Image, Image | float]:
    """Albedo (n, m, 3) and gloss (n, m) of a material before light."""
    n, m = relief.height.shape
    albedo = np.full((n, m, 3), material.pigment, np.float32)
    gloss: Image | float = material.gloss
    if material.second is not None:
        albedo = blended(
            albedo, np.full_like(albedo, material.second), _part(rng, relief, 0.22, size)
        )
    if material.dual:
        share = _part(rng, relief, material.dual, size)
        gloss = material.gloss * (1 - share) + 0.6 * share
        albedo = scaled(albedo, 1 - np.float32(0.22) * share)
    if material.grained:
        rings = np.sin(clouds(rng, n, m, size * 0.9, size * 0.25) * 14)
        albedo = scaled(albedo, 1 + np.float32(0.10) * rings)
    return albedo, gloss


def _part(rng: np.random.Generator, relief: Relief, share: float, size: float) -> Image:
    """A connected-looking part (n, m) 0..1 that covers ``share`` of the hold's own area."""
    field = clouds(rng, *relief.height.shape, cell=size * 0.6)
    own = field[relief.inside > 0]
    if not own.size:
        return np.zeros_like(field)
    level = float(np.quantile(own, 1 - share))
    return np.clip((field - np.float32(level)) * np.float32(size / 6), 0, 1)


def _chalked(rng: np.random.Generator, albedo: Image, relief: Relief, share: float) -> Image:
    """Chalk gathers where hands go: in the upper half and in dusty patches, never evenly."""
    n, m = relief.height.shape
    patches = layered(rng, n, m, m / 3) + 0.25 * grain(rng, n, m)
    upper = np.linspace(0.5, -0.5, n, dtype=np.float32)[:, None]
    most = np.float32(rng.uniform(0.25, 0.65))
    cover = np.clip((patches + upper - np.float32(1.9 - 2.2 * share)) * np.float32(0.45), 0, most)
    return blended(albedo, np.full_like(albedo, [0.78, 0.79, 0.8]), cover)


def _drill(
    rng: np.random.Generator, patch: Image, relief: Relief, size: float, bolt_px: float
) -> None:
    """Draw the bolt hole into the lit patch."""
    if relief.bolt is None or size < 12:
        return
    x, y = relief.bolt
    radius = float(np.clip(bolt_px * rng.uniform(0.8, 1.2), 0.8, 0.09 * size))

    reach = int(radius) + 3
    x0, y0 = max(int(x) - reach, 0), max(int(y) - reach, 0)
    part = patch[y0 : int(y) + reach + 1, x0 : int(x) + reach + 1]
    if not part.size:
        return

    def disc(r: float, tone: float, drop: float = 0.0) -> None:
        mask = np.zeros(part.shape[:2], np.uint8)
        at = (round((x - x0 - 0.5) * 16), round((y + drop - y0 - 0.5) * 16))
        cv2.circle(mask, at, max(round(r * 16), 8), 255, -1, cv2.LINE_AA, 4)
        part[...] += (np.float32(tone) - part) * (mask.astype(np.float32) / 255)[..., None]

    disc(radius, 0.015)
    if radius > 2.5 and rng.random() < 0.6:
        disc(radius * 0.75, float(rng.uniform(0.03, 0.22)), radius * 0.1)
        disc(radius * 0.35, 0.01)


def hold_patch(
    rng: np.random.Generator,
    relief: Relief,
    material: Material,
    light: Light,
    size: float,
    bolt_px: float,
) -> Patch:
    """Shade one hold of ``size`` px (its longer side) into a patch of the relief's shape.

    ``bolt_px`` is the radius of the gym's bolt holes at this scale.
    """
    n, m = relief.height.shape
    albedo, gloss = _colouring(rng, relief, material, size)
    height = relief.height
    if material.grit and size > 24:
        speckle = grain(rng, n, m)
        albedo = scaled(albedo, 1 + np.float32(0.05 * material.grit) * speckle)
        height = height + speckle * np.float32(0.16 * material.grit)
    if material.chalk > 0.02:
        albedo = _chalked(rng, albedo, relief, material.chalk)
    rgb = shade(height, albedo, light, gloss, size)
    _drill(rng, rgb, relief, size, bolt_px)
    slope_x = cv2.Sobel(relief.inside, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    slope_y = cv2.Sobel(relief.inside, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    slope = np.sqrt(slope_x * slope_x + slope_y * slope_y)
    # Steps of the field beyond the rim have huge slopes, which must not pass for nearness.
    alpha = np.clip(relief.inside / np.clip(slope, 0.08, 2.5) + 0.5, 0, 1)
    alpha[relief.inside < -2] = 0
    return Patch(rgb, alpha, relief.height * alpha)


def shrink(patch: Patch, factor: int) -> Patch:
    """Average blocks of ``factor`` px: small holds are drawn large and shrunk, for clean edges."""
    if factor == 1:
        return patch
    n, m = (max(1, side // factor) for side in patch.alpha.shape)
    area = {"dsize": (m, n), "interpolation": cv2.INTER_AREA}
    crop = (slice(0, n * factor), slice(0, m * factor))
    alpha = cv2.resize(patch.alpha[crop], **area)
    rgb = cv2.resize((patch.rgb * patch.alpha[..., None])[crop], **area)
    rgb /= np.maximum(alpha, 1e-3)[..., None]
    return Patch(rgb, alpha, cv2.resize(patch.height[crop], **area) / np.float32(factor))
