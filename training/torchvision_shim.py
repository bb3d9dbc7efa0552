"""A torchvision that can be imported beside a CPU build of torch.

Some package indexes pair a CPU build of torch with a torchvision that is linked against CUDA. Its
compiled part cannot load there, and ``import torchvision`` fails with "operator torchvision::nms
does not exist", although training and conversion need no compiled operator beyond ``nms``.
:func:`ensure_torchvision` supplies what the import asks for. Where the real extension loads,
nothing is changed. This module does nothing else; in particular it does not make the other compiled
operators (``roi_align`` and its kin) available.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from functools import cache
from pathlib import Path

import torch

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _extension_loads() -> bool:
    """Whether torchvision's compiled part can be loaded, asked without importing torchvision."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'torchvision'", name="torchvision")
    folder = Path(spec.origin).parent
    for suffix in (*importlib.machinery.EXTENSION_SUFFIXES, ".so", ".pyd", ".dll"):
        library = folder / f"_C{suffix}"
        if library.is_file():
            try:
                torch.ops.load_library(str(library))
            except (ImportError, OSError):
                return False
            return True
    return False


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Greedy suppression: corners (N, 4) and scores (N,) to kept indices int64, best first."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = scores.argsort(descending=True, stable=True)
    kept: list[torch.Tensor] = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        corner = torch.maximum(boxes[best, :2], boxes[order, :2])
        far = torch.minimum(boxes[best, 2:], boxes[order, 2:])
        overlap = (far - corner).clamp(min=0).prod(dim=1)
        order = order[overlap / (area[best] + area[order] - overlap) <= iou_threshold]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.int64)


@cache
def ensure_torchvision() -> None:
    """Make ``import torchvision`` work; call it before ultralytics or open_clip are imported.

    Raises ``ModuleNotFoundError`` when torchvision is not installed at all.
    """
    if "torchvision" in sys.modules or _extension_loads():
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(name + SCHEMA)
    library.impl("nms", nms, "CPU")
    # The definitions live as long as the library object does.
    sys.modules[__name__].__dict__["_library"] = library
    import torchvision.extension

    torchvision.extension._has_ops = lambda: True
