"""A small detector checkpoint and a small CLIP of random weights, and the CLIP converted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_models import PALETTE, clip_folder, save_checkpoint, segmentation_network
from training.convert_colour import convert_colour


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(segmentation_network(), tmp_path_factory.mktemp("yolo") / "tiny.pt")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="session")
def colour(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "colour"
    convert_colour(str(clip), "", folder, PALETTE)
    return folder
