"""An open_clip model becomes a folder that names colours without torch.

``image.onnx`` (a large one with ``image.onnx.data``) and ``text.onnx`` (see
:mod:`training.towers`), ``tokenizer.json.gz``, ``prompts.npz`` (``names``, unicode (C,), and
``embeddings``, float32 (C, D), one unit row for each palette word) and ``config.json``. Nothing
here runs at serving time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.conversion import COLOUR_CONVERTER, Progress
from core.model_folder import written_whole
from core.prompts import pool_prompts, prompts_for
from core.tokens import TOKENIZER_FILE
from training.clip_source import ClipSource, load_clip
from training.tokenizer_export import write_tokenizer
from training.torchvision_shim import ensure_torchvision
from training.towers import ImageTower, TextTower, convert_tower, write_worked_out

log = logging.getLogger(__name__)


def prompt_embeddings(
    tower: TextTower, tokenizer: object, palette: Sequence[str], context_length: int
) -> NDArray[np.float32]:
    """One unit row float32 (D,) for each palette word, from the unquantised text tower."""
    rows = []
    for name in palette:
        with torch.no_grad():
            rows.append(pool_prompts(tower(tokenizer(prompts_for(name), context_length)).numpy()))
    return np.stack(rows)


def sample_crops(source: ClipSource, count: int = 6) -> torch.Tensor:
    """Normalised crops to compare on, float32 (count, 3, S, S): grainy discs on grey."""
    random = np.random.default_rng(0)
    side = source.image_size
    ys, xs = np.mgrid[0:side, 0:side] / side - 0.5
    mean, std = (np.reshape(v, (1, 3, 1, 1)) for v in (source.mean, source.std))
    crops = np.full((count, 3, side, side), 0.5)
    for crop in crops:
        inside = xs**2 + (ys * random.uniform(0.6, 1.6)) ** 2 < 0.16
        crop[:, inside] = random.uniform(0, 1, (3, 1))
    crops += random.normal(0, 0.03, crops.shape)
    return torch.from_numpy(((np.clip(crops, 0, 1) - mean) / std).astype(np.float32))


def convert_colour(
    model: str,
    pretrained: str,
    folder: Path,
    palette: Sequence[str],
    name: str = "",
    progress: Progress = lambda *_: None,
) -> dict[str, object]:
    """Convert an open_clip model into ``folder``; returns ``config.json``'s content.

    ``model`` and ``pretrained`` as in :func:`training.clip_source.load_clip`, whose errors this
    raises too.
    """
    ensure_torchvision()
    import open_clip

    progress(0.02, "loading the colour model")
    source = load_clip(model, pretrained)
    context_length = _context_length(source.model)
    if Path(model).expanduser().exists():
        tokenizer = open_clip.SimpleTokenizer(context_length=context_length)
    else:
        tokenizer = open_clip.get_tokenizer(source.name)
    with written_whole(folder) as fresh:
        write_tokenizer(tokenizer, fresh / TOKENIZER_FILE, source.name)
        progress(0.25, "exporting the image tower")
        image, image_parity = convert_tower(
            ImageTower(source.model), sample_crops(source), "pixels"
        )
        write_worked_out(image, fresh / "image.onnx")
        progress(0.6, "exporting the text tower")
        tower = TextTower(source.model).eval()
        sentences = [*(prompts_for(word)[0] for word in palette[:6]), "a hold", "chalk"]
        text, text_parity = convert_tower(tower, tokenizer(sentences, context_length), "tokens")
        (fresh / "text.onnx").write_bytes(text)
        progress(0.85, "encoding the palette")
        embeddings = prompt_embeddings(tower, tokenizer, palette, context_length)
        np.savez(fresh / "prompts.npz", names=np.array(palette), embeddings=embeddings)
        config = {
            **described(source, name, pretrained),
            "embedding_dim": int(embeddings.shape[1]),
            "context_length": context_length,
            "parity": {"image": image_parity, "text": text_parity},
        }
        text_config = json.dumps(config, indent=1) + "\n"
        (fresh / "config.json").write_text(text_config, encoding="utf-8")
    log.info("colour_converted model=%s dim=%d", source.name, embeddings.shape[1])
    progress(1.0, "done")
    return config


def described(source: ClipSource, name: str, pretrained: str) -> dict[str, object]:
    """What ``config.json`` says of a model before it is converted."""
    return {
        "kind": "colour",
        "name": name or source.name,
        "image_size": source.image_size,
        "mean": list(source.mean),
        "std": list(source.std),
        "logit_scale": float(source.model.logit_scale.detach().exp()),
        "source": {"model": source.name, "pretrained": Path(pretrained).name},
        "calibration": source.calibration,
        "converter": COLOUR_CONVERTER,
    }


def _context_length(model: torch.nn.Module) -> int:
    own = getattr(model, "context_length", None)
    return int(own if own is not None else model.text.context_length)
