"""The photos in the queue: their states, what went wrong, and what can be done about it."""

from __future__ import annotations

import streamlit as st

from core.photo_queue import QueuedPhoto
from pages.review_state import desk, look_at
from pages.shared import plain, show_error
from pages.words import _


def state_words(photo: QueuedPhoto) -> str:
    """The state of one photo, in words."""
    words = {
        "waiting": _("waiting"),
        "analysing": _("being analysed"),
        "done": _("done"),
        "failed": _("failed"),
        "stopped": _("stopped"),
    }
    return words[photo.state]


def show_troubles() -> None:
    """The photos that are not done and not under way: why, and what can be done."""
    for photo in desk().queue.photos:
        if photo.state not in ("failed", "stopped"):
            continue
        with st.container(border=True):
            message, hint = photo.error
            if photo.state == "failed":
                show_error(message, hint)
            else:
                st.write(_("{name} was stopped.").format(name=plain(photo.name)))
            with st.container(horizontal=True):
                if photo.can_retry:
                    st.button(
                        _("Try again"),
                        key=f"retry-{photo.number}",
                        icon=":material/refresh:",
                        on_click=desk().queue.retry,
                        args=(photo.number,),
                    )
                remove_button(photo, "trouble")


def remove_button(photo: QueuedPhoto, place: str) -> None:
    """Takes the photo off the list; ``place`` is where on the page the button stands."""
    st.button(
        _("Remove"),
        key=f"remove-{place}-{photo.number}",
        icon=":material/close:",
        help=_("Take {name} off the list, with its review.").format(name=plain(photo.name)),
        on_click=remove,
        args=(photo.number,),
    )


def remove(number: int) -> None:
    """Take a photo off the list; what was selected on it is gone too, and so is its analysis: with
    nobody to take its steps it would keep the opened photo in memory.
    """
    work = desk()
    work.queue.remove(number)
    if work.running is not None and work.running.number == number:
        work.running.close()
        work.running = None
    work.turn()


def show_list() -> None:
    """Every photo with its state; one that is done can be looked at."""
    queue = desk().queue
    titles = queue.titles()
    for photo in queue.photos:
        with st.container(horizontal=True, vertical_alignment="center"):
            looked_at = queue.shown is photo
            title = plain(titles[photo.number])
            st.markdown(f"{title}  \n:small[{state_words(photo)}]", width="stretch")
            if photo.state == "done" and not looked_at:
                st.button(
                    _("Show"), key=f"show-{photo.number}", on_click=look_at, args=(photo.number,)
                )
            remove_button(photo, "list")
