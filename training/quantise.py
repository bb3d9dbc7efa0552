"""The embedded detector in eight bits: its convolutions and what lies between them.

Static quantisation of ONNX Runtime: activations uint8, one scale for a tensor, its range taken
from training photos and rendered walls; weights int8, one scale for an output channel. Left in
float32 are the last convolution of each branch of the head, whose outputs are distances, logits and
mask coefficients, the attention block, and the decoding behind the head. Measured on cores with
VNNI: on one thread an inference takes 0.6 of the time that it takes in float32, on two 0.7.

Weights get seven of their eight bits. A CPU without VNNI adds two products of an activation and a
weight in 16 bits: 2 x 255 x 64 fits, with 128 it would saturate, and such a machine would see
something else than the one on which accuracy was measured.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from core.exposure import expose
from core.onnx_intake import MASK_COEFFICIENTS
from core.views import View, cut_view, lay_out
from training.crops import read_rgb
from training.truth import training_photos
from training.walls import render_wall

PHOTOS, WALLS = 24, 8  # pictures from which ranges are taken
TRIALS = 6  # rendered walls on which the outcome is compared
FIRST_SEED = 700_000

LIKELY = 0.25
"""Score from which an anchor says something about the difference that eight bits make."""

# Accepted differences from the float32 graph; measured with the embedded detector: 0.3 and 1.7 px,
# 0.01 and 0.05.
LIMITS = {"box_px_median": 1.5, "box_px_p95": 6.0, "score_median": 0.03, "score_p95": 0.15}

QUANTISED = (
    "Conv",
    "Sigmoid",
    "Mul",
    "Add",
    "Concat",
    "MaxPool",
    "Resize",
    "Split",
    "Slice",
    "Reshape",
    "Transpose",
)
MODULE = re.compile(r"/model/model\.(\d+)/")
BRANCH = re.compile(r"/(cv[234]\.\d|proto)/")
LAST_OF_BRANCH = re.compile(r"/cv[234]\.\d\.2/Conv$")


def calibration_pictures(data: Path) -> Iterator[np.ndarray]:
    """Of the training photos in ``data`` some, evenly chosen, then rendered walls; uint8 RGB."""
    images = training_photos(data)
    yield from map(read_rgb, images[:: max(1, math.ceil(len(images) / PHOTOS))])
    yield from walls(0, WALLS)


def walls(first: int, count: int) -> Iterator[np.ndarray]:
    """Rendered walls of seeds that no other part of the training uses, uint8 RGB."""
    for number in range(first, first + count):
        yield render_wall(FIRST_SEED + number).image


def tiles_of(pictures: Iterable[np.ndarray], side: int) -> Iterator[np.ndarray]:
    """The whole view and one of the tiles of each picture, float32 (1, 3, side, side).

    As the detector reads them, but the whole is always averaged by area: it has fewer extremes
    then, and eight bits that reach less far came nearer to float32 (95 of 100 boxes within 1.7
    pixels instead of 1.8).
    """
    for number, picture in enumerate(pictures):
        pixels = expose(picture).pixels
        whole, *tiles = lay_out(pixels.shape[1], pixels.shape[0], side)
        size = round(whole.width * whole.zoom), round(whole.height * whole.zoom)
        small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        yield cut_view(small, View(0, 0, *size, 1.0), side)[0]
        if tiles:
            yield cut_view(pixels, tiles[number % len(tiles)], side)[0]


def nodes_to_quantise(graph: onnx.ModelProto) -> list[str]:
    """Names of the nodes that may run in eight bits. Names tell the module that a node came from,
    as in ``/model/model.4/cv1/conv/Conv``; the last module is the head.
    """
    nodes = {node.name: node.op_type for node in graph.graph.node}
    modules = {name: int(found[1]) for name in nodes if (found := MODULE.match(name))}
    attention = {modules[name] for name in modules if nodes[name] == "Softmax"}
    head = max(modules.values())
    return [
        name
        for name, module in modules.items()
        if nodes[name] in QUANTISED
        and module not in attention
        and (module != head or (BRANCH.search(name) and not LAST_OF_BRANCH.search(name)))
    ]


class _Tiles(CalibrationDataReader):
    def __init__(self, tiles: Iterator[np.ndarray], name: str) -> None:
        self.tiles, self.name = tiles, name

    def get_next(self) -> dict[str, np.ndarray] | None:
        tile = next(self.tiles, None)
        return None if tile is None else {self.name: tile}


def quantised(graph: onnx.ModelProto, tiles: Iterator[np.ndarray]) -> onnx.ModelProto:
    """``graph`` of :func:`training.convert_detector.export_onnx` with float32 weights, in eight
    bits; the ranges of its activations are those that ``tiles`` give.

    Operators between a pair of conversions are fused here, by the optimisations of ONNX Runtime
    that suit every CPU: left to each start, they took three times as long as opening the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        apart, fused = Path(folder, "apart.onnx"), Path(folder, "fused.onnx")
        quantize_static(
            graph,
            apart,
            _Tiles(tiles, graph.graph.input[0].name),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=nodes_to_quantise(graph),
            calibrate_method=CalibrationMethod.MinMax,
        )
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(fused)
        onnxruntime.InferenceSession(str(apart), options, providers=["CPUExecutionProvider"])
        eight_bits = onnx.load(str(fused))
    used = {node.domain for node in eight_bits.graph.node}
    kept = [domain for domain in eight_bits.opset_import if domain.domain in used]
    del eight_bits.opset_import[:]  # the runtime names all domains that it knows
    eight_bits.opset_import.extend(kept)
    return eight_bits


def gaps(plain: bytes, eight_bits: bytes, tiles: Iterable[np.ndarray]) -> dict[str, float]:
    """How far two graphs are apart on ``tiles``: the median and the 95th percentile over the likely
    anchors of ``plain``, each against the anchor of ``eight_bits`` that is most like it.

    ``box_px`` is the largest difference of x, y, width and height in pixels of the tile, ``score``
    that of the classes' scores. NaN where no anchor is likely.
    """
    sessions = [
        onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        for content in (plain, eight_bits)
    ]
    name = sessions[0].get_inputs()[0].name
    found = np.zeros((0, 2))
    for tile in tiles:
        expected, given = (
            session.run(["predictions"], {name: tile})[0][0, :-MASK_COEFFICIENTS].T
            for session in sessions
        )
        for anchor in expected[expected[:, 4:].max(1) >= LIKELY]:
            apart = np.abs(given - anchor)
            pair = np.stack([apart[:, :4].max(1), apart[:, 4:].max(1)], 1)
            alike = (pair * [1, 100]).max(1).argmin()  # a pixel weighs as a hundredth
            found = np.vstack([found, pair[alike]])
    shares = {"median": 0.5, "p95": 0.95}
    return {
        f"{what}_{called}": float(np.quantile(column, share)) if len(column) else math.nan
        for what, column in zip(("box_px", "score"), found.T, strict=True)
        for called, share in shares.items()
    }
