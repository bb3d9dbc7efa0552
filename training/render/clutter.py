"""Small things on the wall that are not holds: tape at holds, cards with scribbles, screws.

They are on photos of real walls and are easily taken for holds, so the detector has to see them
without a label: nothing drawn here gets an id.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.render.canvas import Canvas
from training.render.colours import Image, choose_name, pigment

TAPES = {
    "white": 5,
    "red": 3,
    "yellow": 4,
    "green": 3,
    "blue": 3,
    "black": 3,
    "pink": 2,
    "orange": 2,
}


def _quad(canvas: Canvas, middle: tuple[float, float], size: tuple[float, float], turn: float,
          colour: Image, opacity: float) -> None:  # fmt: skip
    """A small turned rectangle of colour on the wall itself; objects keep their pixels."""
    c, s = np.cos(turn), np.sin(turn)
    w, h = size[0] / 2, size[1] / 2
    corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) @ np.array([[c, s], [-s, c]]) + middle
    low = np.floor(corners.min(0)).astype(int) - 1
    high = np.ceil(corners.max(0)).astype(int) + 2
    low, high = np.maximum(low, 0), np.minimum(high, [canvas.width, canvas.height])
    if (high <= low).any():
        return
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    points = np.rint((corners - low) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, points, 255, cv2.LINE_AA, 4)
    part = (slice(low[1], high[1]), slice(low[0], high[0]))
    share = mask.astype(np.float32) * np.float32(opacity / 255)
    share = np.where(canvas.objects[part] > 0, 0, share)[..., None]
    canvas.rgb[part] += (colour - canvas.rgb[part]) * share


def tape(
    rng: np.random.Generator, canvas: Canvas, x: float, y: float, size: float, ppm: float, name: str
) -> None:
    """Strips of tape under or beside a hold, as gyms mark starts and routes."""
    wide = max(ppm * rng.uniform(0.012, 0.025), 1.4)
    colour = pigment(rng, name if name in TAPES and rng.random() < 0.6 else choose_name(rng, TAPES))
    for i in range(int(rng.integers(1, 5))):
        turn = rng.normal(0, 0.25) + (rng.uniform(0, 3.14) if rng.random() < 0.4 else 0)
        at = (x + rng.normal(0, 0.25) * size, y + size * rng.uniform(0.5, 0.75) + i * wide * 1.5)
        _quad(canvas, at, (ppm * rng.uniform(0.03, 0.1), wide), turn, colour, rng.uniform(0.8, 1))


def card(
    rng: np.random.Generator, canvas: Canvas, x: float, y: float, size: float, ppm: float
) -> None:
    """A card for start, top or grade: a small bright sign with scribbled text."""
    wide, high = ppm * rng.uniform(0.05, 0.12), ppm * rng.uniform(0.035, 0.08)
    turn = rng.normal(0, 0.12)
    side = rng.choice([-1, 1])
    at = (
        x + side * size * rng.uniform(0.2, 0.7),
        y + rng.choice([-1, 1, 1]) * (size * 0.55 + high),
    )
    names = {"white": 6, "yellow": 2, "green": 1, "blue": 1, "red": 1, "pink": 1, "black": 1}
    ground = pigment(rng, choose_name(rng, names))
    _quad(canvas, at, (wide, high), turn, ground, 1.0)
    ink = np.float32([0.02, 0.02, 0.03]) if ground.mean() > 0.2 else np.float32([0.85, 0.85, 0.85])
    rows = int(rng.integers(1, 4))
    for row in range(rows):
        drop = (row - (rows - 1) / 2) * high * 0.8 / rows
        for start in np.arange(-0.38, 0.3, 0.22):
            if rng.random() < 0.8:
                spot = (
                    at[0] + (start + 0.09) * wide - drop * np.sin(turn),
                    at[1] + drop + start * wide * np.sin(turn),
                )
                _quad(canvas, spot, (wide * 0.14, high * 0.4 / rows), turn, ink, 0.75)


def screws(rng: np.random.Generator, canvas: Canvas, count: int, ppm: float) -> None:
    """Single bolts and screws left in the wall."""
    metal = np.float32([0.3, 0.3, 0.31])
    for _ in range(count):
        spot = (rng.uniform(0, canvas.width), rng.uniform(0, canvas.height))
        side = max(ppm * 0.014, 1.5)
        _quad(
            canvas,
            (spot[0] + side * 0.4, spot[1] + side * 0.5),
            (side * 1.2, side * 1.2),
            0.6,
            metal * 0.1,
            0.5,
        )
        _quad(canvas, spot, (side, side), 0.6, metal * np.float32(rng.uniform(0.3, 1.6)), 1.0)
