"""The review page, run as Streamlit runs it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from core.analysis import Models
from core.memory import preflight
from core.photo_queue import MAX_PHOTOS, PhotoQueue, QueuedPhoto
from core.review import Review
from core.review_file import save_review
from core.review_filter import HoldFilter
from pages.review_state import Desk
from pages.shared import plain
from tests.core.bad_photos import BAD_PHOTOS
from tests.core.fakes import fake_models, found
from tests.core.make import make_colour
from tests.pages.driving import (
    PATIENCE_S,
    checked,
    open_app,
    photo_bytes,
    press,
    texts,
    use,
)

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Models:
    """Models that find two columns of five holds, all unsure."""
    holds = [found((x, 20 + 40 * i, x + 30, 45 + 40 * i)) for x in (50, 90) for i in range(5)]
    colour = make_colour("green", sure=False, confidence=0.55, alternatives=(("mint", 0.4),))
    return use(monkeypatch, fake_models(holds, colour))


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    (uploader,) = [u for u in app.file_uploader if u.label == "Photos of walls"]
    uploader.set_value([(name, data, "image/jpeg") for name, data in files])
    return checked(app.run())


def choose(app: AppTest, *holds: int) -> AppTest:
    """What a click on the wall does: its own test is in tests/browser."""
    desk(app).choose(holds)
    return checked(app.run())


def open_section(app: AppTest, title: str) -> AppTest:
    app.session_state["section"] = title
    return checked(app.run())


def desk(app: AppTest) -> Desk:
    found_desk: Desk = app.session_state["desk"]
    return found_desk


def shown(app: AppTest) -> Review:
    photo = desk(app).queue.shown
    assert photo is not None and photo.review is not None
    return photo.review


def colours(app: AppTest) -> dict[int, str]:
    return {hold.id: hold.colour.name for hold in shown(app).holds}


def test_a_fresh_page_asks_for_a_photo(repository: Path, fakes: Models) -> None:
    app = open_app(repository)

    assert app.title[0].value == "Review a wall"
    assert "demo wall" in texts(app)
    assert not app.error and not app.tabs
    assert fakes.detector.calls == 0  # type: ignore[attr-defined]
    assert {".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif", ".tiff", ".bmp"} <= set(
        app.file_uploader[0].allowed_type
    )


@pytest.mark.usefixtures("fakes")
def test_the_demo_wall_is_analysed(repository: Path) -> None:
    app = press(open_app(repository), "demo")

    assert "**10** holds · **0** volumes · **1** problem · **10** unsure" in texts(app)
    assert len(app.get("bidi_component")) == 1
    assert not app.error and not app.warning
    assert [tab.label for tab in app.tabs] == ["Problems", "Holds", "Numbers", "Vision", "Files"]


def test_a_rerun_does_not_analyse_again(repository: Path, fakes: Models) -> None:
    app = press(open_app(repository), "demo")
    for _ in range(2):
        checked(app.run())
    assert fakes.detector.calls == 1  # type: ignore[attr-defined]

    press(app, "demo")  # the same photo once more
    assert len(desk(app).queue.photos) == 1
    assert fakes.detector.calls == 1  # type: ignore[attr-defined]


@pytest.mark.usefixtures("fakes")
def test_an_upload_is_analysed_and_its_bytes_are_let_go(repository: Path) -> None:
    data = photo_bytes()

    app = upload(open_app(repository), ("Süd_*wand*.jpg", data))

    (photo,) = desk(app).queue.photos
    assert photo.sha256 == hashlib.sha256(data).hexdigest() and photo.data == b""
    assert r"Süd\_\*wand\*\.jpg, 320 x 260" in texts(app)
    assert app.file_uploader[0].value == []  # empty again: no photo lies in memory twice


def test_many_photos_are_a_queue_in_which_one_may_fail(repository: Path, fakes: Models) -> None:
    files = [(f"wall{i}.jpg", photo_bytes(90 + 20 * i)) for i in range(3)]
    files.insert(1, ("notes.jpg", b"these are not pixels"))

    app = upload(open_app(repository), *files)

    photos = desk(app).queue.photos
    assert [photo.state for photo in photos] == ["done", "failed", "done", "done"]
    assert fakes.detector.calls == 3  # type: ignore[attr-defined]
    (error,) = app.error
    assert "notes" in error.value and "Traceback" not in error.value
    assert shown(app).photo.name == "wall0.jpg"

    checked(app.selectbox(key="photo").set_value(photos[3].number).run())
    assert shown(app).photo.name == "wall2.jpg"
    press(app, f"remove-trouble-{photos[1].number}")
    assert not app.error


@pytest.mark.usefixtures("fakes")
def test_more_photos_than_fit_are_refused_and_nothing_is_lost(repository: Path) -> None:
    files = [(f"wall{i}.jpg", photo_bytes(10 + 10 * i)) for i in range(MAX_PHOTOS + 1)]

    app = upload(open_app(repository), *files)

    assert [photo.name for photo in desk(app).queue.photos] == [name for name, _ in files[:-1]]
    (error,) = app.error
    assert files[-1][0].split(".")[0] in error.value and "remove a photo" in error.value
    assert not checked(app.run()).error


@pytest.mark.parametrize(
    "row", [r for r in BAD_PHOTOS if "bomb" not in r.id][::9], ids=lambda r: r.id
)
def test_a_broken_photo_is_told_in_a_sentence(row: Any, repository: Path, fakes: Models) -> None:
    app = upload(open_app(repository), (f"{row.id}.jpg", row.make()))

    (error,) = app.error
    assert "Traceback" not in error.value and "\n\n" in error.value  # message, then hint
    assert fakes.detector.calls == 0  # type: ignore[attr-defined]

    checked(app.run())
    assert len(app.error) == 1  # still told after a rerun

    upload(app, ("wall.jpg", photo_bytes()))
    assert "**10** holds" in texts(app)


def test_no_holds_found(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, fake_models())

    app = upload(open_app(repository), ("bare.jpg", photo_bytes()))

    assert "**0** holds · **0** volumes · **0** problems" in texts(app)
    assert "No holds were found" in app.warning[0].value
    for section in ("Problems", "Holds", "Numbers", "Vision", "Files"):
        assert not open_section(app, section).error


def test_a_mistake_of_the_program_is_a_sentence_too(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = use(monkeypatch, fake_models([found((50, 50, 90, 90))]))

    def broken(*_: object) -> Generator[float, None, list[Any]]:
        yield 0.5
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(models.detector, "detect", broken)
    app = upload(open_app(repository), ("wall.jpg", photo_bytes()))

    (error,) = app.error
    assert "broke off" in error.value and "secret" not in error.value
    monkeypatch.undo()
    assert desk(app).queue.photos[0].can_retry


def test_stopping_gives_up_what_waits_and_it_can_be_tried_again(
    repository: Path, fakes: Models
) -> None:
    app = open_app(repository)
    queue = PhotoQueue()
    queue.add("wall.jpg", photo_bytes())
    queue.stop()
    desk(app).queue = queue
    checked(app.run())
    assert "was stopped" in texts(app) and fakes.detector.calls == 0  # type: ignore[attr-defined]

    press(app, f"retry-{queue.photos[0].number}")
    assert queue.photos[0].state == "done"


@pytest.mark.usefixtures("fakes")
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


@pytest.mark.usefixtures("fakes")
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


@pytest.mark.usefixtures("fakes")
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


@pytest.mark.usefixtures("fakes")
def test_kind_and_confirming_a_colour(repository: Path) -> None:
    app = press(open_app(repository), "demo")
    press(app, "next_unsure")
    assert desk(app).chosen == (1,)

    press(app, "confirm")
    assert shown(app).hold(1).colour.sure and shown(app).hold(1).colour.name == "green"
    assert desk(app).chosen == (2,)  # on to the next one

    checked(app.segmented_control(key="pick_kind").set_value("volume").run())
    assert shown(app).hold(2).kind == "volume"
    assert "**1** volume " in texts(app)


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


@pytest.mark.usefixtures("fakes")
def test_another_photo_begins_without_selection_and_filter(repository: Path) -> None:
    files = [(f"wall{i}.jpg", photo_bytes(90 + 20 * i)) for i in range(2)]
    app = choose(upload(open_app(repository), *files), 2)
    desk(app).narrow(HoldFilter(problem=1))

    checked(app.run().selectbox(key="photo").set_value(desk(app).queue.photos[1].number).run())

    assert desk(app).chosen == () and not desk(app).filter.active


@pytest.mark.usefixtures("fakes")
def test_a_selection_can_be_let_go(repository: Path) -> None:
    app = press(choose(press(open_app(repository), "demo"), 3, 4), "select_none")

    assert desk(app).chosen == () and "Select a hold" in texts(app)


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
    send(edits.holds_changed, ids, {"3": {"colour": "x" * 99}})
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
    assert set(review.undo().undo().undo().holds) == {
        hold for hold in review.undo().undo().undo().holds if hold.colour.name == "green"
    }


@pytest.mark.usefixtures("fakes")
def test_a_refused_edit_is_a_sentence(repository: Path) -> None:
    app = choose(press(open_app(repository), "demo"), 1)

    desk(app).notices.append(("The name has 99 characters.", "Choose a shorter one."))
    checked(app.run())
    assert "shorter" in app.error[0].value
    assert not checked(app.run()).error  # told once


@pytest.mark.usefixtures("fakes")
def test_the_numbers_and_eyes_are_shown(repository: Path) -> None:
    app = open_section(press(open_app(repository), "demo"), "Numbers")
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 3

    open_section(app, "Vision")
    before = desk(app).queue.shown
    assert before is not None and desk(app).seen is None
    checked(app.button_group(key="viewer").set_value("deutan").run())
    assert desk(app).vision == "deutan" and desk(app).seen is not None
    assert "As seen by: Deutan" in texts(app)
    press(app, "true_colours")
    assert desk(app).vision is None


@pytest.mark.usefixtures("fakes")
def test_every_file_can_be_had(repository: Path) -> None:
    app = open_section(press(open_app(repository), "demo"), "Files")

    labels = [button.label for button in app.download_button]
    assert labels == [
        "Printable sheet",
        "Annotated picture",
        "JSON",
        "CSV",
        "COCO",
        "Save review",
    ]


@pytest.mark.usefixtures("fakes")
def test_a_saved_review_is_opened_again(repository: Path) -> None:
    app = choose(press(open_app(repository), "demo"), 3)
    checked(app.selectbox(key="pick_colour").set_value("blue").run())
    saved = save_review(shown(app)).encode()
    press(app, "undo")

    open_section(app, "Files")
    (opener,) = [u for u in app.file_uploader if u.label == "Open a saved review"]
    opener.set_value(("wall.review.json", saved, "application/json"))
    checked(app.run())
    assert colours(app)[3] == "blue" and not app.error

    (opener,) = [u for u in app.file_uploader if u.label == "Open a saved review"]
    opener.set_value(("notes.json", b"[1, 2]", "application/json"))
    checked(app.run())
    assert "not a saved review" in app.error[0].value and colours(app)[3] == "blue"


@pytest.mark.usefixtures("fakes")
def test_a_session_keeps_files_and_no_pixels(repository: Path) -> None:
    app = press(open_app(repository), "demo")

    kept = desk(app)
    assert kept.running is None
    (photo,) = kept.queue.photos
    assert isinstance(photo, QueuedPhoto) and photo.picture is not None
    with Image.open(io.BytesIO(photo.picture.jpeg)) as picture:
        assert picture.format == "JPEG" and max(picture.size) <= 2048
    assert kept.queue.nbytes() < 2 * 2**20
    packages = {module.split(".")[0] for module in modules_within(kept)}
    assert not packages & {"numpy", "PIL", "onnxruntime", "streamlit"}


def modules_within(thing: object, seen: set[int] | None = None) -> set[str]:
    """The modules of the classes of everything that ``thing`` refers to."""
    seen = seen if seen is not None else set()
    if id(thing) in seen or isinstance(thing, (str, bytes, int, float, type(None))):
        return set()
    seen.add(id(thing))
    names = {type(thing).__module__}
    parts: list[object] = []
    if isinstance(thing, dict):
        parts = [*thing, *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset)):
        parts = list(thing)
    else:
        slots = getattr(type(thing), "__slots__", ())
        parts = [getattr(thing, name, None) for name in slots]
        parts += list(getattr(thing, "__dict__", {}).values())
    for part in parts:
        names |= modules_within(part, seen)
    return names


def test_warnings_are_shown(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holds = [found((50, 50, 90, 90))]
    use(monkeypatch, fake_models(holds, warnings=("YOLO_WEIGHTS=x.pt does not exist.",)))

    app = upload(open_app(repository), ("wall.jpg", photo_bytes()))

    assert plain("YOLO_WEIGHTS=x.pt does not exist.") in [w.value for w in app.warning]


def test_the_embedded_models_behind_the_page(repository: Path) -> None:
    app = press(open_app(repository), "demo")

    assert len(shown(app).holds) > 30 and len(shown(app).problems) >= 2
    assert not app.warning and not app.error


@pytest.mark.usefixtures("fakes")
def test_what_the_session_chose_on_the_models_page_goes_along(repository: Path) -> None:
    app = AppTest.from_file(str(repository / "streamlit_app.py"), default_timeout=PATIENCE_S)
    app.session_state["choices"] = {"max_holds": 4}
    checked(app.run())

    upload(app, ("wall.jpg", photo_bytes()))

    assert len(shown(app).holds) == 4


@pytest.mark.parametrize(
    ("room", "line"),
    [
        (4, "Room for 4 more photos."),
        (1, "Room for 1 more photo."),
        (0, "The server has no room for a photo just now. Try again in a minute."),
    ],
)
@pytest.mark.usefixtures("fakes")
def test_one_line_tells_how_many_photos_fit(
    repository: Path, monkeypatch: pytest.MonkeyPatch, room: int, line: str
) -> None:
    monkeypatch.setattr(preflight, "room_now", lambda _settings: room)

    app = open_app(repository)

    told = [element.value for element in [*app.caption, *app.warning]]
    assert told.count(line) == 1


@pytest.mark.usefixtures("fakes")
def test_the_server_keeps_no_second_copy_of_an_upload(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[str] = []
    original = MemoryUploadedFileManager.remove_file

    def remove(self: MemoryUploadedFileManager, session_id: str, file_id: str) -> None:
        gone.append(file_id)
        original(self, session_id, file_id)

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", remove)
    app = open_app(repository)

    upload(app, ("a.jpg", photo_bytes(141)), ("b.jpg", photo_bytes(142)))

    assert len(set(gone)) == 2
    assert len(desk(app).queue.photos) == 2
