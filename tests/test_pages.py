"""The dashboard, page by page, run as Streamlit runs it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from core import analysis
from core.analysis import Models
from pages.shared import plain
from tests.core.bad_photos import BAD_PHOTOS
from tests.core.fakes import fake_models, found
from tests.core.make import make_colour

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


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Models:
    """Models that find two columns of five holds, all unsure."""
    holds = [found((x, 20 + 40 * i, x + 30, 45 + 40 * i)) for x in (50, 90) for i in range(5)]
    colour = make_colour("green", sure=False, confidence=0.55, alternatives=(("mint", 0.4),))
    return use(monkeypatch, fake_models(holds, colour))


def open_app(repository: Path) -> AppTest:
    app = AppTest.from_file(str(repository / "streamlit_app.py"), default_timeout=PATIENCE_S)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def press_demo(app: AppTest) -> AppTest:
    (button,) = [button for button in app.button if button.label == "Demo wall"]
    return checked(button.click().run())


def upload(app: AppTest, data: bytes, name: str = "wall.jpg") -> AppTest:
    app.file_uploader[0].set_value((name, data, "image/jpeg"))
    return checked(app.run())


def photo_bytes(shade: int = 140) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 260), (shade, shade, shade)).save(out, "JPEG")
    return out.getvalue()


def counts(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_a_fresh_page_asks_for_a_photo(repository: Path, fakes: Models) -> None:
    app = open_app(repository)

    assert app.title[0].value == "Review a wall"
    assert "Upload a photo" in app.info[0].value
    assert not app.error and not app.metric and not app.dataframe
    assert fakes.detector.calls == 0
    assert {".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif", ".tiff", ".bmp"} <= set(
        app.file_uploader[0].allowed_type
    )


@pytest.mark.usefixtures("fakes")
def test_the_demo_wall_is_analysed(repository: Path) -> None:
    app = press_demo(open_app(repository))

    assert counts(app) == {"Holds": "10", "Volumes": "0", "Problems": "1", "Unsure": "10"}
    problems, holds = (table.value for table in app.dataframe)
    assert problems["Holds"].tolist() == [", ".join(map(str, range(1, 11)))]
    assert holds["Hold"].tolist() == list(range(1, 11))
    assert set(holds["Or else"]) == {"mint"} and set(holds["Confidence"]) == {55}
    assert not app.error and not app.info and not app.warning
    assert len(app.get("imgs")) + len(app.get("image")) >= 1


@pytest.mark.usefixtures("fakes")
def test_the_downloads_are_the_exports(repository: Path) -> None:
    app = press_demo(open_app(repository))

    assert [button.label for button in app.download_button] == ["JSON", "CSV", "Picture"]
    kept = app.session_state["review"]
    with Image.open(io.BytesIO(kept.picture)) as picture:
        assert picture.size == (1200, 1600) and picture.format == "JPEG"
    assert len(json.loads(json.dumps(kept.document))["holds"]) == 10


@pytest.mark.usefixtures("fakes")
def test_an_upload_is_analysed(repository: Path) -> None:
    data = photo_bytes()

    app = upload(open_app(repository), data, "Süd_*wand*.jpg")

    kept = app.session_state["review"]
    assert kept.sha256 == hashlib.sha256(data).hexdigest()
    assert kept.document["photo"]["name"] == "Süd_*wand*.jpg"
    assert r"Süd\_\*wand\*\.jpg" in app.caption[0].value


def test_a_rerun_does_not_analyse_again(repository: Path, fakes: Models) -> None:
    app = press_demo(open_app(repository))
    for _ in range(2):
        checked(app.run())
    assert fakes.detector.calls == 1 and counts(app)["Holds"] == "10"

    press_demo(app)  # the same photo once more
    assert fakes.detector.calls == 1

    upload(app, photo_bytes())
    assert fakes.detector.calls == 2
    checked(app.run())
    assert fakes.detector.calls == 2

    upload(app, photo_bytes(90))
    assert fakes.detector.calls == 3


def test_the_demo_after_an_upload_stays(repository: Path, fakes: Models) -> None:
    app = upload(open_app(repository), photo_bytes())
    press_demo(app)
    checked(app.run())

    assert app.session_state["review"].document["photo"]["name"] == "demo_wall.jpg"
    assert fakes.detector.calls == 2


@pytest.mark.parametrize(
    "row", [r for r in BAD_PHOTOS if "bomb" not in r.id][::9], ids=lambda r: r.id
)
def test_a_broken_photo_is_told_in_a_sentence(row: Any, repository: Path, fakes: Models) -> None:
    app = upload(open_app(repository), row.make(), f"{row.id}.jpg")

    (error,) = app.error
    assert "Traceback" not in error.value and "\n\n" in error.value  # message, then hint
    assert not app.metric and not app.dataframe and fakes.detector.calls == 0

    checked(app.run())
    assert len(app.error) == 1  # still told after a rerun

    upload(app, photo_bytes())
    assert not app.error and counts(app)["Holds"] == "10"


def test_no_holds_found(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, fake_models())

    app = upload(open_app(repository), photo_bytes())

    assert counts(app) == {"Holds": "0", "Volumes": "0", "Problems": "0", "Unsure": "0"}
    assert "No holds were found" in app.warning[0].value
    assert not app.dataframe and not app.error


def test_warnings_are_shown(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holds = [found((50, 50, 90, 90))]
    use(monkeypatch, fake_models(holds, warnings=("YOLO_WEIGHTS=x.pt does not exist.",)))

    app = upload(open_app(repository), photo_bytes())

    assert [w.value for w in app.warning] == [plain("YOLO_WEIGHTS=x.pt does not exist.")]


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


@pytest.mark.usefixtures("fakes")
def test_a_session_keeps_files_and_no_pixels(repository: Path) -> None:
    app = press_demo(open_app(repository))

    kept = app.session_state["review"]
    assert isinstance(kept.picture, bytes) and isinstance(kept.document, dict)
    everything = dict(app.session_state._state.filtered_state)  # the test's view hides the rest
    assert everything == {"review": kept, "photo": None, "done_upload": None}


def test_a_name_is_not_markup() -> None:
    assert plain("a *b* [c](d) $x$ :red[e]\nf") == r"a \*b\* \[c\]\(d\) \$x\$ \:red\[e\] f"
    assert plain("Wände 5a") == "Wände 5a"


def test_the_embedded_models_behind_the_page(repository: Path) -> None:
    app = press_demo(open_app(repository))

    shown = counts(app)
    assert int(shown["Holds"]) > 30 and int(shown["Problems"]) >= 2
    assert not app.warning and not app.error


def test_the_browser_fetches_no_icon_from_the_network(repository: Path) -> None:
    # A named symbol as page icon becomes a request to a font service; a file of ours does not.
    source = (repository / "streamlit_app.py").read_text(encoding="utf-8")

    assert "page_icon=str(ICON)" in source
    assert (repository / "assets" / "icon.png").is_file()
