"""Small models with random weights, made on the spot: built as the real ones are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PALETTE = ("red", "mint", "wood")  # the colour words that the small CLIP is converted with

CLIP_CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 32,
        "vision_cfg": {
            "image_size": 64,
            "layers": 2,
            "width": 64,
            "head_width": 32,
            "patch_size": 16,
        },
        "text_cfg": {
            "context_length": 20,
            "vocab_size": 49408,
            "width": 32,
            "heads": 2,
            "layers": 2,
        },
    },
    "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3]},
}


def segmentation_network(task: str = "segment", names: tuple[str, ...] = ("hold", "volume")) -> Any:
    """A YOLO11 at half of its n width, for ``segment`` or ``detect``, with random weights."""
    from training.torchvision_shim import ensure_torchvision

    ensure_torchvision()
    import torch
    from ultralytics.nn.tasks import DetectionModel, SegmentationModel, yaml_model_load

    config = yaml_model_load("yolo11n-seg.yaml" if task == "segment" else "yolo11n.yaml")
    config["scales"] = {"n": [0.5, 0.125, 512]}
    torch.manual_seed(0)
    kind = SegmentationModel if task == "segment" else DetectionModel
    model = kind(config, ch=3, nc=len(names), verbose=False)
    model.names = dict(enumerate(names))
    # A fresh network has the identity's statistics; a trained one does not.
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model


def save_checkpoint(model: Any, path: Path) -> Path:
    """Save as ultralytics does: the whole module in half precision, with leftovers."""
    import numpy as np
    import torch

    content = {
        "epoch": -1,
        "best_fitness": np.float64(0.5),
        "model": model.half(),
        "ema": None,
        "train_args": {"imgsz": 64, "task": "segment"},
        "date": "2026-11-20",
    }
    torch.save(content, path)
    model.float()
    return path


def clip_folder(folder: Path, seed: int = 0) -> Path:
    """A folder with a two-layer CLIP: configuration, random weights, calibration."""
    from training.torchvision_shim import ensure_torchvision

    ensure_torchvision()
    import open_clip
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(CLIP_CONFIG), encoding="utf-8")
    (folder / "calibration.json").write_text('{"temperature": 1.5}', encoding="utf-8")
    torch.manual_seed(seed)
    config = CLIP_CONFIG["model_cfg"]
    model = open_clip.CLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"])
    torch.save(model.state_dict(), folder / "weights.pt")
    return folder
