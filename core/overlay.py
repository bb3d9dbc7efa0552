"""The photo with its holds outlined and its problems numbered, as a setter reads it.

The wall is dimmed a little so that the holds stand out. Every outline is drawn in the colour's
name, not in the hold's own shade, over a wider line of the opposite brightness: a black hold shows
on a black wall and a white one on white. Volumes are dashed, a colour that is unsure has a question
mark, and each hold of a problem wears the problem's number on a plate of the problem's colour. The
lowest hold's plate has the grade too, where a setter gave one.

All sizes follow the picture's. Not done here: connecting the holds of a problem (on a dense wall
the lines hide more than they tell) and reading photos.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from core.arrays import Pixels, check_picture
from core.lab import LINEAR
from core.labels import Plate, place_plates
from core.wall import RGB, Colour, Hold, WallAnalysis

DISPLAY_COLOURS: dict[str, RGB] = {
    "red": (226, 38, 38),
    "orange": (255, 138, 0),
    "yellow": (255, 222, 0),
    "green": (24, 160, 60),
    "mint": (125, 235, 195),
    "blue": (30, 96, 240),
    "purple": (140, 60, 210),
    "pink": (255, 110, 190),
    "brown": (130, 78, 36),
    "black": (16, 16, 16),
    "grey": (140, 140, 140),
    "white": (255, 255, 255),
    "wood": (222, 178, 118),
}
"""What a colour's name looks like. A name of a gym's own is shown in the hold's mean colour."""

DARK, LIGHT = (12, 12, 12), (255, 255, 255)

WALL_BRIGHTNESS = 0.72
"""What is left of the wall's brightness around the holds."""

PLATE_LETTERS = 8
"""Letters of a grade that a plate has room for."""

_SUBPIXEL_BITS = 4


def draw_overlay(pixels: Pixels, analysis: WallAnalysis, scale: float) -> Pixels:
    """Draw ``analysis`` on a copy of ``pixels``, uint8 (H, W, 3) sRGB; same shape and type back.

    ``scale`` is full size over the size of ``pixels``: outlines are in pixels of the full photo.
    Raises ``ValueError`` when the pixels or the scale are of another kind.
    """
    check_picture(pixels)
    if not scale > 0:
        raise ValueError(f"expected a positive scale, got {scale!r}")
    outlines = [np.array(hold.polygon, dtype=np.float64) / scale for hold in analysis.holds]
    picture = _dimmed(pixels, outlines)
    line = line_width(analysis.holds, scale, pixels.shape[:2])
    # Volumes first: the holds that are screwed onto them stay on top.
    order = sorted(range(len(outlines)), key=lambda i: analysis.holds[i].kind == "hold")
    for index in order:
        hold = analysis.holds[index]
        own = max(1.0, min(line, min(hold.box[2:]) / scale / 8))  # never thicker than the hold
        _draw_outline(picture, hold, outlines[index], own)
    _draw_plates(picture, analysis, scale, line)
    return picture


def encode_jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """``pixels``, uint8 (H, W, 3) sRGB, as a JPEG file. Raises ``ValueError`` for other pixels."""
    check_picture(pixels)
    if not 1 <= quality <= 100:
        raise ValueError(f"expected a quality from 1 to 100, got {quality}")
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ValueError(f"the JPEG encoder refused {pixels.shape[1]} x {pixels.shape[0]} pixels")
    return data.tobytes()


def line_width(holds: tuple[Hold, ...], scale: float, shape: tuple[int, int]) -> float:
    """Width of an outline in pixels of the picture of ``shape`` (height, width).

    A share of the picture's longer side, less where the holds are so small that it would fill them.
    """
    width = max(shape) / 480
    if holds:
        typical = float(np.median([min(hold.box[2:]) for hold in holds])) / scale
        width = min(width, typical / 10)
    return max(1.2, width)


def display_colour(colour: Colour) -> RGB:
    """The colour in which a hold is outlined."""
    return DISPLAY_COLOURS.get(colour.name, colour.rgb)


def contrasting(colour: RGB) -> RGB:
    """Near-black or white, whichever differs more from ``colour`` (WCAG 2.2 contrast ratio)."""
    luminance = float(LINEAR[list(colour)] @ (0.2126, 0.7152, 0.0722))
    # Where (1.05 / (L + 0.05)) equals ((L + 0.05) / 0.05).
    return DARK if luminance > 0.1791 else LIGHT


def grade_marks(analysis: WallAnalysis) -> dict[int, str]:
    """The grade to write on a hold's plate, by hold id: on the lowest hold of each graded problem,
    where a climber starts to read.

    The built-in font has no letters but Latin ones, so any other grade stays off the picture; so
    does one that is too long for a plate (:data:`PLATE_LETTERS`).
    """
    holds = {hold.id: hold for hold in analysis.holds}
    return {
        max(problem.holds, key=lambda number: (holds[number].centre[1], -number)): problem.grade
        for problem in analysis.problems
        if problem.grade.isascii()
        and problem.grade.isprintable()
        and 0 < len(problem.grade) <= PLATE_LETTERS
    }


def _dimmed(pixels: Pixels, outlines: list[NDArray[np.float64]]) -> Pixels:
    holds = np.zeros(pixels.shape[:2], dtype=np.uint8)
    for outline in outlines:
        cv2.fillPoly(holds, [_fixed_point(outline)], 255, cv2.LINE_8, _SUBPIXEL_BITS)
    picture: Pixels = cv2.convertScaleAbs(pixels, alpha=WALL_BRIGHTNESS).astype(
        np.uint8, copy=False
    )
    cv2.copyTo(pixels, holds, picture)
    return picture


def _draw_outline(picture: Pixels, hold: Hold, outline: NDArray[np.float64], line: float) -> None:
    colour = display_colour(hold.colour)
    width = max(2, round(1.4 * line))
    # Less than one and a half pixels on each side would be lost in the smoothing.
    casing = width + max(3, round(1.3 * line))
    _stroke(picture, [outline], True, contrasting(colour), casing)
    if hold.kind == "volume":
        _stroke(picture, dashes(outline, 7 * line, 5 * line), False, colour, width)
    else:
        _stroke(picture, [outline], True, colour, width)


def _stroke(
    picture: Pixels, lines: list[NDArray[np.float64]], closed: bool, colour: RGB, width: float
) -> None:
    cv2.polylines(
        picture,
        [_fixed_point(points) for points in lines],
        closed,
        colour,
        max(1, round(width)),
        cv2.LINE_AA,
        _SUBPIXEL_BITS,
    )


def _fixed_point(points: NDArray[np.float64]) -> NDArray[np.int32]:
    # A pixel's middle is at half a pixel in the analysis, at a whole one in OpenCV.
    fixed: NDArray[np.int32] = np.round((points - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    return fixed


def dashes(outline: NDArray[np.float64], dash: float, gap: float) -> list[NDArray[np.float64]]:
    """A closed outline (n, 2) as dashes of about ``dash`` pixels with ``gap`` between them."""
    closed = np.concatenate([outline, outline[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(3, round(along[-1] / (dash + gap)))  # a whole number: no seam where it closes
    period = along[-1] / count
    marked = []
    for start in np.arange(count) * period:
        stop = start + period * dash / (dash + gap)
        inner = along[(along > start) & (along < stop)]
        marks = np.concatenate([[start], inner, [stop]])
        marked.append(
            np.column_stack([np.interp(marks, along, closed[:, axis]) for axis in (0, 1)])
        )
    return marked


def _draw_plates(picture: Pixels, analysis: WallAnalysis, scale: float, line: float) -> None:
    height = max(12.0, 7.5 * line)
    colours = {problem.id: problem.colour for problem in analysis.problems}
    grades = grade_marks(analysis)
    plates: list[Plate] = []
    for hold in analysis.holds:
        text = str(hold.problem or "") + ("" if hold.colour.sure else "?")
        text += f" {grades[hold.id]}" if hold.id in grades else ""
        if not text:
            continue
        name = colours.get(hold.problem, hold.colour.name) if hold.problem else hold.colour.name
        colour = DISPLAY_COLOURS.get(name, hold.colour.rgb)
        width = _text_mask(text, round(0.78 * height)).shape[1] + 0.7 * height
        left, top, across, down = (value / scale for value in hold.box)
        plates.append(Plate(text, colour, (max(width, height), height), (left, top, across, down)))
    boxes = np.array([hold.box for hold in analysis.holds], dtype=np.float64).reshape(-1, 4) / scale
    middles = place_plates(plates, boxes, picture.shape[:2])
    for plate, middle in zip(plates, middles, strict=True):
        _draw_plate(picture, plate, middle)


def _draw_plate(picture: Pixels, plate: Plate, middle: tuple[float, float]) -> None:
    width, height = plate.size
    x, y = middle
    half = (width - height) / 2
    ends = np.array([[x - half, y], [x + half + 0.01, y]])
    ink = contrasting(plate.colour)
    # A thick line has round ends: a plate.
    _stroke(picture, [ends], False, ink, height)
    _stroke(picture, [ends], False, plate.colour, height - max(2.0, height / 7))
    mask = _text_mask(plate.text, round(0.78 * height))
    top, left = round(y - mask.shape[0] / 2), round(x - mask.shape[1] / 2)
    _blend(picture, mask, ink, top, left)


def _blend(picture: Pixels, mask: Pixels, colour: RGB, top: int, left: int) -> None:
    """Lay ``colour`` over ``picture`` by ``mask``, clipped at the picture's rim."""
    rows = slice(max(top, 0), max(0, min(top + mask.shape[0], picture.shape[0])))
    columns = slice(max(left, 0), max(0, min(left + mask.shape[1], picture.shape[1])))
    under = picture[rows, columns]
    if not under.size:
        return
    seen = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    share = seen[..., None].astype(np.float32) / 255
    under[:] = np.round(under + share * (np.array(colour, dtype=np.float32) - under))


@lru_cache(maxsize=256)
def _text_mask(text: str, size: int) -> Pixels:
    """Coverage 0..255 of ``text`` in Pillow's built-in font, ``size`` pixels high: (h, w)."""
    font = ImageFont.load_default(max(8, size))
    image = font.getmask(text, mode="L")
    width, height = image.size
    return np.array(image, dtype=np.uint8).reshape(height, width)
