"""The fonts that are shipped, and texts that must fit whatever a setter wrote."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from core.sheet_canvas import FONTS, Canvas
from tests.core.pdf_reading import read_pdf

POINTS_PER_MM = 72 / 25.4


@pytest.fixture
def canvas() -> Canvas:
    made = Canvas((100.0, 100.0), "test", "en", date(2026, 11, 21))
    made.page()
    return made


@pytest.mark.parametrize("path", sorted(FONTS.glob("*.ttf")), ids=lambda path: path.name)
def test_each_font_has_latin_and_all_hangul_and_an_open_licence(path: Path) -> None:
    font = TTFont(path)
    names = {record.nameID: str(record) for record in font["name"].names}

    known = set(font.getBestCmap())
    assert set(range(0x20, 0x7F)) | set(range(0xAC00, 0xD7A4)) | set(map(ord, "éñß…·□")) <= known
    assert path.stat().st_size < 2_500_000
    # The licence reserves the original's name for the original.
    assert all("nanum" not in names[number].lower() for number in (1, 4, 6))
    assert "NHN" in names[0] and "Open Font License" in names[13]
    assert "SIL OPEN FONT LICENSE" in (FONTS / "OFL.txt").read_text(encoding="utf-8")


def printed(canvas: Canvas) -> list[tuple[str, float, float]]:
    pages, _ = read_pdf(canvas.finish())
    return list(pages[0].texts)


def test_a_text_that_fits_is_left_alone_and_says_its_width(canvas: Canvas) -> None:
    used = canvas.text(10, 20, "Slab", 10, width=50)
    right = canvas.text(10, 40, "Slab", 10, width=50, align="R")

    (left_text, left_x, y), (right_text, right_x, _) = printed(canvas)
    assert left_text == right_text == "Slab"
    assert used == right and 5 < used < 12
    assert left_x == pytest.approx(10 * POINTS_PER_MM, abs=0.02)
    assert right_x == pytest.approx((60 - used) * POINTS_PER_MM, abs=0.02)
    assert y == pytest.approx(80 * POINTS_PER_MM, abs=0.02)


@pytest.mark.parametrize("text", ["W" * 60, "word " * 20, "왼쪽모서리" * 10])
@pytest.mark.parametrize("width", [3.0, 12.0, 40.0])
def test_a_text_too_long_ends_in_an_ellipsis_within_its_width(
    canvas: Canvas, text: str, width: float
) -> None:
    used = canvas.text(10, 20, text, 12, width=width)

    assert used <= width
    assert all(line.endswith("…") for line, _, _ in printed(canvas))


def test_a_long_title_goes_onto_two_lines_between_words(canvas: Canvas) -> None:
    canvas.two_lines(10, 20, "The long way round the corner and up", 13, width=50)

    (first, _, high), (second, _, low) = printed(canvas)
    assert f"{first} {second}" == "The long way round the corner and up"
    assert high > low


def test_nothing_is_printed_for_no_text(canvas: Canvas) -> None:
    assert canvas.text(10, 20, " \n ", 12, width=20) == 0
    canvas.two_lines(10, 30, "", 12, width=20)

    assert printed(canvas) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Čertův šutr", "Certuv sutr"),
        ("λ slab", "□ slab"),
        ("🧗🏽\u200d♀\ufe0f 슬랩", "□ 슬랩"),
        ("1\ufe0f\u20e3 slab", "1 slab"),
        ("ﬁnger ①", "finger 1"),
        ("課題", "□□"),
        ("\u200d", ""),
    ],
)
def test_what_the_fonts_lack_is_printed_as_near_as_they_can(
    canvas: Canvas, text: str, shown: str
) -> None:
    assert canvas.printable(text) == shown
    canvas.finish()  # which closes the fonts
