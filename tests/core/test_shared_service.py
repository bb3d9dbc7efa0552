"""One service for all faces of a process."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from core import analysis as analysis_module
from core.analysis import Models
from core.settings import load_settings
from core.shared_service import release_shared, shared_service
from tests.core.fakes import FakeColours
from tests.core.served import GatedDetector, PaletteColours, Place, encoded, events
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_faces_share_one_service(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in: Any = GatedDetector(None)
    colours: Any = FakeColours()
    monkeypatch.setattr("core.analysis.load_models", lambda *_: Models(stand_in, colours))
    settings = load_settings()

    dashboard = shared_service(settings)
    rest = shared_service(settings)
    assert rest is dashboard and rest.wait_ready(PATIENCE_S).ready

    release_shared(dashboard)
    assert len(rest.analyze(encoded()).analysis.holds) == 5  # the other still holds it
    release_shared(rest)
    assert rest.readiness().state == "closed"
    release_shared(rest)  # once too often: nothing happens

    again = shared_service(settings)
    assert again is not rest
    release_shared(again)


@pytest.mark.parametrize(("debugging", "frozen"), [("false", True), ("true", False)])
def test_what_is_there_after_loading_is_out_of_the_collectors_rounds(
    monkeypatch: pytest.MonkeyPatch, debugging: str, frozen: bool
) -> None:
    stand_in: Any = GatedDetector(None)
    colours: Any = PaletteColours()
    monkeypatch.setattr(analysis_module, "load_models", lambda _settings: Models(stand_in, colours))
    monkeypatch.setenv("DEBUG_MEMORY", debugging)
    try:
        service = shared_service(load_settings())
        assert service.wait_ready(PATIENCE_S).ready
        until(lambda: bool(events(Place(service, stand_in, [])).get("loaded")))
        if frozen:
            until(lambda: gc.get_freeze_count() > 1000)
        else:
            assert gc.get_freeze_count() == 0
    finally:
        release_shared(service)
        gc.unfreeze()
