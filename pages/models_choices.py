"""What this session wants otherwise: confidence, palette and limits of its next photos.

The choices are plain values under the key ``choices``, named as the fields of
:class:`core.choices.Choices`; the other pages pass them along with every photo. Values that cannot
be used are told and not kept: the last good ones stay.

What a control shows is laid under its key and is never its default: a default does not reach a
browser that shows another value, so that going back to the settings would not be seen there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.choices import Choices
from core.errors import ClimbMateError
from core.settings import DEFAULT_PALETTE, Settings
from pages.colour_words import colour_word
from pages.shared import show_error
from pages.words import _

CONTROLS = ("models_conf", "models_palette", "models_holds", "models_side")


def show_choices(settings: Settings) -> None:
    """Controls whose values go along with the photos of this session."""
    chosen: dict[str, Any] = st.session_state.get("choices", {})
    st.subheader(_("For this session"))
    st.caption(
        _("These change how your next photos are analysed. Nobody else is affected, and nothing is "
          "kept when you leave.")
    )  # fmt: skip
    wanted: dict[str, Any] = {
        "yolo_conf": ask_confidence(settings, chosen.get("yolo_conf", settings.yolo_conf)),
        "palette": ask_palette(settings, chosen.get("palette", settings.palette)),
    }
    trouble = st.container()  # beside the names: all other controls have their own bounds
    wanted |= ask_limits(settings, chosen)
    differing = {name: value for name, value in wanted.items() if value != getattr(settings, name)}
    try:
        Choices(**differing).applied_to(settings)
    except ClimbMateError as error:
        with trouble:
            show_error(error.message, error.hint)
    else:
        st.session_state["choices"] = differing
    st.button(
        _("Back to the defaults"),
        icon=":material/undo:",
        on_click=reset,
        disabled=not st.session_state.get("choices"),
    )


def ask_confidence(settings: Settings, now: float) -> float:
    """The least confidence of a hold, in hundredths; where that says the same as the setting, the
    setting itself."""
    st.session_state.setdefault("models_conf", round(now, 2))
    wish = st.slider(
        _("Least confidence of a hold"),
        0.01,
        0.99,
        step=0.01,
        key="models_conf",
        help=_("Lower finds more holds, and more that are none."),
    )
    wish = round(wish, 2)
    return settings.yolo_conf if wish == round(settings.yolo_conf, 2) else wish


def ask_palette(settings: Settings, now: Sequence[str]) -> tuple[str, ...]:
    """The colour names that may be given."""
    st.session_state.setdefault("models_palette", list(now))
    words = st.multiselect(
        _("Colour names"),
        list(dict.fromkeys((*settings.palette, *DEFAULT_PALETTE, *now))),
        accept_new_options=True,
        key="models_palette",
        format_func=colour_word,
        help=_("Only these names are given. Type a word of your own and press Enter."),
        wrap=True,  # in a column, the last ones would lie out of sight
    )
    return tuple(words)


def ask_limits(settings: Settings, chosen: Mapping[str, Any]) -> dict[str, int]:
    """How many holds are kept, and how large the photo is looked at."""
    st.session_state.setdefault("models_holds", int(chosen.get("max_holds", settings.max_holds)))
    most = st.number_input(
        _("Most holds"),
        0,
        max(100_000, settings.max_holds),
        key="models_holds",
        help=_("The largest ones are kept; 0 keeps all."),
    )
    side_now = int(chosen.get("max_image_size", settings.max_image_size))
    st.session_state.setdefault("models_side", side_now)
    side = st.number_input(
        _("Longest side that is looked at, in pixels"),
        320,
        8192,
        step=64,
        key="models_side",
        help=_("Larger photos are reduced to it. More takes longer and more memory."),
    )
    return {"max_holds": int(most), "max_image_size": int(side)}


def reset() -> None:
    """Forget the session's choices, and what the controls show."""
    for key in ("choices", *CONTROLS):
        st.session_state.pop(key, None)
