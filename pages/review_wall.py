"""The shown wall on the review page: the clickable photo, and what it asks for."""

from __future__ import annotations

import streamlit as st

from core.analysis import Models
from core.errors import ClimbMateError
from core.photo_queue import QueuedPhoto
from core.proposal import Proposal, propose_at, propose_in, typical_size
from core.review import Review
from core.review_edits import AddHold, DeleteHolds
from core.review_filter import HoldFilter
from core.wall import Box, Point
from core.wall_picture import WallPicture, photo_of, seen_drawing, seen_picture, wall_drawing
from pages.colour_words import colour_words
from pages.review_state import change, desk, edit, shown_review, what_was_done
from pages.shared import Ready, plain, session_choices
from pages.wall_events import Listeners
from pages.wall_view import Chosen, Narrowed, wall_view
from pages.words import _

KEY = "wall"


def show_wall(ready: Ready, photo: QueuedPhoto, review: Review, picture: WallPicture) -> None:
    """The wall, in the colours that the chosen viewer sees."""
    work = desk()
    drawing = wall_drawing(review.analysis(), picture.scale)
    shown = picture
    if work.vision is not None:
        if work.seen is None or work.seen[:2] != (photo.number, work.vision):
            work.seen = (photo.number, work.vision, seen_picture(picture, work.vision))
        shown = work.seen[2]
        drawing = seen_drawing(drawing, work.vision)
    wall_view(
        shown,
        drawing,
        Chosen(work.chosen, work.serial, work.reveal),
        Listeners(
            selection=select,
            remove=delete,
            point=lambda point: add(ready, point=point),
            box=lambda box: add(ready, box=box),
            narrow=narrow,
        ),
        Narrowed(work.filter, work.filter_serial),
        key=KEY,
        colour_words=colour_words(),
        photo_key=photo.sha256,
    )


def select(holds: tuple[int, ...]) -> None:
    """The setter selected holds on the wall, which shows them already."""
    shown = shown_review()
    known = {hold.id for hold in shown[1].holds} if shown else set()
    desk().chosen = tuple(number for number in holds if number in known)
    desk().picks += 1


def narrow(wish: HoldFilter) -> None:
    """The setter set the filter on the wall, which shows it already; the tables follow."""
    shown = shown_review()
    if shown is not None:
        desk().filter = wish.pruned(shown[1].holds, shown[1].problems)
        desk().picks += 1


def delete(holds: tuple[int, ...]) -> None:
    """Take holds off the wall; undo brings them back."""
    if edit(DeleteHolds(holds)):
        desk().choose(())


def add(ready: Ready, *, point: Point | None = None, box: Box | None = None) -> None:
    """Add the hold that is at a point or in a box, and select it."""
    shown = shown_review()
    if shown is None:
        return
    try:
        proposal = propose(ready, shown[1], shown[2], point, box)
    except ClimbMateError as error:
        desk().tell(error)
        return
    number = shown[1].next_hold
    if edit(AddHold.like(proposal.hold)):
        desk().choose((number,))


def propose(
    ready: Ready, review: Review, picture: WallPicture, point: Point | None, box: Box | None
) -> Proposal:
    """What the models see there."""
    photo = photo_of(picture, review.photo)
    settings = ready.settings

    def look(models: Models) -> Proposal:
        if point is not None:
            size = typical_size(review.holds)
            return propose_at(photo, point, models, settings, typical_px=size)
        assert box is not None  # the wall sends one or the other
        return propose_in(photo, box, models, settings)

    return ready.service.use_models(look, choices=session_choices())


def undo() -> None:
    """Take the last edit back."""
    change(Review.undo)


def redo() -> None:
    """Make the edit again that was taken back."""
    change(Review.redo)


def show_history(review: Review) -> None:
    """Undo and redo, which say what they would do."""
    back, forth = what_was_done(review.undo_what), what_was_done(review.redo_what)
    st.button(
        _("Undo"),
        key="undo",
        icon=":material/undo:",
        disabled=review.undo_what is None,
        help=_("Undo: {what}").format(what=back) if back else None,
        on_click=undo,
    )
    st.button(
        _("Redo"),
        key="redo",
        icon=":material/redo:",
        disabled=review.redo_what is None,
        help=_("Redo: {what}").format(what=forth) if forth else None,
        on_click=redo,
    )


def show_caption(photo: QueuedPhoto, review: Review) -> None:
    """Which photo this is, and what the outlines mean."""
    info = review.photo
    st.caption(
        _(
            "{name}, {width} x {height} pixels, analysed in {seconds:.1f} s. A question mark is a "
            "colour to decide by eye; volumes are dashed."
        ).format(name=plain(info.name), width=info.width, height=info.height, seconds=photo.seconds)
    )
