"""The page about the models, run as Streamlit runs it, with the embedded models' files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core.analysis import Models
from core.model_report import report
from core.settings import DEFAULT_PALETTE, Settings, load_settings
from core.shared_service import release_shared, shared_service
from tests.core.fakes import fake_models, found
from tests.pages.driving import checked, open_page, press_label, texts, use

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Models:
    return use(monkeypatch, fake_models([found((560, 760, 620, 830))]))


def test_the_report_tells_what_the_files_are(repository: Path) -> None:
    reports = {model.role: model for model in report(Settings())}

    assert set(reports) == {"detector", "colour", "statistics"}
    for role, model in reports.items():
        assert model.folder == repository / "weights" / role and not model.replaced
        for file in model.files:
            content = (model.folder / file.name).read_bytes()
            assert file.size == len(content)
            assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert reports["detector"].classes == ("hold", "volume")
    assert reports["detector"].shape == (1, 3, 640, 640)
    assert reports["colour"].classes == DEFAULT_PALETTE


@pytest.mark.usefixtures("fakes")
def test_a_fresh_page_shows_the_models_and_chooses_nothing(repository: Path) -> None:
    app = open_page(repository, "models")

    assert app.title[0].value == "Models" and not app.error
    assert {m.label for m in app.metric} >= {"Answers", "Analyses", "Models in memory"}
    assert len(app.dataframe) == 3  # the files of three models
    assert app.session_state["choices"] == {}


@pytest.mark.usefixtures("fakes")
def test_choices_are_plain_values_that_differ_from_the_settings(repository: Path) -> None:
    app = open_page(repository, "models")
    app.slider(key="models_conf").set_value(0.5)
    app.multiselect(key="models_palette").set_value(["red", "blue", "black"])
    checked(app.run())

    assert app.session_state["choices"] == {
        "yolo_conf": 0.5,
        "palette": ("red", "blue", "black"),
    }

    press_label(app, "Back to the defaults")
    assert app.session_state["choices"] == {}
    assert app.slider(key="models_conf").value == 0.35


@pytest.mark.usefixtures("fakes")
def test_a_palette_of_one_name_is_refused_and_the_last_good_one_stays(repository: Path) -> None:
    app = open_page(repository, "models")
    app.multiselect(key="models_palette").set_value(["red"])
    checked(app.run())

    assert "at least two" in app.error[0].value and "palette" not in app.error[0].value
    assert app.session_state["choices"] == {}

    app.multiselect(key="models_palette").set_value(["red", "blue\x1b[31m"])
    checked(app.run())
    assert "cannot be shown" in app.error[0].value
    assert app.session_state["choices"] == {}


def test_measuring_analyses_anew_each_time(repository: Path, fakes: Models) -> None:
    app = open_page(repository, "models")

    press_label(app, "Measure now")
    press_label(app, "Measure now")

    assert fakes.detector.calls == 2
    assert set(app.session_state["measured"]) >= {"detect", "colour", "total"}


@pytest.mark.usefixtures("fakes")
def test_kept_results_are_forgotten_and_counted(repository: Path) -> None:
    app = open_page(repository, "models")
    service = shared_service(load_settings())
    service.analyze((repository / "assets" / "demo_wall.jpg").read_bytes())
    release_shared(service)

    checked(app.run())
    assert "1 of at most " in texts(app)

    press_label(app, "Forget kept results")
    assert "1 result was forgotten" in app.success[0].value
    assert "0 of at most " in texts(app) and "1 of at most " not in texts(app)

    press_label(app, "Forget kept results")
    assert "0 results were forgotten" in app.success[0].value


@pytest.mark.parametrize(
    ("name", "value"),
    [("YOLO_CONF", "0.01"), ("YOLO_CONF", "0.987"), ("MAX_HOLDS", "2000000")],
)
@pytest.mark.usefixtures("fakes")
def test_the_page_opens_with_settings_at_their_ends_and_changes_none(
    repository: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    app = open_page(repository, "models")

    assert app.session_state["choices"] == {}
