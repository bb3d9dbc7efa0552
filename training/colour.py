"""Train what names colours: ``python -m training.colour``.

Two parts. A compact CLIP of our own (an open_clip config, a 64-pixel image tower, a small text
tower), contrastive on hold crops and sentences; and a small network on the colour statistics of the
mask core (:mod:`core.colour_statistics`). How much each counts, the temperature that makes the
confidence true, and the threshold of "sure" are fitted on training crops that neither part has
seen; the network on statistics that is kept then learns from those crops as well. With ``--clip
weights/colour`` the CLIP that ships stays, if it was trained with the same ``--seed``: only then
has it not seen those photos. Writes into ``--run``: ``clip/`` (an open_clip folder, where one was
trained), ``statistics.npz``, ``calibration.json`` and ``card.json``. The validation photos are not
touched.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from core.colour_crops import masked_crop
from core.colour_statistics import FEATURES, ground_around, statistics
from core.masks import BoxMask, mask_core
from core.prompts import pool_prompts, prompts_for
from core.sessions import open_session
from core.settings import DEFAULT_PALETTE, available_cores
from core.wall import KINDS
from training.cards import commit
from training.colour_fit import fit_calibration
from training.crops import (
    NAMED_VOLUMES,
    Crop,
    named_crops,
    photographed,
    rendered_crops,
    repainted_crops,
)
from training.pseudo import guess_all, load_outlines
from training.render.colours import srgb_to_lab
from training.sentences import Speaker
from training.torchvision_shim import ensure_torchvision
from training.truth import add_data, read_truth, training_photos

NETWORKS = 10  # whose mean names colours: one alone is right on 1 % more or less by its seed
SHARES = {"named": 0.65, "repainted": 0.22, "rendered": 0.13}  # of what is learned
COPIES = {"named": 8, "repainted": 2, "rendered": 1}  # of each crop, photographed otherwise
KIND_BELIEF = 20.0  # crops of a kind that what is known of all kinds is worth
FARTHEST = 1.5  # a shift's limit: wooden holds were not among the named, but other gyms have some
HOLDS_A_VOLUME = 13.5  # on the training photos
RARITY = 0.5  # how far names that are rarer on walls than in the pools are made rare again
SIDE = 64
CONTEXT = 16
HIGHEST_RATE = 1e-3
CONFIG = {
    "model_cfg": {
        "embed_dim": 64,
        "vision_cfg": {
            "image_size": SIDE,
            "layers": 3,
            "width": 128,
            "head_width": 32,
            "patch_size": 8,
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": 49408,
            "width": 64,
            "heads": 2,
            "layers": 2,
        },
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
}


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.colour", description=__doc__)
    add_data(parser)
    parser.add_argument(
        "--walls", type=Path, help="folder of rendered walls (training.walls --out)"
    )
    parser.add_argument(
        "--outlines", type=Path, help="outlines.pt of a detector run, to save guessing them again"
    )
    parser.add_argument("--run", type=Path, default=Path("runs/colour"))
    parser.add_argument("--repainted", type=int, default=6000, help="repainted crops")
    parser.add_argument("--minutes", type=float, default=20.0, help="time for the CLIP")
    parser.add_argument(
        "--clip", type=Path, help="a converted CLIP's folder, kept instead of training one"
    )
    parser.add_argument("--seed", type=int, default=11)
    return parser.parse_args(argv)


class Pool:
    """Augmented crops in memory: pixels uint8 (N, 3, SIDE, SIDE), features (N, FEATURES), names,
    kinds, pigments, weights.
    """

    def __init__(self, crops: list[Crop], copies: int, random: np.random.Generator) -> None:
        self.names = np.array([DEFAULT_PALETTE.index(c.name) for c in crops for _ in range(copies)])
        self.kinds = np.array([KINDS.index(c.kind) for c in crops for _ in range(copies)])
        self.pigments = [c.pigment for c in crops for _ in range(copies)]
        pixels, features = [], []
        for crop in crops:
            for copy in range(copies):
                seen = photographed(crop, random) if copy else crop
                hold = BoxMask(0, 0, seen.mask)
                pixels.append(masked_crop(seen.pixels, hold, SIDE).transpose(2, 0, 1))
                read = mask_core(seen.mask), seen.light, ground_around(seen.pixels, hold)
                features.append(statistics(seen.pixels, *read)[0])
        self.pixels = torch.from_numpy(np.stack(pixels))
        self.features = torch.from_numpy(np.stack(features))

    def weights(self) -> np.ndarray:
        """Sampling weights that bring rare names half-way up to common ones; their sum is 1."""
        counts = np.bincount(self.names, minlength=len(DEFAULT_PALETTE))
        weights = 1 / np.sqrt(counts[self.names])
        return weights / weights.sum()


def gather(arguments: argparse.Namespace) -> dict[str, list[Crop]]:
    """Crops by source."""
    if arguments.outlines and arguments.outlines.exists():
        truths = load_outlines(arguments.outlines)
    else:
        images = training_photos(arguments.data)
        truths = guess_all([read_truth(image) for image in images], available_cores())
    crops = {
        "named": named_crops(truths),
        "volumes": named_crops(truths, NAMED_VOLUMES),
        "repainted": list(repainted_crops(truths, arguments.repainted, arguments.seed)),
    }
    if arguments.walls:
        rendered = list(rendered_crops(arguments.walls))
        chosen = np.random.default_rng(arguments.seed).permutation(len(rendered))[:6000]
        crops["rendered"] = [rendered[i] for i in chosen]
    return crops


def split_photos(crops: list[Crop], share: float, seed: int) -> tuple[list[Crop], list[Crop]]:
    """Training crops and held-out crops, no photo on both sides.

    About ``share`` of the photos are held out. A photo's own name and ``seed`` decide, so it stays
    on its side when others are named later.
    """
    held = [_lot(f"{seed} {crop.photo}") < share for crop in crops]
    return (
        [crop for crop, apart in zip(crops, held, strict=True) if not apart],
        [crop for crop, apart in zip(crops, held, strict=True) if apart],
    )


def _lot(text: str) -> float:
    """A number in 0..1 that ``text`` alone decides."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def train_statistics(
    pools: list[tuple[float, Pool]], seed: int, steps: int = 2500
) -> torch.nn.Sequential:
    """A network from features to palette names: two hidden layers of 48."""
    torch.manual_seed(seed)
    features = torch.cat([pool.features for _, pool in pools])
    names = torch.from_numpy(np.concatenate([pool.names for _, pool in pools]))
    weights = torch.from_numpy(np.concatenate([share * pool.weights() for share, pool in pools]))
    net = torch.nn.Sequential(
        torch.nn.Linear(FEATURES, 48),
        torch.nn.GELU(),
        torch.nn.Linear(48, 48),
        torch.nn.GELU(),
        torch.nn.Linear(48, len(DEFAULT_PALETTE)),
    )
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.multinomial(weights, 512, replacement=True)
        inputs = features[rows] + 0.06 * torch.randn(512, FEATURES)
        loss = F.cross_entropy(net(inputs), names[rows], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def averaged(nets: Sequence[torch.nn.Sequential]) -> torch.nn.Sequential:
    """One network that gives the mean of the logits of ``nets``, which are built alike: their
    hidden units side by side, unconnected.
    """
    layers = [[layer for layer in net if isinstance(layer, torch.nn.Linear)] for net in nets]
    first, *middle, last = zip(*layers, strict=True)
    weights = [torch.cat([layer.weight for layer in first])]
    weights += [torch.block_diag(*(layer.weight for layer in part)) for part in middle]
    weights.append(torch.cat([layer.weight for layer in last], 1) / len(nets))
    biases = [torch.cat([layer.bias for layer in part]) for part in (first, *middle)]
    biases.append(torch.stack([layer.bias for layer in last]).mean(0))
    parts: list[torch.nn.Module] = []
    for weight, bias in zip(weights, biases, strict=True):
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data, layer.bias.data = weight.detach().contiguous(), bias.detach()
        parts += [layer, torch.nn.GELU()]
    return torch.nn.Sequential(*parts[:-1]).eval()


def name_shift(pools: list[tuple[float, Pool]], named: Pool) -> np.ndarray:
    """By how much names are met more often on a hold or a volume than the pools taught them, as
    logarithms float32 (kinds, names).

    ``named`` are crops of each kind as they come on walls; what it says of a kind is mixed with
    KIND_BELIEF crops of what it says of all. That a name is rare at all counts by RARITY: gyms
    differ.
    """
    taught = sum(
        share * np.bincount(pool.names, pool.weights(), len(DEFAULT_PALETTE))
        for share, pool in pools
    )
    counts = np.zeros((len(KINDS), len(DEFAULT_PALETTE)))
    np.add.at(counts, (named.kinds, named.names), 1)
    shares = (counts + 0.5) / (counts + 0.5).sum(1, keepdims=True)
    met = (HOLDS_A_VOLUME * shares[0] + shares[1]) / (HOLDS_A_VOLUME + 1)
    of_kind = (counts + KIND_BELIEF * met) / (counts.sum(1, keepdims=True) + KIND_BELIEF)
    taught = np.maximum(taught / taught.sum(), 1e-3)
    shift = np.log(of_kind / met) + RARITY * np.log(met / taught)
    return np.clip(shift, -FARTHEST, FARTHEST).astype(np.float32)


def fit_statistics(
    pools: dict[str, Pool], named: Pool, seed: int
) -> tuple[torch.nn.Sequential, np.ndarray]:
    """The mean of NETWORKS networks that learned from ``pools`` by SHARES, and what ``named`` says
    of how often names are met (:func:`name_shift`).
    """
    weighted = [(SHARES[key], pool) for key, pool in pools.items()]
    nets = [train_statistics(weighted, seed + number) for number in range(NETWORKS)]
    return averaged(nets), name_shift(weighted, named)


def save_statistics(net: torch.nn.Module, shift: np.ndarray, path: Path) -> None:
    """The network's layers as float32 arrays ``w0, b0, w1, b1, w2, b2``, its ``names``, and their
    ``shift`` by kind.
    """
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    arrays = {f"w{i}": layer.weight.detach().numpy() for i, layer in enumerate(layers)}
    arrays |= {f"b{i}": layer.bias.detach().numpy() for i, layer in enumerate(layers)}
    np.savez_compressed(path, names=np.array(DEFAULT_PALETTE), shift=shift, **arrays)


def contrastive_loss(
    images: torch.Tensor,
    texts: torch.Tensor,
    scale: torch.Tensor,
    words: np.ndarray,
    names: np.ndarray,
) -> torch.Tensor:
    """CLIP's symmetric loss (Radford et al. 2021) where every pair with the same word is a match.

    ``images`` and ``texts`` are unit rows (B, D). Pairs of one palette name but different words
    ("blue" and "navy") are neither matches nor mismatches and are left out.
    """
    match = torch.from_numpy(words[:, None] == words[None, :])
    near = torch.from_numpy(names[:, None] == names[None, :]) & ~match
    logits = (scale * images @ texts.T).masked_fill(near, -1e4)
    target = match.float() / match.sum(1, keepdim=True)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def train_clip(
    pools: list[tuple[float, Pool]], minutes: float, seed: int, batch: int = 192
) -> torch.nn.Module:
    """The compact CLIP, trained for ``minutes``."""
    ensure_torchvision()
    import open_clip

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    model_config = CONFIG["model_cfg"]
    clip = open_clip.model.CLIP(**model_config).train()
    tokenize = open_clip.SimpleTokenizer(context_length=CONTEXT)
    speaker = Speaker(random)
    batches = drawn_batches(pools, batch, speaker, random)
    optimizer = torch.optim.AdamW(clip.parameters(), HIGHEST_RATE, weight_decay=0.05)
    started, step = time.monotonic(), 0
    while (share := (time.monotonic() - started) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, share)
        pixels, names, words = next(batches)
        images = clip.encode_image(augment(pixels), normalize=True)
        sentences = [speaker.sentence(word) for word in words]
        texts = clip.encode_text(tokenize(sentences), normalize=True)
        scale = clip.logit_scale.exp().clamp(max=40)
        loss = contrastive_loss(images, texts, scale, words, names)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(clip.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            passed = {"step": step, "minutes": round(minutes * share, 1)}
            print({**passed, "loss": round(float(loss), 3)}, flush=True)
    return clip.eval()


def rate_at(step: int, share: float) -> float:
    """The learning rate: up within the first 50 steps, then a cosine down to 2 % of HIGHEST_RATE at
    ``share`` 1 of the time.
    """
    fall = 0.02 + 0.98 * (1 + np.cos(np.pi * share)) / 2
    return HIGHEST_RATE * min(1.0, (step + 1) / 50) * float(fall)


def drawn_batches(
    pools: list[tuple[float, Pool]], size: int, speaker: Speaker, random: np.random.Generator
) -> Iterator[tuple[torch.Tensor, np.ndarray, np.ndarray]]:
    """Without end: pixels uint8 (size, 3, SIDE, SIDE), palette names and finer words (size,) each,
    from the pools by their shares and from each pool by its weights.
    """
    shares = np.array([share for share, _ in pools])
    weights = [pool.weights() for _, pool in pools]
    while True:
        pixels, names, words = [], [], []
        for source in random.choice(len(pools), size, p=shares / shares.sum()):
            pool = pools[source][1]
            row = random.choice(len(pool.names), p=weights[source])
            name, pigment = DEFAULT_PALETTE[pool.names[row]], pool.pigments[row]
            pixels.append(pool.pixels[row])
            names.append(name)
            words.append(speaker.word(name, None if pigment is None else srgb_to_lab(pigment)))
        yield torch.stack(pixels), np.array(names), np.array(words)


def augment(pixels: torch.Tensor) -> torch.Tensor:
    """Normalised float32 crops from uint8 (B, 3, S, S): flipped at random, a little lighter or
    darker, a little grain.
    """
    images = pixels.float() / 255
    flips = torch.rand(len(images), 2)
    images = torch.where(flips[:, :1, None, None] < 0.5, images.flip(3), images)
    images = torch.where(flips[:, 1:, None, None] < 0.2, images.flip(2), images)
    gain = torch.exp(0.05 * torch.randn(len(images), 1, 1, 1)) * torch.exp(
        0.015 * torch.randn(len(images), 3, 1, 1)
    )
    return ((images * gain).clamp(0, 1) - 0.5) / 0.25 + 0.05 * torch.randn_like(images)


@torch.no_grad()
def palette_logits(clip: torch.nn.Module, pixels: torch.Tensor) -> np.ndarray:
    """Scaled cosines float32 (N, names) of uint8 crops (N, 3, S, S) with the pooled palette
    prompts.
    """
    import open_clip

    tokenize = open_clip.SimpleTokenizer(context_length=CONTEXT)
    rows = [
        clip.encode_text(tokenize(prompts_for(name)), normalize=True) for name in DEFAULT_PALETTE
    ]
    prompts = np.stack([pool_prompts(row.numpy()) for row in rows])
    parts = [
        clip.encode_image((part.float() / 255 - 0.5) / 0.25, normalize=True)
        for part in pixels.split(64)
    ]
    scale = float(clip.logit_scale.exp().clamp(max=40))
    return scale * torch.cat(parts).numpy() @ prompts.T


def converted_logits(folder: Path, pixels: torch.Tensor) -> np.ndarray:
    """What :func:`palette_logits` gives, from the converted CLIP in ``folder``."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with np.load(folder / "prompts.npz", allow_pickle=False) as file:
        known = dict(zip(map(str, file["names"]), file["embeddings"], strict=True))
    prompts = np.stack([known[name] for name in DEFAULT_PALETTE])
    session = open_session(folder / "image.onnx", available_cores())
    (given,) = session.get_inputs()
    parts = [
        session.run(None, {given.name: (part.float().numpy() / 255 - 0.5) / 0.25})[0]
        for part in pixels.split(64)
    ]
    return float(config["logit_scale"]) * np.concatenate(parts) @ prompts.T


def main(argv: list[str] | None = None) -> None:
    """Train both parts, weigh them against each other, and write the run folder."""
    arguments = parse_arguments(argv)
    random, started = np.random.default_rng(arguments.seed), time.monotonic()
    crops = gather(arguments)
    named, held = split_photos(crops["named"], 0.3, arguments.seed)
    apart = {crop.photo for crop in held}
    volumes = crops.pop("volumes")
    named += [crop for crop in volumes if crop.photo not in apart]
    sources = {**crops, "named": named}
    pools = {k: Pool(v, COPIES[k], random) for k, v in sources.items()}
    test = Pool(held, 1, random)
    arguments.run.mkdir(parents=True, exist_ok=True)
    net, shift = fit_statistics(pools, Pool(named, 1, random), arguments.seed)
    if arguments.clip:
        by_clip = converted_logits(arguments.clip, test.pixels)
    else:
        weighted = [(SHARES[k], pool) for k, pool in pools.items()]
        clip = train_clip(weighted, arguments.minutes, arguments.seed)
        by_clip = palette_logits(clip, test.pixels)
    with torch.no_grad():
        by_statistics = net(test.features).numpy() + shift[test.kinds]
    calibration = fit_calibration(by_clip, by_statistics, test.names)
    print(calibration)
    everything = named + held + [crop for crop in volumes if crop.photo in apart]
    pools["named"] = Pool(everything, COPIES["named"], random)
    final = fit_statistics(pools, Pool(everything, 1, random), arguments.seed)
    save_statistics(*final, arguments.run / "statistics.npz")
    text = json.dumps(calibration, indent=1) + "\n"
    (arguments.run / "calibration.json").write_text(text)
    if not arguments.clip:
        folder = arguments.run / "clip"
        folder.mkdir(exist_ok=True)
        torch.save(clip.state_dict(), folder / "open_clip_model.pt")
        (folder / "open_clip_config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
        (folder / "calibration.json").write_text(text)
    card = {
        "commit": commit(),
        "seed": arguments.seed,
        "clip": "of an earlier run" if arguments.clip else "trained in this run",
        "crops": {k: len(v) for k, v in sources.items()} | {"held out": len(held)},
        "minutes": round((time.monotonic() - started) / 60, 1),
        "calibration": calibration,
    }
    (arguments.run / "card.json").write_text(json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    main()
