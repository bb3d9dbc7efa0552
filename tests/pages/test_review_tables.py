"""The tables of the review page: what they show of the wall, and what is typed into them."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.review import Review
from core.review_filter import HoldFilter
from tests.pages.driving import checked, choose, desk, open_app, open_section, press, texts

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.usefixtures("fakes")
def test_the_tables_show_the_wall(repository: Path) -> None:
    app = choose(press(open_app(repository), "demo"), 4)

    holds = open_section(app, "Holds").dataframe[0].value
    assert holds["hold"].tolist() == list(range(1, 11)) and set(holds["colour"]) == {"green"}
    assert holds["hold"][holds["chosen"]].tolist() == [4]
    assert set(holds["unsure"]) == {"?"} and set(holds["sure"]) == {55}

    problems = open_section(app, "Problems").dataframe[0].value
    assert problems[["problem", "holds"]].to_numpy().tolist() == [[1, 10]]


@pytest.mark.usefixtures("fakes")
def test_the_filter_is_the_tables_too_and_edits_do_not_leave_it_empty(repository: Path) -> None:
    app = choose(press(open_app(repository), "demo"), 3)
    checked(app.selectbox(key="pick_colour").set_value("blue").run())
    desk(app).narrow(HoldFilter(frozenset({"blue"})))

    holds = open_section(app, "Holds").dataframe[0].value
    assert holds["hold"].tolist() == [3] and "1 of 10 holds shown" in texts(app)
    assert not open_section(app, "Problems").dataframe  # it is a stray
    assert "No problem has a hold among them." in texts(app)
    desk(app).narrow(HoldFilter(frozenset({"blue"}), problem=1))
    assert not open_section(app, "Holds").dataframe and "0 of 10 holds shown" in texts(app)

    desk(app).narrow(HoldFilter(frozenset({"blue"})))
    press(app, "undo")  # no hold is blue any more
    assert not desk(app).filter.active and "shown" not in texts(app)
    assert open_section(app, "Holds").dataframe[0].value["hold"].tolist() == list(range(1, 11))

    desk(app).narrow(HoldFilter(problem=1))
    press(checked(app.run()), "show_all")
    assert not desk(app).filter.active


def typed_into_tables() -> None:
    """A script: what a browser sends after cells were typed or ticked, and what comes of it."""
    import streamlit as st

    from core.photo_queue import PhotoQueue
    from core.review import Review
    from core.wall import Problem
    from core.wall_picture import WallPicture
    from pages import review_table_edits as edits
    from pages.review_state import desk, shown_review
    from tests.core.make import make_analysis, make_hold

    holds = [make_hold(i, (40.0 * i, 0, 30, 30), "green", problem=1) for i in range(1, 6)]
    problems = [Problem(1, "green", (1, 2, 3, 4, 5))]
    queue = PhotoQueue()
    photo = queue.add("wall.jpg", b"bytes")
    review = Review.of(make_analysis(holds, problems))
    queue.finish(photo, review, WallPicture(b"jpeg", 800, 600, 1.0), 1.0)
    desk().queue = queue

    def send(changed: object, ids: list[int], rows: dict[str, dict[str, object]]) -> None:
        st.session_state["table"] = {"edited_rows": rows}
        changed("table", ids)  # type: ignore[operator]

    ids = [5, 4, 3, 2, 1]  # the order of the table's rows
    send(edits.holds_changed, ids, {"0": {"colour": "red"}, "1": {"colour": "red"}})
    send(edits.holds_changed, ids, {"4": {"kind": "volume"}})
    send(edits.problems_changed, [1], {"0": {"name": "Slab queen", "grade": "6B"}})
    send(edits.holds_changed, ids, {"0": {"chosen": True}, "2": {"chosen": True}})
    st.session_state["ticked"] = desk().chosen
    send(edits.holds_changed, ids, {"0": {"chosen": False}})
    st.session_state["unticked"] = desk().chosen
    st.session_state["before"] = (desk().edits, desk().picks)
    send(edits.holds_changed, ids, {"3": {"colour": "x" * 99}})
    st.session_state["after"] = (desk().edits, desk().picks)
    st.session_state["review"] = shown_review()[1]  # type: ignore[index]


def test_what_is_typed_and_ticked_in_tables_reaches_the_wall() -> None:
    app = checked(AppTest.from_function(typed_into_tables).run())

    review: Review = app.session_state["review"]
    named = {hold.id: hold.colour.name for hold in review.holds}
    assert named == {1: "green", 2: "green", 3: "green", 4: "red", 5: "red"}
    assert review.hold(1).kind == "volume"
    assert (review.problem(1).name, review.problem(1).grade) == ("Slab queen", "6B")
    assert app.session_state["ticked"] == (5, 3) and app.session_state["unticked"] == (3,)
    ((message, hint),) = desk(app).notices  # a colour's name of 99 letters
    assert "99" in message and hint
    before, after = app.session_state["before"], app.session_state["after"]
    assert after[0] == before[0] and after != before  # the table starts afresh, without that name
    assert set(review.undo().undo().undo().holds) == {
        hold for hold in review.undo().undo().undo().holds if hold.colour.name == "green"
    }
