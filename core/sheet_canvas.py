"""Paper to draw on: text that always fits, outlines of holds, numbered plates, lines to write on.

A thin layer over fpdf2 (fpdf2.github.io) that knows millimetres and the sheet's two fonts but no
problems; :mod:`core.sheet` decides what goes where. Only :func:`core.sheet.write_sheet` imports
this module, when a sheet is asked for: fpdf2 and fontTools take about 20 MiB.

The fonts (assets/fonts, SIL Open Font License) have Latin and Hangul; a letter whose accent they
lack is printed without it, any other sign that they lack as a box. fpdf2 embeds only the signs that
are used.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path

from fpdf import FPDF
from fpdf.fonts import TTFFont

from core.wall import RGB, Box, Point

FONTS = Path(__file__).resolve().parent.parent / "assets" / "fonts"
FAMILY = "SheetSans"
MISSING = "□"
ELLIPSIS = "…"

INK: RGB = (20, 20, 20)
RULE: RGB = (150, 150, 150)

POINT_MM = 25.4 / 72
"""One typographic point in millimetres."""

# What only changes how the emoji before it looks: variation selectors, skin tones, and what is
# joined to it (Unicode Technical Standard 51). Without a font for them one box stands for all.
_EMOJI_EXTRAS = re.compile("\u200d.|[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]", re.DOTALL)

_CAP_SHARE = 0.7
"""Height of a capital as a share of the font's size, to centre text by eye."""


class Canvas:
    """Pages of one size in millimetres, from the upper left corner."""

    def __init__(self, size_mm: tuple[float, float], title: str, language: str, day: date) -> None:
        self._pdf = FPDF(unit="mm", format=size_mm)
        self._pdf.set_auto_page_break(False)
        self._pdf.set_margin(0)
        self._pdf.c_margin = 0
        # The same sheet on the same day is the same file, byte for byte.
        self._pdf.set_creation_date(datetime.combine(day, time(), tzinfo=UTC))
        self._pdf.set_lang(language)
        for style, name in (("", "Regular"), ("B", "Bold")):
            self._pdf.add_font(FAMILY, style, FONTS / f"{FAMILY}-{name}.ttf")
        self._pdf.set_font(FAMILY)
        font = self._pdf.fonts[FAMILY.lower()]
        if not isinstance(font, TTFFont):
            raise TypeError(f"expected a TrueType font, got {font!r}")
        self._known = frozenset(font.cmap)
        self._pdf.set_title(self.printable(title))

    def page(self) -> None:
        """Begin a new page."""
        self._pdf.add_page()

    def finish(self) -> bytes:
        """The whole file."""
        return bytes(self._pdf.output())

    def printable(self, text: str) -> str:
        """``text`` on one line, in composed Hangul, with what the fonts have for each sign."""
        line = " ".join(unicodedata.normalize("NFC", text).split())
        line = _EMOJI_EXTRAS.sub("", line)
        marks = (sign for sign in line if unicodedata.category(sign) not in ("Cc", "Cf"))
        return "".join(map(self._nearest, marks))

    def _nearest(self, sign: str) -> str:
        """``sign``, else its letter without accents, else a box."""
        if ord(sign) in self._known:
            return sign
        plain = unicodedata.normalize("NFKD", sign)
        letters = "".join(part for part in plain if not unicodedata.combining(part))
        return letters if letters and all(ord(c) in self._known for c in letters) else MISSING

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        width: float,
        bold: bool = False,
        colour: RGB = INK,
        align: str = "L",
        smallest: float = 0.75,
    ) -> float:
        """Print ``text`` with its baseline at ``y``, ``size`` points high, within ``width`` mm.

        A text too long is set smaller, down to ``smallest`` of the size, then cut with an ellipsis.
        ``align`` is L, C or R within the width. Returns the width used in mm.
        """
        self._pdf.set_text_color(*colour)
        line = self._fitted(self.printable(text), size, width, bold, smallest)
        used = float(self._pdf.get_string_width(line))
        shift = {"L": 0.0, "C": (width - used) / 2, "R": width - used}[align]
        if line:
            self._pdf.text(x + shift, y, line)
        return used

    def two_lines(self, x: float, y: float, text: str, size: float, *, width: float) -> None:
        """A bold title in the room of one line: where it is too long even when set smaller, it goes
        onto two lines above each other, at 0.7 of the size; ``y`` is the baseline of one line."""
        line = self.printable(text)
        self._pdf.set_font(FAMILY, "B", 0.75 * size)
        if self._pdf.get_string_width(line) <= width:
            self.text(x, y, line, size, width=width, bold=True)
            return
        small = 0.7 * size
        self._pdf.set_font_size(small)
        first, rest = self._broken(line, width)
        step = small * POINT_MM
        self.text(x, y - 0.45 * step, first, small, width=width, bold=True)
        self.text(x, y + 0.65 * step, rest, small, width=width, bold=True)

    def _broken(self, line: str, width: float) -> tuple[str, str]:
        """What of ``line`` fits into ``width`` in the font that is set, and the rest.

        Broken at a blank; where the first word is too long for that, at a sign.
        """
        count = len(line)
        while count > 1 and self._pdf.get_string_width(line[:count]) > width:
            count -= 1
        blank = line.rfind(" ", 0, count + 1)
        count = blank if blank > 0 else count
        return line[:count], line[count:].lstrip()

    def _fitted(self, line: str, size: float, width: float, bold: bool, smallest: float) -> str:
        self._pdf.set_font(FAMILY, "B" if bold else "", size)
        used = self._pdf.get_string_width(line)
        if used <= width:
            return line
        self._pdf.set_font_size(size * max(smallest, width / used * 0.999))
        if self._pdf.get_string_width(line) <= width:
            return line
        while line and self._pdf.get_string_width(line + ELLIPSIS) > width:
            line = line[:-1]
        return line.rstrip() + ELLIPSIS if line else ""

    def picture(self, jpeg: bytes, x: float, y: float, width: float, height: float) -> None:
        """Place a JPEG file, in a thin frame."""
        self._pdf.image(io.BytesIO(jpeg), x, y, width, height)
        self.box(x, y, width, height, line=RULE)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        line: RGB = INK,
        fill: RGB | None = None,
        radius: float = 0.0,
        line_mm: float = 0.25,
    ) -> None:
        """A rectangle, with round corners when ``radius`` is given."""
        self._pdf.set_line_width(line_mm)
        self._pdf.set_draw_color(*line)
        if fill:
            self._pdf.set_fill_color(*fill)
        self._pdf.rect(
            x,
            y,
            width,
            height,
            style="DF" if fill else "D",
            round_corners=radius > 0,
            corner_radius=radius,
        )

    def rule(self, x: float, y: float, width: float) -> None:
        """A thin line to write on."""
        self._pdf.set_line_width(0.2)
        self._pdf.set_draw_color(*RULE)
        self._pdf.line(x, y, x + width, y)

    def outlines(
        self, lines: Iterable[tuple[Sequence[Point], RGB, float, bool]], within: Box
    ) -> None:
        """Closed outlines, each with its points in mm, colour, width in mm, and whether dashed.

        What reaches out of ``within`` (x, y, width, height in mm) is not shown.
        """
        # fpdf2's own paths copy themselves deeply, which on a dense wall takes seconds; its plain
        # polygons do not, and get their round corners from the context.
        with self._pdf.rect_clip(*within), self._pdf.local_context(stroke_join_style="round"):
            for points, colour, width_mm, dashed in lines:
                self._pdf.set_draw_color(*colour)
                self._pdf.set_line_width(width_mm)
                self._pdf.set_dash_pattern(*((1.6, 1.1) if dashed else (0, 0)))
                self._pdf.polygon(list(points), style="D")
            self._pdf.set_dash_pattern()

    def plate_size(self, text: str, size: float) -> tuple[float, float]:
        """Width and height in mm of the plate that :meth:`plate` draws."""
        self._pdf.set_font(FAMILY, "B", size)
        height = size * POINT_MM * 1.15
        return max(height, float(self._pdf.get_string_width(text)) + 0.45 * height), height

    def plate(self, middle: Point, text: str, size: float, ground: RGB, ink: RGB) -> None:
        """A small label centred on ``middle``."""
        width, height = self.plate_size(text, size)
        x, y = middle[0] - width / 2, middle[1] - height / 2
        self.box(x, y, width, height, line=ink, fill=ground, radius=height * 0.3, line_mm=0.2)
        self.text(
            x,
            middle[1] + size * POINT_MM * _CAP_SHARE / 2,
            text,
            size,
            width=width,
            bold=True,
            colour=ink,
            align="C",
        )
