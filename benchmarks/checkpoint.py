"""An open_clip checkpoint with random weights: ``python -m benchmarks.checkpoint ViT-B-32 FILE``.

Speed and memory do not depend on what a network has learned, so a measurement needs no download.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from training.torchvision_shim import ensure_torchvision


def main() -> None:
    """Write the state dict, whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a name that open_clip knows")
    parser.add_argument("file", type=Path)
    asked = parser.parse_args()
    logging.disable(logging.WARNING)  # open_clip warns that weights are random, which is wanted
    ensure_torchvision()
    import open_clip
    import torch

    torch.manual_seed(0)
    asked.file.parent.mkdir(parents=True, exist_ok=True)
    fresh = asked.file.with_suffix(f".{os.getpid()}")
    torch.save(open_clip.create_model(asked.model).state_dict(), fresh)
    fresh.replace(asked.file)


if __name__ == "__main__":
    main()
