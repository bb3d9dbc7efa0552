"""What walls are made of: plywood, paint, sandy resin, concrete, slats; panels, murals, T-nuts and
wear.

Everything returns or changes linear float32 RGB (height, width, 3) at ``ppm`` pixels per metre.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.render.colours import Image, choose_name, lch_to_linear, pigment
from training.render.filters import soften
from training.render.noise import clouds, grain, layered

Size = tuple[int, int]  # height, width

KINDS = {"birch": 24, "dark ply": 16, "painted": 28, "resin": 22, "concrete": 6, "slats": 4}
PAINTS = {"white": 22, "grey": 26, "black": 12, "blue": 12, "green": 4, "mint": 5, "yellow": 3,
          "orange": 3, "red": 3, "purple": 3, "pink": 2, "brown": 4}  # fmt: skip


def _colour(rng: np.random.Generator, light: tuple[float, float], chroma: tuple[float, float],
            hue: tuple[float, float]) -> Image:  # fmt: skip
    colour = lch_to_linear(rng.uniform(*light), rng.uniform(*chroma), rng.uniform(*hue))
    return np.clip(colour, 0.003, 1).astype(np.float32)


def _panels(rng: np.random.Generator, size: Size, ppm: float, spread: float, seam: float) -> Image:
    """A factor (height, width): boards of 1.22 x 2.44 m, each of its own tint, with dark seams."""
    height, width = size
    across = rng.random() < 0.6
    step_x, step_y = (2.44 * ppm, 1.22 * ppm) if across else (1.22 * ppm, 2.44 * ppm)
    x = (np.arange(width) + rng.uniform(0, step_x)) / step_x
    y = (np.arange(height) + rng.uniform(0, step_y)) / step_y
    tints = 1 + spread * rng.standard_normal((int(y[-1]) + 1, int(x[-1]) + 1))
    factor = tints[y.astype(int)[:, None], x.astype(int)[None, :]].astype(np.float32)
    line = max(0.006 * ppm, 0.7)
    for at, step, axis in ((x, step_x, 1), (y, step_y, 0)):
        edge = np.abs(at - np.round(at)) * step
        dark = 1 - seam * np.clip(line - edge + 0.5, 0, 1).astype(np.float32)
        factor *= dark[None, :] if axis == 1 else dark[:, None]
    return factor


def plywood(rng: np.random.Generator, size: Size, ppm: float, dark: bool) -> Image:
    """Boards with long grain; ``dark`` is stained or film-faced wood."""
    if dark:
        base = _colour(rng, (42, 62), (26, 42), (55, 72))
    else:
        base = _colour(rng, (68, 86), (13, 30), (74, 86))
    height, width = size
    long, thin = max(0.5 * ppm, 8), max(0.018 * ppm, 1.5)
    cells = (long, thin) if rng.random() < 0.6 else (thin, long)
    fine = clouds(rng, height, width, *cells)
    swirl = clouds(rng, height, width, cells[0] * 1.3, cells[1] * 5)
    rings = np.sin(swirl * np.float32(rng.uniform(2, 7)) + fine * 0.3)
    visible = rng.uniform(0.2, 1.0)
    factor = 1 + np.float32(0.035 * visible) * fine + np.float32(0.035 * visible) * rings
    factor += 0.02 * clouds(rng, height, width, ppm * 0.4)
    factor *= _panels(rng, size, ppm, rng.uniform(0.01, 0.06), rng.uniform(0.1, 0.55))
    # Darker wood is also redder: raise the factor to a power per channel.
    return base * cv2.merge([factor, factor**1.12, factor**1.3])


def painted(rng: np.random.Generator, size: Size, ppm: float, name: str | None = None) -> Image:
    """One paint, rolled: almost even, with the boards' seams showing through."""
    name = name or choose_name(rng, PAINTS)
    base = _muted(rng, pigment(rng, name))
    if name == "black":
        base = _colour(rng, (17, 34), (0, 4), (0, 360))
    factor = 1 + 0.025 * clouds(rng, *size, cell=ppm * 0.5) + 0.012 * clouds(rng, *size, cell=4)
    factor *= _panels(rng, size, ppm, rng.uniform(0, 0.03), rng.uniform(0.03, 0.4))
    return base * factor[..., None]


def _muted(rng: np.random.Generator, colour: Image) -> Image:
    """Wall paints are less saturated than holds, mostly."""
    grey = np.float32(colour @ [0.2126, 0.7152, 0.0722])
    share = np.float32(rng.uniform(0.05, 0.65))
    return np.asarray(colour * (1 - share) + grey * share, np.float32)


def resin(rng: np.random.Generator, size: Size, ppm: float) -> Image:
    """Sand in resin, grey to black: gritty, sometimes with the cast relief of artificial rock."""
    chroma = rng.choice([3.0, 10.0], p=[0.7, 0.3])
    base = _colour(rng, (16, 68), (0, chroma), (40, 290))
    speckle = grain(rng, *size)
    if rng.random() < 0.5:
        speckle = cv2.GaussianBlur(speckle, (0, 0), max(0.5, 0.004 * ppm)) * 1.8
    factor = 1 + np.float32(rng.uniform(0.05, 0.2)) * speckle
    if rng.random() < 0.12:
        rock = layered(rng, *size, cell=ppm * rng.uniform(0.3, 0.9)) * np.float32(ppm * 0.05)
        rock += layered(rng, *size, cell=ppm * 0.09) * np.float32(ppm * 0.006)
        rock = soften(rock, max(2.0, ppm * 0.008))
        slope = cv2.Sobel(rock, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
        depth = np.float32(rng.uniform(0.07, 0.2) / max(float(slope.std()), 1e-6))
        factor *= np.clip(1 - slope * depth, 0.5, 1.5)
    else:
        factor *= 1 + 0.06 * layered(rng, *size, cell=ppm * 0.6)
        factor *= _panels(rng, size, ppm, rng.uniform(0, 0.05), rng.uniform(0, 0.5))
    return base * np.maximum(factor, 0.2)[..., None]


def concrete(rng: np.random.Generator, size: Size, ppm: float) -> Image:
    """Stained cement, in greys and browns."""
    base = _colour(rng, (40, 72), (0, 8), (60, 95))
    factor = 1 + 0.12 * layered(rng, *size, cell=ppm * 0.8) + 0.05 * grain(rng, *size)
    factor += 0.06 * clouds(rng, *size, cell=ppm * 0.15, cell_y=ppm)
    return base * np.clip(factor, 0.4, 1.5)[..., None]


def slats(rng: np.random.Generator, size: Size, ppm: float) -> Image:
    """Wooden boards side by side with gaps."""
    wood = plywood(rng, size, ppm, bool(rng.random() < 0.5))
    pitch, upright = ppm * rng.uniform(0.09, 0.22), rng.random() < 0.4
    at = (np.arange(size[1] if upright else size[0]) + rng.uniform(0, pitch)) / pitch
    tint = 1 + 0.09 * rng.standard_normal(int(at[-1]) + 2)
    edge = np.abs(at - np.round(at)) * pitch
    line = (tint[at.astype(int)] * (1 - 0.7 * np.clip(0.006 * ppm - edge + 0.8, 0, 1))).astype(
        np.float32
    )
    return wood * (line[None, :, None] if upright else line[:, None, None])


def surface(rng: np.random.Generator, size: Size, ppm: float, kind: str) -> Image:
    """One kind of :data:`KINDS`. Raises ``KeyError`` for another."""
    makers = {
        "birch": lambda: plywood(rng, size, ppm, False),
        "dark ply": lambda: plywood(rng, size, ppm, True),
        "painted": lambda: painted(rng, size, ppm),
        "resin": lambda: resin(rng, size, ppm),
        "concrete": lambda: concrete(rng, size, ppm),
        "slats": lambda: slats(rng, size, ppm),
    }
    return np.asarray(makers[kind](), np.float32)


def _half_plane(rng: np.random.Generator, size: Size) -> tuple[Image, Image]:
    """A random cut through the wall: the share (height, width) on its one side, and the distance in
    px.
    """
    height, width = size
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]) + rng.normal(0, 0.12)
    x0, y0 = width * rng.uniform(0.2, 0.8), height * rng.uniform(0.2, 0.8)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    distance = (np.arange(width, dtype=np.float32)[None, :] - np.float32(x0)) * c
    distance = distance + (np.arange(height, dtype=np.float32)[:, None] - np.float32(y0)) * s
    return np.clip(distance + 0.5, 0, 1), distance


def fold(rng: np.random.Generator, wall: Image, other: Image | None) -> None:
    """Bend the wall along a line: the far side gets its own light, and ``other`` as surface if
    given.
    """
    side, distance = _half_plane(rng, (wall.shape[0], wall.shape[1]))
    if other is not None:
        wall += (other - wall) * side[..., None]
    if other is None or rng.random() < 0.7:
        wall *= (1 + np.float32(rng.uniform(-0.42, 0.22)) * side)[..., None]
    if rng.random() < 0.6:  # the joint: a dark gap, or a bright edging
        wide = rng.uniform(0.8, 3.0)
        tone = rng.choice([-0.5, -0.3, 0.25])
        wall *= (1 + np.float32(tone) * np.clip(wide - np.abs(distance), 0, 1))[..., None]


def shapes_painted(rng: np.random.Generator, wall: Image) -> None:
    """Big geometric areas of colour: triangles, stripes, circles."""
    height, width = wall.shape[:2]
    colours = [_muted(rng, pigment(rng, choose_name(rng, PAINTS))) for _ in range(3)]
    for _ in range(int(rng.integers(1, 6))):
        mask = np.zeros((height, width), np.uint8)
        middle = rng.uniform(-0.1, 1.1, 2) * [width, height]
        kind = rng.integers(0, 3)
        reach = rng.uniform(0.2, 0.7) * max(height, width)
        if kind == 0:
            points = middle + rng.normal(0, 0.6, (int(rng.integers(3, 5)), 2)) * reach
            hull = cv2.convexHull(points.astype(np.float32)).astype(np.int32)
            cv2.fillConvexPoly(mask, hull, 255, cv2.LINE_AA)
        elif kind == 1:
            end = middle + rng.normal(0, 1, 2) * max(height, width)
            thick = int(rng.uniform(0.02, 0.14) * width) + 1
            cv2.line(
                mask, middle.astype(int).tolist(), end.astype(int).tolist(), 255, thick, cv2.LINE_AA
            )
        else:
            thick = -1 if rng.random() < 0.6 else int(rng.uniform(0.01, 0.06) * width) + 1
            cv2.circle(mask, middle.astype(int).tolist(), int(reach * 0.4), 255, thick, cv2.LINE_AA)
        x, y, w, h = cv2.boundingRect(mask)
        part = (slice(y, y + h), slice(x, x + w))
        share = mask[part].astype(np.float32)[..., None] * np.float32(rng.uniform(0.75, 1) / 255)
        # Keep the surface's own relief: paint follows its brightness.
        bright = np.clip(
            wall[part].mean(-1, keepdims=True) / max(float(wall.mean()), 1e-3), 0.7, 1.3
        )
        wall[part] += (colours[int(rng.integers(0, 3))] * bright - wall[part]) * share


def lettering(rng: np.random.Generator, wall: Image, ppm: float) -> None:
    """A mural, a logo or large letters."""
    height, width = wall.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    letters = "".join(rng.choice(list("ABCDEGHIKLMNOPRSTUVX0123456789"), int(rng.integers(2, 8))))
    scale, font = ppm * rng.uniform(0.006, 0.03), int(rng.choice([0, 2, 3, 4]))
    at = (int(rng.uniform(0, 0.7) * width), int(rng.uniform(0.15, 0.95) * height))
    cv2.putText(
        mask, letters, at, font, scale, 255, max(1, int(scale * rng.uniform(2, 6))), cv2.LINE_AA
    )
    if rng.random() < 0.4:
        cv2.ellipse(
            mask, at, (int(ppm * 0.5), int(ppm * 0.25)), 0, 0, 360, 255, max(1, int(ppm * 0.02)), 16
        )
    colour = pigment(
        rng, choose_name(rng, {"white": 3, "black": 4, "red": 1, "blue": 1, "yellow": 1})
    )
    x, y, w, h = cv2.boundingRect(mask)
    if w and h:
        part = (slice(y, y + h), slice(x, x + w))
        share = mask[part].astype(np.float32)[..., None] * np.float32(rng.uniform(0.4, 0.95) / 255)
        wall[part] += (colour - wall[part]) * share


def tnuts(rng: np.random.Generator, wall: Image, ppm: float) -> None:
    """A grid of bolt holes, straight or staggered; some are filled with a bolt."""
    height, width = wall.shape[:2]
    step_x, step_y = ppm * rng.uniform(0.13, 0.26, 2)
    stagger = 0.5 if rng.random() < 0.4 else 0.0
    radius = max(ppm * rng.uniform(0.0045, 0.0075), 0.55)
    dark, bright = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    wobble = ppm * 0.004
    filled = rng.uniform(0, 0.12)
    for row, y in enumerate(np.arange(rng.uniform(0, step_y), height, step_y)):
        for x in np.arange(
            rng.uniform(0, 0.03) * ppm + (row % 2) * stagger * step_x, width, step_x
        ):
            if rng.random() < 0.03:
                continue
            jitter = rng.normal(0, wobble, 2)
            at = (int((x + jitter[0]) * 16), int((y + jitter[1]) * 16))
            cv2.circle(dark, at, int(radius * 16), 255, -1, cv2.LINE_AA, 4)
            if rng.random() < filled:
                cv2.circle(bright, at, max(int(radius * 9), 8), 255, -1, cv2.LINE_AA, 4)
    depth = np.float32(rng.uniform(0.55, 0.95) / 255)
    wall *= (1 - depth * dark.astype(np.float32))[..., None]
    wall += (bright.astype(np.float32) * np.float32(0.25 / 255))[..., None]


def wear(rng: np.random.Generator, wall: Image, ppm: float) -> None:
    """Chalk clouds and smears, rubber streaks and scratches."""
    height, width = wall.shape[:2]
    amount = rng.uniform(0, 1) ** 2
    if amount > 0.05:
        patch = layered(rng, height, width, ppm * 0.35) - np.float32(2.6 - 1.3 * amount)
        speckled = np.clip(0.75 + 0.3 * layered(rng, height, width, max(ppm * 0.1, 4)), 0.15, 1)
        wall += (np.clip(patch * 0.22, 0, 0.3) * speckled)[..., None] * (0.7 - wall)
    light, dark = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    area = height * width / ppm**2
    for layer, count, long, thick in (
        (dark, 2.5, 0.05, 0.012),
        (light, 1.2, 0.06, 0.02),
        (light, 0.8, 0.2, 0.002),
    ):
        for _ in range(rng.poisson(min(count * area * rng.uniform(0, 1.6), 250))):
            start = rng.uniform(0, 1, 2) * [width, height]
            end = start + rng.normal(0, long * ppm, 2) * [0.6, 1]
            ink = int(rng.uniform(50, 200))
            cv2.line(layer, start.astype(int).tolist(), end.astype(int).tolist(), ink,
                     max(1, int(thick * ppm * rng.uniform(0.5, 1.5))), cv2.LINE_AA)  # fmt: skip
    soft = max(0.6, 0.004 * ppm)
    wall *= (1 - cv2.GaussianBlur(dark, (0, 0), soft).astype(np.float32) * np.float32(0.6 / 255))[
        ..., None
    ]
    chalk = cv2.GaussianBlur(light, (0, 0), soft * 1.5).astype(np.float32) * np.float32(0.4 / 255)
    chalk *= np.clip(0.5 + 0.6 * clouds(rng, height, width, max(ppm * 0.012, 2)), 0, 1)
    wall += chalk[..., None] * (0.75 - wall)
