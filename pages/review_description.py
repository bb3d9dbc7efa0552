"""Name and grade of a problem, and the widgets' values that follow the review."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import streamlit as st

from core.review_edits import FONT_GRADES, MAX_NAME_LENGTH, V_GRADES, DescribeProblem
from core.wall import Problem
from pages.review_state import desk, edit, make
from pages.words import _

_NOTHING = object()
REFUSED = "name refused"
"""The problem whose name was refused just now, among what the session keeps."""


def show_description(problem: Problem) -> None:
    """Name and grade of the problem that the selection is in."""
    row = st.container(horizontal=True)
    if st.session_state.pop(REFUSED, None) != problem.id:
        set_value("name", problem.name)
    row.text_input(
        _("Name of problem {number}").format(number=problem.id),
        key="name",
        help=at_most(MAX_NAME_LENGTH),
        on_change=rename,
        args=(problem.id,),
    )
    grades = list(dict.fromkeys(["", *FONT_GRADES, *V_GRADES, problem.grade]))
    set_value("grade", problem.grade)
    row.selectbox(
        _("Grade"),
        grades,
        key="grade",
        accept_new_options=True,
        placeholder="6A, V4",
        on_change=lambda: make(DescribeProblem(problem.id, grade=st.session_state["grade"] or "")),
    )


def rename(number: int) -> None:
    """Name a problem as was typed. A name that is refused stays in its field: whoever typed it
    shortens it there."""
    told = len(desk().notices)
    edit(DescribeProblem(number, name=st.session_state["name"]))
    if len(desk().notices) > told:
        st.session_state[REFUSED] = number


def at_most(count: int) -> str:
    """How much a field takes. A field of Streamlit's with a limit of its own would cut off what
    is pasted without a word."""
    return _("At most {count} characters fit.").format(count=count)


def pick(act: Callable[[Any], object], key: str, options: Collection[object]) -> None:
    """Do ``act`` with what was picked. Emptying a widget is no wish, nor is a word that was on its
    way while the options got others."""
    value = st.session_state[key]
    if value is not None and value in options:
        act(value)


def set_value(key: str, value: object, words: str = "") -> None:
    """What the widget ``key`` is to show in this run; a click that is on its way is not
    overwritten where nothing has to change.

    ``words`` is how a list shows the value. The browser answers with the words it was given, so it
    has to be told new ones, for a problem that was named say, though the value is the same.
    """
    kept = f"{key} in words"
    known = st.session_state.get(key, _NOTHING) == value
    if not known or st.session_state.get(kept) != words:
        st.session_state[key] = value
    st.session_state[kept] = words


def same(values: list[object]) -> object:
    """The one value that all have, else None."""
    return values[0] if len(set(values)) == 1 else None
