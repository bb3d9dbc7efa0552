"""What is selected on the wall, and everything a setter can change about it.

Widgets follow the review: before each is shown, its value is set to what is there now.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.review import Review
from core.review_edits import ChangeKind, FormProblem, MoveHolds, Recolour
from core.wall import Hold, Problem
from pages.colour_words import colour_word
from pages.review_actions import decide, show_actions
from pages.review_description import pick, same, set_value, show_description
from pages.review_state import desk, edit
from pages.shared import plain
from pages.words import _, ngettext

NONE, NEW = 0, -1
LEAST_SHARE = 0.05
"""A second alternative below this is not worth reading."""


def show_inspector(review: Review, palette: Sequence[str]) -> None:
    """The selection and its edits; where nothing is selected, what to do.

    On a phone the selection's part lies over the lower edge of the screen (``assets/review.css``):
    what was tapped can be changed without scrolling.
    """
    chosen = [hold for hold in review.holds if hold.id in set(desk().chosen)]
    if not chosen:
        with st.container(border=True):
            show_nothing(review)
        return
    with st.container(border=True, key="picked"):
        show_title(chosen)
        show_choices(review, chosen, palette)
        with st.container(horizontal=True, vertical_alignment="center"):
            show_kind(chosen)
            show_actions(review, chosen)
        numbers = {hold.problem for hold in chosen}
        number = numbers.pop()
        if not numbers and number is not None:
            show_description(review.problem(number))


def show_nothing(review: Review) -> None:
    """No hold is selected."""
    desk().deciding = False
    unsure = [hold for hold in review.holds if not hold.colour.sure]
    if not review.holds:
        st.markdown(_("A tool above the photo adds holds: with a click, or with a box around one."))
        return
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
            on_click=decide,
            args=(unsure[0].id,),
        )


def show_title(chosen: list[Hold]) -> None:
    """What is selected, in one line, and the way out of it."""
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        st.markdown(title_of(chosen), width="stretch")
        st.button(
            _("Deselect"),
            key="select_none",
            icon=":material/close:",
            type="tertiary",
            on_click=desk().choose,
            args=((),),
        )


def title_of(chosen: list[Hold]) -> str:
    """What is selected, and how sure its colour is."""
    if len(chosen) > 1:
        return "**" + _("{count} holds selected").format(count=len(chosen)) + "**"
    hold = chosen[0]
    kind = _("Volume {number}") if hold.kind == "volume" else _("Hold {number}")
    colour, share = colour_word(hold.colour.name), round(100 * hold.colour.confidence)
    text = _("{colour}, {share} % sure").format(colour=plain(colour), share=share)
    named = hold.colour.alternatives[:2]
    named = tuple(row for row in named if row[1] >= LEAST_SHARE) or named[:1]
    others = ", ".join(f"{plain(colour_word(name))} {round(100 * p)} %" for name, p in named)
    if not hold.colour.sure and others:
        text += " · " + _("or {others}").format(others=others)
    return f"**{kind.format(number=hold.id)}** · {text}"


def show_choices(review: Review, chosen: list[Hold], palette: Sequence[str]) -> None:
    """Colour and problem, side by side; empty where the selected holds differ."""
    ids = tuple(hold.id for hold in chosen)
    names = list(dict.fromkeys([*palette, *(hold.colour.name for hold in review.holds)]))
    row = st.container(horizontal=True)
    colour = same([hold.colour.name for hold in chosen])
    set_value("pick_colour", colour, colour_word(str(colour)))
    row.selectbox(
        _("Colour"),
        names,
        key="pick_colour",
        format_func=colour_word,
        placeholder=_("several"),
        filter_mode=None,  # else a phone opens its keyboard
        on_change=lambda: pick(lambda name: edit(Recolour(ids, name)), "pick_colour", names),
    )
    words = {p.id: problem_words(p) for p in review.problems}
    options = {NONE: _("No problem"), **words, NEW: _("New problem")}
    number = same([hold.problem or NONE for hold in chosen])
    words_now = options.get(number, "") if isinstance(number, int) else ""
    set_value("pick_problem", number, words_now)
    row.selectbox(
        _("Problem"),
        list(options),
        key="pick_problem",
        format_func=options.__getitem__,
        placeholder=_("several"),
        filter_mode=None,  # else a phone opens its keyboard
        on_change=lambda: pick(lambda number: move(ids, number), "pick_problem", options),
    )


def show_kind(chosen: list[Hold]) -> None:
    """Hold or volume; neither where the selected ones differ."""
    ids = tuple(hold.id for hold in chosen)
    kinds = {"hold": _("Hold"), "volume": _("Volume")}
    set_value("pick_kind", same([hold.kind for hold in chosen]))
    st.segmented_control(
        _("Kind"),
        list(kinds),
        key="pick_kind",
        format_func=kinds.__getitem__,
        label_visibility="collapsed",
        on_change=lambda: pick(lambda kind: edit(ChangeKind(ids, kind)), "pick_kind", kinds),
    )


def problem_words(problem: Problem) -> str:
    """A problem in one line: number, colour, name and grade."""
    title = f"{problem.name} {problem.grade}".strip()
    return f"{problem.id} · {colour_word(problem.colour)}" + (f" · {title}" if title else "")


def move(ids: tuple[int, ...], number: int) -> None:
    """Move holds to a problem, to none, or to a new one."""
    if number == NEW:
        edit(FormProblem(ids))
    else:
        edit(MoveHolds(ids, None if number == NONE else number))
