"""What stands around and before a wall: mats, ceilings with pipes and lamps, windows, other walls,
ropes.

Everything is drawn in the frame, in linear light, and is no truth.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.render.colours import Image, lch_to_linear
from training.render.noise import clouds, layered
from training.render.surfaces import KINDS, surface


def _grey(rng: np.random.Generator, low: float, high: float, chroma: float = 4) -> Image:
    colour = lch_to_linear(rng.uniform(low, high), rng.uniform(0, chroma), rng.uniform(0, 360))
    return np.clip(colour, 0.002, 1).astype(np.float32)


def _bar(
    mask_shape: tuple[int, int], a: list[int], b: list[int], thick: int
) -> npt.NDArray[np.uint8]:
    mask = np.zeros(mask_shape, np.uint8)
    cv2.line(mask, a, b, 255, max(thick, 1), cv2.LINE_AA)
    return mask


def ceiling(rng: np.random.Generator, frame: Image) -> None:
    """Dark or pale sheets with ribs, beams and pipes, lamps, and sometimes a window to the sky."""
    height, width = frame.shape[:2]
    base = _grey(rng, 8, 35) if rng.random() < 0.65 else _grey(rng, 50, 88, 10)
    frame[:] = base * (1 + 0.15 * clouds(rng, height, width, width / 5))[..., None]
    if rng.random() < 0.5:
        pitch = rng.uniform(5, 18)
        ribs = 1 + 0.25 * np.sin(np.arange(height, dtype=np.float32) * np.float32(6.28 / pitch))
        frame *= ribs[:, None, None]
    for _ in range(int(rng.integers(0, 6))):
        thick = int(rng.uniform(0.006, 0.06) * height) + 1
        a = [int(rng.uniform(-0.2, 1.2) * width), int(rng.uniform(-0.1, 0.6) * height)]
        b = [int(rng.uniform(-0.2, 1.2) * width), int(rng.uniform(-0.1, 0.6) * height)]
        tone = _grey(rng, 12, 80, 8)
        for part, factor in ((1.0, 0.6), (0.55, 1.0), (0.2, 1.4)):
            mask = _bar((height, width), a, b, int(thick * part))
            frame[mask > 127] = tone * np.float32(factor)
    for _ in range(rng.poisson(1.2)):
        at = (int(rng.uniform(0, 1) * width), int(rng.uniform(0, 0.4) * height))
        axes = (int(rng.uniform(0.01, 0.1) * width), int(rng.uniform(0.005, 0.03) * height) + 1)
        lamp = np.zeros((height, width), np.uint8)
        cv2.ellipse(lamp, at, axes, rng.uniform(-20, 20), 0, 360, 255, -1, cv2.LINE_AA)
        frame += (lamp.astype(np.float32) / 255)[..., None] * np.float32(1.6)
    if rng.random() < 0.25:
        x, y = rng.uniform(0, 0.8) * width, rng.uniform(-0.1, 0.4) * height
        far = rng.uniform(0.1, 0.5) * width
        slant = rng.normal(0, 0.05) * height
        points = np.array([[x, y], [x + far, y + slant], [x + far, y + far * 0.4],
                           [x, y + far * 0.35]]).astype(np.int32)  # fmt: skip
        cv2.fillPoly(frame, [points], (1.5, 1.6, 1.7))
        cv2.polylines(frame, [points], True, (0.05, 0.05, 0.05), 3)


def beside(rng: np.random.Generator, frame: Image) -> None:
    """The room at the wall's side: another wall, out of the setter's interest."""
    height, width = frame.shape[:2]
    kinds = list(KINDS)
    small = surface(
        rng, (height // 2 + 1, width // 2 + 1), width / 8, kinds[int(rng.integers(0, len(kinds)))]
    )
    wall = cv2.resize(small, (width, height)) * np.float32(rng.uniform(0.25, 0.9))
    start = int(height * rng.uniform(0.0, 0.3))
    frame[start:] = wall[start:]


def mats(rng: np.random.Generator, frame: Image, start: int) -> None:
    """The floor from row ``start`` down: mats with seams, chalk and light on them."""
    height, width = frame.shape[:2]
    rows = height - start
    if rows < 2:
        return
    colours = ((25, 60, 0, 8, 0, 360), (60, 82, 0, 8, 200, 280), (25, 45, 20, 45, 255, 285),
               (8, 22, 0, 3, 0, 360), (35, 55, 30, 55, 20, 60))  # fmt: skip
    low, high, c0, c1, h0, h1 = colours[int(rng.choice(5, p=[0.3, 0.3, 0.2, 0.14, 0.06]))]
    base = np.clip(
        lch_to_linear(rng.uniform(low, high), rng.uniform(c0, c1), rng.uniform(h0, h1)), 0.004, 1
    )
    floor = base.astype(np.float32) * (1 + 0.10 * layered(rng, rows, width, width / 6))[..., None]
    floor *= np.linspace(rng.uniform(0.5, 1), 1.05, rows, dtype=np.float32)[:, None, None]
    seams = np.zeros((rows, width), np.uint8)
    away = rng.uniform(-0.5, 1.5) * width
    for x in np.arange(-1.0, 2.0, rng.uniform(0.15, 0.5)):
        cv2.line(
            seams,
            [int(away + (x * width - away) * 0.5), 0],
            [int(x * width), rows],
            255,
            2,
            cv2.LINE_AA,
        )
    for y in (0.15, 0.5):
        if rng.random() < 0.5:
            cv2.line(
                seams,
                [0, int(y * rows)],
                [width, int((y + rng.normal(0, 0.05)) * rows)],
                255,
                2,
                cv2.LINE_AA,
            )
    tone = np.float32(rng.choice([-0.5, -0.3, 0.35]))
    floor *= (1 + tone * seams.astype(np.float32) / 255)[..., None]
    frame[start:] = floor


def rope(rng: np.random.Generator, shape: tuple[int, int], ppm: float) -> tuple[Image, Image]:
    """A hanging rope with quickdraws: linear RGB (height, width, 3) and its coverage."""
    height, width = shape
    mask = np.zeros(shape, np.uint8)
    x, sway = rng.uniform(0.05, 0.95) * width, rng.normal(0, 0.06) * width
    steps = np.linspace(0, rng.uniform(0.5, 1), 24)
    line = np.stack([x + sway * steps**2 + 3 * np.sin(steps * 9), steps * height], 1)
    points = np.rint(line * 16).astype(np.int32)
    cv2.polylines(mask, [points], False, 255, max(1, round(ppm * 0.012)), cv2.LINE_AA, 4)
    colour = np.clip(
        lch_to_linear(rng.uniform(25, 85), rng.uniform(0, 60), rng.uniform(0, 360)), 0.01, 1
    )
    rgb = np.full((height, width, 3), colour, np.float32)
    twist = 1 + 0.25 * np.sin(np.arange(height, dtype=np.float32) * np.float32(1.4))
    rgb = rgb * twist[:, None, None]
    for step in rng.uniform(0, 1, 3):
        px, py = line[int(step * 23)]
        box = np.array(
            [
                [px, py],
                [px + 0.02 * ppm, py],
                [px + 0.02 * ppm, py + 0.16 * ppm],
                [px, py + 0.16 * ppm],
            ]
        )
        cv2.fillPoly(mask, [np.rint(box).astype(np.int32)], 255, cv2.LINE_AA)
    return rgb, mask.astype(np.float32) / 255
