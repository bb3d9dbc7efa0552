"""The wall as a browser shows it: a bounded JPEG, and the outlines as compact plain values.

A browser needs neither the photo's full size nor its bytes with every edit. The picture is made
once per photo and served as a file; the drawing (:func:`wall_drawing`) is small, is made anew after
each edit, and holds nothing but numbers and short words, ready for JSON. Coordinates are whole
tenths of a pixel of that picture, written as relative SVG paths, which is the shortest form that a
browser draws without decoding.

Not done here: annotated pictures for people to keep (:mod:`core.overlay`), and texts in a language.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from core.arrays import Pixels
from core.colour_vision import Deficiency, simulate, simulate_colour
from core.overlay import contrasting, display_colour, encode_jpeg
from core.photo import Photo
from core.reopening import reopen_photo
from core.settings import DEFAULT_PALETTE, Settings
from core.wall import RGB, Hold, PhotoInfo, WallAnalysis

MAX_SIDE_PX = 2048
MAX_BYTES = 600_000
"""Bounds of the picture: sharp when zoomed in on a phone, quick on a gym's network."""

UNITS_PER_PX = 10
"""Drawing units per pixel of the picture: coordinates are whole numbers of these."""

PATTERNS = 13
"""How many fill patterns the browser knows, so that colours can be told apart without colour."""

_QUALITIES = (86, 80, 74, 68, 60)
_SHRINK = 0.85
_TOLERANCE_PX = 0.35
"""An outline may leave its own line by this much, in pixels of the picture: invisible."""

_one_at_a_time = threading.Lock()
"""A photo of 12 megapixels takes 38 MiB for a fifth of a second, in eight sessions at once 260."""


@dataclass(frozen=True, slots=True)
class WallPicture:
    """The photo for display: an upright JPEG of ``width`` x ``height`` pixels.

    ``scale`` is pixels of the full photo per pixel of the picture.
    """

    jpeg: bytes
    width: int
    height: int
    scale: float

    def __post_init__(self) -> None:
        if not (self.jpeg and self.width > 0 and self.height > 0 and self.scale > 0):
            raise ValueError(
                "expected a JPEG with positive sides and scale, "
                f"got {len(self.jpeg)} bytes, {self.width} x {self.height}, {self.scale}"
            )


def wall_picture(
    pixels: Pixels,
    photo_width: int,
    *,
    max_side_px: int = MAX_SIDE_PX,
    max_bytes: int = MAX_BYTES,
) -> WallPicture:
    """Encode ``pixels``, uint8 (H, W, 3) sRGB, within both bounds.

    ``photo_width`` is the width of the full photo in pixels. Quality gives way first, down to 60,
    then the size. A bound so small that 16 pixels do not fit is exceeded rather than refused.
    """
    if photo_width <= 0 or max_side_px < 16 or max_bytes <= 0:
        raise ValueError(f"expected positive bounds, got {photo_width}, {max_side_px}, {max_bytes}")
    side = min(max_side_px, max(pixels.shape[:2]))
    while True:
        shown = _reduced(pixels, side)
        for quality in _QUALITIES:
            jpeg = encode_jpeg(shown, quality)
            if len(jpeg) <= max_bytes:
                break
        if len(jpeg) <= max_bytes or side <= 16:
            height, width = shown.shape[:2]
            return WallPicture(jpeg, width, height, photo_width / width)
        side = max(16, round(side * _SHRINK))


def _reduced(pixels: Pixels, side: int) -> Pixels:
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return pixels
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def picture_of(data: bytes, name: str, settings: Settings) -> WallPicture:
    """The picture of an encoded photo; one is made at a time, and others wait.

    Raises what :func:`core.reopening.reopen_photo` raises.
    """
    with _one_at_a_time:
        photo = reopen_photo(data, name=name, settings=settings)
        return wall_picture(photo.pixels, photo.width)


def pixels_of(picture: WallPicture) -> Pixels:
    """The picture decoded: uint8 sRGB (height, width, 3)."""
    decoded = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError("expected the JPEG that wall_picture made")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def photo_of(picture: WallPicture, info: PhotoInfo) -> Photo:
    """The picture as an opened photo, for what looks at a part of it again."""
    return Photo(
        info.name, info.sha256, info.width, info.height, pixels_of(picture), max(1.0, picture.scale)
    )


def seen_picture(picture: WallPicture, deficiency: Deficiency) -> WallPicture:
    """The picture as a colour-blind viewer sees it, of the same size."""
    seen = simulate(pixels_of(picture), deficiency)
    photo_width = round(picture.width * picture.scale)
    drawn = wall_picture(seen, photo_width, max_side_px=max(16, picture.width, picture.height))
    return replace(drawn, scale=photo_width / drawn.width)


def seen_drawing(drawing: Mapping[str, Any], deficiency: Deficiency) -> dict[str, Any]:
    """A drawing of :func:`wall_drawing` with the lines in the colours which that viewer sees."""
    colours = [
        {**row, "line": _hex(simulate_colour(_rgb(row["line"]), deficiency))}
        for row in drawing["colours"]
    ]
    return {**drawing, "colours": colours}


def wall_drawing(analysis: WallAnalysis, scale: float) -> dict[str, Any]:
    """The outlines of ``analysis`` for a picture at ``scale`` photo pixels per picture pixel.

    The result is plain:

    - ``colours``: rows of ``name``, ``line`` and ``halo`` (``#rrggbb``) and ``pattern``
      (0 .. :data:`PATTERNS` - 1). ``halo`` is near-black or white, whichever contrasts.
    - ``problems``: rows of ``id``, ``title`` (name and grade, empty where the setter gave none) and
      ``colour`` (an index into ``colours``).
    - ``holds``: rows of ``id``, ``path``, ``box`` (x, y, width, height), ``colour`` (an index),
      ``confidence`` (whole per cent), ``sure``, ``volume`` and ``problem`` (an id or null). Larger
      ones first, so that what is screwed onto a volume lies above it.

    Raises ``ValueError`` for a scale that is not positive.
    """
    if not scale > 0:
        raise ValueError(f"expected a positive scale, got {scale!r}")
    palette = _Palette()
    ordered = sorted(analysis.holds, key=lambda hold: (hold.kind == "hold", -hold.area_px))
    holds = [_hold_row(hold, scale, palette) for hold in ordered]
    members = {hold.id: hold for hold in analysis.holds}
    problems = [
        {
            "id": problem.id,
            "title": f"{problem.name} {problem.grade}".strip(),
            "colour": palette.index_named(problem.colour, members[problem.holds[0]]),
        }
        for problem in analysis.problems
    ]
    return {"colours": palette.rows, "problems": problems, "holds": holds}


def outline_path(polygon: tuple[tuple[float, float], ...], scale: float) -> str:
    """A closed outline in photo pixels as a relative SVG path in drawing units."""
    points = np.asarray(polygon, dtype=np.float32) / np.float32(scale)
    simpler = cv2.approxPolyDP(points, _TOLERANCE_PX, True).reshape(-1, 2)
    if len(simpler) < 3:
        simpler = points
    units = np.rint(simpler * UNITS_PER_PX).astype(np.int64)
    steps = np.diff(units, axis=0, prepend=np.zeros((1, 2), np.int64))
    (x, y), *rest = steps.tolist()
    moves = "".join(f" {dx},{dy}" for dx, dy in rest if dx or dy)
    return f"m{x},{y}{moves}z"


def _hold_row(hold: Hold, scale: float, palette: _Palette) -> dict[str, Any]:
    return {
        "id": hold.id,
        "path": outline_path(hold.polygon, scale),
        "box": [round(value / scale * UNITS_PER_PX) for value in hold.box],
        "colour": palette.index(hold.colour.name, display_colour(hold.colour)),
        "confidence": round(100 * hold.colour.confidence),
        "sure": hold.colour.sure,
        "volume": hold.kind == "volume",
        "problem": hold.problem,
    }


class _Palette:
    """The colours that are in use, each once."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._index: dict[tuple[str, RGB], int] = {}

    def index(self, name: str, rgb: RGB) -> int:
        if (name, rgb) not in self._index:
            self._index[name, rgb] = len(self.rows)
            self.rows.append(
                {
                    "name": name,
                    "line": _hex(rgb),
                    "halo": _hex(contrasting(rgb)),
                    "pattern": pattern_of(name),
                }
            )
        return self._index[name, rgb]

    def index_named(self, name: str, member: Hold) -> int:
        """The colour of a problem, which may differ from that of a hold in it."""
        for (known, _), index in self._index.items():
            if known == name:
                return index
        return self.index(name, display_colour(member.colour))


def pattern_of(name: str) -> int:
    """The fill pattern of a colour's name: the same on every wall.

    Each name of the default palette has its own; a gym's own name gets one by its checksum, which
    may be shared.
    """
    if name in DEFAULT_PALETTE:
        return DEFAULT_PALETTE.index(name) % PATTERNS
    return zlib.crc32(name.encode("utf-8")) % PATTERNS


def _hex(rgb: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _rgb(text: str) -> RGB:
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue
