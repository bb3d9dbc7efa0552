"""Checkpoints and configurations that are refused: other kinds, broken ones, ones that run code."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelError
from tests.tiny_models import PALETTE, save_checkpoint, segmentation_network
from training.convert_colour import convert_colour
from training.convert_detector import convert_detector


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """The file that a hostile checkpoint tries to create."""
    path = tmp_path / "owned"
    yield path
    assert not path.exists(), "the checkpoint ran code"


class Hostile:
    """Pickles as a call that creates a file."""

    def __init__(self, call: Callable[..., Any], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.arguments


def _detection(path: Path) -> None:
    save_checkpoint(segmentation_network("detect"), path)


def _classification(path: Path) -> None:
    from ultralytics.nn.tasks import ClassificationModel

    save_checkpoint(ClassificationModel("yolo11n-cls.yaml", nc=2, verbose=False), path)


def _state_dict(path: Path) -> None:
    import torch

    torch.save({"layer.weight": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (_detection, "without mask outputs"),
        (_classification, "classification"),
        (_state_dict, "without a model"),
        (lambda path: path.write_bytes(os.urandom(4096)), "not a file that torch.save wrote"),
        (lambda path: path.write_bytes(b""), "not a file that torch.save wrote"),
        (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "not a file that torch.save"),
    ],
    ids=["detection", "classification", "state-dict", "noise", "empty", "plain-pickle"],
)
def test_other_files_are_refused_by_kind(
    write: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    source = tmp_path / "other.pt"
    write(source)
    with pytest.raises(ModelError, match=says) as caught:
        convert_detector(source, tmp_path / "out", 64)
    assert caught.value.code == "weights_wrong_kind"
    assert "YOLO_WEIGHTS=" in caught.value.message
    assert "segmentation" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_cut_off_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    source = tmp_path / "half.pt"
    source.write_bytes(checkpoint.read_bytes()[: checkpoint.stat().st_size // 2])
    with pytest.raises(ModelError) as caught:
        convert_detector(source, tmp_path / "out", 64)
    assert caught.value.code == "weights_wrong_kind"


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist") as caught:
        convert_detector(tmp_path / "none.pt", tmp_path / "out", 64)
    assert caught.value.code == "weights_missing"


def test_call_in_a_checkpoint_is_never_made(tmp_path: Path, marker: Path) -> None:
    import torch

    source = tmp_path / "hostile.pt"
    torch.save({"model": Hostile(os.mkdir, str(marker))}, source)
    with pytest.raises(ModelError, match="mkdir") as caught:
        convert_detector(source, tmp_path / "out", 64)
    assert caught.value.code == "weights_wrong_kind"


def test_even_an_allowed_class_is_never_called(tmp_path: Path, marker: Path) -> None:
    """A model class evaluates its configuration's activation as Python: never call it."""
    import torch
    from ultralytics.nn.tasks import SegmentationModel, yaml_model_load

    config = yaml_model_load("yolo11n-seg.yaml")
    config["activation"] = f"__import__('os').mkdir({str(marker)!r})"
    source = tmp_path / "hostile.pt"
    torch.save({"model": Hostile(SegmentationModel, config)}, source)
    with pytest.raises(ModelError, match="tries to call SegmentationModel") as caught:
        convert_detector(source, tmp_path / "out", 64)
    assert caught.value.code == "weights_wrong_kind"


def test_hostile_clip_checkpoint_is_refused(clip: Path, tmp_path: Path, marker: Path) -> None:
    import torch

    source = tmp_path / "hostile.pt"
    torch.save({"state_dict": Hostile(os.mkdir, str(marker))}, source)
    with pytest.raises(ModelError, match="CLIP_PRETRAINED=") as caught:
        convert_colour(str(clip / "open_clip_config.json"), str(source), tmp_path / "out", PALETTE)
    assert caught.value.code == "weights_wrong_kind"


def test_checkpoint_of_another_architecture(clip: Path, tmp_path: Path) -> None:
    config = json.loads((clip / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["width"] = 96
    other = tmp_path / "wider.json"
    other.write_text(json.dumps(config))
    with pytest.raises(ModelError, match="CLIP_MODEL=wider") as caught:
        convert_colour(str(other), str(clip / "weights.pt"), tmp_path / "out", PALETTE)
    assert caught.value.code == "weights_wrong_kind"


def test_config_that_is_none(tmp_path: Path) -> None:
    other = tmp_path / "odd.json"
    other.write_text('{"hello": 1}')
    with pytest.raises(ModelError, match="not an open_clip configuration"):
        convert_colour(str(other), "x.pt", tmp_path / "out", PALETTE)
