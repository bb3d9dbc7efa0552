"""The printed sheet, read back from the file by a reader of our own and, where there is one, by
poppler."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import cv2
import numpy as np
import pytest

from core.errors import OutputError
from core.sheet import MAX_PROBLEMS, SheetWords, sheet_parts, write_sheet
from core.wall import Hold, PhotoInfo, Problem, WallAnalysis
from tests.core.make import make_analysis, make_hold
from tests.core.pdf_reading import Printed, read_pdf

DAY = date(2026, 11, 21)
KOREAN = "왼쪽 모서리 뚫훑"


def wall(problems: int, holds_each: int = 5, **photo: Any) -> WallAnalysis:
    """Columns of holds side by side on a photo of 4032 x 3024, one problem each."""
    colours = ("red", "green", "black", "yellow", "white", "blue")
    holds: list[Hold] = []
    records = []
    for number in range(1, problems + 1):
        x = 4032 * (number - 0.5) / problems
        ids = tuple(range(100 * number, 100 * number + holds_each))
        for row, hold_id in enumerate(ids):
            box = (x - 30, 2800 - 500 * row, 60.0, 50.0)
            holds.append(make_hold(hold_id, box, colours[number % 6], problem=number))
        records.append(Problem(number, colours[number % 6], ids))
    info = PhotoInfo(**{"name": "north wall.jpg", "sha256": "0" * 64, **photo}, **_SIZE)
    return make_analysis(holds, records, photo=info)


_SIZE = {"width": 4032, "height": 3024}


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """A working picture of 2016 x 1512 with some texture, as a wall has."""
    noise = np.random.default_rng(5).integers(0, 256, (189, 252, 3), dtype=np.uint8)
    return cv2.resize(noise, (2016, 1512), interpolation=cv2.INTER_CUBIC)


def pages_of(
    analysis: WallAnalysis, pixels: np.ndarray, **options: Any
) -> tuple[list[Printed], list[bytes]]:
    return read_pdf(write_sheet(analysis, pixels, 2.0, date=DAY, **options))


@pytest.mark.parametrize(
    ("problems", "cards", "pages"), [(0, 4, 1), (1, 4, 2), (4, 4, 2), (5, 4, 3), (5, 2, 4)]
)
def test_a_cover_and_as_many_pages_as_the_cards_need(
    pixels: np.ndarray, problems: int, cards: Any, pages: int
) -> None:
    found, pictures = pages_of(wall(problems), pixels, cards_per_page=cards)

    assert len(found) == pages
    assert len(pictures) == 1 + problems
    assert f"Page {pages} of {pages}" in found[-1].words


@pytest.mark.parametrize(("paper", "size_mm"), [("A4", (210, 297)), ("Letter", (215.9, 279.4))])
@pytest.mark.parametrize("cards", [2, 4])
def test_everything_is_on_the_paper(
    pixels: np.ndarray, paper: Any, size_mm: tuple[float, float], cards: Any
) -> None:
    names = {1: ("A name that is far too long for any card that was ever printed " * 2, "6C+/V5")}
    found, _ = pages_of(wall(6), pixels, paper=paper, cards_per_page=cards, names=names)

    for page in found:
        assert (page.width, page.height) == pytest.approx([s / 25.4 * 72 for s in size_mm], abs=0.1)
        for _, x, y in page.texts:
            assert 25 < x < page.width - 25 and 25 < y < page.height - 25


def test_names_grades_and_the_rest_are_printed_also_in_korean(pixels: np.ndarray) -> None:
    words = SheetWords(start="시작", colours={"green": "초록"}, language="ko")
    found, _ = pages_of(wall(2), pixels, names={1: (KOREAN, "6B+"), 2: ("", "V4")}, words=words)

    cover, cards = (page.words for page in found)
    assert "north wall" in cover and "2026-11-21" in cover
    assert "Problems: 2 · Holds: 10 · Volumes: 0" in cover
    assert KOREAN in cover
    for text in (KOREAN, "6B+", "V4", "Problem 2", "초록 · Holds: 5", "시작", "Top", "Setter"):
        assert text in cards.splitlines()


def test_the_wall_s_own_names_are_printed_and_the_given_ones_come_first(pixels: np.ndarray) -> None:
    analysis = wall(2)
    named = [replace(problem, name="Own", grade="7A") for problem in analysis.problems]
    analysis = replace(analysis, problems=tuple(named))

    found, _ = pages_of(analysis, pixels, names={2: ("Given", "")})

    lines = found[1].words.splitlines()
    assert lines.count("Own") == 1 and lines.count("7A") == 1
    assert "Given" in lines and "Grade" in lines  # room to write the grade of the second


@pytest.mark.parametrize("grade", ["V10-V11", "6C+/7A", "6A+ à 7A", "초급-중급"])
def test_a_range_of_grades_is_read_whole_on_its_card(pixels: np.ndarray, grade: str) -> None:
    found, _ = pages_of(wall(1), pixels, names={1: ("", grade)})

    assert grade in found[1].words.splitlines()


def test_a_name_in_decomposed_hangul_is_composed_and_unknown_signs_become_boxes(
    pixels: np.ndarray,
) -> None:
    decomposed = "\u1112\u1161\u11ab"  # as file names on a Mac are: three letters for one syllable
    names = {1: (f"{decomposed} a\u0301 \U0001f9d7\ud800\x07\u200b\n x", "")}

    found, _ = pages_of(wall(1), pixels, names=names)

    assert "한 á □□ x" in found[1].words.splitlines()


def test_holds_are_numbered_from_below_and_volumes_are_not(pixels: np.ndarray) -> None:
    analysis = wall(1, holds_each=3)
    volume = replace(make_hold(7, (2000, 300, 400, 300), problem=1), kind="volume")
    problem = Problem(1, "green", (100, 101, 102, 7))
    analysis = replace(analysis, holds=(*analysis.holds, volume), problems=(problem,))

    found, _ = pages_of(analysis, pixels)

    assert "green · Holds: 3 · Volumes: 1" in found[1].words
    heights = {text: y for text, _, y in found[1].texts if text in ("2", "3")}
    first = min(y for text, _, y in found[1].texts if text == "1")  # the other is the problem's
    assert first < heights["2"] < heights["3"]
    assert "4" not in found[1].words.splitlines()


def test_the_cover_numbers_every_hold_of_a_problem(pixels: np.ndarray) -> None:
    found, _ = pages_of(wall(3, holds_each=4), pixels)

    lines = found[0].words.splitlines()
    assert [lines.count(str(number)) for number in (1, 2, 3)] == [5, 5, 5]  # and in the legend


def test_an_empty_wall_says_so(pixels: np.ndarray) -> None:
    found, _ = pages_of(make_analysis(photo=wall(1).photo), pixels)

    assert "There are no problems on this wall yet." in found[0].words


def test_chosen_problems_in_the_chosen_order(pixels: np.ndarray) -> None:
    found, pictures = pages_of(wall(6), pixels, problems=[5, 2])

    titles = [line for line in found[1].words.splitlines() if line.startswith("Problem ")]
    assert titles == ["Problem 5", "Problem 2"]
    assert len(pictures) == 3


def test_pictures_are_cut_out_and_bounded(pixels: np.ndarray) -> None:
    _, (cover, card) = pages_of(wall(1), pixels)

    shapes = [
        cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape
        for jpeg in (cover, card)
    ]
    assert max(shapes[0]) <= 1600
    # 2.1 m of holds above each other, not the whole width of the wall.
    assert shapes[1][0] / shapes[1][1] == pytest.approx(1.07, abs=0.1)


def test_the_same_wall_on_the_same_day_is_the_same_file(pixels: np.ndarray) -> None:
    analysis = wall(2)
    first, second = (
        write_sheet(analysis, pixels, 2.0, date=DAY, names={1: (KOREAN, "")}) for _ in range(2)
    )

    assert first == second
    assert write_sheet(analysis, pixels, 2.0, date=date(2026, 11, 22)) != first


def test_a_wall_of_sixty_holds_is_small_in_the_file_and_in_memory(pixels: np.ndarray) -> None:
    analysis = wall(12)
    write_sheet(wall(1), pixels, 2.0, date=DAY)  # so that the imports do not count
    tracemalloc.start()
    data = write_sheet(analysis, pixels, 2.0, date=DAY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(data) < 3_000_000
    assert peak < 40 * 2**20


@pytest.mark.parametrize("count", [0, 1, MAX_PROBLEMS, MAX_PROBLEMS + 1, 100])
def test_parts_hold_every_problem_once_and_fit(count: int) -> None:
    parts = sheet_parts(range(1, count + 1))

    assert [number for part in parts for number in part] == list(range(1, count + 1))
    assert len(parts) == -(-count // MAX_PROBLEMS)
    assert all(0 < len(part) <= MAX_PROBLEMS for part in parts)
    assert max(map(len, parts), default=0) - min(map(len, parts), default=0) <= 1


def test_too_many_problems_are_refused_with_a_way_out(pixels: np.ndarray) -> None:
    with pytest.raises(OutputError) as caught:
        write_sheet(wall(MAX_PROBLEMS + 1, holds_each=1), pixels, 2.0, date=DAY)

    assert caught.value.code == "sheet_too_many_problems"
    assert "31" in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    "wrong",
    [
        {"pixels": np.zeros((4, 4), np.uint8)},
        {"pixels": np.zeros((4, 4, 3), np.float32)},
        {"scale": 0.0},
        {"paper": "A3"},
        {"cards_per_page": 3},
        {"problems": [99]},
    ],
)
def test_what_cannot_be_printed_is_refused(pixels: np.ndarray, wrong: dict[str, Any]) -> None:
    options: dict[str, Any] = {"pixels": pixels, "scale": 2.0, "date": DAY, **wrong}

    with pytest.raises(ValueError, match="expected"):
        write_sheet(wall(1), **options)


def test_the_pdf_library_is_loaded_only_for_printing() -> None:
    code = "import sys, core.sheet; sys.exit(any(m in sys.modules for m in ('fpdf', 'fontTools')))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def poppler(tool: str, *arguments: Sequence[str] | str) -> str:
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed (Debian: poppler-utils)")
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, check=True)
    assert not done.stderr, done.stderr
    return done.stdout.decode("utf-8")


def test_poppler_reads_the_same_text_without_complaint(pixels: np.ndarray, tmp_path: Any) -> None:
    path = tmp_path / "sheet.pdf"
    path.write_bytes(write_sheet(wall(5), pixels, 2.0, date=DAY, names={1: (KOREAN, "6B+")}))

    text = poppler("pdftotext", "-layout", path, "-")

    assert text.count("\f") == 3
    assert KOREAN in text and "6B+" in text and "Page 3 of 3" in text
    fonts = poppler("pdffonts", path).splitlines()[2:]
    assert len(fonts) == 2
    assert all("yes yes yes" in line for line in fonts)  # embedded, a subset, with a text map
