"""The two towers of a CLIP model as ONNX graphs, first in float32, then with 8-bit matrix products.

The image tower takes ``pixels`` float32 (N, 3, S, S), already normalised, the text tower ``tokens``
int64 (N, context); both give ``embedding`` float32 (N, D) of length 1, for any N. Only matrix
products with a constant factor are quantised: that is where the time and the bytes are.
Convolutions are stored as float16, the table of token embeddings as int8 with one scale a row.

Weights get 7 of the 8 bits (``reduce_range``): on processors without VNNI the products of two pairs
are added in 16 bits and would saturate, so that the same file would see other colours on a smaller
server.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from core.errors import ModelError
from training.convert_detector import OPSET, halve_weights

FLOAT32_LIMIT = 1e-4
INT8_COSINE = 0.98

OUTSIDE_BYTES = 1 << 18
"""Weights of this size are matrices of a large model; a small one stays a single file."""


class ImageTower(torch.nn.Module):
    """``encode_image`` with unit embeddings, as a module that can be traced."""

    def __init__(self, clip: torch.nn.Module) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) to unit rows (N, D)."""
        return torch.nn.functional.normalize(self.clip.encode_image(pixels), dim=-1)


class TextTower(torch.nn.Module):
    """``encode_text`` with unit embeddings, as a module that can be traced."""

    def __init__(self, clip: torch.nn.Module) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(N, context) to unit rows (N, D)."""
        return torch.nn.functional.normalize(self.clip.encode_text(tokens), dim=-1)


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention as ordinary operators: the fused fast path of torch cannot be exported."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def export_tower(tower: torch.nn.Module, sample: torch.Tensor, input_name: str, path: Path) -> None:
    """Trace ``tower`` on ``sample`` to a float32 ONNX file with a free first axis."""
    with torch.no_grad(), warnings.catch_warnings(), _plain_attention():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            tower.eval(),
            (sample,),
            str(path),
            input_names=[input_name],
            output_names=["embedding"],
            dynamic_axes={input_name: {0: "n"}, "embedding": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )


def shrink_table(graph_model: onnx.ModelProto, input_name: str) -> None:
    """Replace the look-up of token embeddings by int8 rows times a scale a row. In place."""
    graph = graph_model.graph
    tables = {tensor.name: tensor for tensor in graph.initializer}
    for index, node in enumerate(graph.node):
        if node.op_type == "Gather" and node.input[1] == input_name and node.input[0] in tables:
            table = tables[node.input[0]]
            rows = numpy_helper.to_array(table).astype(np.float32)
            scales = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12) / 127
            name, out = table.name, node.output[0]
            small = np.round(rows / scales).astype(np.int8)
            table.CopyFrom(numpy_helper.from_array(small, f"{name}_int8"))
            graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scale"))
            steps = [
                helper.make_node("Gather", [f"{name}_int8", input_name], [f"{out}_int8"], axis=0),
                helper.make_node("Cast", [f"{out}_int8"], [f"{out}_float"], to=TensorProto.FLOAT),
                helper.make_node("Gather", [f"{name}_scale", input_name], [f"{out}_scale"], axis=0),
                helper.make_node("Mul", [f"{out}_float", f"{out}_scale"], [out]),
            ]
            nodes = [*graph.node[:index], *steps, *graph.node[index + 1 :]]
            del graph.node[:]
            graph.node.extend(nodes)
            return


def quantise(source: Path, input_name: str) -> onnx.ModelProto:
    """An 8-bit version of the float32 tower in ``source``."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target = source.with_suffix(".int8.onnx")
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it recommends a preprocessing step that these graphs do not need
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul"],
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
    finally:
        root.setLevel(level)
    small = onnx.load(target)
    halve_weights(small)
    shrink_table(small, input_name)
    return small


def _run(model: Path | bytes, input_name: str, sample: torch.Tensor) -> NDArray[np.float32]:
    import onnxruntime

    content = str(model) if isinstance(model, Path) else model
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(["embedding"], {input_name: sample.numpy()})[0]
    return result


def convert_tower(
    tower: torch.nn.Module, sample: torch.Tensor, input_name: str
) -> tuple[bytes, dict[str, float]]:
    """The 8-bit ONNX file of ``tower``, and its distance from torch on ``sample`` (3 rows or more).

    Keys ``float32_difference`` (largest absolute difference of an unquantised embedding, below
    1e-4) and ``int8_cosine`` (smallest cosine between the quantised and the original embedding,
    above 0.98). Raises :class:`ModelError` (``weights_conversion_failed``) when either limit is
    missed.
    """
    with torch.no_grad():
        expected = tower.eval()(sample).numpy()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "float32.onnx"
        # Traced on two rows and compared on more, so that a size baked into the graph cannot go
        # unnoticed.
        export_tower(tower, sample[:2], input_name, path)
        difference = float(np.abs(expected - _run(path, input_name, sample)).max())
        content = quantise(path, input_name).SerializeToString()
    cosine = float((expected * _run(content, input_name, sample)).sum(axis=1).min())
    if not (difference < FLOAT32_LIMIT and cosine > INT8_COSINE):
        raise ModelError(
            "weights_conversion_failed",
            f"The converted colour model differs from the original: {difference:.3g} in float32, "
            f"with a cosine of {cosine:.4f} in int8.",
            "Its weights may not be finite; try another checkpoint.",
        )
    return content, {"float32_difference": difference, "int8_cosine": cosine}


def write_worked_out(content: bytes, path: Path) -> None:
    """Write the ONNX file ``content`` to ``path`` as ONNX Runtime reads it, so that a start need
    not work that out again: constants folded, and what has no effect left out. Nothing in it suits
    this machine's processor alone.

    Weights above OUTSIDE_BYTES go into ``path`` with ``.data`` at the end, from where a start maps
    them instead of copying them. ViT-B-32 in 8 bits opens in 186 ms of processor time instead of
    313, and a process has its highest point 40 MiB lower.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    outside = "session.optimized_model_external_initializers_"
    options.add_session_config_entry(f"{outside}file_name", f"{path.name}.data")
    options.add_session_config_entry(f"{outside}min_size_in_bytes", str(OUTSIDE_BYTES))
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
