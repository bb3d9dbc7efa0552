"""Finding and loading an open_clip model: by name and tag, by name and file, or from a folder.

Everything that can be wrong with CLIP_MODEL and CLIP_PRETRAINED is found here and said in a
sentence that names the variable. Checkpoints are read with ``weights_only`` (open_clip's default,
stated again below), so they cannot run code.
"""

from __future__ import annotations

import difflib
import json
import logging
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from core.errors import ModelError
from training.checkpoint import reason
from training.torchvision_shim import ensure_torchvision

log = logging.getLogger(__name__)

CONFIG_NAME = "open_clip_config.json"
CHECKPOINT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


@dataclass(frozen=True)
class ClipSource:
    """A loaded open_clip model, its input, and the calibration that training left (or nothing)."""

    model: torch.nn.Module
    name: str
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    calibration: dict[str, Any] = field(default_factory=dict)


def _wrong(variable: str, value: object, problem: str, hint: str) -> ModelError:
    return ModelError("weights_wrong_kind", f"{variable}={value} {problem}.", hint)


def load_clip(model: str, pretrained: str) -> ClipSource:
    """Load ``model`` (a name, a config JSON or a folder) with ``pretrained`` (a tag or a file).

    A folder holds ``open_clip_config.json`` (``model_cfg`` and optionally ``preprocess_cfg``), one
    checkpoint, and optionally ``calibration.json``; ``pretrained`` may then be empty. Raises
    :class:`ModelError` with code ``weights_missing``, ``weights_wrong_kind`` or
    ``weights_unreachable``.
    """
    ensure_torchvision()
    place = Path(model).expanduser()
    if place.is_dir():
        return _from_folder(place, pretrained)
    if place.suffix == ".json":
        if not place.is_file():
            raise ModelError(
                "weights_missing", f"CLIP_MODEL={model} does not exist.", "Correct it."
            )
        return _from_config(place, Path(pretrained), {})
    return _from_name(model, pretrained)


def _from_folder(folder: Path, pretrained: str) -> ClipSource:
    config = folder / CONFIG_NAME
    if not config.is_file():
        raise ModelError(
            "weights_missing", f"CLIP_MODEL={folder} holds no {CONFIG_NAME}.", "Correct the path."
        )
    found = sorted(p for p in folder.iterdir() if p.suffix in CHECKPOINT_SUFFIXES)
    if not pretrained and len(found) != 1:
        raise ModelError(
            "weights_missing",
            f"CLIP_MODEL={folder} holds {len(found)} checkpoints, and CLIP_PRETRAINED names none.",
            "Leave one checkpoint in the folder or set CLIP_PRETRAINED to the file.",
        )
    checkpoint = Path(pretrained) if pretrained else found[0]
    extra = folder / "calibration.json"
    calibration = json.loads(extra.read_text(encoding="utf-8")) if extra.is_file() else {}
    return _from_config(config, checkpoint, calibration)


def _from_config(config: Path, checkpoint: Path, calibration: dict[str, Any]) -> ClipSource:
    import open_clip

    try:
        content = json.loads(config.read_text(encoding="utf-8"))
        model_config = dict(content.get("model_cfg", content))
        registered = {"embed_dim", "vision_cfg", "text_cfg"} <= set(model_config)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _wrong(
            "CLIP_MODEL", config, "is not an open_clip configuration", str(error)
        ) from error
    if not registered:
        raise _wrong(
            "CLIP_MODEL",
            config,
            "is not an open_clip configuration",
            "Expected embed_dim, vision_cfg and text_cfg.",
        )
    name = config.parent.name if config.name == CONFIG_NAME else config.stem
    # open_clip lists models by file stem; a private name keeps a folder's model from hiding one of
    # its own.
    alias = f"local-{name}"
    open_clip.factory._MODEL_CONFIGS[alias] = model_config
    return _build(alias, checkpoint, content.get("preprocess_cfg", {}), False, name, calibration)


def _from_name(model: str, pretrained: str) -> ClipSource:
    import open_clip
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    name = model.replace("/", "-")
    if name not in open_clip.list_models():
        close = difflib.get_close_matches(name, open_clip.list_models(), n=3)
        hint = f"Did you mean {' or '.join(close)}?" if close else "Try ViT-B-32 or ViT-B-16."
        raise _wrong("CLIP_MODEL", model, "is not a model that open_clip knows", hint)
    if not pretrained:
        raise ModelError(
            "weights_missing",
            f"CLIP_MODEL={model} is set, but CLIP_PRETRAINED is empty.",
            "Set CLIP_PRETRAINED to a tag such as openai, or to a checkpoint file.",
        )
    tag = get_pretrained_cfg(name, pretrained)
    if tag and not Path(pretrained).is_file():
        checkpoint = _download(tag, model, pretrained)
        return _build(name, checkpoint, tag, bool(tag.get("quick_gelu")), name, {})
    if not Path(pretrained).is_file():
        tags = ", ".join(list_pretrained_tags_by_model(name)[:8]) or "none"
        raise ModelError(
            "weights_missing",
            f"CLIP_PRETRAINED={pretrained} is neither a file nor a tag of {model}.",
            f"Tags of {model}: {tags}.",
        )
    return _build(name, Path(pretrained), {}, False, name, {})


def _download(tag: dict[str, Any], model: str, pretrained: str) -> Path:
    from open_clip.pretrained import download_pretrained

    try:
        return Path(download_pretrained(tag))
    except Exception as error:  # the hub client's errors share no base class: all mean "not now"
        log.warning("hub_unreachable model=%s tag=%s error=%s", model, pretrained, error)
        raise ModelError(
            "weights_unreachable",
            f"CLIP_PRETRAINED={pretrained}: the weights of {model} could not be downloaded.",
            "Check the network, or set CLIP_PRETRAINED to a local checkpoint file.",
        ) from error


def _build(
    alias: str,
    checkpoint: Path,
    preprocess: dict[str, Any],
    quick_gelu: bool,
    name: str,
    calibration: dict[str, Any],
) -> ClipSource:
    """Create the model and fill it; ``preprocess`` may hold mean and std, else CLIP's are used."""
    import open_clip

    if not checkpoint.is_file():
        raise ModelError(
            "weights_missing",
            f"CLIP_PRETRAINED={checkpoint} does not exist.",
            "Correct the path or unset CLIP_MODEL to use the embedded colour model.",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # Weights are loaded in a step of their own, so that reading them stays restricted
            # whatever the defaults are.
            model = open_clip.create_model(alias, force_quick_gelu=quick_gelu)
            open_clip.load_checkpoint(model, str(checkpoint), strict=True, weights_only=True)
        except Exception as error:  # torch and open_clip raise anything here
            raise _wrong(
                "CLIP_PRETRAINED",
                checkpoint,
                f"does not hold weights that fit CLIP_MODEL={name} ({reason(error)})",
                "Expected an open_clip state dict (.pt or .safetensors) of this architecture.",
            ) from error
    size = model.visual.image_size
    side = size if isinstance(size, int) else size[0]
    mean = tuple(preprocess.get("mean") or open_clip.OPENAI_DATASET_MEAN)
    std = tuple(preprocess.get("std") or open_clip.OPENAI_DATASET_STD)
    return ClipSource(model.float().eval(), name, int(side), mean, std, calibration)
