"""The review page, run as Streamlit runs it: what it shows, hands out and keeps.

Photos and their queue, edits and tables have tests of their own: test_review_queue.py,
test_review_editing.py and test_review_tables.py.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.analysis import Models
from core.photo_queue import QueuedPhoto
from core.review_file import save_review
from pages import review_downloads
from pages.shared import plain
from tests.core.fakes import fake_models, found
from tests.pages.driving import (
    PATIENCE_S,
    checked,
    choose,
    colours,
    desk,
    open_app,
    open_section,
    photo_bytes,
    press,
    shown,
    texts,
    troubles,
    upload,
    use,
)

pytestmark = pytest.mark.usefixtures("clean_environment")


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
    assert [element.key for element in app.get("bidi_component")] == ["keeper", "refused", "wall"]
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

    (trouble,) = troubles(app)
    assert "broke off" in trouble and "secret" not in trouble
    monkeypatch.undo()
    assert desk(app).queue.photos[0].can_retry


def test_warnings_are_shown(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holds = [found((50, 50, 90, 90))]
    use(monkeypatch, fake_models(holds, warnings=("YOLO_WEIGHTS=x.pt does not exist.",)))

    app = upload(open_app(repository), ("wall.jpg", photo_bytes()))

    assert plain("YOLO_WEIGHTS=x.pt does not exist.") in [w.value for w in app.warning]


def test_without_holds_the_page_tells_how_to_add_one(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, fake_models([]))

    app = upload(open_app(repository), ("wall.jpg", photo_bytes()))

    (warning,) = [w.value for w in app.warning if "No holds" in w.value]
    assert "Models page" in warning and "YOLO" not in warning
    assert "adds holds" in texts(app) and "Select a hold" not in texts(app)


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


@pytest.mark.parametrize("size", [(300, 300), (240, 320), (900, 300)])
@pytest.mark.usefixtures("fakes")
def test_the_map_of_the_holds_has_the_photos_shape(repository: Path, size: tuple[int, int]) -> None:
    app = upload(open_app(repository), ("wall.jpg", photo_bytes(size=size)))

    _colours, where, _sizes = charts(open_section(app, "Numbers"))

    assert where["autosize"] == "pad"  # the legend comes on top
    assert where["width"] / where["height"] == pytest.approx(size[0] / size[1], rel=0.01)
    assert where["width"] <= 358  # a phone less its margins


@pytest.mark.usefixtures("fakes")
def test_the_steps_of_the_sizes_can_be_read(repository: Path) -> None:
    app = open_section(press(open_app(repository), "demo"), "Numbers")

    across = charts(app)[2]["encoding"]["x"]

    assert across["bin"]["step"] == 0.25 and across["axis"]["format"] == ".2f"
    low, high = across["bin"]["extent"]
    assert low <= 1 < high  # ten holds, as large as their median


def charts(app: AppTest) -> list[dict[str, Any]]:
    """The specifications of all charts."""
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


def confusable() -> None:
    """The page of problems that look alike to somebody."""
    from core.colour_vision import ConfusablePair
    from core.review import Review
    from core.wall import Problem
    from pages.review_vision import show_pairs
    from tests.core.make import make_analysis, make_hold

    holds = [make_hold(n, (60.0 * n, 20.0, 30.0, 30.0), problem=n) for n in (1, 2)]
    problems = [Problem(1, "blue", (1,), "Slab *queen*"), Problem(2, "pink", (2,))]
    grey = (128, 128, 128)
    pair = ConfusablePair((1, 2), ("blue", "pink"), 30.0, 3.0, (grey, grey), (grey, grey), 1.0)
    show_pairs("Protan", (pair,), Review.of(make_analysis(holds, problems)))


def test_problems_that_look_alike_are_told_by_their_names() -> None:
    app = checked(AppTest.from_function(confusable).run())

    assert "These neighbouring problems become hard to tell apart:" in texts(app)
    (button,) = app.button
    assert button.label == r"Problem 1 Slab \*queen\* (blue) and problem 2 (pink)"


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
@pytest.mark.parametrize("ahead_h", [14, -12])  # always two days apart
def test_the_sheet_has_the_readers_day(
    repository: Path, monkeypatch: pytest.MonkeyPatch, ahead_h: int
) -> None:
    made: dict[str, Callable[[], Any]] = {}
    monkeypatch.setattr(
        review_downloads, "file", lambda label, make, *_rest: made.update({label: make})
    )
    monkeypatch.setattr(review_downloads, "write_sheet", lambda *_, **how: how["date"])
    app = open_app(repository)
    app.context = {"timezone_offset": -60 * ahead_h}
    open_section(press(app, "demo"), "Files")

    before = datetime.now(UTC) + timedelta(hours=ahead_h)
    printed = made["Printable sheet"]()

    assert before.date() <= printed <= (datetime.now(UTC) + timedelta(hours=ahead_h)).date()


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
