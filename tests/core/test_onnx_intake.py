"""ONNX files that are taken in as a detector, and those that are refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from core.model_folder import damage
from core.onnx_intake import take_in

Shapes = dict[str, list[int | str]]


def _declare(path: Path, inputs: Shapes, outputs: dict[str, list[int]], kind: int = 1) -> Path:
    """An ONNX file that does nothing but have these inputs and outputs (``kind`` 1: float32)."""
    from onnx import TensorProto, helper, numpy_helper, save

    nodes = [helper.make_node("ConstantOfShape", [f"{n}_shape"], [n]) for n in outputs]
    shapes = [
        numpy_helper.from_array(np.array(shape, np.int64), f"{name}_shape")
        for name, shape in outputs.items()
    ]
    graph = helper.make_graph(
        nodes,
        "declared",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        shapes,
    )
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


IMAGES: Shapes = {"images": [1, 3, 64, 64]}


RAW = {"output0": [1, 38, 84], "output1": [1, 32, 16, 16]}


@pytest.mark.parametrize(
    ("inputs", "outputs", "kind", "says"),
    [
        (IMAGES, {"output0": [1, 6, 84]}, 1, "no outlines"),
        (IMAGES, {**RAW, "output0": [1, 300, 38]}, 1, "raw anchors"),
        (IMAGES, {**RAW, "output1": [1, 64, 16, 16]}, 1, "mask prototypes"),
        (IMAGES, {**RAW, "output0": [1, 36, 84]}, 1, "raw anchors"),
        (IMAGES, RAW, 10, "float16"),
        ({"images": [1, 3, 64, 96]}, RAW, 1, "instead of"),
        ({"images": ["batch", 3, "height", "width"]}, RAW, 1, "instead of"),
        ({**IMAGES, "more": [1]}, RAW, 1, "several inputs"),
    ],
    ids=["detect", "nms", "masks", "no-class", "half", "oblong", "dynamic", "two-inputs"],
)
def test_other_onnx_files_are_refused(
    inputs: Shapes, outputs: dict[str, list[int]], kind: int, says: str, tmp_path: Path
) -> None:
    source = _declare(tmp_path / "other.onnx", inputs, outputs, kind)
    with pytest.raises(ModelError, match=says) as caught:
        take_in(source, tmp_path / "taken")
    assert caught.value.code == "weights_wrong_kind"
    assert f"YOLO_WEIGHTS={source}" in caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["other.onnx"]


def test_onnx_without_names_finds_holds(tmp_path: Path) -> None:
    source = _declare(tmp_path / "bare.onnx", IMAGES, RAW)
    take_in(source, tmp_path / "taken")

    card = json.loads((tmp_path / "taken" / "model.json").read_text())
    assert (card["names"], card["imgsz"]) == (["hold", "hold"], 64)
    assert (tmp_path / "taken" / "detector.onnx").read_bytes() == source.read_bytes()
    assert damage(tmp_path / "taken") == ""
