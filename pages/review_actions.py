"""What can be done with the holds that are selected: the buttons below their colour and problem."""

from __future__ import annotations

import streamlit as st

from core.review import Review
from core.review_edits import MergeProblems, Recolour, SplitProblem
from core.wall import Hold
from pages.review_state import desk, edit, make
from pages.review_wall import delete
from pages.words import _


def show_actions(review: Review, chosen: list[Hold]) -> None:
    """The buttons that make sense for this selection, in the row that the caller opened."""
    ids = tuple(hold.id for hold in chosen)
    problems = tuple(sorted({hold.problem for hold in chosen if hold.problem is not None}))
    if not all(hold.colour.sure for hold in chosen):
        st.button(
            _("Colour is right"),
            key="confirm",
            icon=":material/check:",
            on_click=confirm,
            args=(review, chosen),
        )
    elif desk().deciding and (following := next_unsure(review, ids[-1])):
        st.button(
            _("Next unsure colour"),
            key="decide_next",
            icon=":material/arrow_forward:",
            on_click=decide,
            args=(following,),
        )
    st.button(_("Delete"), key="delete", icon=":material/delete:", on_click=delete, args=(ids,))
    if len(problems) > 1:
        st.button(
            _("Merge problems"),
            key="merge",
            icon=":material/merge:",
            on_click=make,
            args=(MergeProblems(problems),),
        )
    if len(problems) == 1 and set(review.problem(problems[0]).holds) - set(ids):
        show_problem_actions(review, problems[0], chosen)


def show_problem_actions(review: Review, problem: int, chosen: list[Hold]) -> None:
    """The selection is a part of one problem: it can become one of its own, or be filled up."""
    mine = tuple(hold.id for hold in chosen if hold.problem == problem)
    st.button(
        _("Split off"),
        key="split",
        icon=":material/call_split:",
        help=_("Make a problem of its own of these holds."),
        on_click=make,
        args=(SplitProblem(problem, mine),),
    )
    st.button(
        _("Select problem"),
        key="whole",
        icon=":material/select_all:",
        help=_("Select all holds of this problem."),
        on_click=desk().choose,
        args=(review.problem(problem).holds,),
    )


def confirm(review: Review, chosen: list[Hold]) -> None:
    """The colours that were read are right; then on to the next hold to decide."""
    unsure = [hold for hold in chosen if not hold.colour.sure]
    names = dict.fromkeys(hold.colour.name for hold in unsure)
    edits = [
        Recolour(tuple(hold.id for hold in unsure if hold.colour.name == name), name)
        for name in names
    ]
    if edit(*edits) and len(chosen) == 1 and (following := next_unsure(review, chosen[0].id)):
        decide(following)


def next_unsure(review: Review, number: int) -> int | None:
    """The next hold after ``number`` whose colour nobody has decided, from the first on again; None
    where no other is left."""
    left = [hold.id for hold in review.holds if not hold.colour.sure and hold.id != number]
    return next((other for other in left if other > number), left[0] if left else None)


def decide(number: int) -> None:
    """Look at this hold to decide its colour: one after the other from here on."""
    desk().choose((number,), reveal="page")
    desk().deciding = True
