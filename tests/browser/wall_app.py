"""A page with nothing but the clickable wall: 300 holds in known places, and what it was told."""

from __future__ import annotations

import json

import numpy as np
import streamlit as st

from core.review_filter import HoldFilter
from core.wall import Problem
from core.wall_picture import wall_drawing, wall_picture
from pages.wall_events import Listeners
from pages.wall_view import Chosen, Narrowed, wall_view
from tests.core.make import make_analysis, make_colour, make_hold

ROWS, COLUMNS, STEP_PX = 15, 20, 100
COLOURS = ("red", "blue", "green", "yellow")


def main() -> None:
    """Hold number ``20 * row + column + 1`` has its middle at ``(50 + 100 column, 50 + 100 row)``
    of a photo of 2000 x 1500 pixels."""
    st.set_page_config(layout="wide")
    state = st.session_state
    removed: list[int] = state.setdefault("removed", [])
    heard: list[object] = state.setdefault("heard", [])
    holds, members = [], {}
    for index in range(ROWS * COLUMNS):
        number, row, column = index + 1, index // COLUMNS, index % COLUMNS
        if number in removed:
            continue
        problem = row + 1 if column < 10 else None
        colour = make_colour(COLOURS[row % 4], sure=column != 0, confidence=0.93)
        box = (STEP_PX * column + 25.0, STEP_PX * row + 30.0, 50.0, 40.0)
        holds.append(make_hold(number, box, colour, problem=problem))
        members.setdefault(problem, []).append(number)
    problems = [
        Problem(number, COLOURS[(number - 1) % 4], tuple(ids), "Slab queen" if number == 1 else "")
        for number, ids in members.items()
        if number is not None
    ]
    pixels = np.full((1500, 2000, 3), 150, np.uint8)
    picture = wall_picture(pixels, 2000)
    chosen = Chosen((45,), 1) if st.button("Choose hold 45") else Chosen()
    wall_view(
        picture,
        wall_drawing(make_analysis(holds, problems), picture.scale),
        chosen,
        Listeners(
            selection=lambda ids: heard.append({"selection": ids}),
            point=lambda point: heard.append({"point": point}),
            box=lambda box: heard.append({"box": box}),
            remove=removed.extend,
            narrow=lambda wish: heard.append({"filter": wish.plain()}),
        ),
        Narrowed(HoldFilter(problem=2), 1) if st.button("Only problem 2") else Narrowed(),
        key="wall",
        colour_words={"red": "rouge"},
    )
    st.code(json.dumps({"heard": heard, "removed": sorted(removed)}), language=None)


main()
