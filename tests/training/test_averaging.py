"""The mean of two checkpoints, tensor by tensor, and what cannot be averaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.tiny_models import save_checkpoint, segmentation_network
from training import averaging
from training.checkpoint import load_ultralytics


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return save_checkpoint(segmentation_network(), tmp_path / "first.pt")


def test_the_mean_lies_half_way_and_is_read_back(first: Path, tmp_path: Path) -> None:
    other = segmentation_network()
    with torch.no_grad():
        for value in other.state_dict().values():
            if value.is_floating_point():
                value.add_(0.5)
    second = save_checkpoint(other, tmp_path / "second.pt")

    averaging.main([str(first), str(second), str(tmp_path / "mean.pt")])

    a, b, mean = (
        load_ultralytics(tmp_path / f"{name}.pt").float().state_dict()
        for name in ("first", "second", "mean")
    )
    assert a.keys() == mean.keys()
    for key, value in mean.items():
        expected = (a[key] + b[key]) / 2 if value.is_floating_point() else b[key]
        assert torch.allclose(value, expected, atol=2e-3), key  # half precision


def test_networks_of_other_classes_are_refused(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = save_checkpoint(segmentation_network(names=("hold",)), tmp_path / "other.pt")

    with pytest.raises(SystemExit) as caught:
        averaging.main([str(first), str(other), str(tmp_path / "mean.pt")])

    assert caught.value.code == 2
    assert "one architecture with the same classes" in capsys.readouterr().err
    assert not (tmp_path / "mean.pt").exists()
