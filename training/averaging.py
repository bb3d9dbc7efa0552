"""The mean of two detectors: ``python -m training.averaging FIRST.pt SECOND.pt OUT.pt``.

Where one was trained on from the other, the mean of their weights often does better than both on
photos that neither knows, and it costs nothing to run (Wortsman et al., "Model soups", 2022).
Nothing is trained here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from core.errors import ModelError
from training.checkpoint import load_ultralytics
from training.detector import export_checkpoint


def mean_of(first: torch.nn.Module, second: torch.nn.Module) -> torch.nn.Module:
    """``second`` with the mean of both networks' weights and running statistics, as float32.

    Raises ``ValueError`` where their tensors differ in names or shapes.
    """
    ours, theirs = first.float().state_dict(), second.float().state_dict()
    if {k: v.shape for k, v in ours.items()} != {k: v.shape for k, v in theirs.items()}:
        raise ValueError("expected two checkpoints of one architecture with the same classes")
    second.load_state_dict(
        {k: (ours[k] + v) / 2 if v.is_floating_point() else v for k, v in theirs.items()}
    )
    return second


def main(argv: list[str] | None = None) -> None:
    """Read two checkpoints, write their mean."""
    parser = argparse.ArgumentParser(prog="python -m training.averaging", description=__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args(argv)
    try:
        mean = mean_of(load_ultralytics(arguments.first), load_ultralytics(arguments.second))
    except (ModelError, ValueError) as error:
        parser.error(str(error).replace("YOLO_WEIGHTS=", ""))
    export_checkpoint(mean, arguments.out)


if __name__ == "__main__":
    main()
