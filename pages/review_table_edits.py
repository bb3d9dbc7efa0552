"""What was typed or ticked in the tables of the review page becomes edits and selections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from core.errors import ClimbMateError
from core.review import Review
from core.review_table import table_edit
from pages.review_state import change, desk, shown_review


def typed(key: str, ids: Sequence[int]) -> dict[int, dict[str, object]]:
    """The cells that were changed in a table, by the id of their row."""
    rows = st.session_state[key]["edited_rows"]
    return {ids[int(row)]: dict(cells) for row, cells in rows.items()}


def problems_changed(key: str, ids: Sequence[int]) -> None:
    """Names and grades were typed, or problems ticked."""
    cells = typed(key, ids)
    ticks = {number: row.pop("chosen") for number, row in cells.items() if "chosen" in row}

    def made(review: Review) -> Review:
        return review.apply(table_edit(review, problems=drop_empty(cells)))

    if not change(made):
        tick(lambda review: {n: review.problem(n).holds for n in ticks}, ticks)


def holds_changed(key: str, ids: Sequence[int]) -> None:
    """Colours, kinds or problems were chosen, or holds ticked."""
    cells = typed(key, ids)
    ticks = {number: row.pop("chosen") for number, row in cells.items() if "chosen" in row}

    def made(review: Review) -> Review:
        return review.apply(table_edit(review, holds=drop_empty(cells)))

    if not change(made):
        tick(lambda _review: {number: (number,) for number in ticks}, ticks)


def drop_empty(cells: dict[int, dict[str, object]]) -> dict[int, dict[str, object]]:
    """Only the rows in which something other than the tick changed."""
    return {number: row for number, row in cells.items() if row}


def tick(
    members: Callable[[Review], Mapping[int, Sequence[int]]], ticks: Mapping[int, object]
) -> None:
    """Bring the selection in line with the ticks, the wall follows; ``members`` gives the holds of
    each row that was ticked or no longer is."""
    shown = shown_review()
    if shown is None or not ticks:
        return
    chosen = dict.fromkeys(desk().chosen)
    try:
        rows = members(shown[1])
    except ClimbMateError as error:
        desk().tell(error)
        return
    for number, on in ticks.items():
        for hold in rows[number]:
            if on:
                chosen[hold] = None
            else:
                chosen.pop(hold, None)
    picks = desk().picks
    desk().choose(tuple(chosen), reveal="wall")
    desk().picks = picks  # the table shows its own ticks already
