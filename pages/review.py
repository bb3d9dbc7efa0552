"""The review page: photos go in, the wall is looked over and corrected, files come out.

This file only puts the parts in their places: intake and queue, the wall, and beside it (on a
phone: below it) the tabs and the selection, which a phone shows at its lower edge. Everything a
part needs lies on the session's desk (:mod:`pages.review_state`); everything computed comes from
``core``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core.photo_queue import QueuedPhoto
from core.review import Review
from core.wall_picture import WallPicture
from pages.review_downloads import show_downloads
from pages.review_inspector import show_inspector
from pages.review_intake import hear_of_refused, show_intake
from pages.review_keeper import show_keeper
from pages.review_numbers import show_counts, show_numbers
from pages.review_offer import show_kept_names, show_no_room, show_offer
from pages.review_queue import show_list, show_troubles
from pages.review_state import desk, look_at, shown_review
from pages.review_tables import show_holds, show_problems
from pages.review_vision import show_banner, show_vision
from pages.review_wall import show_caption, show_history, show_wall
from pages.review_work import make_place, work_on
from pages.shared import Ready, plain, ready_or_stop, session_choices, show_error
from pages.words import _, told

STYLE = Path(__file__).resolve().parents[1] / "assets" / "review.css"


def show_start(ready: Ready) -> None:
    """Nothing is there yet: what this is, and the ways in."""
    st.title(_("Review a wall"))
    if not desk().queue.photos:
        st.markdown(
            _(
                "Upload photos of a wall, taken straight on and well lit, or try the demo wall. "
                "Every hold gets an outline, a colour and a problem, which you then correct."
            )
        )
        show_kept_names()
    show_intake(ready.settings)


def show_head(ready: Ready, photo: QueuedPhoto, review: Review) -> None:
    """One line above the wall: which photo, more photos, undo and redo."""
    photos = desk().queue.photos
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        done = [other for other in photos if other.state == "done"]
        if len(done) > 1:
            titles = desk().queue.titles()
            names = {other.number: titles[other.number] for other in done}
            st.session_state["photo"] = photo.number
            st.selectbox(
                _("Photo"),
                list(names),
                key="photo",
                format_func=names.__getitem__,
                label_visibility="collapsed",
                on_change=lambda: look_at(st.session_state["photo"]),
                width=240,
            )
        with st.popover(_("Photos"), icon=":material/add_photo_alternate:"):
            show_intake(ready.settings)
            show_list()
        show_history(review)


def show_review(ready: Ready, photo: QueuedPhoto, review: Review, picture: WallPicture) -> None:
    """The wall, and beside it what can be done with it."""
    wall, side = st.columns([3, 2], gap="medium")
    with wall:
        with st.container():
            show_head(ready, photo, review)
            show_offer(photo)
            show_no_room()
            show_banner()
            for warning in review.found.warnings:
                st.warning(plain(told(warning)), icon=":material/warning:")
        show_wall(ready, photo, review, picture)
    with side:
        show_notices()
        show_counts(review.analysis())
        show_inspector(review, palette(ready))
        show_sections(ready, review, picture)
        show_caption(photo, review)


def show_sections(ready: Ready, review: Review, picture: WallPicture) -> None:
    """The rest in tabs, of which only the open one is made."""
    titles = [_("Problems"), _("Holds"), _("Numbers"), _("Vision"), _("Files")]
    makers: list[Callable[[], None]] = [
        lambda: show_problems(review),
        lambda: show_holds(review, palette(ready)),
        lambda: show_numbers(review.analysis()),
        lambda: show_vision(review),
        lambda: show_downloads(review, picture),
    ]
    tabs = st.tabs(titles, key="section", on_change="rerun")
    for tab, make in zip(tabs, makers, strict=True):
        if tab.open:
            with tab:
                make()


def show_notices() -> None:
    """What was refused, once: in sight however far the page is scrolled, and where it pushes no
    wall away under the pointer."""
    with st.container(key="notices"):
        for message, hint in desk().notices:
            show_error(message, hint)
    if desk().queue.next_up is None:  # else it runs again by itself before anybody has read
        desk().notices.clear()


def palette(ready: Ready) -> tuple[str, ...]:
    """The colours that a hold may have in this session."""
    return session_choices().applied_to(ready.settings).palette


def show() -> None:
    """The page. What comes and goes above the wall has places of its own, which are there always:
    else the browser would take the wall for another one, and forget how it is looked at.
    """
    st.html(STYLE)
    with st.container(key="review"):
        ready = ready_or_stop()
        unseen = st.container(key="unseen")
        shown = shown_review()
        with st.container():
            if shown is None:
                show_notices()
                show_start(ready)
            show_troubles()
        place = make_place()
        if shown is not None:
            show_review(ready, *shown)
        with unseen:  # filled last: the wall is what somebody waits for
            show_keeper()
            hear_of_refused(ready.settings)
        work_on(ready, place)


show()
