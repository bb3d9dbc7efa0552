"""A wall on paper: a cover with all problems, then one card per problem to pin up and write on.

Nothing on the sheet rests on colour alone: problems have numbers, colours their names in words, so
that colour-blind setters and black-and-white printers lose nothing. Who climbs what is the setter's
to say: the numbers on a card run from the lowest hold to the highest only so that one can write
down which are start and top.

Only layout is here. Pictures come from :mod:`core.problem_pictures`, the paper from
:mod:`core.sheet_canvas`, which is imported when a sheet is written, since fpdf2 is not needed
before. One picture is in memory at a time, beside the finished pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date as Date
from itertools import pairwise
from math import ceil
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from core.arrays import Pixels, check_picture
from core.errors import OutputError
from core.labels import Plate, place_plates
from core.overlay import DISPLAY_COLOURS, contrasting, display_colour
from core.problem_pictures import faded_jpeg, frame
from core.sheet_geometry import FOOT_MM, GUTTER_MM, MARGIN_MM, Placed, card_places
from core.wall import RGB, Box, Hold, Point, Problem, WallAnalysis

if TYPE_CHECKING:
    from core.sheet_canvas import Canvas

Paper = Literal["A4", "Letter"]
PAPER_MM: dict[Paper, tuple[float, float]] = {"A4": (210.0, 297.0), "Letter": (215.9, 279.4)}

CardsPerPage = Literal[2, 4]

MAX_PROBLEMS = 30
"""More in one file would take long to make and to print; :func:`sheet_parts` divides them."""

_GRADE_SMALLEST = 0.4
"""A range such as ``V10-V11`` has to be read whole: half a grade is another grade."""

_DARK: RGB = (20, 20, 20)
_LIGHT: RGB = (255, 255, 255)
_STRAY: RGB = (120, 120, 120)

_GRADE_MM = 17.0
"""Width of the box for the grade on a card."""


@dataclass(frozen=True, slots=True)
class SheetWords:
    """Every text on the sheet; names in braces are filled in. ``colours`` maps palette names to
    words; a name that it lacks is printed as it is. ``language`` is a tag such as ``en`` or ``ko``,
    for screen readers."""

    title: str = "Wall sheet"
    summary: str = "Problems: {problems} · Holds: {holds} · Volumes: {volumes}"
    problem: str = "Problem {number}"
    holds: str = "Holds: {count}"
    holds_and_volumes: str = "Holds: {holds} · Volumes: {volumes}"
    grade: str = "Grade"
    start: str = "Start"
    top: str = "Top"
    setter: str = "Setter"
    notes: str = "Notes"
    numbering: str = (
        "The numbers run from the lowest hold to the highest, not in order of the moves."
    )
    strays: str = "Grey outlines: holds of no problem."
    page: str = "Page {page} of {pages}"
    no_problems: str = "There are no problems on this wall yet."
    language: str = "en"
    colours: Mapping[str, str] = field(default_factory=dict)

    def colour(self, name: str) -> str:
        """The word for a palette name."""
        return self.colours.get(name, name)


def sheet_parts(problem_ids: Sequence[int]) -> list[tuple[int, ...]]:
    """``problem_ids`` divided into as few files as :data:`MAX_PROBLEMS` allows, about equally."""
    count = ceil(len(problem_ids) / MAX_PROBLEMS)
    cuts = [round(part * len(problem_ids) / count) for part in range(count + 1)] if count else []
    return [tuple(problem_ids[low:high]) for low, high in pairwise(cuts)]


def write_sheet(
    analysis: WallAnalysis,
    pixels: Pixels,
    scale: float,
    *,
    date: Date,
    names: Mapping[int, tuple[str, str]] | None = None,
    words: SheetWords | None = None,
    paper: Paper = "A4",
    cards_per_page: CardsPerPage = 4,
    problems: Sequence[int] | None = None,
) -> bytes:
    """The sheet of ``analysis`` as a PDF file.

    ``pixels`` is the working picture, uint8 sRGB (H, W, 3), and ``scale`` full size over its size.
    ``names`` gives problems a (name, grade) by id instead of their own; where one is empty, the
    number is printed and the grade's place left to write on. ``problems`` are the ids to print
    cards of, in that order; all by default. The same arguments give the same bytes.

    Raises :class:`core.errors.OutputError` (``sheet_too_many_problems``) for more than
    :data:`MAX_PROBLEMS` cards, and ``ValueError`` for other pixels, paper, cards or problems.
    """
    check_picture(pixels)
    if not scale > 0:
        raise ValueError(f"expected a positive scale, got {scale!r}")
    if paper not in PAPER_MM or cards_per_page not in get_args(CardsPerPage):
        raise ValueError(f"expected paper A4 or Letter, 2 or 4 cards: {paper}, {cards_per_page}")
    chosen = _chosen(analysis, problems)
    sheet = _Sheet(analysis, pixels, scale, date, names or {}, words or SheetWords())
    return sheet.write(chosen, paper, cards_per_page)


def _chosen(analysis: WallAnalysis, ids: Sequence[int] | None) -> tuple[Problem, ...]:
    known = {problem.id: problem for problem in analysis.problems}
    wanted = list(known) if ids is None else list(ids)
    if not set(wanted) <= set(known):
        raise ValueError(f"expected ids of problems, got {sorted(set(wanted) - set(known))}")
    if len(wanted) > MAX_PROBLEMS:
        raise OutputError(
            "sheet_too_many_problems",
            f"{len(wanted)} problems are too many for one sheet; it holds {MAX_PROBLEMS}.",
            "Choose fewer problems, or print them on several sheets.",
        )
    return tuple(known[number] for number in wanted)


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    analysis: WallAnalysis
    pixels: Pixels
    scale: float
    date: Date
    names: Mapping[int, tuple[str, str]]
    words: SheetWords

    def write(self, problems: Sequence[Problem], paper: Paper, cards_per_page: int) -> bytes:
        from core.sheet_canvas import Canvas  # fpdf2 and fontTools: only who prints pays for them

        size = PAPER_MM[paper]
        photo_name = PurePath(self.analysis.photo.name).stem or self.words.title
        canvas = Canvas(size, photo_name, self.words.language, self.date)
        pages = 1 + ceil(len(problems) / cards_per_page)
        canvas.page()
        self._cover(canvas, size, problems, photo_name)
        self._foot(canvas, size, 1, pages, photo_name)
        places = card_places(size, cards_per_page)
        for index, problem in enumerate(problems):
            page, place = divmod(index, cards_per_page)
            if place == 0:
                canvas.page()
                self._foot(canvas, size, page + 2, pages, photo_name)
            self._card(canvas, problem, places[place])
        return canvas.finish()

    def _cover(
        self, canvas: Canvas, size: tuple[float, float], problems: Sequence[Problem], name: str
    ) -> None:
        width = size[0] - 2 * MARGIN_MM
        canvas.text(MARGIN_MM, MARGIN_MM + 7, name, 20, width=width - 32, bold=True)
        day = self.date.isoformat()
        canvas.text(MARGIN_MM, MARGIN_MM + 7, day, 12, width=width, align="R")
        holds = sum(hold.kind == "hold" for hold in self.analysis.holds)
        counts = {"problems": len(self.analysis.problems), "holds": holds}
        volumes = len(self.analysis.holds) - holds
        summary = self.words.summary.format(**counts, volumes=volumes)
        canvas.text(MARGIN_MM, MARGIN_MM + 14, summary, 10, width=width)
        columns = 2 if len(problems) <= 16 else 3
        legend_mm = 6.2 * ceil(len(problems) / columns) if problems else 8.0
        top = MARGIN_MM + 18
        foot = size[1] - MARGIN_MM - FOOT_MM
        photo = self.analysis.photo
        whole = (0.0, 0.0, float(photo.width), float(photo.height))
        placed = Placed.within(whole, MARGIN_MM, top, width, foot - legend_mm - 4 - top)
        placed = Placed(whole, placed.x, top, placed.width, placed.height)
        self._picture(canvas, placed, self.analysis.holds, dict(self._numbers(problems)))
        self._legend(canvas, problems, top + placed.height + 8, columns, width)

    def _numbers(self, problems: Sequence[Problem]) -> list[tuple[int, tuple[str, RGB]]]:
        """For each hold of ``problems`` its problem's number and the ground to print it on."""
        return [
            (number, (str(problem.id), self._ground(problem)))
            for problem in problems
            for number in problem.holds
        ]

    def _named(self, problem: Problem) -> tuple[str, str]:
        """Name and grade, empty where there is none."""
        return self.names.get(problem.id, (problem.name, problem.grade))

    def _ground(self, problem: Problem) -> RGB:
        holds = {hold.id: hold for hold in self.analysis.holds}
        return DISPLAY_COLOURS.get(problem.colour, holds[problem.holds[0]].colour.rgb)

    def _legend(
        self, canvas: Canvas, problems: Sequence[Problem], top: float, columns: int, width: float
    ) -> None:
        if not problems:
            canvas.text(MARGIN_MM, top, self.words.no_problems, 11, width=width)
            return
        rows = ceil(len(problems) / columns)
        column_mm = (width - (columns - 1) * GUTTER_MM) / columns
        for index, problem in enumerate(problems):
            x = MARGIN_MM + (index // rows) * (column_mm + GUTTER_MM)
            y = top + 6.2 * (index % rows)
            ground = self._ground(problem)
            number = str(problem.id)
            canvas.plate((x + 4, y - 1.2), number, 9, ground, contrasting(ground))
            name, grade = self._named(problem)
            colour = self.words.colour(problem.colour)
            used = canvas.text(x + 9, y, colour, 9, width=0.4 * column_mm - 9)
            grade_mm = 0.2 * column_mm if grade else 0.0
            end = x + column_mm
            canvas.text(end - grade_mm, y, grade, 9, width=grade_mm, bold=True, align="R")
            start = x + 9 + used + 3
            canvas.text(start, y, name, 9, width=end - grade_mm - 2 - start, bold=True)

    def _picture(
        self,
        canvas: Canvas,
        placed: Placed,
        holds: Sequence[Hold],
        labels: Mapping[int, tuple[str, RGB]],
    ) -> None:
        """The part of the photo with ``holds`` outlined; those of ``labels`` in colour, named."""
        named = [hold for hold in holds if hold.id in labels]
        jpeg = faded_jpeg(self.pixels, self.scale, placed.part, named, placed.longest_px)
        canvas.picture(jpeg, placed.x, placed.y, placed.width, placed.height)
        strong = max(0.35, min(0.9, placed.width / 150))
        lines: list[tuple[Sequence[Point], RGB, float, bool]] = []
        # Volumes first: the holds that are screwed onto them stay on top.
        for hold in sorted(holds, key=lambda hold: hold.kind == "hold"):
            outline, dashed = placed.outline(hold), hold.kind == "volume"
            if hold.id not in labels:
                lines.append((outline, _STRAY, 0.2, dashed))
                continue
            line = min(strong, min(placed.box(hold)[2:]) / 6)
            lines.append((outline, _DARK, 2 * line, False))
            lines.append((outline, display_colour(hold.colour), line, dashed))
        canvas.outlines(lines, (placed.x, placed.y, placed.width, placed.height))
        self._plates(canvas, placed, named, labels)

    def _plates(
        self,
        canvas: Canvas,
        placed: Placed,
        holds: Sequence[Hold],
        labels: Mapping[int, tuple[str, RGB]],
    ) -> None:
        size = 8.0 if len(holds) <= 25 else 6.5
        plates = [
            Plate(
                labels[hold.id][0],
                labels[hold.id][1],
                canvas.plate_size(labels[hold.id][0], size),
                placed.box(hold),
            )
            for hold in holds
            if labels[hold.id][0]
        ]
        boxes = np.array([placed.box(hold) for hold in holds], dtype=np.float64).reshape(-1, 4)
        middles = place_plates(plates, boxes, (placed.height, placed.width))
        for plate, (x, y) in zip(plates, middles, strict=True):
            ink = contrasting(plate.colour)
            canvas.plate((placed.x + x, placed.y + y), plate.text, size, plate.colour, ink)

    def _card(self, canvas: Canvas, problem: Problem, place: Box) -> None:
        x, y, width, height = place
        canvas.box(x, y, width, height, radius=2.0)
        x, y, width, height = x + 3, y + 3, width - 6, height - 6
        by_id = {hold.id: hold for hold in self.analysis.holds}
        members = [by_id[number] for number in problem.holds]
        if width > height:  # picture on the left, writing on the right
            text_mm = 0.36 * width
            picture = (x, y, width - text_mm - 4, height)
            self._head(canvas, problem, members, (x + width - text_mm, y, text_mm))
            self._lines(canvas, (x + width - text_mm, y + 24, text_mm, height - 24), 10.0)
        else:
            lines_mm = 22.0
            picture = (x, y + 15, width, height - 15 - lines_mm)
            self._head(canvas, problem, members, (x, y, width))
            self._lines(canvas, (x, y + height - lines_mm, width, lines_mm), 7.3)
        part = frame(members, self.analysis.photo, picture[2] / picture[3])
        placed = Placed.within(part, *picture)
        self._picture(canvas, placed, members, _from_below(members))

    def _head(
        self,
        canvas: Canvas,
        problem: Problem,
        members: Sequence[Hold],
        place: tuple[float, float, float],
    ) -> None:
        """Number, name, colour and counts on the left, the grade in a box on the right."""
        x, y, width = place
        name, grade = self._named(problem)
        self._grade_box(canvas, grade, x + width - _GRADE_MM, y)
        left_mm = width - _GRADE_MM - 3
        ground = self._ground(problem)
        number = str(problem.id)
        plate_mm, plate_high = canvas.plate_size(number, 13)
        canvas.plate(
            (x + plate_mm / 2, y + plate_high / 2), number, 13, ground, contrasting(ground)
        )
        title = name or self.words.problem.format(number=problem.id)
        after = plate_mm + 2
        canvas.two_lines(x + after, y + 4.4, title, 13, width=left_mm - after)
        canvas.box(x, y + 7.6, 6, 3.6, fill=ground)
        text = f"{self.words.colour(problem.colour)} · {self._counts(members)}"
        canvas.text(x + 8, y + 10.6, text, 9, width=left_mm - 8)

    def _grade_box(self, canvas: Canvas, grade: str, x: float, y: float) -> None:
        """The grade in its box; where there is none, the word for it above room to write."""
        canvas.box(x, y, _GRADE_MM, 11.5, line_mm=0.35)
        room = _GRADE_MM - 2
        if grade:
            small = _GRADE_SMALLEST
            canvas.text(x + 1, y + 8, grade, 15, width=room, bold=True, align="C", smallest=small)
        else:
            canvas.text(x + 1, y + 3, self.words.grade, 6, width=room, colour=_STRAY)

    def _counts(self, members: Sequence[Hold]) -> str:
        holds = sum(hold.kind == "hold" for hold in members)
        volumes = len(members) - holds
        if volumes:
            return self.words.holds_and_volumes.format(holds=holds, volumes=volumes)
        return self.words.holds.format(count=holds)

    def _lines(self, canvas: Canvas, place: Box, step: float) -> None:
        """Start and top, the setter, then notes to the end of the place."""
        x, y, width, height = place
        words, half = self.words, (width - 4) / 2
        y += step - 1.5
        _field(canvas, x, y, half, words.start)
        _field(canvas, x + half + 4, y, half, words.top)
        _field(canvas, x, y + step, width, words.setter)
        _field(canvas, x, y + 2 * step, width, words.notes)
        for row in range(3, int((height + 1.5) / step)):
            canvas.rule(x, y + row * step, width)

    def _foot(
        self, canvas: Canvas, size: tuple[float, float], page: int, pages: int, name: str
    ) -> None:
        y, width = size[1] - MARGIN_MM, size[0] - 2 * MARGIN_MM
        note = self.words.strays if page == 1 else self.words.numbering
        canvas.text(MARGIN_MM, y, note, 7, width=0.48 * width, colour=_STRAY)
        where = self.words.page.format(page=page, pages=pages)
        end = MARGIN_MM + width
        dated = f"{self.date.isoformat()} · {where}"
        used = canvas.text(end - 50, y, dated, 7, width=50, colour=_STRAY, align="R")
        start = MARGIN_MM + 0.5 * width
        room = end - used - 3 - start
        canvas.text(start, y, name, 7, width=room, colour=_STRAY, align="R")


def _field(canvas: Canvas, x: float, y: float, width: float, label: str) -> None:
    """A word and a line to write on behind it."""
    used = canvas.text(x, y, label, 8, width=0.6 * width)
    canvas.rule(x + used + 1.5, y + 0.4, width - used - 1.5)


def _from_below(holds: Sequence[Hold]) -> dict[int, tuple[str, RGB]]:
    """Numbers from 1 for the holds (no volumes), the lowest on the wall first, on white."""
    rising = sorted(
        (hold for hold in holds if hold.kind == "hold"),
        key=lambda hold: (-hold.centre[1], hold.centre[0], hold.id),
    )
    labels = {hold.id: (str(place), _LIGHT) for place, hold in enumerate(rising, start=1)}
    return labels | {hold.id: ("", _LIGHT) for hold in holds if hold.kind == "volume"}
