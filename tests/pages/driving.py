"""Opening, clicking and reading a page as Streamlit runs it, for the tests of all pages.

From ``upload`` on it is the review page, which several files test.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core import analysis
from core.analysis import Models
from core.review import Review
from pages.review_state import Desk

PATIENCE_S = 90


def use(monkeypatch: pytest.MonkeyPatch, models: Models) -> Models:
    """Let the pages find ``models`` instead of loading the embedded ones."""
    monkeypatch.setattr(analysis, "load_models", lambda *_: models)
    return models


def open_app(repository: Path) -> AppTest:
    """The whole dashboard, on its first page."""
    return open_file(repository / "streamlit_app.py")


def open_page(repository: Path, name: str) -> AppTest:
    """One page by itself."""
    return open_file(repository / "pages" / f"{name}.py")


def open_file(script: Path) -> AppTest:
    """``script`` after its first run."""
    app = AppTest.from_file(str(script), default_timeout=PATIENCE_S)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    """``app``, which shows no exception."""
    assert not app.exception, app.exception
    return app


def press(app: AppTest, key: str) -> AppTest:
    """After a click on the button with that key."""
    return checked(app.button(key=key).click().run())


def press_label(app: AppTest, label: str) -> AppTest:
    """After a click on the one button that says ``label``."""
    (button,) = [button for button in app.button if button.label == label]
    return checked(button.click().run())


def texts(app: AppTest) -> str:
    """All plain texts of the page, a line each."""
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


def photo_bytes(shade: int = 140, size: tuple[int, int] = (320, 260)) -> bytes:
    """A JPEG of one shade of grey."""
    out = io.BytesIO()
    Image.new("RGB", size, (shade, shade, shade)).save(out, "JPEG")
    return out.getvalue()


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    """The review page after photos, each a name and its bytes, were given to it."""
    (uploader,) = [u for u in app.file_uploader if u.label == "Photos of walls"]
    uploader.set_value([(name, data, "image/jpeg") for name, data in files])
    return checked(app.run())


def choose(app: AppTest, *holds: int) -> AppTest:
    """What a click on the wall does: its own test is in tests/browser."""
    desk(app).choose(holds)
    return checked(app.run())


def open_section(app: AppTest, title: str) -> AppTest:
    """The review page with the section ``title`` beside the wall."""
    app.session_state["section"] = title
    return checked(app.run())


def desk(app: AppTest) -> Desk:
    """What the session of the review page keeps."""
    found_desk: Desk = app.session_state["desk"]
    return found_desk


def shown(app: AppTest) -> Review:
    """The review of the photo that the review page shows."""
    photo = desk(app).queue.shown
    assert photo is not None and photo.review is not None
    return photo.review


def troubles(app: AppTest) -> list[str]:
    """What the review page tells about photos that failed, one text each."""
    return [text.value for text in app.markdown if text.value.startswith(":red[")]


def colours(app: AppTest) -> dict[int, str]:
    """The colour of every hold on the wall, by the hold's id."""
    return {hold.id: hold.colour.name for hold in shown(app).holds}
