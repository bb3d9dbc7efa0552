"""Corrections that the browser kept: the offer to restore them, and what can be said about them.

What is offered is decided in :mod:`core.review_keeping`.
"""

from __future__ import annotations

import streamlit as st

from core.errors import ClimbMateError
from core.photo_queue import QueuedPhoto
from core.review_kept import Kept
from pages.review_state import adopt, desk
from pages.shared import plain
from pages.words import _

MOST_NAMES = 5
"""Photos that are named, at most; the others are not more than a mark."""


def show_offer(photo: QueuedPhoto) -> None:
    """One line above the wall where the browser keeps other corrections of it."""
    offer = desk().keeping.offer_for(photo)
    if offer is None:
        return
    kept, readable = offer
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="offer"):
        text = when_made(kept) if readable else when_made(kept) + " " + _("They cannot be read.")
        st.markdown(":material/history: " + text, width="stretch")
        with st.container(horizontal=True, gap="small", width="content"):
            offer_buttons(photo, readable)


def offer_buttons(photo: QueuedPhoto, readable: bool) -> None:
    """What can be done with the corrections."""
    if readable:
        st.button(
            _("Restore"),
            key="restore",
            type="primary",
            help=_(
                "Go on where they were left, with undo. What you have corrected here meanwhile is "
                "kept too, and offered next."
            ),
            on_click=restore,
            args=(photo,),
        )
    st.button(
        _("Discard"),
        key="discard",
        help=_("Remove them from this browser for good."),
        on_click=desk().keeping.discard,
        args=(photo,),
    )


def when_made(kept: Kept) -> str:
    """From when the corrections are, by the reader's clock."""
    if kept.at is None:
        return _("Corrections of this photo are kept in this browser.")
    time = f"{kept.at:%H:%M}"
    if kept.days_ago == 0:
        text = _("Corrections of this photo from today, {time}, are kept in this browser.")
    elif kept.days_ago == 1:
        text = _("Corrections of this photo from yesterday, {time}, are kept in this browser.")
    else:
        text = _("Corrections of this photo from {date}, {time}, are kept in this browser.")
    return plain(text.format(time=time, date=f"{kept.at:%Y-%m-%d}"))


def restore(photo: QueuedPhoto) -> None:
    """Open the corrections in place of the review of ``photo``."""
    try:
        review = desk().keeping.restored(photo)
    except ClimbMateError as error:
        desk().tell(error)
    else:
        adopt(photo, review)


def show_kept_names() -> None:
    """Where no photo is open: why those that were are gone, and of which ones the browser keeps
    corrections."""
    texts = []
    if desk().keeping.ended:
        texts.append(
            _(
                "Your photos are closed: the server was restarted, or this page was out of touch "
                "for long."
            )
        )
    names = [name for name in desk().keeping.names if name]
    if names:
        more = ", …" if len(names) > MOST_NAMES else ""
        text = _("This browser keeps your corrections of {names}. Open the photo again to go on.")
        texts.append(text.format(names=plain(", ".join(names[:MOST_NAMES])) + more))
    if texts:
        st.info("\n\n".join(texts), icon=":material/history:")


def show_keeping() -> None:
    """Beside the files: what the browser does with corrections, and how to end it."""
    trouble = desk().keeping.trouble
    if trouble:
        st.caption(no_room_words() if trouble == "full" else denied_words())
        return
    st.caption(
        _(
            "This browser keeps your corrections of the last photos by itself and offers them when "
            "you open the photo again. The photos are not kept."
        )
    )
    st.button(
        _("Remove them from this browser"),
        key="forget",
        type="tertiary",
        icon=":material/delete_sweep:",
        help=_("The wall stays as it is. The next change is kept again."),
        on_click=forget,
    )


def forget() -> None:
    """Remove everything that the browser keeps."""
    desk().keeping.forget_all(desk().queue.photos)


def show_no_room() -> None:
    """Once, when the browser could not keep a change."""
    if desk().keeping.trouble == "full" and not desk().told_no_room:
        desk().told_no_room = True
        st.warning(no_room_words(), icon=":material/save:")


def denied_words() -> str:
    """What to do where the browser keeps nothing, as in its private mode."""
    return _(
        "This browser does not let pages keep anything: save the review before you leave or reload."
    )


def no_room_words() -> str:
    """What to do where nothing more can be kept."""
    return _(
        "This browser has no room to keep your corrections: save the review before you leave or "
        "reload."
    )
