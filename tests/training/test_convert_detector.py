"""The converted detector against the torch model that it came from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from core.detector import CANDIDATES
from core.errors import ModelError
from core.model_folder import damage
from core.sessions import open_session
from tests.tiny_models import save_checkpoint, segmentation_network
from training.convert_detector import Enlarged, convert_detector, describe, without_transposed


@pytest.fixture(scope="module")
def detector(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "detector"
    convert_detector(checkpoint, folder, 128)
    return folder


def both(checkpoint: Path, detector: Path, side: int) -> tuple[np.ndarray, ...]:
    """Predictions (38, N) and prototypes of the file, and those of torch for the same tile."""
    import torch

    original = torch.load(checkpoint, weights_only=False)["model"].float().eval()
    tile = np.random.default_rng(side).random((1, 3, side, side), dtype=np.float32)
    with torch.no_grad():
        (predictions, prototypes), _ = original(torch.from_numpy(tile))
    session = open_session(detector / "detector.onnx", 1, side)
    assert session.get_inputs()[0].shape == [1, 3, side, side]
    got, got_prototypes = session.run(["predictions", "prototypes"], {"images": tile})
    assert got.dtype == got_prototypes.dtype == np.float32
    return got[0], got_prototypes[0], predictions[0].numpy(), prototypes[0].numpy()


@pytest.mark.parametrize("side", [64, 128, 192])
def test_detector_gives_what_torch_gives_at_every_side(
    checkpoint: Path, detector: Path, side: int
) -> None:
    got, got_prototypes, predictions, prototypes = both(checkpoint, detector, side)

    assert got.shape == (4 + 2 + 32, sum((side // s) ** 2 for s in (8, 16, 32)))
    assert got_prototypes.shape == (32, side // 4, side // 4)
    # The checkpoint is in half precision: float16 weights cost only what fusing rounds.
    allowed = np.array([0.25] * 4 + [2e-3] * 2 + [2e-2] * 32)[:, None]
    for anchor in predictions.T:  # the file gives the best score first, torch by place
        assert (np.abs(got - anchor[:, None]) / allowed).max(0).min() <= 1
    np.testing.assert_allclose(got_prototypes, prototypes, atol=2e-2)


@pytest.mark.parametrize(("size", "bias"), [((2, 2), True), ((2, 3), False)])
def test_a_transposed_convolution_is_stood_for(size: tuple[int, int], bias: bool) -> None:
    import torch

    network = torch.nn.Sequential(torch.nn.ConvTranspose2d(5, 7, size, size, bias=bias))
    pixels = torch.randn(1, 5, 4, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = network(pixels)

    without_transposed(network)

    assert type(network[0]) is Enlarged
    torch.testing.assert_close(network(pixels), expected)


def test_a_transposed_convolution_with_overlapping_windows_stays() -> None:
    import torch

    network = torch.nn.Sequential(torch.nn.ConvTranspose2d(5, 7, 4, 2, padding=1))

    without_transposed(network)

    assert type(network[0]) is torch.nn.ConvTranspose2d


def test_detector_gives_the_best_anchors_of_many(checkpoint: Path, detector: Path) -> None:
    got, _, predictions, _ = both(checkpoint, detector, 320)

    assert got.shape[1] == CANDIDATES < predictions.shape[1]
    best = np.sort(predictions[4:6].max(0))[::-1][:CANDIDATES]
    np.testing.assert_allclose(got[4:6].max(0), best, atol=2e-3)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    network = segmentation_network()
    network.model[-1].cv3[0][2].weight.data[0] = float("nan")
    source = save_checkpoint(network, tmp_path / "nan.pt")

    with pytest.raises(ModelError, match="differs from the original"):
        convert_detector(source, tmp_path / "detector", 128)


def test_detector_folder_describes_itself(checkpoint: Path, detector: Path) -> None:
    card = json.loads((detector / "model.json").read_text())
    assert damage(detector) == ""
    assert sorted(p.name for p in detector.iterdir()) == [
        "checksums.json",
        "detector.onnx",
        "model.json",
    ]
    assert (card["name"], card["imgsz"], card["stride"]) == ("tiny", 128, 32)
    assert card["names"] == ["hold", "volume"]
    model = onnx.load(detector / "detector.onnx")
    metadata = {p.key: p.value for p in model.metadata_props}
    assert json.loads(metadata["names"]) == ["hold", "volume"]
    assert metadata["task"] == "segment"
    weights = {n.input[1] for n in model.graph.node if n.op_type == "Conv"}
    assert not weights & {t.name for t in model.graph.initializer}, "no weight is stored as float32"
    assert (detector / "detector.onnx").stat().st_size < checkpoint.stat().st_size * 1.6


def test_unknown_class_names_become_holds(tmp_path: Path) -> None:
    model = segmentation_network(names=("Griff", "big Volume", "jug"))
    card = describe(model, save_checkpoint(model, tmp_path / "three.pt"), "three", 64)
    assert card["names"] == ["hold", "volume", "hold"]
    assert card["source_names"] == ["Griff", "big Volume", "jug"]
