"""What is loaded and how it does; and what this session wants otherwise.

This file only puts the parts in their places; nothing is computed on them.
"""

from __future__ import annotations

import streamlit as st

from core.errors import ClimbMateError
from core.model_report import report
from pages.models_choices import show_choices
from pages.models_loaded import show_models
from pages.models_service import show_caches, show_speed, show_state
from pages.shared import ready_or_stop, show_error
from pages.words import _


def show() -> None:
    """The page."""
    st.title(_("Models"))
    ready = ready_or_stop()
    show_state(ready)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader(_("What is loaded"))
        try:
            show_models(report(ready.settings))
        except ClimbMateError as error:
            show_error(error.message, error.hint)
    with right:
        show_choices(ready.settings)
        show_caches(ready)
        show_speed(ready)


show()
