"""Edits of selected holds on the review page, and how they are undone and made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.driving import (
    checked,
    choose,
    colours,
    desk,
    open_app,
    press,
    shown,
    texts,
)

pytestmark = pytest.mark.usefixtures("clean_environment", "fakes")


def test_edits_of_the_selection_with_undo_and_redo(repository: Path) -> None:
    app = choose(press(open_app(repository), "demo"), 3)
    assert "**Hold 3** · green, 55 % sure · or mint 40 %" in texts(app)
    assert app.button(key="undo").disabled

    checked(app.selectbox(key="pick_colour").set_value("blue").run())
    assert colours(app) == {**dict.fromkeys(range(1, 11), "green"), 3: "blue"}
    assert shown(app).hold(3).problem is None  # it left the green problem
    assert "**9** unsure" in texts(app)

    press(app, "undo")
    assert colours(app)[3] == "green" and shown(app).hold(3).problem == 1
    press(app, "redo")
    assert colours(app)[3] == "blue"

    press(app, "delete")
    assert 3 not in colours(app) and desk(app).chosen == ()
    press(app, "undo")
    assert colours(app)[3] == "blue"


def test_fifty_edits_are_undone_and_made_again(repository: Path) -> None:
    app = press(open_app(repository), "demo")
    walls = [shown(app).state]
    for number in range(50):
        choose(app, 1 + number % 10)
        name = ("blue", "red", "pink", "mint", "grey")[number // 10]
        checked(app.selectbox(key="pick_colour").set_value(name).run())
        walls.append(shown(app).state)
    assert len(set(map(repr, walls))) == 51

    for wall in reversed(walls[:-1]):
        assert shown(press(app, "undo")).state == wall
    assert app.button(key="undo").disabled
    for wall in walls[1:]:
        assert shown(press(app, "redo")).state == wall
    assert app.button(key="redo").disabled


def test_problems_are_split_merged_named_and_formed(repository: Path) -> None:
    app = choose(press(open_app(repository), "demo"), 1, 2, 3)
    press(app, "split")
    new = shown(app).hold(1).problem
    assert new != 1 and set(shown(app).problem(new or 0).holds) == {1, 2, 3}

    checked(app.text_input(key="name").set_value("Slab queen").run())
    checked(app.selectbox(key="grade").set_value("6A").run())
    assert (shown(app).problem(new or 0).name, shown(app).problem(new or 0).grade) == (
        "Slab queen",
        "6A",
    )

    choose(app, 1, 10)
    press(app, "merge")
    (merged,) = shown(app).problems
    assert len(merged.holds) == 10 and merged.name == "Slab queen"

    choose(app, 5)
    checked(app.selectbox(key="pick_problem").set_value(-1).run())
    assert len(shown(app).problems) == 2
    checked(app.selectbox(key="pick_problem").set_value(0).run())
    assert shown(app).hold(5).problem is None


def test_kind_and_confirming_a_colour(repository: Path) -> None:
    app = press(open_app(repository), "demo")
    press(app, "next_unsure")
    assert desk(app).chosen == (1,)

    press(app, "confirm")
    assert shown(app).hold(1).colour.sure and shown(app).hold(1).colour.name == "green"
    assert desk(app).chosen == (2,)  # on to the next one

    checked(app.selectbox(key="pick_colour").set_value("blue").run())
    press(app, "decide_next")  # another colour was right
    assert desk(app).chosen == (3,) and desk(app).reveal == "page"
    press(app, "select_none")
    choose(app, 2)
    assert not [button for button in app.button if button.key == "decide_next"]

    checked(app.segmented_control(key="pick_kind").set_value("volume").run())
    assert shown(app).hold(2).kind == "volume"
    assert "**1** volume " in texts(app)


def test_a_selection_can_be_let_go(repository: Path) -> None:
    app = press(choose(press(open_app(repository), "demo"), 3, 4), "select_none")

    assert desk(app).chosen == () and "Select a hold" in texts(app)


def test_a_name_that_is_too_long_is_refused_and_stays_in_its_field_to_be_shortened(
    repository: Path,
) -> None:
    app = choose(press(open_app(repository), "demo"), 1, 2)
    press(app, "split")
    new = shown(app).hold(1).problem
    long = "Slab " * 15 + "queen"
    field = app.text_input(key="name")
    assert "60 characters" in field.help and not field.proto.max_chars  # cut off by no browser

    checked(field.set_value(long).run())
    assert "80 characters" in app.error[0].value and shown(app).problem(new or 0).name == ""
    assert app.text_input(key="name").value == long

    choose(app, 3, 4)
    assert app.text_input(key="name").value == ""  # another problem's own
    choose(app, 1, 2)
    checked(app.text_input(key="name").set_value("Slab queen").run())
    assert shown(app).problem(new or 0).name == "Slab queen" and not app.error


def test_a_refused_edit_is_a_sentence(repository: Path) -> None:
    app = choose(press(open_app(repository), "demo"), 1)

    desk(app).notices.append(("The name has 99 characters.", "Choose a shorter one."))
    checked(app.run())
    assert "shorter" in app.error[0].value
    assert not checked(app.run()).error  # told once
