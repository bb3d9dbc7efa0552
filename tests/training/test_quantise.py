"""The detector in eight bits: what it is made of, and how near it stays to the original."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from core.errors import ModelError
from core.model_folder import damage
from core.sessions import open_session
from tests.tiny_models import save_checkpoint, segmentation_network
from training import convert, quantise
from training.convert_detector import convert_detector
from training.walls import render_wall

ROOT = Path(__file__).resolve().parents[2]
START = ROOT / "training" / "start" / "holds-yolo11n-seg.pt"
SEVEN_BITS = 64
"""Two products of an activation up to 255 and such a weight fit into 16 bits."""


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """As few pictures as show the way."""
    with pytest.MonkeyPatch.context() as patch:
        for name, count in (("PHOTOS", 2), ("WALLS", 1), ("TRIALS", 1)):
            patch.setattr(quantise, name, count)
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as the one with the real photos, with three rendered ones."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "train" / "images").mkdir(parents=True)
    for seed in range(3):
        pixels = np.ascontiguousarray(render_wall(seed).image[..., ::-1])
        cv2.imwrite(str(folder / "train" / "images" / f"{seed}.jpg"), pixels)
    return folder


@pytest.fixture(scope="module")
def folders(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The detector that ships, with float16 weights and in eight bits."""
    place = tmp_path_factory.mktemp("converted")
    convert_detector(START, place / "half", 320)
    convert_detector(START, place / "eight", 320, photos=photos)
    return place / "half", place / "eight"


def weights_in_eight_bits(path: Path) -> list[np.ndarray]:
    """Of every convolution that runs in eight bits, int8."""
    graph = onnx.load(path).graph
    stored = {t.name: t for t in graph.initializer if t.data_type == TensorProto.INT8}
    names = [n.input[3] for n in graph.node if n.op_type == "QLinearConv"]
    return [numpy_helper.to_array(stored[name]) for name in names]


def test_it_stays_near_the_original(folders: tuple[Path, Path]) -> None:
    half, eight = folders
    found = json.loads((eight / "model.json").read_text())["parity_int8"]

    assert damage(eight) == ""
    assert 0 < found["box_px_median"] < 1 and 0 < found["score_p95"] < 0.1
    assert "parity_int8" not in json.loads((half / "model.json").read_text())


def test_the_prototypes_are_made_in_eight_bits(folders: tuple[Path, Path]) -> None:
    graphs = [onnx.load(folder / "detector.onnx").graph for folder in folders]

    half, eight = (
        Counter(node.op_type for node in graph.node if "/proto/" in node.name) for graph in graphs
    )

    assert half["Conv"] == eight["QLinearConv"] == 4
    assert not half["ConvTranspose"] + eight["ConvTranspose"] + eight["Conv"]


def test_it_is_smaller_and_runs_at_every_side(folders: tuple[Path, Path]) -> None:
    half, eight = (folder / "detector.onnx" for folder in folders)
    assert eight.stat().st_size < 0.7 * half.stat().st_size

    for side in (320, 448):
        session = open_session(eight, 1, side)
        tile = np.full((1, 3, side, side), 0.4, np.float32)
        _, prototypes = session.run(None, {"images": tile})
        assert prototypes.shape == (1, 32, side // 4, side // 4)


def test_what_must_be_exact_stays_exact(folders: tuple[Path, Path]) -> None:
    graph = onnx.load(folders[1] / "detector.onnx").graph

    exact = {node.name for node in graph.node if node.op_type == "Conv"}

    for branch in "234":
        for scale in "012":
            name = f"/model/model.23/cv{branch}.{scale}/cv{branch}.{scale}.2/Conv"
            assert any(found.startswith(name) for found in exact), name
    assert any("/model.10/" in name for name in exact), "attention"


@pytest.mark.parametrize("which", ["new", "shipped"])
def test_no_cpu_saturates(which: str, folders: tuple[Path, Path]) -> None:
    folder = folders[1] if which == "new" else ROOT / "weights" / "detector"

    weights = weights_in_eight_bits(folder / "detector.onnx")

    assert len(weights) > 60
    assert max(int(np.abs(w.astype(int)).max()) for w in weights) <= SEVEN_BITS
    assert 2 * 255 * SEVEN_BITS < 2**15


def test_gaps_of_a_graph_to_itself_are_nothing(folders: tuple[Path, Path]) -> None:
    content = (folders[0] / "detector.onnx").read_bytes()

    alike = quantise.gaps(content, content, quantise.tiles_of(quantise.walls(0, 1), 320))
    unseen = quantise.gaps(content, content, iter([np.full((1, 3, 320, 320), 0.4, np.float32)]))

    assert set(alike.values()) == {0.0}
    assert all(map(math.isnan, unseen.values()))


def test_a_network_that_finds_nothing_is_refused(photos: Path, tmp_path: Path) -> None:
    source = save_checkpoint(segmentation_network(), tmp_path / "tiny.pt")

    with pytest.raises(ModelError, match="differs from the original"):
        convert_detector(source, tmp_path / "detector", 64, photos=photos)
    assert not (tmp_path / "detector").exists()


def test_photos_are_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        convert.main(["embedded", "--detector", str(START), "--data", str(tmp_path)])

    assert f"no training photos in {tmp_path}" in capsys.readouterr().err
