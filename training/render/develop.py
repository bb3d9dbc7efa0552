"""What light, lens, sensor and phone do to a picture: from linear light to the 8-bit photo.

Pixels keep their places here. Casts and darkness stay within what a person would still name colours
in.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.render.colours import Image, to_srgb
from training.render.noise import clouds, grain

Photo = npt.NDArray[np.uint8]

_STEPS, _WHITEST = 16384, 1.6


@dataclass(frozen=True, slots=True)
class Conditions:
    """One photo's light and camera; gains are linear factors, blur in px, noise in 8-bit levels,
    quality is JPEG's.
    """

    exposure: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignette: float = 0.0
    spots: float = 0.0
    glare: float = 0.0
    blur: float = 0.0
    motion: float = 0.0
    noise: float = 0.0
    sharpen: float = 0.0
    contrast: float = 0.0
    saturation: float = 1.0
    quality: int = 92

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Conditions:
        """From a good phone in a bright gym to a bad one in a cellar."""
        dim = rng.random() < 0.22
        warm = float(np.clip(rng.normal(0.02, 0.07), -0.16, 0.2))
        tint = float(rng.normal(0, 0.018))
        return cls(
            exposure=rng.uniform(0.3, 0.65) if dim else float(np.exp(rng.normal(0.0, 0.18))),
            cast=(1 + warm, 1 + tint, 1 - warm * 1.2),
            vignette=rng.uniform(0, 0.55) * (1.2 if dim else 0.7),
            spots=rng.uniform(0.1, 0.75) if rng.random() < 0.65 else 0.0,
            glare=rng.uniform(0.04, 0.3) if rng.random() < 0.14 else 0.0,
            blur=rng.choice(
                [0.0, rng.uniform(0.4, 0.9), rng.uniform(0.9, 1.7)], p=[0.45, 0.4, 0.15]
            ),
            motion=rng.uniform(2, 6) if rng.random() < 0.07 else 0.0,
            noise=rng.uniform(2.5, 10) if dim else rng.uniform(0.3, 4),
            sharpen=rng.choice([0.0, rng.uniform(0.2, 1.2)], p=[0.35, 0.65]),
            contrast=rng.uniform(-0.1, 0.4),
            saturation=float(np.clip(rng.normal(1.0, 0.12), 0.72, 1.3)),
            quality=int(rng.integers(48, 96)),
        )


def _light_map(rng: np.random.Generator, size: tuple[int, int], now: Conditions) -> Image:
    """A factor (height, width, 1 or 3): vignetting, pools of light from above, beams through
    windows.
    """
    height, width = size
    h, w = height // 8 + 1, width // 8 + 1
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    u, v = x / w * 2 - 1, y / h * 2 - 1
    field = 1 - np.float32(now.vignette) * np.minimum((u * u + v * v) / 2, 1)
    if now.spots:
        pools = np.zeros_like(field)
        for _ in range(int(rng.integers(1, 5))):
            a, b = rng.uniform(0.25, 0.8), rng.uniform(0.3, 1.1)
            cx, cy = rng.uniform(-1.1, 1.1), rng.uniform(-1.2, 0.6)
            pools += np.exp(-(((u - cx) / a) ** 2) - ((v - cy) / b) ** 2)
        field *= 1 + np.float32(now.spots) * (np.minimum(pools, 1.6) - 0.75)
        field *= 1 + np.float32(0.2 * now.spots) * rng.choice([-1, 1]) * v
        if rng.random() < 0.15:  # the edge of a beam or of a shadow
            angle = rng.uniform(0, 3.14)
            edge = u * np.cos(angle) + v * np.sin(angle) - rng.uniform(-0.6, 0.6)
            soft = np.clip(edge * rng.uniform(2, 12) + 0.5, 0, 1)
            field *= 1 - np.float32(rng.uniform(0.2, 0.5)) * soft.astype(np.float32)
    field = np.clip(field / max(float(field.mean()), 0.1), 0.3, 1.9).astype(np.float32)
    rows = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
    if not now.spots or rng.random() > 0.35:
        return rows[..., None]
    # Mixed light: one side of the room is warmer than the other.
    drift = clouds(rng, h, w, w * 0.8) * np.float32(0.035)
    drift = cv2.resize(drift, (width, height))
    return np.asarray(
        rows[..., None] * cv2.merge([1 + drift, np.ones_like(drift), 1 - drift]), np.float32
    )


def _noisy(rng: np.random.Generator, photo: Image, level: float) -> Image:
    """Shot and read noise of a processed photo: stronger in the dark parts' colour, smoothed as
    phones do.
    """
    height, width = photo.shape[:2]
    luma = grain(rng, height, width)
    if rng.random() < 0.6:
        luma = cv2.GaussianBlur(luma, (0, 0), 0.7) * np.float32(1.9)
    bright = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    luma *= np.float32(level) * (1.15 - bright * np.float32(0.7 / 255))
    out = photo + luma[..., None]
    for channel in (0, 2):
        small = grain(rng, height // 3 + 1, width // 3 + 1) * np.float32(level * 0.75)
        out[..., channel] += cv2.resize(small, (width, height))
    return out


def _blurred(rng: np.random.Generator, rgb: Image, now: Conditions) -> Image:
    if now.blur > 0.05:
        rgb = cv2.GaussianBlur(rgb, (0, 0), now.blur)
    if now.motion:
        side = int(now.motion) | 1
        angle = rng.uniform(0, np.pi)
        kernel = np.zeros((side, side), np.float32)
        reach = np.array([np.cos(angle), np.sin(angle)]) * (side // 2)
        middle = np.array([side // 2, side // 2])
        a, b = (
            np.rint(middle - reach).astype(int).tolist(),
            np.rint(middle + reach).astype(int).tolist(),
        )
        cv2.line(kernel, a, b, (1.0,))
        rgb = cv2.filter2D(rgb, -1, kernel / kernel.sum())
    return rgb


def _curve(contrast: float) -> Image:
    """Linear light 0.._WHITEST in _STEPS steps to 0..255: highlights roll off, sRGB, a slight S of
    contrast.
    """
    light = np.linspace(0, _WHITEST, _STEPS, dtype=np.float32)
    light = np.minimum(light, 0.8 + 0.2 * np.tanh(np.maximum(light - 0.8, 0) * 3))
    coded = to_srgb(light)
    coded = coded + np.float32(2 * contrast) * (coded - 0.5) * coded * (1 - coded)
    return np.asarray(coded * 255, np.float32)


def develop(rng: np.random.Generator, rgb: Image, now: Conditions) -> Photo:
    """The finished photo (height, width, 3) uint8 RGB of a scene in linear light; ``rgb`` is used
    up.
    """
    height, width = rgb.shape[:2]
    rgb *= _light_map(rng, (height, width), now)
    # Phones set their exposure by the picture's mean, and go part of the way towards middle grey.
    mean = float(rgb[::8, ::8].mean())
    metered = float(np.clip((0.24 / max(mean, 1e-3)) ** 0.45, 0.75, 2.0))
    rgb *= np.array(now.cast, np.float32) * np.float32(now.exposure * metered)
    if now.glare:
        y, x = np.mgrid[0:height:8, 0:width:8].astype(np.float32)
        at = (rng.uniform(0, width), rng.uniform(-0.2, 0.35) * height)
        veil = np.exp(-np.hypot(x - at[0], y - at[1]) / (0.35 * width)) * np.float32(now.glare)
        rgb += cv2.resize(veil, (width, height))[..., None]
    rgb = _blurred(rng, rgb, now)
    photo = _curve(now.contrast)[
        np.clip(rgb * np.float32(_STEPS / _WHITEST), 0, _STEPS - 1).astype(np.uint16)
    ]
    if now.saturation != 1:
        luma = np.array([[0.299, 0.587, 0.114]] * 3)
        photo = cv2.transform(photo, luma + (np.eye(3) - luma) * now.saturation)
    if now.noise:
        photo = _noisy(rng, np.clip(photo, 0, 255), now.noise)
    if now.sharpen:
        soft = cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.8, 1.6))
        photo = photo + (photo - soft) * np.float32(now.sharpen)
    flat = np.clip(photo + 0.5, 0, 255).astype(np.uint8)
    ok, coded = cv2.imencode(".jpg", flat[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, now.quality])
    if not ok:
        raise RuntimeError(f"JPEG encoding failed for a picture of {width} x {height}")
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(decoded[..., ::-1])
