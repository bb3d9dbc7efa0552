"""Kept corrections on the review page: offered, restored, discarded, broken, and what is told where
nothing can be kept. The browser's part is in tests/browser/test_kept_corrections.py."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.review_edits import Recolour
from core.review_file import save_review
from core.review_kept import KeptReport, pack_review
from pages import review_keeper
from pages.review_keeper import hear
from tests.pages.driving import (
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
    upload,
)

pytestmark = pytest.mark.usefixtures("clean_environment", "fakes")


def kept_from(app: AppTest, **changes: Any) -> dict[str, Any]:
    """What a browser reports that keeps the shown wall with hold 3 made blue."""
    text = pack_review(shown(app).apply(Recolour((3,), "blue")))
    kept = {
        "photo": shown(app).photo.sha256,
        "line": "1f577b5fe19b5971",
        "stamp": 1795252990127,
        "text": text,
        "at": "2026-11-21T10:32",
        "today": "2026-11-21",
    }
    return {"kept": kept | changes, "names": [], "trouble": "", "ended": False}


def hear_from_browser(app: AppTest, report: dict[str, Any]) -> AppTest:
    """The page after the browser's report came in, as the element's callback takes it."""
    desk(app).keeping.take(KeptReport.of_plain(report))
    return checked(app.run())


def offered(app: AppTest) -> bool:
    return any(button.key == "discard" for button in app.button)


def test_kept_corrections_are_offered_and_not_applied(repository: Path) -> None:
    app = press(open_app(repository), "demo")
    assert not offered(app)

    hear_from_browser(app, kept_from(app))

    assert r"Corrections of this photo from today, 10\:32, are kept in this browser" in texts(app)
    assert colours(app)[3] == "green" and shown(app).undo_what is None


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-11-22", "from yesterday"),
        ("2026-11-24", r"from 2026\-11\-21"),
        ("2026-11-20", r"from 2026\-11\-21"),
    ],
)
def test_the_offer_says_from_when(repository: Path, day: str, words: str) -> None:
    app = press(open_app(repository), "demo")

    assert words in texts(hear_from_browser(app, kept_from(app, today=day)))


def test_an_offer_without_a_moment(repository: Path) -> None:
    app = press(open_app(repository), "demo")

    told = texts(hear_from_browser(app, kept_from(app, at="", stamp=0)))
    assert "Corrections of this photo are kept in this browser." in told


def test_restoring_brings_back_the_wall_and_its_undo(repository: Path) -> None:
    app = press(open_app(repository), "demo")
    hear_from_browser(app, kept_from(app))
    choose(app, 5)

    press(app, "restore")

    assert colours(app)[3] == "blue" and not offered(app)
    assert desk(app).chosen == ()
    press(app, "undo")
    assert colours(app)[3] == "green"


def test_what_was_edited_meanwhile_is_left_on_its_own_line(repository: Path) -> None:
    app = press(open_app(repository), "demo")
    hear_from_browser(app, kept_from(app))
    choose(app, 4)
    checked(app.selectbox(key="pick_colour").set_value("pink").run())
    assert offered(app)
    (work,) = desk(app).keeping.works.values()
    line, text = work.line, work.text
    assert text

    press(app, "restore")

    assert colours(app)[4] == "green" and work.line != line and (line, 0) not in work.gone
    report = kept_from(app, line=line, stamp=1795252999999, text=text)
    hear_from_browser(app, report)  # as the browser does: it is offered in turn
    assert colours(press(app, "restore"))[4] == "pink"


def test_discarding_leaves_the_wall(repository: Path) -> None:
    app = press(open_app(repository), "demo")
    hear_from_browser(app, kept_from(app))

    press(app, "discard")

    assert not offered(app) and colours(app)[3] == "green"
    (work,) = desk(app).keeping.works.values()
    assert work.gone == [("1f577b5fe19b5971", 1795252990127)]


@pytest.mark.parametrize("text", ["", "not base64?", "eAEDAAAAAAE="])
def test_what_cannot_be_read_is_said_and_can_be_discarded(repository: Path, text: str) -> None:
    app = press(open_app(repository), "demo")

    hear_from_browser(app, kept_from(app, text=text))

    assert "They cannot be read" in texts(app)
    assert not any(button.key == "restore" for button in app.button)
    assert not offered(press(app, "discard"))


def test_corrections_of_another_photo_are_not_offered(repository: Path) -> None:
    app = press(open_app(repository), "demo")

    assert not offered(hear_from_browser(app, kept_from(app, photo="cd" * 32)))


def test_a_review_of_another_photo_under_this_ones_name_cannot_be_restored(
    repository: Path,
) -> None:
    app = upload(open_app(repository), ("wall.jpg", photo_bytes()))
    text = kept_from(app)["kept"]["text"]
    app = press(open_app(repository), "demo")

    hear_from_browser(app, kept_from(app, text=text))

    assert "They cannot be read" in texts(app)


def test_each_photo_in_the_queue_has_its_own_offer(repository: Path) -> None:
    files = [(f"wall{i}.jpg", photo_bytes(90 + 20 * i)) for i in range(2)]
    app = upload(open_app(repository), *files)
    hear_from_browser(app, kept_from(app))

    checked(app.selectbox(key="photo").set_value(desk(app).queue.photos[1].number).run())
    assert not offered(app)
    checked(app.selectbox(key="photo").set_value(desk(app).queue.photos[0].number).run())
    assert offered(app)


def test_a_saved_review_is_kept_too_and_on_a_line_of_its_own(repository: Path) -> None:
    app = press(open_app(repository), "demo")
    (work,) = desk(app).keeping.works.values()
    line = work.line
    saved = save_review(shown(app).apply(Recolour((3,), "blue"))).encode()
    open_section(app, "Files")
    (uploader,) = [u for u in app.file_uploader if u.label == "Open a saved review"]

    uploader.set_value([("wall.review.json", saved, "application/json")])
    checked(app.run())

    assert colours(app)[3] == "blue" and work.text and work.line != line


def test_an_empty_page_names_the_photos_whose_corrections_are_kept(repository: Path) -> None:
    app = open_app(repository)
    names = ["*Süd* [wand].jpg", *(f"wall{number}.jpg" for number in range(9))]

    hear_from_browser(app, {"kept": None, "names": names, "trouble": "", "ended": False})

    (info,) = app.info
    assert r"\*Süd\* \[wand\]\.jpg" in info.value and "…" in info.value
    assert "wall8" not in info.value
    assert not press(app, "demo").info


def test_a_page_whose_session_ended_says_so_until_a_photo_is_open(repository: Path) -> None:
    app = open_app(repository)
    report = {"kept": None, "names": [], "trouble": "", "ended": True}

    hear_from_browser(app, report)
    (info,) = app.info
    assert "server was restarted" in info.value and "corrections" not in info.value
    hear_from_browser(app, report | {"names": ["wall.jpg"]})
    (info,) = app.info
    assert "server was restarted" in info.value and "Open the photo again" in info.value

    press(app, "demo")
    press(app, f"remove-list-{desk(app).queue.photos[0].number}")
    (info,) = app.info  # the photo was closed by the setter
    assert "server was restarted" not in info.value


def test_no_room_is_told_once_and_stays_beside_the_files(repository: Path) -> None:
    app = press(open_app(repository), "demo")

    hear_from_browser(app, {"kept": None, "names": [], "trouble": "full", "ended": False})

    (warning,) = app.warning
    assert "save the review" in warning.value
    assert not checked(app.run()).warning
    assert "no room" in texts(open_section(app, "Files"))
    assert not any(button.key == "forget" for button in app.button)


def test_where_the_browser_keeps_nothing_the_page_works_as_before(repository: Path) -> None:
    app = press(open_app(repository), "demo")

    hear_from_browser(app, {"kept": None, "names": [], "trouble": "denied", "ended": False})

    assert not app.warning and not app.error
    assert "does not let pages keep" in texts(open_section(app, "Files"))


def test_everything_can_be_removed_from_the_browser(repository: Path) -> None:
    app = press(open_app(repository), "demo")
    choose(app, 3)
    checked(app.selectbox(key="pick_colour").set_value("blue").run())
    open_section(app, "Files")

    press(app, "forget")

    keeping = desk(app).keeping
    assert keeping.forget and [work.text for work in keeping.works.values()] == [""]
    assert colours(app)[3] == "blue"


def test_what_travels_with_an_edit_is_the_corrections_and_not_the_photo(repository: Path) -> None:
    data = photo_bytes()
    app = choose(upload(open_app(repository), ("wall.jpg", data)), 3)
    checked(app.selectbox(key="pick_colour").set_value("blue").run())

    queue = desk(app).queue
    told = desk(app).keeping.plain(queue.shown, queue.photos)

    assert told["photo"] == hashlib.sha256(data).hexdigest()
    assert set(told) == {"session", "forget", "photo", "name", "line", "text", "gone"}
    assert told["text"] == pack_review(shown(app)) and len(told["text"]) < 4000


def test_a_report_that_is_none_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(review_keeper.st, "session_state", {"keeper": {"report": ["x"]}})

    hear()

    assert re.search("event=report refused=expected kept", caplog.text)
