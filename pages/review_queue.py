"""The photos in the queue: their states, what went wrong, and what can be done about it."""

from __future__ import annotations

import streamlit as st

from core.photo_queue import QueuedPhoto
from pages.review_state import desk, look_at
from pages.shared import plain
from pages.words import _, ngettext, told


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
    """The photos that are not done and not under way: why, and what can be done.

    Whatever their number, they take about as much of the page as one does, so that the wall stays
    in sight: several lie in a list, which is open while there is no wall to look at.
    """
    troubled = [photo for photo in desk().queue.photos if photo.state in ("failed", "stopped")]
    if not troubled:
        return
    if len(troubled) == 1:
        with st.container(border=True, key="troubles"):
            show_trouble(troubled[0])
        return
    label = ngettext(
        "{count} photo was not analysed", "{count} photos were not analysed", len(troubled)
    )
    with st.expander(
        label.format(count=len(troubled)),
        icon=":material/error:",
        expanded=desk().queue.shown is None,
        key="troubles",
    ):
        numbers = tuple(photo.number for photo in troubled)
        again = tuple(photo.number for photo in troubled if photo.can_retry)
        with st.container(horizontal=True):
            if len(again) > 1:
                retry_button(_("Try all again"), "retry-all", again)
            st.button(
                _("Remove all of them"),
                key="remove-troubles",
                icon=":material/close:",
                on_click=remove,
                args=numbers,
            )
        for photo in troubled:
            show_trouble(photo)


def show_trouble(photo: QueuedPhoto) -> None:
    """One photo that is not done, in a line: what is wrong, what to do, and the ways on."""
    if photo.state == "failed":
        texts = [plain(told(text)) for text in photo.error if text]
        words = ":red[:material/error:] " + "  \n".join(texts)
    else:
        words = _("{name} was stopped.").format(name=plain(photo.name))
    with st.container(horizontal=True, vertical_alignment="center", key=f"trouble-{photo.number}"):
        st.markdown(words, width="stretch")
        with st.container(horizontal=True, gap="small", width="content"):
            if photo.can_retry:
                retry_button(_("Try again"), f"retry-{photo.number}", (photo.number,))
            remove_button(photo, "trouble")


def retry_button(label: str, key: str, numbers: tuple[int, ...]) -> None:
    """Lets photos wait for their analysis again."""
    st.button(label, key=key, icon=":material/refresh:", on_click=retry, args=numbers)


def retry(*numbers: int) -> None:
    """Let photos wait for their analysis again."""
    for number in numbers:
        desk().queue.retry(number)


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


def remove(*numbers: int) -> None:
    """Take photos off the list; so is their analysis: with nobody to take its steps it would keep
    the opened photo in memory. What was selected on the wall is gone with its photo.
    """
    work = desk()
    before = work.queue.shown
    for number in numbers:
        work.queue.remove(number)
        if work.running is not None and work.running.number == number:
            work.running.close()
            work.running = None
    if work.queue.shown is not before:
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
