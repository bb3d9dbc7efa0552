"""The wall as tables that are in step with the picture: what is typed here changes it, what is
selected there is ticked here, and the other way round. The filter on the picture is theirs too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.review import Review
from core.review_edits import MAX_GRADE_LENGTH, MAX_NAME_LENGTH
from core.wall import Hold, Problem
from pages.colour_words import colour_word
from pages.review_description import at_most
from pages.review_narrowed import show_narrowed
from pages.review_state import desk
from pages.review_table_edits import holds_changed, problems_changed
from pages.review_table_view import show_table
from pages.words import _


def show_problems(review: Review) -> None:
    """One row per problem: tick to select, type a name and a grade."""
    if not review.problems:
        st.caption(_("No holds of one colour lie close enough together to be a problem."))
        return
    show_narrowed(review)
    problems = desk().filter.problems(review.problems, review.holds)
    if not problems:
        st.caption(_("No problem has a hold among them."))
        return
    st.caption(_("Tick a problem to select its holds; type a name or a grade."))
    show_table(
        "problems",
        problem_rows(problems, set(desk().chosen)),
        {
            "chosen": st.column_config.CheckboxColumn(" ", width=40, help=_("Select its holds")),
            "problem": st.column_config.NumberColumn(_("Problem"), width=70),
            "colour": st.column_config.TextColumn(_("Colour"), width=80),
            "holds": st.column_config.NumberColumn(_("Holds"), width=60),
            "name": st.column_config.TextColumn(_("Name"), help=at_most(MAX_NAME_LENGTH)),
            "grade": st.column_config.TextColumn(
                _("Grade"), help=at_most(MAX_GRADE_LENGTH), width=70
            ),
        },
        fixed=["problem", "colour", "holds"],
        changed=problems_changed,
        ids=[problem.id for problem in problems],
        alt=_("The problems on the wall"),
    )


def problem_rows(problems: Sequence[Problem], chosen: set[int]) -> pd.DataFrame:
    """The table of problems; one is ticked when all its holds are ``chosen``."""
    return pd.DataFrame(
        {
            "chosen": [bool(chosen) and set(p.holds) <= chosen for p in problems],
            "problem": [p.id for p in problems],
            "colour": [colour_word(p.colour) for p in problems],
            "holds": [len(p.holds) for p in problems],
            "name": [p.name for p in problems],
            "grade": [p.grade for p in problems],
        }
    )


def show_holds(review: Review, palette: Sequence[str]) -> None:
    """One row per hold, those first whose colour the setter has to decide."""
    if not review.holds:
        st.caption(_("There are no holds to list."))
        return
    show_narrowed(review)
    kept = desk().filter.holds(review.holds)
    if not kept:
        return  # the line above says so
    st.caption(_("Tick a hold to select it; colour, kind and problem can be changed here too."))
    holds = sorted(kept, key=lambda hold: (hold.colour.sure, hold.id))
    show_table(
        "holds",
        hold_rows(holds, set(desk().chosen)),
        hold_columns(review, palette),
        fixed=["hold", "sure", "unsure"],
        changed=holds_changed,
        ids=[hold.id for hold in holds],
        alt=_("The holds on the wall"),
        missing="-",
    )


def hold_rows(holds: Sequence[Hold], chosen: set[int]) -> pd.DataFrame:
    """The table of holds; those that are ``chosen`` are ticked."""
    return pd.DataFrame(
        {
            "chosen": [hold.id in chosen for hold in holds],
            "hold": [hold.id for hold in holds],
            "colour": [hold.colour.name for hold in holds],
            "sure": [round(100 * hold.colour.confidence) for hold in holds],
            "unsure": ["" if hold.colour.sure else "?" for hold in holds],
            "kind": [hold.kind for hold in holds],
            "problem": pd.array([hold.problem for hold in holds], dtype="Int64"),
        }
    )


def hold_columns(review: Review, palette: Sequence[str]) -> dict[str, Any]:
    """How each column of the table of holds looks, and what can be chosen in it."""
    column = st.column_config
    names = list(dict.fromkeys([*palette, *(hold.colour.name for hold in review.holds)]))
    kinds = {"hold": _("Hold"), "volume": _("Volume")}
    return {
        "chosen": column.CheckboxColumn(" ", width=40, help=_("Select it")),
        "hold": column.NumberColumn(_("Hold"), width=60),
        "colour": column.SelectboxColumn(
            _("Colour"),
            options=names,
            required=True,
            format_func=lambda name: colour_word(str(name)),
        ),
        "sure": column.NumberColumn(_("Sure"), format="%d %%", width=60),
        "unsure": column.TextColumn("?", width=30),
        "kind": column.SelectboxColumn(
            _("Kind"),
            options=list(kinds),
            required=True,
            format_func=lambda kind: kinds[str(kind)],
        ),
        "problem": column.SelectboxColumn(
            _("Problem"), options=[p.id for p in review.problems], width=70
        ),
    }
