"""Sprites of what is on photos of walls and is no hold: tags, plates, painted words, logos,
quickdraws, lamps and people.

Each is drawn by chance for a tile whose holds are ``hold`` px long, so that a tag has a tag's size
beside them. Where they go is :mod:`training.distractors`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from training.render.colours import to_srgb
from training.render.people import HAIR, SKINS, person

FINER = 4  # sprites are drawn this many times larger, then averaged
WIDEST = 450.0  # px of painted words; wider ones are more wall than distraction
WORDS = ("START", "TOP", "START", "TOP", "FINISH", "BONUS", "ZONE", "S", "T", "GO", "NEW", "FLAT")
NAMES = ("boulder", "climb", "ROCK", "BLOC", "gym", "UP", "WALL", "urban", "SEND", "CRUX", "kids")
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)

Draw = Callable[[np.random.Generator, float], "Sprite"]
Point = tuple[float, float]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Sprite:
    """Something to lay over a tile: BGR float32 (h, w, 3) of 0..255 times its coverage, and the
    coverage float32 (h, w) of 0..1.
    """

    bgr: np.ndarray
    cover: np.ndarray

    def turned(self, angle: float) -> Sprite:
        """Turned by ``angle`` (radians) around its middle, as large as before."""
        high, wide = self.cover.shape
        turn = cv2.getRotationMatrix2D((wide / 2, high / 2), float(np.rad2deg(angle)), 1)
        bgr, cover = (cv2.warpAffine(part, turn, (wide, high)) for part in (self.bgr, self.cover))
        return Sprite(bgr, cover)

    def softened(self, sigma: float) -> Sprite:
        """Out of focus by a Gaussian of ``sigma`` px."""
        bgr, cover = (cv2.GaussianBlur(part, (0, 0), sigma) for part in (self.bgr, self.cover))
        return Sprite(bgr, cover)


class Sheet:
    """A square to draw one sprite on; lengths in px of the tile, the origin in the middle."""

    def __init__(self, side: float) -> None:
        self.side = max(4, int(np.ceil(side)))
        self.bgr = np.zeros((self.side * FINER, self.side * FINER, 3), np.uint8)
        self.cover = np.zeros(self.bgr.shape[:2], np.uint8)

    def _fixed(self, points: np.ndarray) -> np.ndarray:
        return np.rint((np.asarray(points) + self.side / 2) * FINER * 16).astype(np.int32)

    def polygon(self, points: np.ndarray, colour: Colour) -> None:
        """Fill a polygon (n, 2)."""
        cv2.fillPoly(self.bgr, [self._fixed(points)], colour, cv2.LINE_8, 4)
        cv2.fillPoly(self.cover, [self._fixed(points)], (255,), cv2.LINE_8, 4)

    def box(self, middle: Point, size: Point, colour: Colour, turn: float = 0.0) -> None:
        """Fill a turned rectangle."""
        half = np.array(size) / 2
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
        c, s = np.cos(turn), np.sin(turn)
        self.polygon(corners @ np.array([[c, s], [-s, c]]) + middle, colour)

    def oval(self, middle: Point, radii: Point, colour: Colour, turn: float = 0.0) -> None:
        """Fill an ellipse."""
        self.polygon(ring(radii, turn) + middle, colour)

    def stroke(self, points: np.ndarray, wide: float, colour: Colour, closed: bool) -> None:
        """Draw a line ``wide`` px thick through the points."""
        thick = max(1, round(wide * FINER))
        for plane, tone in ((self.bgr, colour), (self.cover, (255,))):
            cv2.polylines(plane, [self._fixed(points)], closed, tone, thick, cv2.LINE_8, 4)

    def write(
        self, text: str, middle: Point, size: Point, colour: Colour, font: int, bold: float
    ) -> None:
        """Write ``text`` into a box of ``size``; ``bold`` is the stroke as a share of a letter."""
        scale = size[1] * FINER / 21  # Hershey capitals are 21 units high
        thick = max(1, round(bold * size[1] * FINER))
        (wide, high), _ = cv2.getTextSize(text, font, scale, thick)
        shrink = min(1.0, size[0] * FINER / max(wide, 1))
        scale, thick = scale * shrink, max(1, round(thick * shrink))
        x = (middle[0] + self.side / 2) * FINER - wide * shrink / 2
        y = (middle[1] + self.side / 2) * FINER + high * shrink / 2
        for plane, tone in ((self.bgr, colour), (self.cover, (255,))):
            cv2.putText(plane, text, (round(x), round(y)), font, scale, tone, thick)

    def sprite(self, opacity: float = 1.0) -> Sprite:
        """What was drawn, at the tile's size."""
        cover = self.cover.astype(np.float32) * np.float32(opacity / 255)
        solid = self.bgr.astype(np.float32) * cover[..., None]
        size = (self.side, self.side)
        small = (cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (solid, cover))
        return Sprite(*small)


def ring(radii: Point, turn: float = 0.0) -> np.ndarray:
    """An ellipse as 40 points around the origin."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    points = np.stack([radii[0] * np.cos(angle), radii[1] * np.sin(angle)], 1)
    c, s = np.cos(turn), np.sin(turn)
    turned: np.ndarray = points @ np.array([[c, s], [-s, c]])
    return turned


def ink(random: np.random.Generator, vivid: float) -> Colour:
    """A BGR colour: vivid with that probability, else black, white or a grey."""
    if random.random() < vivid:
        hsv = [random.integers(180), random.integers(110, 256), random.integers(70, 256)]
        blue, green, red = cv2.cvtColor(np.array([[hsv]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
        return float(blue), float(green), float(red)
    level = float(random.choice([random.uniform(10, 50), random.uniform(225, 255)]))
    return level, level, level


def shade(rgb: tuple[float, float, float], gain: float) -> Colour:
    """An RGB tone as a BGR colour, ``gain`` times as bright."""
    red, green, blue = (min(tone * gain, 255.0) for tone in rgb)
    return blue, green, red


def contrast(colour: Colour) -> Colour:
    """Black or white, whichever is read on ``colour``."""
    level = 245.0 if np.mean(colour) < 140 else 20.0
    return level, level, level


def label(random: np.random.Generator) -> str:
    """What gyms print on plates: a word, a number, a grade."""
    kind = random.random()
    if kind < 0.55:
        return WORDS[int(random.integers(len(WORDS)))]
    if kind < 0.8:
        return str(random.integers(1, 80))
    return "ABCDEFHVK"[int(random.integers(9))] + str(random.integers(1, 20))


def lettering(random: np.random.Generator) -> tuple[int, float]:
    """A font and how bold it is."""
    return FONTS[int(random.integers(len(FONTS)))], random.uniform(0.1, 0.24)


def tag(random: np.random.Generator, hold: float) -> Sprite:
    """A printed card with a word, mostly with a coloured band, often on a strip of tape."""
    wide = hold * random.uniform(0.55, 1.4)
    high = wide * random.uniform(0.38, 0.8)
    strip, ground = wide * random.uniform(0.4, 2.2), ink(random, 0.8)
    sheet = Sheet(wide + 2 * strip + high)
    if random.random() < 0.65:
        away = random.uniform(0, 2 * np.pi)
        middle = (np.cos(away) * strip / 2, np.sin(away) * strip / 2)
        tape = (strip, high * random.uniform(0.25, 0.7))
        sheet.box(middle, tape, ground if random.random() < 0.7 else ink(random, 0.9), away)
    sheet.box((0, 0), (wide, high), ground)
    if random.random() < 0.6:
        band = random.uniform(0.25, 0.55) * high
        sheet.box((0, (band - high) / 2), (wide, band), contrast(ground))
        sheet.write(label(random), (0, band / 2), (wide * 0.85, (high - band) * 0.6),
                    contrast(ground), *lettering(random))  # fmt: skip
    else:
        sheet.write(label(random), (0, 0), (wide * 0.85, high * 0.6), contrast(ground),
                    *lettering(random))  # fmt: skip
    if random.random() < 0.4:
        sheet.oval((0, -0.38 * high), (0.06 * wide, 0.06 * wide), (60, 60, 60))
    return sheet.sprite().turned(random.normal(0, 0.35))


def plate(random: np.random.Generator, hold: float) -> Sprite:
    """A round or square plate with a number, or a warning triangle."""
    reach, ground = hold * random.uniform(0.3, 0.75), ink(random, 0.55)
    sheet, kind = Sheet(reach * 3), random.random()
    if kind < 0.45:
        sheet.oval((0, 0), (reach, reach * random.uniform(0.9, 1.15)), ground)
    elif kind < 0.75:
        sheet.box((0, 0), (reach * 1.7, reach * random.uniform(1.3, 2)), ground)
    else:
        corners = reach * 1.2 * np.array([[0, -1], [0.9, 0.6], [-0.9, 0.6]])
        ground = (random.uniform(0, 60), random.uniform(170, 220), random.uniform(220, 255))
        sheet.polygon(corners, ground)
        sheet.stroke(corners * 0.9, 0.1 * reach, (20, 20, 20), closed=True)
        sheet.box((0, 0.1 * reach), (0.3 * reach, 0.7 * reach), (20, 20, 20),
                  random.normal(0, 0.4))  # fmt: skip
        return sheet.sprite().turned(random.normal(0, 0.2))
    font, bold = lettering(random)
    sheet.write(label(random), (0, 0), (1.4 * reach, 0.9 * reach), contrast(ground), font, bold)
    return sheet.sprite().turned(random.normal(0, 0.2))


def painted(random: np.random.Generator, hold: float) -> Sprite:
    """A word painted on the wall or stuck to it."""
    text = NAMES[int(random.integers(len(NAMES)))] if random.random() < 0.6 else label(random)
    high = hold * np.exp(random.uniform(np.log(0.5), np.log(5)))
    wide = high * len(text)
    sheet = Sheet(min(wide * 1.1, WIDEST))
    font, bold = lettering(random)
    sheet.write(text, (0, 0), (sheet.side * 0.9, high), ink(random, 0.35), font, bold * 1.2)
    return sheet.sprite(random.uniform(0.75, 1)).turned(random.normal(0, 0.15))


def logo(random: np.random.Generator, hold: float) -> Sprite:
    """A maker's name in an oval or a box, as on volumes."""
    wide = hold * random.uniform(0.5, 2)
    high = wide * random.uniform(0.25, 0.6)
    sheet, colour = Sheet(wide * 1.2), ink(random, 0.2)
    filled = random.random() < 0.3
    if random.random() < 0.7:
        sheet.oval((0, 0), (wide / 2, high / 2), colour)
    else:
        sheet.box((0, 0), (wide, high), colour)
    if not filled:  # a frame only: what lies under it is seen
        hollow = Sheet(wide * 1.2)
        hollow.oval((0, 0), (wide * 0.46, high * 0.42), (0, 0, 0))
        sheet.cover[hollow.cover > 0] = 0
    font, bold = lettering(random)
    text = NAMES[int(random.integers(len(NAMES)))].upper()
    tone = contrast(colour) if filled else colour
    sheet.write(text, (0, 0), (wide * 0.75, high * 0.45), tone, font, bold)
    return sheet.sprite(random.uniform(0.7, 1)).turned(random.uniform(0, 2 * np.pi))


def quickdraw(random: np.random.Generator, hold: float) -> Sprite:
    """A carabiner, alone or on its sling."""
    reach, metal = hold * random.uniform(0.3, 0.7), ink(random, 0.25)
    sheet = Sheet(reach * 6)
    loop = ring((reach * random.uniform(0.4, 0.6), reach))
    loop[:, 0] *= np.where(loop[:, 0] > 0, 1.0, random.uniform(0.5, 1.0))
    thick = reach * random.uniform(0.12, 0.28)
    sheet.stroke(loop, thick, metal, closed=True)
    sheet.stroke(loop[8:20], thick * 0.3, shade(metal[::-1], 1.6), closed=False)
    if random.random() < 0.5:
        sling = reach * random.uniform(1, 1.8)
        sheet.box((0, -reach - sling / 2), (reach * 0.4, sling), ink(random, 0.7))
    return sheet.sprite().turned(random.normal(0, 0.6))


def light(random: np.random.Generator, hold: float) -> Sprite:
    """A lamp with its halo, or a lit exit sign."""
    reach = hold * random.uniform(0.3, 1.6)
    sheet = Sheet(reach * 4)
    if random.random() < 0.5:
        wide = reach * random.uniform(0.8, 1.5)
        ground = (random.uniform(90, 160), random.uniform(160, 230), random.uniform(0, 60))
        sheet.box((0, 0), (wide, reach * random.uniform(0.5, 1)), ground)
        sheet.box((wide * random.uniform(-0.2, 0.2), 0), (wide * 0.2, reach * 0.4), (250, 255, 250),
                  random.normal(0, 0.5))  # fmt: skip
        return sheet.sprite().turned(random.normal(0, 0.1))
    if random.random() < 0.6:
        sheet.oval((0, 0), (reach, reach * random.uniform(0.3, 1)), (250, 253, 255))
    else:
        sheet.box((0, 0), (reach * 1.8, reach * random.uniform(0.3, 1.5)), (250, 253, 255))
    return sheet.sprite().softened(reach * random.uniform(0.03, 0.15) + 0.3)


def head(random: np.random.Generator, hold: float) -> Sprite:
    """Head and shoulders of a person near the camera: hair or a cap, sometimes a face or a mask."""
    reach = hold * random.uniform(0.5, 1.8)
    sheet = Sheet(reach * 6)
    lean = random.normal(0, 0.25) * reach
    skin = shade(SKINS[int(random.integers(len(SKINS)))], random.uniform(0.7, 1.05))
    dark = random.random() < 0.6
    hair = shade(HAIR[0 if dark else int(random.integers(len(HAIR)))], random.uniform(0.4, 1.1))
    shirt, low = ink(random, 0.4), 3 * reach
    wide = reach * random.uniform(1.6, 2.4)
    sheet.polygon(np.array([[-0.5 * reach, 0.9 * reach], [0.5 * reach, 0.9 * reach],
                            [wide, 1.7 * reach], [wide, low], [-wide, low],
                            [-wide, 1.7 * reach]]), shirt)  # fmt: skip
    if random.random() < 0.5:
        font, bold = lettering(random)
        text = NAMES[int(random.integers(len(NAMES)))]
        sheet.write(text, (0, 2.2 * reach), (wide, 0.5 * reach), contrast(shirt), font, bold)
    sheet.box((lean / 2, 0.8 * reach), (0.8 * reach, 0.9 * reach), skin)
    sheet.oval((lean, 0), (0.8 * reach, reach), hair)
    look = random.choice([-1, 0, 1]) if random.random() < 0.45 else None
    if look is not None:
        sheet.oval((lean + 0.3 * look * reach, 0.25 * reach), (0.62 * reach, 0.75 * reach), skin)
        if random.random() < 0.25:
            sheet.oval((lean + 0.4 * look * reach, 0.6 * reach), (0.5 * reach, 0.35 * reach),
                       ink(random, 0.2))  # fmt: skip
    if random.random() < 0.3:
        cap = ink(random, 0.4)
        dome = ring((0.85 * reach, 0.85 * reach))[20:]
        sheet.polygon(dome + np.array([lean, -0.1 * reach]), cap)
        sheet.oval((lean + 0.7 * (look or 0) * reach, -0.1 * reach), (0.7 * reach, 0.14 * reach),
                   cap, random.normal(0, 0.15))  # fmt: skip
    drawn = sheet.sprite()
    rough = cv2.resize(random.normal(1, 0.16, (24, 24)).astype(np.float32), drawn.cover.shape)
    glow = np.linspace(1.15, 0.8, sheet.side, dtype=np.float32)[:, None]
    bgr = np.minimum(drawn.bgr * (rough * glow)[..., None], 255 * drawn.cover[..., None])
    return Sprite(bgr, drawn.cover).turned(random.normal(0, 0.2))


def climber(random: np.random.Generator, hold: float) -> Sprite:
    """A whole person of the renderer (:mod:`training.render.people`), 1.7 m to a hold's 0.18 m."""
    rgb, cover = person(random, float(np.clip(hold * 9.5 * random.uniform(0.8, 1.8), 40, 900)))
    return Sprite(to_srgb(rgb)[..., ::-1] * 255 * cover[..., None], np.asarray(cover, np.float32))
