"""Photos and saved reviews come in: by upload, by camera, or the demo wall.

What was taken goes into the session's queue at once and the uploader is emptied, so that no photo
lies in memory twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import streamlit as st

from core.errors import ClimbMateError, ReviewFileError
from core.memory import preflight
from core.photo_formats import wrong_ending
from core.photo_limits import too_many_bytes
from core.review_file import MAX_FILE_MB, check_photo, open_review
from core.settings import Settings
from pages.demo import DEMO_WALL
from pages.refused_files import RefusedFile, hear_refused
from pages.review_state import adopt, desk
from pages.uploads import PHOTO_ENDINGS, ends_as_photo, let_go, present, uploader_limit
from pages.words import _, ngettext


def show_intake(settings: Settings) -> None:
    """The ways in for photos."""
    turn = desk().rounds
    st.file_uploader(
        _("Photos of walls"),
        type=PHOTO_ENDINGS,
        accept_multiple_files=True,
        max_upload_size=uploader_limit(settings.max_photo_mb),
        key=f"photos-{turn}",
        on_change=take_uploads,
        args=(f"photos-{turn}",),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Demo wall"),
            icon=":material/landscape:",
            help=_("A wall that ClimbMate drew."),
            on_click=take_demo,
            key="demo",
        )
        camera = st.toggle(_("Use the camera"), key="camera_on")
    show_room(settings)
    if camera:
        st.camera_input(
            _("Photo of a wall"),
            key=f"camera-{turn}",
            on_change=take_uploads,
            args=(f"camera-{turn}",),
        )


def show_room(settings: Settings) -> None:
    """How many more photos the list and the server's memory take just now, in one plain line.

    The list hands its photos over one by one, so what waits in the service's line is no bound.
    """
    free = desk().queue.free
    if not free:
        st.caption(_("No more photos can be open at a time: remove one to add another."))
        return
    room = min(free, preflight.room_now(replace(settings, queue_size=free - 1)))
    if room:
        text = ngettext("Room for {count} more photo.", "Room for {count} more photos.", room)
        st.caption(text.format(count=room))
    else:
        st.warning(
            _("The server has no room for a photo just now. Try again in a minute."),
            icon=":material/memory:",
        )


def take_uploads(key: str) -> None:
    """Put what an uploader or the camera holds into the queue, and empty it."""
    files = present(st.session_state[key])
    if not files:
        return
    take((file.name, file.getvalue()) for file in files)
    for file in files:
        let_go(file)
    desk().rounds += 1


def hear_of_refused(settings: Settings) -> None:
    """The element that tells what the uploader of photos refused. It stays where it is while the
    ways in move from the page into the list of photos."""
    turn, most_mb = desk().rounds, uploader_limit(settings.max_photo_mb)
    hear_refused(
        f"photos-{turn}", most_mb, turn, lambda files: tell_refused(files, settings), key="refused"
    )


def tell_refused(files: list[RefusedFile], settings: Settings) -> None:
    """Put what an uploader that is gone refused into the queue, as photos that failed."""
    work = desk()
    for file in files:
        error = (
            too_many_bytes(file.size_bytes, file.name, settings)
            if ends_as_photo(file.name)
            else wrong_ending(file.name)
        )
        try:
            work.queue.refuse(file.name, error)
        except ClimbMateError:
            work.tell(error)


def take_demo() -> None:
    """Put the demo wall into the queue."""
    take([(DEMO_WALL.name, DEMO_WALL.read_bytes())])


def take(files: Iterable[tuple[str, bytes]]) -> None:
    """Put photos, names with bytes, into the queue; those that do not fit are told together."""
    before = desk().queue.shown
    try:
        desk().queue.add_each(files)
    except ClimbMateError as error:
        desk().tell(error)
    if desk().queue.shown is not before:
        desk().turn()


def show_review_opener() -> None:
    """The way in for a review that was saved."""
    key = f"saved-{desk().rounds}"
    st.file_uploader(
        _("Open a saved review"),
        type=["json"],
        max_upload_size=uploader_limit(MAX_FILE_MB),
        key=key,
        help=_("Open its photo first; the review then takes up where it was saved."),
        on_change=take_review,
        args=(key,),
    )


def take_review(key: str) -> None:
    """Open the saved review beside the photo that it belongs to."""
    files = present(st.session_state[key])
    if not files:
        return
    (file,) = files
    queue = desk().queue
    try:
        review = open_review(file.getvalue())
        done = [photo for photo in queue.photos if photo.state == "done"]
        photo = next((p for p in done if p.sha256 == review.photo.sha256), queue.shown)
        if photo is None:
            raise ReviewFileError(
                "review_other_photo",
                f"This review belongs to the photo {review.photo.name}.",
                "Open that photo first.",
            )
        check_photo(review, photo.sha256)
    except ClimbMateError as error:
        desk().tell(error)
    else:
        desk().keeping.begin_line(photo)
        adopt(photo, review)
    let_go(file)
    desk().rounds += 1
