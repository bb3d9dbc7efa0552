"""Converted models against the torch models that they came from, and files that must be refused."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from core.colour import Calibration
from core.detector import CANDIDATES
from core.errors import ModelError
from core.model_folder import damage
from core.prompts import pool_prompts, prompts_for
from core.sessions import open_session
from tests.tiny_models import CLIP_CONFIG, clip_folder, save_checkpoint, segmentation_network
from training import convert, quantise
from training.convert_colour import convert_colour
from training.convert_detector import (
    Enlarged,
    convert_detector,
    describe,
    without_transposed,
)
from training.towers import write_worked_out

ROOT = Path(__file__).resolve().parents[2]
PALETTE = ("red", "mint", "wood")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(segmentation_network(), tmp_path_factory.mktemp("yolo") / "tiny.pt")


@pytest.fixture(scope="module")
def detector(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "detector"
    convert_detector(checkpoint, folder, 128)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="module")
def colour(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "colour"
    convert_colour(str(clip), "", folder, PALETTE)
    return folder


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


def _original_clip(clip: Path) -> Any:
    import open_clip
    import torch

    config = CLIP_CONFIG["model_cfg"]
    model = open_clip.CLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"])
    model.load_state_dict(torch.load(clip / "weights.pt", weights_only=True))
    return model.eval()


@pytest.mark.parametrize("count", [1, 5])
def test_image_tower_points_where_torch_points(clip: Path, colour: Path, count: int) -> None:
    import torch

    random = np.random.default_rng(count)
    pixels = random.normal(0, 1, (count, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = _original_clip(clip).encode_image(torch.from_numpy(pixels), normalize=True)
    got = open_session(colour / "image.onnx", 1).run(["embedding"], {"pixels": pixels})[0]
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-5)
    assert (got * expected.numpy()).sum(axis=1).min() > 0.99


def test_text_tower_and_prompts_agree_with_torch(clip: Path, colour: Path) -> None:
    import open_clip
    import torch

    from core.tokens import TOKENIZER_FILE, Tokenizer

    model = _original_clip(clip)
    stored = np.load(colour / "prompts.npz", allow_pickle=False)
    assert tuple(stored["names"]) == PALETTE
    tower = open_session(colour / "text.onnx", 1)
    reference = open_clip.SimpleTokenizer(context_length=20)
    for name, row in zip(PALETTE, stored["embeddings"], strict=True):
        with torch.no_grad():
            expected = model.encode_text(reference(prompts_for(name)), normalize=True).numpy()
        np.testing.assert_allclose(row, pool_prompts(expected), atol=1e-5)
        tokens = Tokenizer(colour / TOKENIZER_FILE, 20).encode(prompts_for(name))
        got = tower.run(["embedding"], {"tokens": tokens})[0]
        assert (got * expected).sum(axis=1).min() > 0.98


def test_a_calibration_is_laid_into_a_converted_colour_model(colour: Path, tmp_path: Path) -> None:
    folder = tmp_path / "colour"
    shutil.copytree(colour, folder)
    fitted = tmp_path / "calibration.json"
    fitted.write_text('{"clip": 0.2, "statistics": 1.1, "sure": 0.9}')

    convert.put_calibration(fitted, folder)

    assert damage(folder) == ""
    before, after = (json.loads((f / "config.json").read_text()) for f in (colour, folder))
    assert Calibration.from_config(after) == Calibration(0.2, 1.1, 0.9)
    assert {**after, "calibration": before["calibration"]} == before
    for name in ("image.onnx", "text.onnx", "prompts.npz"):
        assert (folder / name).read_bytes() == (colour / name).read_bytes()


def test_every_constant_matrix_product_is_quantised(colour: Path) -> None:
    model = onnx.load(colour / "image.onnx")
    kinds = [node.op_type for node in model.graph.node]
    constants = {t.name for t in model.graph.initializer}
    left = [
        n for n in model.graph.node if n.op_type in ("MatMul", "Gemm") and n.input[1] in constants
    ]
    # Two layers: attention in and out, two of the perceptron; then one projection.
    assert kinds.count("MatMulInteger") == 2 * 4 + 1
    assert not left


def test_colour_folder_describes_itself(colour: Path) -> None:
    config = json.loads((colour / "config.json").read_text())
    assert damage(colour) == ""
    assert (config["image_size"], config["embedding_dim"], config["context_length"]) == (64, 32, 20)
    assert config["mean"] == [0.5, 0.4, 0.3]
    assert config["std"] == [0.2, 0.25, 0.3]
    assert config["logit_scale"] == pytest.approx(1 / 0.07, rel=1e-4)
    assert config["calibration"] == {"temperature": 1.5}
    assert config["parity"]["image"]["float32_difference"] < 1e-4
    table = [t for t in onnx.load(colour / "text.onnx").graph.initializer if 49408 in t.dims]
    assert {t.data_type for t in table if t.dims[-1] == 32} == {onnx.TensorProto.INT8}


@pytest.mark.parametrize(
    ("model", "pretrained", "code", "says"),
    [
        ("ViT-B-23", "openai", "weights_wrong_kind", "CLIP_MODEL=ViT-B-23"),
        ("ViT-B-32", "", "weights_missing", "CLIP_PRETRAINED is empty"),
        ("ViT-B-32", "no-such-tag", "weights_missing", "CLIP_PRETRAINED=no-such-tag"),
        ("/nowhere/config.json", "x.pt", "weights_missing", "CLIP_MODEL=/nowhere/config.json"),
    ],
)
def test_colour_settings_that_name_nothing(
    model: str, pretrained: str, code: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        convert_colour(model, pretrained, tmp_path / "out", PALETTE)
    assert caught.value.code == code
    assert caught.value.hint


def test_unreachable_hub_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelError, match="CLIP_PRETRAINED=openai") as caught:
        convert_colour("ViT-B-32", "openai", tmp_path / "out", PALETTE)
    assert caught.value.code == "weights_unreachable"


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


def test_command_line_tells_its_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert.main(["detector", str(tmp_path / "no.pt"), str(tmp_path / "b")]) == 1
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert json.loads(told.removeprefix("failed "))["code"] == "weights_missing"


def test_embedded_writes_both_folders(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(convert, "EMBEDDED", tmp_path)
    for name, count in (("PHOTOS", 1), ("WALLS", 2), ("TRIALS", 1)):
        monkeypatch.setattr(quantise, name, count)
    photos = tmp_path / "data" / "train" / "images"
    photos.mkdir(parents=True)
    shutil.copy(ROOT / "assets" / "demo_wall.jpg", photos)
    start = ROOT / "training" / "start" / "holds-yolo11n-seg.pt"
    arguments = ["embedded", "--detector", str(start), "--data", str(tmp_path / "data")]
    assert convert.main([*arguments, "--colour", str(clip), "--imgsz", "320"]) == 0
    assert capsys.readouterr().err.count("progress 1.00 done") == 2
    assert damage(tmp_path / "detector") == damage(tmp_path / "colour") == ""
    assert json.loads((tmp_path / "detector" / "model.json").read_text())["imgsz"] == 320


def test_torchvision_can_be_imported_and_suppresses() -> None:
    import torch

    from training.torchvision_shim import ensure_torchvision, nms

    ensure_torchvision()
    import torchvision

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    scores = torch.tensor([0.5, 0.9, 0.3])
    # By hand: the first two overlap by 81 / 100, the third touches neither.
    assert torchvision.ops.nms(boxes, scores, 0.5).tolist() == [1, 2]
    assert nms(boxes, scores, 0.85).tolist() == [1, 0, 2]
    assert nms(boxes[:0], scores[:0], 0.5).tolist() == []


@pytest.mark.parametrize(("side", "files"), [(64, 1), (512, 2)])
def test_large_weights_lie_beside_the_graph(tmp_path: Path, side: int, files: int) -> None:
    from onnx import TensorProto, helper, numpy_helper

    # GIVEN a product with a matrix that is first halved and given back its width
    matrix = np.random.default_rng(0).normal(0, 1, (side, side)).astype(np.float16)
    row = np.ones((3, side), np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["half"], ["whole"], to=TensorProto.FLOAT),
            helper.make_node("MatMul", ["row", "whole"], ["product"]),
        ],
        "product",
        [helper.make_tensor_value_info("row", TensorProto.FLOAT, ["n", side])],
        [helper.make_tensor_value_info("product", TensorProto.FLOAT, ["n", side])],
        [numpy_helper.from_array(matrix, "half")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    # WHEN it is written worked out
    write_worked_out(model.SerializeToString(), tmp_path / "image.onnx")
    # THEN a start has nothing left to cast, maps what is large, and multiplies as before
    assert len(list(tmp_path.iterdir())) == files
    written = onnx.load(tmp_path / "image.onnx", load_external_data=False)
    assert [node.op_type for node in written.graph.node] == ["MatMul"]
    (got,) = open_session(tmp_path / "image.onnx", 1).run(None, {"row": row})
    np.testing.assert_allclose(got, row @ matrix.astype(np.float32), rtol=1e-4, atol=1e-4)
