"""Three real photos from end to end with the embedded models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.analysis import Models, analyze, finish, load_models
from core.export import to_json
from core.settings import DEFAULT_PALETTE, load_settings
from core.wall import WallAnalysis
from training.truth import read_truth

pytestmark = pytest.mark.real

COUNT = 3


@pytest.fixture(scope="module")
def photos(real_data: Path) -> list[Path]:
    """Photos with a wall on them: those of the most holds among the first hundred."""
    images = sorted((real_data / "valid" / "images").glob("*.jpg"))[:100]
    if len(images) < COUNT:
        pytest.skip(f"no real photos: {real_data / 'valid' / 'images'} holds {len(images)}")
    return sorted(images, key=lambda image: -len(read_truth(image).classes))[:COUNT]


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models(load_settings())


def analysed(photo: Path, models: Models) -> WallAnalysis:
    return finish(analyze(photo.read_bytes(), models, load_settings(), name=photo.name))


@pytest.fixture(scope="module")
def analyses(photos: list[Path], models: Models) -> list[WallAnalysis]:
    return [analysed(photo, models) for photo in photos]


@pytest.mark.parametrize("number", range(COUNT))
def test_most_of_the_holds_are_found(
    number: int, photos: list[Path], analyses: list[WallAnalysis]
) -> None:
    analysis, truth = analyses[number], read_truth(photos[number])
    scale = np.array([analysis.photo.width, analysis.photo.height] * 2)
    wanted = truth.boxes[truth.classes == 0] * scale
    boxes = np.array([hold.box for hold in analysis.holds])
    boxes[:, 2:] += boxes[:, :2]

    low = np.maximum(wanted[:, None, :2], boxes[None, :, :2])
    high = np.minimum(wanted[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    sizes = [(rows[:, 2:] - rows[:, :2]).prod(-1) for rows in (wanted, boxes)]
    iou = shared / (sizes[0][:, None] + sizes[1][None] - shared)

    assert (iou.max(1) > 0.5).mean() > 0.5  # recall
    assert (iou.max(0) > 0.5).mean() > 0.4  # the truth itself misses small holds


@pytest.mark.parametrize("number", range(COUNT))
def test_the_document_is_valid(number: int, analyses: list[WallAnalysis]) -> None:
    analysis = analyses[number]

    document = json.loads(to_json(analysis))

    assert WallAnalysis.from_document(document).document() == document
    assert document["schema"] == "climbmate.wall/1" and document["warnings"] == []
    for hold in analysis.holds:
        x, y, width, height = hold.box
        assert x >= 0 and y >= 0
        assert x + width <= analysis.photo.width and y + height <= analysis.photo.height
        assert hold.colour.name in DEFAULT_PALETTE
    assert analysis.problems and len({hold.colour.name for hold in analysis.holds}) > 1


def test_the_same_photo_gives_the_same_answer(
    photos: list[Path], models: Models, analyses: list[WallAnalysis]
) -> None:
    again = analysed(photos[0], models)

    assert again.holds == analyses[0].holds and again.problems == analyses[0].problems
