"""The one place that opens an ONNX Runtime session.

Every session runs on the CPU, one operator after another, with the thread count of the settings.
This module knows nothing about what a model computes.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ModelError
from core.memory.giving_back import return_freed_memory

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

log = logging.getLogger(__name__)

FREE_SIDE = "side"
"""Name of both spatial axes of a detector whose tile side is chosen when it is opened."""


def open_session(path: Path, threads: int, side: int | None = None) -> InferenceSession:
    """Open ``path`` for inference on ``threads`` threads.

    ``side`` fixes the tile side of a detector, in pixels; where it is None, the ``imgsz`` of the
    ``model.json`` beside the file is taken, if there is one. Raises :class:`ModelError`
    (``weights_damaged``) when ONNX Runtime cannot read the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    # Threads that wait by spinning take the processor from the rest of a small server: beside
    # another busy process the same inference took 1.4 to 2 times as long with it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Planned memory patterns hold one block for the largest need of every layer at once: 52 MiB
    # more for the detector.
    options.enable_mem_pattern = False
    side = side if side is not None else _side_beside(path)
    if side is not None:
        options.add_free_dimension_override_by_name(FREE_SIDE, side)
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime's exceptions have no public common base
        raise ModelError(
            "weights_damaged",
            f"{path.name} cannot be opened ({str(error).splitlines()[0][:200]}).",
            "Convert the model again or restore the file.",
        ) from error
    return_freed_memory()  # after opening ViT-B-32 in int8, 109 of 274 MiB in 15 ms
    log.debug("session_opened file=%s threads=%d side=%s", path, threads, side)
    return session


def _side_beside(path: Path) -> int | None:
    card = path.with_name("model.json")
    if not card.is_file():
        return None
    return int(json.loads(card.read_text(encoding="utf-8"))["imgsz"])
