"""What a setter may do to a wall under review: small frozen records, checked when they are applied.

Each edit has a ``what`` (a stable code, which a page translates) and works on a
:class:`~core.review_draft.Draft`; :meth:`core.review.Review.apply` makes it one step that can be
undone. What cannot be done raises :class:`core.errors.EditError` and leaves the review as it was.

What an edit does to problems:

* :class:`Recolour`: the colour is then sure, with a confidence of 1. When all holds of a problem
  have the new colour after the edit, the problem itself was of that colour: it stays together and
  keeps its number, name and grade. Otherwise a recoloured hold leaves a problem of another colour
  and gets the place that the grouping rules give (see :meth:`Draft.place`). A hold that the setter
  had put into a problem of another colour by hand stays there, and giving a hold the colour that it
  already has does not undo where the setter placed it.
* :class:`AddHold`: the new hold gets a place by the same rules.
* :class:`ChangeKind`: the hold stays where it is.
* :class:`MoveHolds`, :class:`FormProblem`, :class:`SplitProblem`, :class:`MergeProblems`: the
  setter's word; colours may mix, and any number of holds is a problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import ClassVar, Protocol

import cv2
import numpy as np

from core.errors import EditError
from core.review_draft import Draft
from core.shown_text import can_be_shown
from core.wall import Box, Colour, Hold, Kind, PhotoInfo, Point

V_GRADES = ("VB", *(f"V{number}" for number in range(18)))
"""The Hueco scale (John Sherman), from basic to V17."""

FONT_GRADES = (
    *("3", "4", "5"),
    *(f"{number}{letter}{plus}" for number in (6, 7, 8) for letter in "ABC" for plus in ("", "+")),
    "9A",
)
"""The Fontainebleau scale, from 3 to 9A."""

MAX_NAME_LENGTH, MAX_GRADE_LENGTH, MAX_COLOUR_LENGTH = 60, 20, 40
"""Characters of a problem's name and grade, and of a colour's name."""

MAX_OUTLINE_POINTS = 1000
"""Points of an outline drawn by hand, at most."""

MIN_OUTLINE_AREA_PX = 4.0
"""Square pixels that an outline encloses, at least: less is a slip of the hand."""


class Edit(Protocol):
    """One thing a setter does. ``what`` is a stable code for programs and translations."""

    what: ClassVar[str]

    def change(self, draft: Draft) -> None:
        """Do it on the working copy. Raises :class:`EditError` when it cannot be done."""


@dataclass(frozen=True, slots=True)
class Recolour:
    """Give holds a colour by hand."""

    what: ClassVar[str] = "recolour"
    holds: tuple[int, ...]
    colour: str

    def change(self, draft: Draft) -> None:
        """Also brings the problems in line: see the module's text."""
        colour = checked_colour(self.colour)
        before = draft.find_holds(self.holds)
        kept = {hold.id for hold in before if _stays(hold, colour, draft)}
        for hold in before:
            draft.put(replace(hold, colour=by_hand(colour, hold.colour)))
            draft.changed.add(hold.id)
        whole = {
            hold.problem
            for hold in before
            if hold.problem is not None
            and all(mate.colour.name == colour for mate in draft.members(hold.problem))
        }
        for number in whole:
            draft.problems[number] = replace(draft.problems[number], colour=colour)
        leaving = [h.id for h in before if h.id not in kept and h.problem not in whole]
        for number in leaving:
            draft.move(draft.holds[number], None)
        if leaving:
            draft.place(leaving)


def _stays(hold: Hold, colour: str, draft: Draft) -> bool:
    """Whether a hold keeps its place when it gets ``colour``."""
    placed = hold.id in draft.placed
    if hold.problem is None:
        return placed and hold.colour.name == colour
    own = draft.problems[hold.problem].colour
    return own == colour or (placed and hold.colour.name != own)


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """Say that holds are volumes, or the other way round."""

    what: ClassVar[str] = "change_kind"
    holds: tuple[int, ...]
    kind: Kind

    def change(self, draft: Draft) -> None:
        """Problems stay as they are."""
        kind = checked_kind(self.kind)
        for hold in draft.find_holds(self.holds):
            if hold.kind != kind:
                draft.put(replace(hold, kind=kind))
                draft.changed.add(hold.id)


@dataclass(frozen=True, slots=True)
class DeleteHolds:
    """Take holds off the wall."""

    what: ClassVar[str] = "delete"
    holds: tuple[int, ...]

    def change(self, draft: Draft) -> None:
        """A problem that loses its last hold vanishes."""
        for hold in draft.find_holds(self.holds):
            draft.remove(hold)


@dataclass(frozen=True, slots=True)
class AddHold:
    """Add a hold that was not found.

    ``polygon`` is its outline in pixels of the upright photo; what reaches over the photo is cut
    off. ``colour`` is what was read or chosen (:func:`chosen_colour`); ``score`` the detector's
    confidence, 1 for an outline drawn by hand.
    """

    what: ClassVar[str] = "add"
    polygon: tuple[Point, ...]
    colour: Colour
    kind: Kind = "hold"
    score: float = 1.0

    @classmethod
    def in_box(cls, box: Box, colour: Colour, kind: Kind = "hold") -> AddHold:
        """A hold outlined by a rectangle: x, y, width, height."""
        x, y, width, height = box
        corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
        return cls(corners, colour, kind)

    @classmethod
    def like(cls, hold: Hold) -> AddHold:
        """Add what was proposed; its id and problem do not matter."""
        return cls(hold.polygon, hold.colour, hold.kind, hold.score)

    def change(self, draft: Draft) -> None:
        """The new hold gets the next id, and a problem by the rules."""
        polygon, area = checked_outline(self.polygon, draft.photo)
        checked_colour(self.colour.name)
        if not 0 <= self.score <= 1:
            raise EditError("bad_score", f"A score is from 0 to 1, not {self.score}.")
        xs, ys = zip(*polygon, strict=True)
        box = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
        number = draft.new_hold_id()
        kind = checked_kind(self.kind)
        draft.put(Hold(number, kind, self.score, box, polygon, area, self.colour))
        draft.changed.add(number)
        draft.place([number])


@dataclass(frozen=True, slots=True)
class MoveHolds:
    """Put holds into a problem, or with None into no problem."""

    what: ClassVar[str] = "move"
    holds: tuple[int, ...]
    problem: int | None

    def change(self, draft: Draft) -> None:
        """Their colours stay, so a problem may become mixed."""
        if self.problem is not None:
            draft.find_problem(self.problem)
        for hold in draft.find_holds(self.holds):
            draft.move(hold, self.problem)
            draft.placed.add(hold.id)


@dataclass(frozen=True, slots=True)
class FormProblem:
    """Make a new problem of holds, whatever problems they were in."""

    what: ClassVar[str] = "form"
    holds: tuple[int, ...]
    name: str = ""
    grade: str = ""

    def change(self, draft: Draft) -> None:
        """The new problem gets the next number."""
        holds = draft.find_holds(self.holds)
        draft.new_problem(holds, checked_name(self.name), checked_grade(self.grade))
        draft.placed.update(hold.id for hold in holds)


@dataclass(frozen=True, slots=True)
class SplitProblem:
    """Some holds of a problem become a problem of their own; the rest keeps number, name, grade."""

    what: ClassVar[str] = "split"
    problem: int
    holds: tuple[int, ...]

    def change(self, draft: Draft) -> None:
        """Raises ``not_in_problem`` for a foreign hold, ``nothing_left`` when none would remain."""
        draft.find_problem(self.problem)
        holds = draft.find_holds(self.holds)
        foreign = [hold.id for hold in holds if hold.problem != self.problem]
        if foreign:
            raise EditError(
                "not_in_problem",
                f"Hold {foreign[0]} is not in problem {self.problem}.",
                "Select only holds of the problem that you want to split.",
            )
        if len(holds) == len(draft.members(self.problem)):
            raise EditError(
                "nothing_left",
                f"All holds of problem {self.problem} are selected, so nothing would be split.",
                "Leave at least one of its holds out of the selection.",
            )
        draft.new_problem(holds)
        draft.placed.update(hold.id for hold in holds)


@dataclass(frozen=True, slots=True)
class MergeProblems:
    """Make one problem of several: the first one given takes the others' holds.

    It keeps its number, and its name and grade; where it has none, the first of the others' stands
    in.
    """

    what: ClassVar[str] = "merge"
    problems: tuple[int, ...]

    def change(self, draft: Draft) -> None:
        """Raises ``too_few_problems`` for fewer than two different ones."""
        merged = [draft.find_problem(number) for number in dict.fromkeys(self.problems)]
        if len(merged) < 2:
            raise EditError(
                "too_few_problems",
                "Merging takes at least two problems.",
                "Select holds of two or more problems.",
            )
        first, *others = merged
        name = next((problem.name for problem in merged if problem.name), "")
        grade = next((problem.grade for problem in merged if problem.grade), "")
        draft.problems[first.id] = replace(first, name=name, grade=grade)
        for problem in others:
            for hold in draft.members(problem.id):
                draft.move(hold, first.id)
                draft.placed.add(hold.id)


@dataclass(frozen=True, slots=True)
class DescribeProblem:
    """Give a problem a name and a grade; None leaves it as it is, an empty text takes it away."""

    what: ClassVar[str] = "describe"
    problem: int
    name: str | None = None
    grade: str | None = None

    def change(self, draft: Draft) -> None:
        """Raises ``name_too_long``, ``grade_too_long`` or ``bad_text``."""
        problem = draft.find_problem(self.problem)
        name = problem.name if self.name is None else checked_name(self.name)
        grade = problem.grade if self.grade is None else checked_grade(self.grade)
        draft.problems[problem.id] = replace(problem, name=name, grade=grade)


@dataclass(frozen=True, slots=True)
class Together:
    """Several edits in one step, as when a table is saved: all are made or none."""

    what: ClassVar[str] = "several"
    edits: tuple[Edit, ...]

    def change(self, draft: Draft) -> None:
        """In the order given."""
        for edit in self.edits:
            edit.change(draft)


def chosen_colour(name: str, rgb: tuple[int, int, int] = (128, 128, 128)) -> Colour:
    """A colour that the setter decided: sure, with a confidence of 1. ``rgb`` as in
    :class:`Colour`, grey where nobody measured it. Raises :class:`EditError`."""
    return Colour(checked_colour(name), 1.0, True, (), rgb)


def by_hand(name: str, before: Colour) -> Colour:
    """The colour ``name`` for a hold that looked like ``before``."""
    after = chosen_colour(name, before.rgb)
    return before if before == after else after


def checked_colour(name: str) -> str:
    """A colour name in the manner of the palette: lower case, single spaces.

    Raises :class:`EditError` (``no_colour``, ``bad_text``, ``colour_too_long``).
    """
    colour = _checked_text(name, "colour", MAX_COLOUR_LENGTH).lower()
    if not colour:
        raise EditError("no_colour", "The colour has no name.", "Choose a colour of the list.")
    return colour


def checked_name(name: str) -> str:
    """A problem's name with single spaces. Raises :class:`EditError`."""
    return _checked_text(name, "name", MAX_NAME_LENGTH)


def checked_grade(grade: str) -> str:
    """A problem's grade with single spaces; any scale. Raises :class:`EditError`."""
    return _checked_text(grade, "grade", MAX_GRADE_LENGTH)


def checked_kind(kind: str) -> Kind:
    """``kind`` itself. Raises :class:`EditError` (``bad_kind``)."""
    match kind:
        case "hold" | "volume":
            return kind
    raise EditError("bad_kind", f"{kind!r} is not a kind.", "Choose hold or volume.")


def _checked_text(text: str, what: str, longest: int) -> str:
    tidy = " ".join(text.split())
    if not can_be_shown(tidy):
        raise EditError(
            "bad_text",
            f"The {what} has characters that cannot be shown.",
            "Type it anew instead of pasting it.",
        )
    if len(tidy) > longest:
        raise EditError(
            f"{what}_too_long",
            f"The {what} has {len(tidy)} characters; at most {longest} fit.",
            "Choose a shorter one.",
        )
    return tidy


def checked_outline(polygon: Sequence[Point], photo: PhotoInfo) -> tuple[tuple[Point, ...], float]:
    """``polygon`` (P, 2) cut off at the photo's rim, and its area in square pixels.

    Raises :class:`EditError` (``bad_outline``, ``outside_photo``, ``outline_too_small``).
    """
    if not 3 <= len(polygon) <= MAX_OUTLINE_POINTS or not all(
        len(point) == 2 and all(map(isfinite, point)) for point in polygon
    ):
        raise EditError(
            "bad_outline",
            f"An outline has 3 to {MAX_OUTLINE_POINTS} points of two numbers each.",
            "Draw it again.",
        )
    points = np.array(polygon, dtype=np.float64)
    limit = np.array([photo.width, photo.height], dtype=np.float64)
    if (points.max(axis=0) <= 0).any() or (points.min(axis=0) >= limit).any():
        raise EditError(
            "outside_photo", "The outline lies outside the photo.", "Draw it on the photo."
        )
    points = np.clip(points, 0, limit)
    area = float(cv2.contourArea((points - points.min(axis=0)).astype(np.float32)))
    if area < MIN_OUTLINE_AREA_PX or (np.ptp(points, axis=0) < 1).any():
        raise EditError(
            "outline_too_small",
            "The outline encloses next to nothing.",
            "Draw it around the whole hold; zoom in where the hold is small.",
        )
    return tuple((float(x), float(y)) for x, y in points), area
