"""Name and grade of a problem, and the widgets' values that follow the review."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.review_edits import FONT_GRADES, V_GRADES, DescribeProblem
from core.wall import Problem
from pages.review_state import make
from pages.words import _


def show_description(problem: Problem) -> None:
    """Name and grade of the problem that the selection is in."""
    row = st.container(horizontal=True)
    set_value("name", problem.name)
    row.text_input(
        _("Name of problem {number}").format(number=problem.id),
        key="name",
        max_chars=60,
        on_change=lambda: make(DescribeProblem(problem.id, name=st.session_state["name"])),
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


def pick(act: Callable[[Any], object], key: str) -> None:
    """Do ``act`` with what was picked; emptying a widget is no wish."""
    value = st.session_state[key]
    if value is not None:
        act(value)


def set_value(key: str, value: object) -> None:
    """What the widget ``key`` is to show in this run; a click that is on its way is not
    overwritten where nothing has to change."""
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value


def same(values: list[object]) -> object:
    """The one value that all have, else None."""
    return values[0] if len(set(values)) == 1 else None
