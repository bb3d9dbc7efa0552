"""The switch between languages in the sidebar."""

from __future__ import annotations

import streamlit as st

from pages.words import KEY, LANGUAGES, PARAMETER, _, language


def show_language_switch() -> None:
    """Let the reader choose; the choice goes into the address too, so that it can be shared."""
    st.session_state[KEY] = language()
    with st.sidebar:
        st.segmented_control(
            _("Language"),
            list(LANGUAGES),
            key=KEY,
            format_func=LANGUAGES.__getitem__,
            required=True,
            label_visibility="collapsed",
            on_change=_keep,
        )


def _keep() -> None:
    st.query_params[PARAMETER] = st.session_state[KEY]
