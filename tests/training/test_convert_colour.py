"""The converted colour CLIP against the torch model that it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from core.errors import ModelError
from core.model_folder import damage
from core.prompts import pool_prompts, prompts_for
from core.sessions import open_session
from tests.tiny_models import CLIP_CONFIG, PALETTE
from training.convert_colour import convert_colour
from training.towers import write_worked_out


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
