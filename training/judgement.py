"""Fit the judge of what the detector finds: ``python -m training.judgement``.

The shipped detector reads real training photos and rendered walls that it has not learned from;
what :mod:`core.judgement` says of each find, whether a true hold lies there and how tightly the box
fits it, teach a small network the probability of a hold. Gyms differ in what they hang on their
walls: the three sources count by fixed shares, whatever their sizes. The photos that the product is
measured on are not read. Writes ``judge.npz`` and ``card.json`` into ``--run``; ``training.convert
embedded --judge`` lays the first beside the detector.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from core.analysis import load_models
from core.detector import Detector, drawn
from core.exposure import expose
from core.generators import result_of
from core.judgement import FEATURES, JUDGE_FILE, LIMIT, SAME_IOU, Judge, hold_features
from core.merge import merge, overlaps
from core.photo import open_photo
from core.settings import Settings, load_settings
from training.cards import commit
from training.checked import corrected, read_checked
from training.truth import CLASSES, add_data, polygon_split, read_truth, training_photos
from training.walls import write_dataset

LEAST = 0.01  # weaker finds are not judged
EVERY = 3  # each third training photo says the same as all of them
WALLS, WALLS_SEED = 60, 800_000  # rendered walls of seeds that no detector learned from
SHARES = {"boxes": 1.0, "polygons": 0.6, "walls": 0.6}
HIDDEN = 12
STEPS, BATCH, RATE, DECAY = 1200, 2048, 0.01, 0.01

TIGHT = 0.5
"""Share of the network's target that is how tightly a find fits; the rest is whether it is right.

With none, finds are ordered by being right alone, and the average precision over COCO's thresholds
falls to that of the detector's scores or below; with half of it, on validation photos, it was .009
above that and .003 above it on polygon test photos, for .002 less at the lowest threshold.
"""

THRESHOLDS = np.arange(SAME_IOU, 1, 0.05)  # of IoU, as COCO has them; right passes the first

Finds = tuple[np.ndarray, np.ndarray, np.ndarray]


def finds(images: Sequence[Path], detector: Detector, settings: Settings) -> Finds:
    """Features float32 (N, F) of the holds that are found on ``images``, whether each is right,
    bool (N,), and at which share of THRESHOLDS it is, float (N,).
    """
    rows, right, tight, checked = [], [], [], read_checked()
    for image in images:
        photo = open_photo(image.read_bytes(), name=image.name, settings=settings)
        pixels = expose(photo.pixels).pixels
        sights, zoom = result_of(detector.gather(pixels, LEAST))
        holds = [d for d in merge(sights) if d.kind == "hold"]
        if not holds:
            continue
        truth = corrected(read_truth(image), checked)
        sides = np.tile(np.array(pixels.shape[1::-1], np.float32), 2)
        wanted = truth.boxes[truth.classes == CLASSES.index("hold")] * sides
        rows.append(hold_features(holds, sights, zoom))
        boxes = np.stack([drawn(d).box for d in holds])
        passed = [matched(boxes, wanted, least) for least in THRESHOLDS]
        right.append(passed[0])
        tight.append(np.mean(passed, 0))
    return np.concatenate(rows), np.concatenate(right), np.concatenate(tight)


def matched(boxes: np.ndarray, wanted: np.ndarray, least: float) -> np.ndarray:
    """Which of ``boxes`` (N, 4), best first, take one of ``wanted`` (M, 4) with an IoU of at least
    ``least`` that none before it took, bool (N,).
    """
    overlap, taken = overlaps(boxes, wanted), np.zeros(len(boxes), bool)
    for index in range(len(boxes) if len(wanted) else 0):
        best = int(overlap[index].argmax())
        if overlap[index, best] >= least:
            taken[index] = True
            overlap[:, best] = -1
    return taken


def fit(sources: Sequence[tuple[float, Finds]], seed: int = 0) -> Judge:
    """The judge of least cross-entropy to what is right and tight, each source counting by its
    share, calibrated to what is right.
    """
    rows, right, tight = (
        np.concatenate([found[part] for _, found in sources]).astype(np.float64)
        for part in range(3)
    )
    weight = np.concatenate([np.full(len(r), share / len(r)) for share, (_, r, _) in sources])
    mean = np.average(rows, 0, weight)
    spread = np.sqrt(np.average((rows - mean) ** 2, 0, weight)) + 1e-6
    scaled = torch.tensor(np.clip((rows - mean) / spread, -LIMIT, LIMIT), dtype=torch.float32)
    target = torch.tensor((1 - TIGHT) * right + TIGHT * tight, dtype=torch.float32)
    chances = torch.tensor(weight)
    torch.manual_seed(seed)
    hidden, output = torch.nn.Linear(len(FEATURES), HIDDEN), torch.nn.Linear(HIDDEN, 1)
    network = torch.nn.Sequential(hidden, torch.nn.Tanh(), output)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        batch = torch.multinomial(chances, BATCH, replacement=True)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            network(scaled[batch])[:, 0], target[batch]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    arrays = (hidden.weight.T, hidden.bias, output.weight[0], output.bias[0])
    learned = (array.detach().numpy().copy() for array in arrays)
    judge = Judge(mean.astype(np.float32), spread.astype(np.float32), *learned)
    return calibrated(judge, rows.astype(np.float32), right, weight)


def calibrated(judge: Judge, rows: np.ndarray, right: np.ndarray, weight: np.ndarray) -> Judge:
    """The judge in the same order, with probabilities of being ``right`` (N,) on ``rows`` (N, F)
    that count by ``weight`` (N,).

    Two numbers stretch and shift its logits (J. Platt 1999, "Probabilistic outputs for support
    vector machines").
    """
    share = torch.from_numpy(judge.probabilities(rows)).double()
    logits, target = torch.logit(share, 1e-6), torch.from_numpy(right).double()
    line = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([line], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(
            line[0] * logits + line[1], target, torch.from_numpy(weight), reduction="sum"
        )
        value.backward()
        return value

    optimizer.step(loss)
    stretch, shift = line.detach().numpy()
    output, bias = stretch * judge.output, stretch * judge.output_bias + shift
    return replace(judge, output=output.astype(np.float32), output_bias=np.float32(bias))


def cross_entropy(share: np.ndarray, right: np.ndarray) -> float:
    """Mean of -log p, in nats, of probabilities ``share`` (N,) of what is ``right`` (N,)."""
    clipped = np.clip(share.astype(np.float64), 1e-6, 1 - 1e-6)
    return float(-np.where(right, np.log(clipped), np.log(1 - clipped)).mean())


def main(argv: list[str] | None = None) -> None:
    """Collect, fit, write."""
    parser = argparse.ArgumentParser(prog="python -m training.judgement", description=__doc__)
    add_data(parser)
    parser.add_argument("--run", type=Path, default=Path("runs/judge"))
    arguments = parser.parse_args(argv)
    settings = load_settings(yolo_conf=LEAST)
    detector = load_models(settings).detector
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder), WALLS, WALLS_SEED)
        images = {
            "boxes": training_photos(arguments.data)[::EVERY],
            "polygons": polygon_split(arguments.data / "polygons", test=False),
            "walls": sorted((Path(folder) / "images").glob("*.jpg")),
        }
        found = {name: finds(paths, detector, settings) for name, paths in images.items()}
    judge = fit([(SHARES[name], found[name]) for name in images])
    arguments.run.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(judge, name) for name in Judge.__slots__}
    np.savez(arguments.run / JUDGE_FILE, **arrays)
    card = {"commit": commit(), "detector": detector.name, "sources": {}}
    for name, (rows, right, _) in found.items():
        alone = 1 / (1 + np.exp(-rows[:, FEATURES.index("score")]))
        card["sources"][name] = {
            "pictures": len(images[name]),
            "finds": len(right),
            "right": int(right.sum()),
            "cross_entropy_of_scores": round(cross_entropy(alone, right), 4),
            "cross_entropy_judged": round(cross_entropy(judge.probabilities(rows), right), 4),
        }
    (arguments.run / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    print(json.dumps(card, indent=2))


if __name__ == "__main__":
    main()
