"""The page that compares two photos, run as Streamlit runs it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.analysis import Models
from tests.core.fakes import fake_models, found
from tests.pages.driving import checked, open_page, photo_bytes, press_label, use

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Models:
    """Models that find a hold in one place of every picture: where the demo wall's pink one is."""
    return use(monkeypatch, fake_models([found((850, 700, 935, 845))]))


def saved_again(jpeg: bytes) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(jpeg)) as picture:
        picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def upload(app: AppTest, first: bytes, second: bytes) -> AppTest:
    app.file_uploader[0].set_value(("before.jpg", first, "image/jpeg"))
    app.file_uploader[1].set_value(("after.jpg", second, "image/jpeg"))
    return checked(app.run())


@pytest.mark.usefixtures("fakes")
def test_a_fresh_page_asks_for_two_photos(repository: Path) -> None:
    app = open_page(repository, "compare")

    assert len(app.file_uploader) == 2 and "two photos" in app.info[0].value
    assert not app.metric and not app.error


def test_the_demo_walls_are_compared_once(repository: Path, fakes: Models) -> None:
    app = press_label(open_page(repository, "compare"), "Demo walls")

    # One place of both pictures is two places of the wall, and shows two things: the camera stood
    # elsewhere.
    numbers = {m.label: int(m.value) for m in app.metric}
    assert numbers == {"Came": 1, "Went": 1, "Moved": 0, "Stayed": 0}
    assert [b.label for b in app.download_button] == ["JSON", "CSV", "Picture"]
    assert fakes.detector.calls == 2

    checked(app.run())
    assert fakes.detector.calls == 2 and len(app.metric) == 4


@pytest.mark.usefixtures("fakes")
def test_each_view_is_shown(repository: Path) -> None:
    app = press_label(open_page(repository, "compare"), "Demo walls")
    pictures = []
    for view in ("changes", "beside"):
        app.segmented_control(key="compare_view").set_value(view)
        checked(app.run())
        pictures.append(len(app.get("imgs")) + len(app.get("image")))

    assert pictures == [1, 2]


@pytest.mark.usefixtures("fakes")
def test_a_session_keeps_files_and_no_pixels(repository: Path) -> None:
    app = press_label(open_page(repository, "compare"), "Demo walls")

    kept = app.session_state["compared"]
    assert kept.document["schema"] == "climbmate.comparison/1"
    assert all(isinstance(p, bytes) for p in (kept.changes, kept.before, kept.after))


@pytest.mark.usefixtures("fakes")
def test_photos_that_do_not_fit_are_told_in_a_sentence(repository: Path) -> None:
    demo = (repository / "assets" / "demo_wall.jpg").read_bytes()

    app = upload(open_page(repository, "compare"), demo, photo_bytes(size=(400, 300)))

    (error,) = app.error
    assert "too little detail" in error.value and "\n\n" in error.value
    assert not app.metric


@pytest.mark.usefixtures("fakes")
def test_a_broken_photo_is_told_in_a_sentence(repository: Path) -> None:
    app = upload(
        open_page(repository, "compare"), b"\xff\xd8\xff no photo", photo_bytes(size=(400, 300))
    )

    (error,) = app.error
    assert "Traceback" not in error.value and "\n\n" in error.value
    assert any("before the reset: before" in text.value for text in app.markdown)

    demo = (repository / "assets" / "demo_wall.jpg").read_bytes()
    upload(app, demo, saved_again(demo))
    assert not app.error
    assert {m.label: m.value for m in app.metric}["Stayed"] == "1"


@pytest.mark.usefixtures("fakes")
def test_one_photo_is_not_enough(repository: Path) -> None:
    app = open_page(repository, "compare")
    app.file_uploader[0].set_value(("before.jpg", photo_bytes(size=(400, 300)), "image/jpeg"))

    checked(app.run())

    assert "photo after the reset" in app.info[0].value
    assert not app.metric and not app.error


def test_the_same_photo_twice_is_told_before_any_work(repository: Path, fakes: Models) -> None:
    demo = (repository / "assets" / "demo_wall.jpg").read_bytes()

    app = upload(open_page(repository, "compare"), demo, demo)

    (warning,) = app.warning
    assert "same photo" in warning.value
    assert not app.metric and fakes.detector.calls == 0


@pytest.mark.usefixtures("fakes")
def test_the_demo_walls_take_the_place_of_uploads(repository: Path) -> None:
    app = upload(
        open_page(repository, "compare"), photo_bytes(size=(400, 300)), b"\xff\xd8\xff no photo"
    )
    assert app.error

    press_label(app, "Demo walls")

    assert not app.error and len(app.metric) == 4
    assert any("demo\\_wall" in text.value for text in app.caption)


def test_no_holds_on_either_photo(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, fake_models())

    app = press_label(open_page(repository, "compare"), "Demo walls")

    assert {m.value for m in app.metric} == {"0"} and not app.dataframe


def test_the_choices_of_the_session_go_along(repository: Path, fakes: Models) -> None:
    app = open_page(repository, "compare")
    app.session_state["choices"] = {"max_image_size": 640}

    press_label(app, "Demo walls")

    assert {max(size) for size in fakes.detector.sizes} <= {608, 640}


def numbers_of_one_document(unseen: int) -> None:
    """A page with the numbers of a comparison alone."""
    from pages.compare_tables import show_numbers

    holds = {"came": 0, "went": 0, "moved": 0, "stayed": 3, "unseen": unseen}
    fit = {"inliers": 90, "error_px": 0.5, "overlap": 0.8, "panels": 1}
    show_numbers({"counts": {"holds": holds}, "alignment": fit})


@pytest.mark.parametrize(
    ("unseen", "sentence"),
    [
        (1, "1 hold lies where only one photo shows the wall; it is left out."),
        (2, "2 holds lie where only one photo shows the wall; they are left out."),
    ],
)
def test_one_hold_is_told_as_one(unseen: int, sentence: str) -> None:
    app = checked(AppTest.from_function(numbers_of_one_document, args=(unseen,)).run())

    assert sentence in [text.value for text in app.caption]
