"""The wall as colour-blind climbers see it, and the problems that they may mix up."""

from __future__ import annotations

import streamlit as st

from core.colour_vision import DEFICIENCIES, ConfusablePair, confusable_problems
from core.review import Review
from core.wall import Problem
from pages.colour_words import colour_word
from pages.review_state import desk
from pages.shared import plain
from pages.words import _

NORMAL = "normal"


def viewer_words() -> dict[str, str]:
    """The viewers, in words."""
    return {
        NORMAL: _("Everybody"),
        "protan": _("Protan (red-blind)"),
        "deutan": _("Deutan (green-blind)"),
        "tritan": _("Tritan (blue-blind)"),
    }


def show_vision(review: Review) -> None:
    """Whose eyes to look through, and what becomes hard then."""
    words = viewer_words()
    wanted = desk().vision or NORMAL
    if st.session_state.get("viewer") != wanted:
        st.session_state["viewer"] = wanted
    st.pills(
        _("Show the wall as it is seen by"),
        list(words),
        key="viewer",
        format_func=words.__getitem__,
        on_change=choose_viewer,
    )
    st.caption(
        _(
            "About one man in twelve is colour-blind, most of them protan or deutan. The photo and "
            "the outlines are shown as somebody without these cones sees them."
        )
    )
    analysis = review.analysis()
    viewer = desk().vision
    for deficiency in DEFICIENCIES if viewer is None else (viewer,):
        show_pairs(words[deficiency], confusable_problems(analysis, deficiency), review)


def choose_viewer() -> None:
    """Keep whose eyes were chosen: the choice outlives the tab."""
    value = st.session_state["viewer"]
    desk().vision = value if value in DEFICIENCIES else None


def show_pairs(title: str, pairs: tuple[ConfusablePair, ...], review: Review) -> None:
    """Neighbouring problems that this viewer hardly tells apart."""
    st.markdown(f"**{title}**")
    if not pairs:
        st.caption(_("No neighbouring problems become hard to tell apart."))
        return
    st.caption(_("These neighbouring problems become hard to tell apart:"))
    for pair in pairs:
        one, other = pair.problems
        text = _("Problem {one} ({colour}) and problem {other} ({other_colour})").format(
            one=number_and_name(review.problem(one)),
            other=number_and_name(review.problem(other)),
            colour=colour_word(pair.colours[0]),
            other_colour=colour_word(pair.colours[1]),
        )
        holds = (*review.problem(one).holds, *review.problem(other).holds)
        st.button(
            text,
            key=f"pair-{title}-{one}-{other}",
            type="tertiary",
            icon=":material/visibility:",
            help=_("Select both on the wall"),
            on_click=desk().choose,
            args=(holds,),
        )


def number_and_name(problem: Problem) -> str:
    """What a problem is called: its number, and the name that a setter gave to it."""
    return f"{problem.id} {plain(problem.name)}".strip()


def show_banner() -> None:
    """Says above the wall that its colours are not the real ones."""
    if desk().vision is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_("As seen by: {viewer}").format(viewer=viewer_words()[desk().vision or NORMAL]))
        st.button(_("Show true colours"), key="true_colours", on_click=true_colours)


def true_colours() -> None:
    """Back to the wall as it is."""
    desk().vision = None
