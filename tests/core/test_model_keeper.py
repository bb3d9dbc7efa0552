"""Loaded models bound to what a request chooses. (Loading them: test_service_worker.py.)"""

from __future__ import annotations

from typing import Any

import pytest

from core.model_keeper import PALETTES, ModelKeeper
from core.service import Choices
from core.settings import load_settings
from tests.core.fakes import fake_models
from tests.core.served import Make, encoded, make

__all__ = ["make"]

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_choices_rebind_the_models_without_loading_them_again(make: Make) -> None:
    place = make()
    choices = Choices(yolo_conf=0.6, palette=("mint", "wood"), max_holds=3, max_image_size=320)

    answer = place.service.analyze(encoded(size=(640, 520)), choices=choices)

    assert len(place.loads) == 1 and place.detector.seen == [0.6]
    assert place.service.models is not None
    assert {hold.colour.name for hold in answer.analysis.holds} == {"mint"}
    assert len(answer.analysis.holds) == 3
    assert place.service.analyze(encoded(size=(640, 520)), choices=choices).from_cache
    assert not place.service.analyze(encoded(size=(640, 520))).from_cache
    assert place.detector.sizes[-1] == (640, 520) and place.detector.seen == [0.6, 0.35]


def test_readers_of_palettes_are_kept_within_a_bound(make: Make) -> None:
    place = make()
    assert place.service.models is not None
    colours: Any = place.service.models.colours
    palettes = [("red", f"own {i}") for i in range(PALETTES + 1)]
    for shade, palette in enumerate([palettes[0], *palettes, palettes[-1], palettes[0]]):
        place.service.analyze(encoded(shade), choices=Choices(palette=palette))

    assert colours.bound == [*palettes, palettes[0]]


def test_the_log_says_once_why_an_embedded_model_serves(caplog: pytest.LogCaptureFixture) -> None:
    models = fake_models(warnings=("YOLO_WEIGHTS=x does not exist.",))
    keeper = ModelKeeper(load_settings(), lambda _settings: models)

    keeper.load()
    keeper.load()

    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["models=embedded reason='YOLO_WEIGHTS=x does not exist.'"]
