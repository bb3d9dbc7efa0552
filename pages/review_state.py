"""What a session has on its desk: the photos with their reviews, the selection, and notices.

All of it is plain: encoded pictures, documents' records, ids. Edits go through :func:`edit`, which
turns a refusal into a notice. The desk is the one thing that the review page keeps by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from core.colour_vision import Deficiency
from core.errors import ClimbMateError
from core.photo_queue import PhotoQueue, QueuedPhoto
from core.review import Review
from core.review_edits import Edit
from core.review_filter import HoldFilter
from core.review_keeping import Keeping
from core.running_analysis import RunningAnalysis
from core.wall_picture import WallPicture
from pages.wall_view import Reveal
from pages.words import _

KEY = "desk"


@dataclass(slots=True)
class Desk:
    """One session's work. ``edits`` counts changes of any review, ``picks`` selections and filters
    that did not come from the table, and edits that were refused: tables start afresh with them.
    ``rounds`` empties the uploaders.
    ``deciding``: unsure colours are gone through, one by one."""

    queue: PhotoQueue = field(default_factory=PhotoQueue)
    chosen: tuple[int, ...] = ()
    serial: int = 0
    reveal: Reveal = ""
    deciding: bool = False
    filter: HoldFilter = field(default_factory=HoldFilter)
    filter_serial: int = 0
    edits: int = 0
    picks: int = 0
    rounds: int = 0
    vision: Deficiency | None = None
    seen: tuple[int, Deficiency, WallPicture] | None = None
    running: RunningAnalysis | None = None
    notices: list[tuple[str, str]] = field(default_factory=list)
    keeping: Keeping = field(default_factory=Keeping)
    told_no_room: bool = False

    def tell(self, error: ClimbMateError) -> None:
        """Show the error on this run of the page."""
        self.notices.append((error.message, error.hint))

    def choose(self, holds: tuple[int, ...], *, reveal: Reveal = "") -> None:
        """Select holds from the page's side: the wall follows."""
        self.chosen, self.reveal = holds, reveal
        self.serial += 1
        self.picks += 1

    def narrow(self, wish: HoldFilter) -> None:
        """Look at these holds, from the page's side: the wall follows."""
        self.filter = wish
        self.filter_serial += 1
        self.picks += 1

    def turn(self) -> None:
        """Another photo is looked at: selection and filter belonged to the last one."""
        self.choose(())
        self.narrow(HoldFilter())


def desk() -> Desk:
    """This session's desk."""
    if KEY not in st.session_state:
        st.session_state[KEY] = Desk()
    found: Desk = st.session_state[KEY]
    return found


def shown_review() -> tuple[QueuedPhoto, Review, WallPicture] | None:
    """The photo that is looked at, with what is there once it is done."""
    photo = desk().queue.shown
    if photo is None or photo.review is None or photo.picture is None:
        return None
    return photo, photo.review, photo.picture


def change(make: Callable[[Review], Review]) -> bool:
    """Replace the shown review by what ``make`` gives; whether anything changed. A refusal becomes
    a notice, and the review stays."""
    shown = shown_review()
    if shown is None:
        return False
    photo, before, _picture = shown
    try:
        after = make(before)
    except ClimbMateError as error:
        desk().tell(error)
        desk().picks += 1  # a table that was typed into shows what is there again
        return False
    if after is before:
        return False
    photo.review = after
    desk().edits += 1
    known = {hold.id for hold in after.holds}
    desk().chosen = tuple(number for number in desk().chosen if number in known)
    desk().filter = desk().filter.pruned(after.holds, after.problems)  # as the wall does by itself
    return True


def edit(*edits: Edit) -> bool:
    """Make edits of the shown review; whether anything changed."""

    def apply(review: Review) -> Review:
        for one in edits:
            review = review.apply(one)
        return review

    return change(apply)


def make(*edits: Edit) -> None:
    """:func:`edit` for a widget, which asks for no answer."""
    edit(*edits)


def adopt(photo: QueuedPhoto, review: Review) -> None:
    """Look at another review of ``photo``, one that was saved or kept."""
    work = desk()
    work.queue.adopt(photo, review)
    work.edits += 1
    work.turn()


def look_at(number: int) -> None:
    """Show another photo."""
    desk().queue.current = number
    desk().turn()


def what_was_done(code: str | None) -> str:
    """An edit in words, for the undo and redo buttons."""
    words = {
        "recolour": _("change of colour"),
        "change_kind": _("change of kind"),
        "delete": _("deleted holds"),
        "add": _("added hold"),
        "move": _("moved holds"),
        "form": _("new problem"),
        "split": _("split problem"),
        "merge": _("merged problems"),
        "describe": _("name and grade"),
        "several": _("changes in the table"),
    }
    return words.get(code or "", "")
