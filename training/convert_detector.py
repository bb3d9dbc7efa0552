"""An ultralytics segmentation checkpoint becomes ``detector.onnx`` and ``model.json``.

The graph is the network's raw head, without non-maximum suppression: input ``images`` float32 (1,
3, S, S), RGB in 0..1; outputs ``predictions`` float32 (1, 4 + classes + 32, N), rows x, y, width,
height in pixels of the tile, class scores in 0..1, mask coefficients; and ``prototypes`` float32
(1, 32, S/4, S/4). N are the best-scored anchors, as many as the detector reads: decoding the boxes
of all, 8400 at 640 pixels, took a tenth of the inference. Convolution weights are stored as float16
behind a Cast, which halves the file; ONNX Runtime folds the Cast when it loads, so the arithmetic
stays float32. Only what ships is brought to eight bits (:mod:`training.quantise`): that needs
pictures like those that will come, and a look at its accuracy.

S is free in the file and fixed by the session. Nothing here runs at serving time.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from core.conversion import DETECTOR_CONVERTER, Progress
from core.detector import CANDIDATES
from core.errors import ModelError
from core.model_folder import file_sha256, written_whole
from core.onnx_intake import MASK_COEFFICIENTS, class_kinds
from core.sessions import FREE_SIDE
from training.checkpoint import NEED, load_ultralytics

log = logging.getLogger(__name__)

OPSET = 17
# Accepted differences from torch. The float32 graph was measured at 0.0006 px, 1e-6 and 2e-5; with
# float16 weights, which keep 11 bits, at 0.18 px, 0.002 and 0.005, on photos and on the sample
# tiles below.
FLOAT32_LIMITS = {"box_px": 0.02, "score": 1e-3, "prototype": 1e-3}
HALF_LIMITS = {"box_px": 2.0, "score": 0.02, "prototype": 0.05}


def _wrong_kind(path: Path, what: str) -> ModelError:
    return ModelError("weights_wrong_kind", f"YOLO_WEIGHTS={path} is {what}.", f"Expected {NEED}.")


class RawHead(torch.nn.Module):
    """The model with the best anchors of its head (no NMS) and the prototypes."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(1, 3, S, S) in 0..1 to (1, 4 + classes + 32, N), best score first, at most CANDIDATES,
        and (1, 32, S/4, S/4). Boxes are decoded by the head's own methods.
        """
        head = self.model.model[-1]
        (_, prototypes), raw = self.model(images)
        raw = raw.get("one2many", raw)
        best = raw["scores"].amax(1)
        # A tensor even so: as a number the trace would keep the count of this one tile side.
        count = torch.minimum(torch.tensor(CANDIDATES), torch._shape_as_tensor(best)[1])
        best = best.topk(count).indices[0]
        boxes = head.dfl(raw["boxes"][:, :, best])
        boxes = head.decode_bboxes(boxes, head.anchors[None, :, best]) * head.strides[:, best]
        scores = raw["scores"][:, :, best].sigmoid()
        return torch.cat([boxes, scores, raw["mask_coefficient"][:, :, best]], 1), prototypes


class Enlarged(torch.nn.Module):
    """What a transposed convolution whose windows do not overlap computes: an ordinary one of one
    pixel, whose channels are then laid out side by side.

    ONNX Runtime has no transposed convolution in eight bits: that of the prototypes took a tenth of
    an inference. Laid out channels last, as the runtime's convolutions in eight bits are, so that
    whole rows are moved.
    """

    def __init__(self, transposed: torch.nn.ConvTranspose2d) -> None:
        super().__init__()
        incoming, self.channels, self.high, self.wide = transposed.weight.shape
        cells = self.high * self.wide
        weight = transposed.weight.data.permute(2, 3, 1, 0).reshape(-1, incoming, 1, 1)
        bias = torch.zeros(self.channels) if transposed.bias is None else transposed.bias.data
        self.conv = torch.nn.Conv2d(incoming, cells * self.channels, 1)
        self.conv.weight.data, self.conv.bias.data = weight.contiguous(), bias.repeat(cells)
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(1, C, H, W) to (1, channels, high * H, wide * W)."""
        rows = self.conv(x).permute(0, 2, 3, 1)
        rows = rows.unflatten(3, (self.high, self.wide * self.channels)).transpose(2, 3)
        rows = rows.flatten(3).unflatten(3, (-1, self.channels)).flatten(1, 2)
        return rows.permute(0, 3, 1, 2)


def without_transposed(model: torch.nn.Module) -> None:
    """Put :class:`Enlarged` in place of the transposed convolutions that it can stand for."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if (
                type(child) is torch.nn.ConvTranspose2d
                and child.kernel_size == child.stride
                and child.groups == 1
                and {*child.padding, *child.output_padding} == {0}  # type: ignore[misc]
            ):
                setattr(parent, name, Enlarged(child))


def prepare(model: torch.nn.Module, path: Path) -> RawHead:
    """Check that ``model`` is a segmentation network that can be served; fuse it for export.

    Raises :class:`ModelError` (``weights_wrong_kind``) that says what the file is instead.
    """
    from ultralytics.nn.modules import Classify, Detect, Segment

    head = model.model[-1] if hasattr(model, "model") else model
    if isinstance(head, Classify):
        raise _wrong_kind(path, "a classification checkpoint: it finds no outlines")
    if not isinstance(head, Segment):
        what = "a detection checkpoint without mask outputs" if type(head) is Detect else None
        raise _wrong_kind(path, what or f"a checkpoint with a {type(head).__name__} head")
    if head.nm != MASK_COEFFICIENTS:
        raise _wrong_kind(path, f"a network with {head.nm} mask coefficients instead of 32")
    head.end2end = False
    if head.end2end:
        raise _wrong_kind(path, "a fused end-to-end checkpoint, whose raw anchors are gone")
    head.format, head.dynamic = "onnx", True
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model = model.fuse(verbose=False)
    without_transposed(model)
    return RawHead(model).eval()


def export_onnx(network: RawHead, side: int) -> onnx.ModelProto:
    """Trace ``network`` to an ONNX graph with the names that the runtime expects.

    Both spatial axes carry the one name ``side``. A session fixes it when it opens the file
    (:func:`core.sessions.open_session`), which yields the same optimised graph as tracing at that
    size would, so one file serves every tile side. ``side`` here is only the size of the trace.
    """
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # The tracer's remarks about Python numbers: parity is checked below.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, side, side),),
            buffer,
            input_names=["images"],
            output_names=["predictions", "prototypes"],
            dynamic_axes={
                "images": {2: FREE_SIDE, 3: FREE_SIDE},
                "predictions": {2: "candidates"},
                "prototypes": {2: "cells", 3: "cells"},
            },
            opset_version=OPSET,
            dynamo=False,
        )
    return onnx.load_from_string(buffer.getvalue())


def halve_weights(graph_model: onnx.ModelProto) -> None:
    """Store the weights of convolutions as float16, each behind a Cast to float32. In place."""
    graph = graph_model.graph
    weights = {n.input[1] for n in graph.node if n.op_type in ("Conv", "ConvTranspose")}
    casts = []
    for tensor in graph.initializer:
        if tensor.name in weights and tensor.data_type == TensorProto.FLOAT:
            name = tensor.name
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, name + "_half"))
            casts.append(
                helper.make_node(
                    "Cast", [tensor.name], [name], f"{name}_cast", to=TensorProto.FLOAT
                )
            )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _sample_tiles(side: int) -> list[np.ndarray]:
    """Tiles to compare on, float32 (1, 3, side, side): noise, and discs on a grainy wall."""
    random = np.random.default_rng(0)
    noise = random.random((1, 3, side, side), dtype=np.float32)
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float32) / side
    wall = np.stack([0.5 + 0.2 * xs, 0.5 + 0.2 * ys, 0.6 - 0.1 * xs])
    for _ in range(20):
        x, y, radius = random.uniform((0.05, 0.05, 0.01), (0.95, 0.95, 0.06))
        inside = (xs - x) ** 2 + (ys - y) ** 2 < radius**2
        wall[:, inside] = random.uniform(0, 1, (3, 1))
    picture = np.clip(wall + random.normal(0, 0.02, wall.shape), 0, 1).astype(np.float32)
    return [noise, picture[None]]


def differences(network: RawHead, content: bytes, side: int) -> dict[str, float]:
    """Largest absolute differences between the stock torch head, which decodes every anchor, and
    the ONNX graph over the sample tiles.

    Each anchor that the graph gives is compared with the one of torch that is most like it.
    ``box_px`` looks at those that could become a detection (a score of 0.05 or more), because
    far-off background anchors have no box worth keeping; where none has such a score it is the 99th
    percentile over all. ``score`` is in 0..1, also between the best scores in order, so that none
    is missing; ``prototype`` is relative to the largest prototype value (at least 1).
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    worst = {"box_px": 0.0, "score": 0.0, "prototype": 0.0}
    for tile in _sample_tiles(side):
        with torch.no_grad():
            (everything, prototypes), _ = network.model(torch.from_numpy(tile))
        got, got_prototypes = map(
            torch.from_numpy, session.run(["predictions", "prototypes"], {"images": tile})
        )
        rows = got.shape[1] - MASK_COEFFICIENTS
        expected, found = everything[0, :rows], got[0, :rows]
        units = torch.tensor([1.0] * 4 + [100.0] * (rows - 4))  # a pixel weighs as a hundredth
        alike = torch.cdist(found.T * units, expected.T * units, p=torch.inf).argmin(1)
        gaps = (found - expected[:, alike]).abs()
        likely = found[4:].amax(0) >= 0.05
        best = expected[4:].amax(0).topk(found.shape[1]).values
        best_found = found[4:].amax(0).sort(descending=True).values
        scale = max(1.0, float(prototypes.abs().max()))
        here = {
            "box_px": gaps[:4, likely].max() if likely.any() else gaps[:4].quantile(0.99),
            "score": torch.maximum(gaps[4:].max(), (best - best_found).abs().max()),
            "prototype": (prototypes - got_prototypes).abs().max() / scale,
        }
        # numpy's maximum, since Python's may lose a NaN
        worst = {key: float(np.maximum(worst[key], float(value))) for key, value in here.items()}
    return worst


def checked(found: dict[str, float], limits: Mapping[str, float]) -> dict[str, float]:
    """``found``, none of which exceeds its limit.

    Raises :class:`ModelError` (``weights_conversion_failed``) where one does.
    """
    for key, limit in limits.items():
        if not found[key] <= limit:  # also true for NaN
            raise ModelError(
                "weights_conversion_failed",
                f"The converted detector differs from the original: {key} by {found[key]:.3g}, "
                f"and at most {limit:.3g} is accepted.",
                "The checkpoint may hold weights that are not finite; try another one.",
            )
    return found


def _class_names(model: torch.nn.Module) -> list[str]:
    names = getattr(model, "names", None)
    table = dict(names) if isinstance(names, dict) else dict(enumerate(names or ["hold"]))
    return [str(table[key]) for key in sorted(table)]


def describe(model: torch.nn.Module, source: Path, name: str, side: int) -> dict[str, object]:
    """The content of ``model.json``: what the runtime needs and where the model came from."""
    source_names = _class_names(model)
    return {
        "kind": "detector",
        "name": name,
        "imgsz": side,
        "free_side": True,
        "stride": int(max(model.stride)),
        "names": class_kinds(source_names),
        "source_names": source_names,
        "source_sha256": file_sha256(source),
        "input": "images",
        "outputs": ["predictions", "prototypes"],
        "converter": DETECTOR_CONVERTER,
    }


def write_metadata(graph_model: onnx.ModelProto, facts: Mapping[str, object]) -> None:
    """Put class names, task, tile side and stride into the file, so that it explains itself."""
    kinds = facts["names"]
    helper.set_model_props(
        graph_model,
        {
            "names": json.dumps(kinds),
            "task": "segment",
            "imgsz": json.dumps([facts["imgsz"]] * 2),
            "stride": str(facts["stride"]),
        },
    )


def convert_detector(
    source: Path,
    folder: Path,
    side: int,
    name: str = "",
    progress: Progress = lambda *_: None,
    photos: Path | None = None,
) -> dict[str, object]:
    """Convert ``source`` (.pt) into ``folder``; returns ``model.json``'s content.

    ``side`` is the tile side used unless the settings name another one. With a folder of training
    ``photos`` the network runs in eight bits.

    Raises :class:`ModelError` when the file is missing, is not a usable checkpoint, or does not
    survive the conversion.
    """
    if not source.is_file():
        raise ModelError(
            "weights_missing",
            f"YOLO_WEIGHTS={source} does not exist.",
            "Correct the path or unset the variable to use the embedded detector.",
        )
    progress(0.05, "reading the checkpoint")
    model = load_ultralytics(source)
    network = prepare(model, source)
    facts = describe(network.model, source, name or source.stem, side)
    progress(0.3, "exporting the detector")
    graph_model = export_onnx(network, side)
    progress(0.5, "comparing with the original")
    plain = graph_model.SerializeToString()
    facts["parity_float32"] = checked(differences(network, plain, side), FLOAT32_LIMITS)
    if photos is not None:
        from training import quantise

        progress(0.6, "bringing it to eight bits")
        pictures = quantise.calibration_pictures(photos)
        graph_model = quantise.quantised(graph_model, quantise.tiles_of(pictures, side))
    halve_weights(graph_model)
    write_metadata(graph_model, facts)
    content = graph_model.SerializeToString()
    if photos is None:
        facts["parity"] = checked(differences(network, content, side), HALF_LIMITS)
    else:
        trials = quantise.tiles_of(quantise.walls(quantise.WALLS, quantise.TRIALS), side)
        facts["parity_int8"] = checked(quantise.gaps(plain, content, trials), quantise.LIMITS)
    with written_whole(folder) as fresh:
        (fresh / "detector.onnx").write_bytes(content)
        text = json.dumps(facts, indent=1) + "\n"
        (fresh / "model.json").write_text(text, encoding="utf-8")
    log.info("detector_converted source=%s bytes=%d", source.name, len(content))
    progress(1.0, "done")
    return facts
