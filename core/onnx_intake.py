"""Taking in a detector that is ONNX already, such as ``yolo export format=onnx`` writes.

The file is opened once to see whether its inputs and outputs are what the detector reads, and is
then copied unchanged beside a ``model.json``. No package beyond ONNX Runtime is needed. What the
network has learned is not judged.
"""

from __future__ import annotations

import ast
import json
import logging
import shutil
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.model_folder import file_sha256, written_whole
from core.sessions import open_session

log = logging.getLogger(__name__)

MASK_COEFFICIENTS = 32
HINT = "Export it with `yolo export model=best.pt format=onnx imgsz=640`, without nms or half."


def class_kinds(names: list[str]) -> list[str]:
    """The product's kinds for a model's classes: ``hold`` unless a name speaks of a volume."""
    return ["volume" if "volume" in name.lower() else "hold" for name in names]


def take_in(source: Path, folder: Path) -> None:
    """Check the detector ``source`` and put it into ``folder`` with a ``model.json``.

    Raises :class:`ModelError` (``weights_wrong_kind``) that names YOLO_WEIGHTS when the file is not
    ONNX or its shapes are not (1, 3, S, S) to (1, 4 + classes + 32, anchors) and (1, 32, S/4, S/4).
    """
    try:
        session = open_session(source, threads=1)
    except ModelError as error:
        raise _wrong(source, "is not a model that ONNX Runtime can open") from error
    side = _check_input(source, session)
    classes = _check_outputs(source, session, side)
    metadata = session.get_modelmeta().custom_metadata_map
    source_names = _names(metadata.get("names", ""), classes)
    card = {
        "kind": "detector",
        "name": source.stem,
        "imgsz": side,
        "free_side": False,
        "stride": 32,
        "names": class_kinds(source_names),
        "source_names": source_names,
        "source_sha256": file_sha256(source),
        "input": session.get_inputs()[0].name,
        "outputs": [output.name for output in session.get_outputs()],
    }
    with written_whole(folder) as fresh:
        shutil.copyfile(source, fresh / "detector.onnx")
        (fresh / "model.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    log.info("onnx_taken_in file=%s side=%d classes=%d", source.name, side, classes)


def _wrong(source: Path, problem: str) -> ModelError:
    return ModelError("weights_wrong_kind", f"YOLO_WEIGHTS={source} {problem}.", HINT)


def _check_input(source: Path, session: Any) -> int:
    inputs = session.get_inputs()
    shape = list(inputs[0].shape) if len(inputs) == 1 else []
    square = len(shape) == 4 and shape[:2] == [1, 3] and shape[2] == shape[3]
    if not square or not isinstance(shape[2], int) or shape[2] % 32 or shape[2] < 64:
        raise _wrong(source, f"reads {shape or 'several inputs'} instead of [1, 3, S, S]")
    if inputs[0].type != "tensor(float)":
        raise _wrong(source, f"reads {inputs[0].type} instead of tensor(float)")
    return int(shape[2])


def _check_outputs(source: Path, session: Any, side: int) -> int:
    """The number of classes."""
    shapes = [list(output.shape) for output in session.get_outputs()]
    anchors = sum((side // stride) ** 2 for stride in (8, 16, 32))
    if len(shapes) == 1:
        raise _wrong(source, f"gives only {shapes[0]}, so it finds no outlines")
    if len(shapes) != 2 or shapes[1] != [1, MASK_COEFFICIENTS, side // 4, side // 4]:
        raise _wrong(source, f"gives {shapes}, and no mask prototypes of [1, 32, S/4, S/4]")
    rows = shapes[0][1] if len(shapes[0]) == 3 else None
    classes = rows - 4 - MASK_COEFFICIENTS if isinstance(rows, int) else 0
    if shapes[0] != [1, rows, anchors] or classes < 1:
        raise _wrong(source, f"gives {shapes[0]} instead of raw anchors [1, 4 + classes + 32, A]")
    return classes


def _names(text: str, classes: int) -> list[str]:
    """Class names from the file's metadata, a literal; plain holds where it has none that fit."""
    try:
        value = ast.literal_eval(text) if text else None
    except (ValueError, SyntaxError):
        value = None
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    names = [str(name) for name in value] if isinstance(value, list) else []
    return names if len(names) == classes else ["hold"] * classes
