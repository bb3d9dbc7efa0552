"""What all pages of the dashboard share."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages.shared import plain
from tests.core.fakes import fake_models
from tests.pages.driving import checked, open_app, use

pytestmark = pytest.mark.usefixtures("clean_environment")


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
