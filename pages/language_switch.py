"""The switch between languages in the sidebar."""

from __future__ import annotations

import streamlit as st

from pages.words import KEY, LANGUAGES, PARAMETER, _, language

WORDED = ("pick_colour", "pick_problem", "models_palette")
"""Keys of widgets whose browser part sends back what was picked in words: in the next language
those words would be nobody's, and a list that takes new words would take them for new ones."""
SHOWN = "language of the last run"


def show_language_switch() -> None:
    """Let the reader choose; the choice goes into the address too, so that it can be shared."""
    now = st.session_state[KEY] = language()
    if st.session_state.get(SHOWN, now) != now:
        # Not when the switch is clicked: a list that was changed in the same moment is read first.
        for key in WORDED:  # their pages set them anew, from what they stand for
            st.session_state.pop(key, None)
    st.session_state[SHOWN] = now
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
