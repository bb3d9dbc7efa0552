"""The whole analysis, with the embedded models, keeps nothing from one photo to the next."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from core.analysis import Models, Step, analyze, finish, load_models
from core.errors import PhotoError
from core.memory.replay import assert_no_leak
from core.settings import Settings, load_settings

THRESHOLD_KIB = 64.0
"""The runtime's threads and arenas make the readings of an analysis rougher than those of a plain
function. A kept working picture would be 5600 KiB a run, a kept upload 340."""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(max_image_size=640)


@pytest.fixture(scope="module")
def models(settings: Settings) -> Models:
    loaded = load_models(settings)
    loaded.warm_up()
    return loaded


@pytest.fixture(scope="module")
def wall(repository: Path) -> bytes:
    return (repository / "assets" / "demo_wall.jpg").read_bytes()


@pytest.mark.slow
def test_an_analysis_keeps_nothing(models: Models, settings: Settings, wall: bytes) -> None:
    counts = []

    def one() -> None:
        counts.append(len(finish(analyze(wall, models, settings, name="wall.jpg")).holds))

    found = assert_no_leak(one, threshold_kib=THRESHOLD_KIB, rounds=(8, 8, 16))

    assert min(counts) > 20
    assert len(counts) == found.runs + found.warm_up


@pytest.mark.slow
def test_an_analysis_that_is_given_up_keeps_nothing(
    models: Models, settings: Settings, wall: bytes
) -> None:
    def one() -> None:
        steps = analyze(wall, models, settings, name="wall.jpg")
        with contextlib.closing(steps):
            for item in steps:
                if isinstance(item, Step) and item.stage == "detect":
                    return

    assert_no_leak(one, threshold_kib=THRESHOLD_KIB, rounds=(8, 8, 16))


def test_a_damaged_photo_keeps_nothing(models: Models, settings: Settings, wall: bytes) -> None:
    def one() -> None:
        with pytest.raises(PhotoError):
            finish(analyze(wall[: len(wall) // 2], models, settings, name="cut.jpg"))

    assert_no_leak(one, threshold_kib=THRESHOLD_KIB, rounds=(8, 8, 16))


@pytest.mark.slow
def test_a_kept_photo_would_be_seen(models: Models, settings: Settings, wall: bytes) -> None:
    kept = []

    def one() -> None:
        for item in analyze(wall, models, settings, name="wall.jpg"):
            if isinstance(item, Step) and item.photo is not None:
                kept.append(item.photo)

    with pytest.raises(AssertionError, match="leak: "):
        assert_no_leak(one, threshold_kib=THRESHOLD_KIB, rounds=(8, 8, 16))
