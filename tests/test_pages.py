"""What all pages of the dashboard share. Each page has its own tests in ``tests/pages``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import analysis
from core.analysis import Models
from pages.shared import plain
from tests.core.fakes import fake_models

PATIENCE_S = 60

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture(autouse=True)
def no_models_of_other_tests() -> Iterator[None]:
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def use(monkeypatch: pytest.MonkeyPatch, models: Models) -> Models:
    monkeypatch.setattr(analysis, "load_models", lambda *_: models)
    return models


def open_app(repository: Path) -> AppTest:
    app = AppTest.from_file(str(repository / "streamlit_app.py"), default_timeout=PATIENCE_S)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def test_a_bad_setting_is_told_in_a_sentence(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOLO_CONF", "high")

    app = open_app(repository)

    assert "YOLO\\_CONF has the value 'high'" in app.error[0].value
    assert not app.file_uploader  # nothing can be analysed

    monkeypatch.delenv("YOLO_CONF")
    use(monkeypatch, fake_models())
    assert not checked(app.run()).error


def test_a_name_is_not_markup() -> None:
    assert plain("a *b* [c](d) $x$ :red[e]\nf") == r"a \*b\* \[c\]\(d\) \$x\$ \:red\[e\] f"
    assert plain("Wände 5a") == "Wände 5a"


def test_the_browser_fetches_no_icon_from_the_network(repository: Path) -> None:
    # A named symbol as page icon becomes a request to a font service; a file of ours does not.
    source = (repository / "streamlit_app.py").read_text(encoding="utf-8")

    assert "page_icon=str(ICON)" in source
    assert (repository / "assets" / "icon.png").is_file()
