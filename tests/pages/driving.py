"""Opening, clicking and reading a page as Streamlit runs it, for the tests of all pages."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core import analysis
from core.analysis import Models

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
