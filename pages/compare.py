"""Two photos of one wall, before and after a reset: what came, went, stayed and moved.

The page lays out what :func:`core.compare_photos.compare_photos` found.
"""

from __future__ import annotations

import streamlit as st

from pages.compare_intake import chosen_pair
from pages.compare_pictures import show_downloads, show_pictures
from pages.compare_tables import show_numbers, show_tables
from pages.compare_work import compared_once, say_which
from pages.shared import plain, ready_or_stop, session_choices, show_error
from pages.words import _


def show() -> None:
    """The page."""
    st.title(_("Compare two photos"))
    ready = ready_or_stop()
    pair = chosen_pair(ready)
    if pair is None:
        return
    kept = compared_once(pair, session_choices(), ready)
    if kept.document is None:
        say_which(kept, pair)
        show_error(*kept.error)
        return
    names = {side: plain(kept.document[side]["name"]) for side in ("before", "after")}
    st.caption(_("{before} compared with {after}").format(**names))
    show_numbers(kept.document)
    left, right = st.columns([4, 3], gap="medium")
    with left:
        show_pictures(kept)
        show_downloads(kept)
    with right:
        show_tables(kept.document)


show()
