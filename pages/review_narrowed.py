"""What the filter on the wall leaves of the tables, in one line above them."""

from __future__ import annotations

import streamlit as st

from core.review import Review
from core.review_filter import HoldFilter
from pages.review_state import desk
from pages.words import _


def show_narrowed(review: Review) -> None:
    """How many holds the filter on the wall leaves, and the way back to all of them."""
    chosen = desk().filter
    if not chosen.active:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        text = _("{shown} of {count} holds shown")
        shown, count = len(chosen.holds(review.holds)), len(review.holds)
        st.markdown(text.format(shown=shown, count=count), width="stretch")
        st.button(
            _("Show all"),
            key="show_all",
            icon=":material/filter_alt_off:",
            on_click=desk().narrow,
            args=(HoldFilter(),),
        )
