"""What is selected on the wall, and everything a setter can change about it.

Widgets follow the review: before each is shown, its value is set to what is there now.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.review import Review
from core.review_edits import (
    ChangeKind,
    FormProblem,
    MergeProblems,
    MoveHolds,
    Recolour,
    SplitProblem,
)
from core.wall import Hold, Problem
from pages.colour_words import colour_word
from pages.review_description import pick, same, set_value, show_description
from pages.review_state import desk, edit, make
from pages.review_wall import delete
from pages.shared import plain
from pages.words import _, ngettext

NONE, NEW = 0, -1


def show_inspector(review: Review, palette: Sequence[str]) -> None:
    """The selection and its edits; where nothing is selected, what to do."""
    chosen = [hold for hold in review.holds if hold.id in set(desk().chosen)]
    with st.container(border=True):
        if not chosen:
            show_nothing(review)
            return
        show_title(chosen)
        show_choices(review, chosen, palette)
        show_actions(review, chosen)
        numbers = {hold.problem for hold in chosen}
        number = numbers.pop()
        if not numbers and number is not None:
            show_description(review.problem(number))


def show_nothing(review: Review) -> None:
    """No hold is selected."""
    unsure = [hold for hold in review.holds if not hold.colour.sure]
    st.markdown(_("Select a hold on the wall to change its colour or problem."))
    if unsure:
        text = ngettext(
            "Decide {count} unsure colour",
            "Decide {count} unsure colours",
            len(unsure),
        )
        st.button(
            text.format(count=len(unsure)),
            key="next_unsure",
            icon=":material/help:",
            on_click=desk().choose,
            args=((unsure[0].id,),),
            kwargs={"reveal": True},
        )


def show_title(chosen: list[Hold]) -> None:
    """What is selected, in one line, and how sure its colour is."""
    if len(chosen) > 1:
        st.markdown("**" + _("{count} holds selected").format(count=len(chosen)) + "**")
        return
    hold = chosen[0]
    kind = _("Volume {number}") if hold.kind == "volume" else _("Hold {number}")
    colour, share = colour_word(hold.colour.name), round(100 * hold.colour.confidence)
    text = _("{colour}, {share} % sure").format(colour=plain(colour), share=share)
    others = ", ".join(
        f"{plain(colour_word(name))} {round(100 * p)} %" for name, p in hold.colour.alternatives[:2]
    )
    if not hold.colour.sure and others:
        text += " · " + _("or {others}").format(others=others)
    st.markdown(f"**{kind.format(number=hold.id)}** · {text}")


def show_choices(review: Review, chosen: list[Hold], palette: Sequence[str]) -> None:
    """Colour, kind and problem; empty where the selected holds differ."""
    ids = tuple(hold.id for hold in chosen)
    names = list(dict.fromkeys([*palette, *(hold.colour.name for hold in review.holds)]))
    colour, problem = st.columns(2)
    set_value("pick_colour", same([hold.colour.name for hold in chosen]))
    colour.selectbox(
        _("Colour"),
        names,
        key="pick_colour",
        format_func=colour_word,
        placeholder=_("several"),
        filter_mode=None,  # else a phone opens its keyboard
        on_change=lambda: pick(lambda name: edit(Recolour(ids, name)), "pick_colour"),
    )
    words = {p.id: problem_words(p) for p in review.problems}
    options = {NONE: _("No problem"), **words, NEW: _("New problem")}
    set_value("pick_problem", same([hold.problem or NONE for hold in chosen]))
    problem.selectbox(
        _("Problem"),
        list(options),
        key="pick_problem",
        format_func=options.__getitem__,
        placeholder=_("several"),
        filter_mode=None,  # else a phone opens its keyboard
        on_change=lambda: pick(lambda number: move(ids, number), "pick_problem"),
    )
    kinds = {"hold": _("Hold"), "volume": _("Volume")}
    set_value("pick_kind", same([hold.kind for hold in chosen]))
    st.segmented_control(
        _("Kind"),
        list(kinds),
        key="pick_kind",
        format_func=kinds.__getitem__,
        label_visibility="collapsed",
        on_change=lambda: pick(lambda kind: edit(ChangeKind(ids, kind)), "pick_kind"),
    )


def show_actions(review: Review, chosen: list[Hold]) -> None:
    """What can be done with this selection."""
    ids = tuple(hold.id for hold in chosen)
    problems = tuple(sorted({hold.problem for hold in chosen if hold.problem is not None}))
    with st.container(horizontal=True):
        if not all(hold.colour.sure for hold in chosen):
            st.button(
                _("Colour is right"),
                key="confirm",
                icon=":material/check:",
                on_click=confirm,
                args=(review, chosen),
            )
        if len(problems) > 1:
            st.button(
                _("Merge problems"),
                key="merge",
                icon=":material/merge:",
                on_click=make,
                args=(MergeProblems(problems),),
            )
        if len(problems) == 1 and set(review.problem(problems[0]).holds) - set(ids):
            mine = tuple(hold.id for hold in chosen if hold.problem == problems[0])
            st.button(
                _("Split off"),
                key="split",
                icon=":material/call_split:",
                help=_("Make a problem of its own of these holds."),
                on_click=make,
                args=(SplitProblem(problems[0], mine),),
            )
            st.button(
                _("Select problem"),
                key="whole",
                icon=":material/select_all:",
                help=_("Select all holds of this problem."),
                on_click=desk().choose,
                args=(review.problem(problems[0]).holds,),
            )
        st.button(_("Delete"), key="delete", icon=":material/delete:", on_click=delete, args=(ids,))


def problem_words(problem: Problem) -> str:
    """A problem in one line: number, colour, name and grade."""
    title = f"{problem.name} {problem.grade}".strip()
    return f"{problem.id} · {colour_word(problem.colour)}" + (f" · {title}" if title else "")


def confirm(review: Review, chosen: list[Hold]) -> None:
    """The colours that were read are right; then on to the next hold to decide."""
    unsure = [hold for hold in chosen if not hold.colour.sure]
    names = dict.fromkeys(hold.colour.name for hold in unsure)
    edits = [
        Recolour(tuple(hold.id for hold in unsure if hold.colour.name == name), name)
        for name in names
    ]
    if edit(*edits) and len(chosen) == 1:
        after = [h.id for h in review.holds if not h.colour.sure and h.id != chosen[0].id]
        later = [number for number in after if number > chosen[0].id] or after
        if later:
            desk().choose((later[0],), reveal=True)


def move(ids: tuple[int, ...], number: int) -> None:
    """Move holds to a problem, to none, or to a new one."""
    if number == NEW:
        edit(FormProblem(ids))
    else:
        edit(MoveHolds(ids, None if number == NONE else number))
