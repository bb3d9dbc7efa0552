"""Train the hold detector: ``python -m training.detector``.

A YOLO segmentation model of ultralytics learns from real boxes with guessed outlines, real polygons
and rendered walls, with what it took for holds before laid over them. Runs on a GPU where there is
one, else on the CPU, under bfloat16 autocast where that is faster. The learning rate follows the
share of the time budget that is used up, so a run may be stopped at any moment and continues from
its last checkpoint when the same command is given again. Writes into ``--run``: ``last.pt``
(everything to resume), ``best.pt`` (an ultralytics checkpoint of the averaged weights), ``log.csv``
and ``card.json``.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from core.errors import ModelError
from core.settings import available_cores
from training.torchvision_shim import ensure_torchvision

ensure_torchvision()

from ultralytics import YOLO  # noqa: E402  (needs a torchvision that loads)
from ultralytics.utils import DEFAULT_CFG  # noqa: E402

from training.boxed_mask_loss import BoxedMaskLoss  # noqa: E402
from training.cards import commit  # noqa: E402
from training.checked import corrected, mistaken, read_checked  # noqa: E402
from training.checkpoint import load_ultralytics  # noqa: E402
from training.cuttings import Cutting, cut, prints_with  # noqa: E402
from training.pseudo import guess_all, load_outlines, save_outlines  # noqa: E402
from training.taught import teach_all  # noqa: E402
from training.tiles import TileStream, collate  # noqa: E402
from training.truth import (  # noqa: E402
    CLASSES,
    Truth,
    TruthError,
    add_data,
    polygon_split,
    read_truth,
    training_photos,
)

WARM_UP = 0.02  # share of the budget over which the learning rate rises
CHECKPOINT_S = 120.0
STRIDE = 32  # of the coarsest level of features, which a tile's side has to fit

VOLUME_WEIGHT = 3.0
"""Weight of the volumes' column in the class term. There are 15 holds for a volume, and at equal
weights three quarters of the volumes on unseen rendered walls stayed unnoticed.
"""


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.detector", description=__doc__)
    add_data(parser)
    parser.add_argument(
        "--walls", type=Path, help="folder of rendered walls (training.walls --out)"
    )
    parser.add_argument("--run", type=Path, default=Path("runs/detector"))
    parser.add_argument("--model", default="yolo11n-seg", help="ultralytics architecture")
    parser.add_argument("--init", type=Path, help="a checkpoint to start the weights from")
    parser.add_argument("--hours", type=float, default=8.0, help="time budget over all sessions")
    parser.add_argument("--side", type=int, default=448, help="tile side in pixels")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (AdamW)")
    parser.add_argument("--workers", type=int, default=1, help="processes that make tiles")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args(argv)
    if arguments.walls and not rendered(arguments.walls):
        parser.error(f"no walls in {arguments.walls}: python -m training.walls --out renders some")
    if not 0 < arguments.hours < math.inf or arguments.batch < 1:
        parser.error("expected --hours above 0 and a --batch of 1 or more")
    if arguments.side < STRIDE or arguments.side % STRIDE:
        parser.error(f"expected a --side that is a multiple of {STRIDE}, got {arguments.side}")
    return arguments


def rendered(walls: Path) -> list[Path]:
    """The pictures in a folder that :mod:`training.walls` wrote."""
    return sorted((walls / "images").glob("*.jpg"))


def gather(
    arguments: argparse.Namespace,
) -> tuple[list[tuple[float, list[Truth]]], list[Cutting]]:
    """The groups of training pictures with their share of the tiles, and what is cut out of them.
    Outlines that GrabCut guessed and the shipped detector drew are cached in the run folder.
    """
    checked, cache = read_checked(), arguments.run / "outlines.pt"
    if not cache.exists():
        images = training_photos(arguments.data)
        print(f"outlines for the boxes of {len(images)} photos: once in a run", flush=True)
        boxed = [corrected(read_truth(image), checked) for image in images]
        workers = available_cores()
        save_outlines(teach_all(guess_all(boxed, workers), workers), cache)
    boxed = load_outlines(cache)
    cuttings = [piece for truth in boxed for piece in cut(mistaken(truth.image, checked), truth)]
    polygons = [
        read_truth(image) for image in polygon_split(arguments.data / "polygons", test=False)
    ]
    walls = []
    if arguments.walls:
        walls = [read_truth(image) for image in rendered(arguments.walls)]
    return [(0.44, boxed), (0.14, polygons), (0.42, walls)], cuttings


def build_model(arguments: argparse.Namespace, device: torch.device) -> torch.nn.Module:
    """The network with our two classes, from ``--init`` where shapes fit, else from random
    weights.
    """
    yaml = dict(YOLO(f"{arguments.model}.yaml").model.yaml)
    yaml["nc"] = len(CLASSES)
    # YOLO26 has a second head that does without suppression. Views overlap here, so their doubles
    # are suppressed in any case (core.merge), and only the first head is trained.
    yaml["end2end"] = False
    model = YOLO(f"{arguments.model}.yaml").model.__class__(
        yaml, ch=3, nc=len(CLASSES), verbose=False
    )
    if arguments.init:
        model.load(load_ultralytics(arguments.init), verbose=False)
    model.names = dict(enumerate(CLASSES))
    model.args = copy.copy(DEFAULT_CFG)
    return model.to(device, memory_format=torch.channels_last)


def convolving_s(device: torch.device, *, bf16: bool) -> float:
    """Seconds that a convolution takes there and back, the best of three passes."""
    layer = torch.nn.Conv2d(64, 64, 3, padding=1).to(device, memory_format=torch.channels_last)
    pixels = torch.rand(1, 64, 160, 160, device=device).to(memory_format=torch.channels_last)
    passes = []
    for _ in range(3):
        started = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            result = layer(pixels)
        result.float().mean().backward()
        passes.append(time.perf_counter() - started)
    return min(passes)


def bf16_pays(device: torch.device) -> bool:
    """Whether to train under bfloat16 autocast. A CPU without instructions for it imitates them,
    at a third of the speed of float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return convolving_s(device, bf16=True) < convolving_s(device, bf16=False)


def optimizer_for(model: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
    """AdamW with weight decay on convolution kernels only."""
    kernels = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))


def rate_at(share: float, highest: float) -> float:
    """Linear warm-up, then a cosine down to 2 % of ``highest`` at ``share`` 1 of the budget."""
    if share < WARM_UP:
        return highest * max(share / WARM_UP, 0.02)
    turn = min(1.0, (share - WARM_UP) / (1 - WARM_UP))
    return highest * (0.02 + 0.98 * (1 + math.cos(math.pi * turn)) / 2)


class Average:
    """Exponential moving average of the weights, which is what ships."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: torch.nn.Module, step: int) -> None:
        """Move towards ``model``; quick in the first steps, with a memory of about 700 steps
        later.
        """
        keep = 0.9985 * (1 - math.exp(-step / 300))
        now = model.state_dict()
        for name, value in self.model.state_dict().items():
            if value.dtype.is_floating_point:
                value.mul_(keep).add_(now[name].detach(), alpha=1 - keep)
            else:
                value.copy_(now[name])


def save_atomically(data: Any, path: Path) -> None:
    """A stop while saving leaves the former checkpoint whole."""
    temporary = path.with_suffix(".partial")
    torch.save(data, temporary)
    os.replace(temporary, path)


def export_checkpoint(network: torch.nn.Module, path: Path) -> None:
    """Write the network in half precision, the way ultralytics reads it."""
    model = copy.deepcopy(network)
    model.criterion = None
    model.args = {"task": "segment", "imgsz": 640, "data": ""}
    model.task = "segment"
    save_atomically(
        {"model": model.half(), "ema": None, "train_args": model.args, "epoch": -1}, path
    )


def forget_after(step: int, log: Path) -> None:
    """Drop the rows of ``log.csv`` behind ``step``, and one that was not written to its end: a run
    that was killed makes the steps since its checkpoint again.
    """
    if log.exists():
        text = log.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [row for row in text if row.endswith("\n")]
        kept = whole[:1] + [row for row in whole[1:] if int(row.split(",")[0]) <= step]
        log.write_text("".join(kept), encoding="utf-8")


def write_card(arguments: argparse.Namespace, state: dict[str, Any]) -> None:
    """What was trained on what, with which settings, for how long."""
    card = {
        "command": {k: v.name if isinstance(v, Path) else v for k, v in vars(arguments).items()},
        "commit": commit(),
        "device": state["device"],
        "pictures": state["pictures"],
        "hours": round(state["elapsed"] / 3600, 3),
        "steps": state["step"],
        "tiles": state["step"] * arguments.batch,
    }
    (arguments.run / "card.json").write_text(json.dumps(card, indent=2) + "\n")


class Run:
    """One training run: its model, its clock, and what it leaves on disk."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        arguments.run.mkdir(parents=True, exist_ok=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = build_model(arguments, self.device).train()
        self.average = Average(self.model)
        self.optimizer = optimizer_for(self.model, arguments.rate)
        weights = [VOLUME_WEIGHT if name == "volume" else 1.0 for name in CLASSES]
        self.bf16 = bf16_pays(self.device)
        self.model.class_weights = torch.tensor(weights)  # ultralytics' loss reads them here
        self.criterion = BoxedMaskLoss(self.model)
        self.step, self.elapsed = 0, 0.0
        last = arguments.run / "last.pt"
        if last.exists():
            state = torch.load(last, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.model.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.elapsed = state["step"], state["elapsed"]
            forget_after(self.step, arguments.run / "log.csv")
        self.groups, self.cuttings = gather(arguments)

    def train_step(self, batch: dict[str, torch.Tensor]) -> dict[str, float]:
        """One optimiser step; returns the loss terms."""
        batch = {k: v.to(self.device, non_blocking=True) for k, v in batch.items()}
        pixels = batch["img"].float().div_(255).to(memory_format=torch.channels_last)
        share = self.elapsed / (self.arguments.hours * 3600)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(share, self.arguments.rate)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            predictions = self.model(pixels)
        loss, terms = self.criterion.loss(predictions, batch)
        self.optimizer.zero_grad(set_to_none=True)
        (loss / len(pixels) * 4).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimizer.step()
        self.step += 1
        self.average.update(self.model, self.step)
        return {name: float(value) for name, value in terms.items()}

    def save(self) -> None:
        """Checkpoint, exported weights and run card."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
        }
        save_atomically(state, self.arguments.run / "last.pt")
        export_checkpoint(self.average.model, self.arguments.run / "best.pt")
        counts = [*(len(group) for _, group in self.groups), len(self.cuttings)]
        names = ("boxes", "polygons", "walls", "cuttings")
        write_card(
            self.arguments,
            {
                "device": str(self.device),
                "pictures": dict(zip(names, counts, strict=True)),
                "elapsed": self.elapsed,
                "step": self.step,
            },
        )

    def go(self) -> None:
        """Train until the budget is used up."""
        stream = TileStream(
            self.groups,
            self.arguments.side,
            self.arguments.seed + self.step,
            prints_with(self.cuttings),
        )
        loader = DataLoader(
            stream,
            batch_size=self.arguments.batch,
            num_workers=self.arguments.workers,
            collate_fn=collate,
            prefetch_factor=4 if self.arguments.workers else None,
        )
        batches, saved = iter(loader), time.monotonic()
        sums: dict[str, float] = {}
        first = self.step
        while self.elapsed < self.arguments.hours * 3600:
            started = time.monotonic()
            for name, value in self.train_step(next(batches)).items():
                sums[name] = sums.get(name, 0.0) + value
            self.elapsed += time.monotonic() - started
            if self.step % 50 == 0:
                self.log({name: value / (self.step - first) for name, value in sums.items()})
                sums, first = {}, self.step
            if time.monotonic() - saved > CHECKPOINT_S:
                self.save()
                saved = time.monotonic()
        self.save()

    def log(self, terms: dict[str, float]) -> None:
        """Append a row to ``log.csv`` and print it."""
        row = {"step": self.step, "minutes": round(self.elapsed / 60, 1)}
        row |= {name: round(value, 4) for name, value in terms.items()}
        path = self.arguments.run / "log.csv"
        new = not path.exists() or not path.stat().st_size
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if new:
                writer.writeheader()
            writer.writerow(row)
        print(row, flush=True)


def main(argv: list[str] | None = None) -> None:
    """Train, or continue to."""
    arguments = parse_arguments(argv)
    torch.manual_seed(arguments.seed)
    try:
        run = Run(arguments)
    except (ModelError, TruthError) as error:
        text = str(error).replace("YOLO_WEIGHTS=", "--init ")
        raise SystemExit(f"python -m training.detector: {text}") from error
    # ultralytics takes a core away. The affinity mask counts, not the machine: two threads on one
    # core wait for each other at every layer.
    torch.set_num_threads(available_cores())
    run.go()


if __name__ == "__main__":
    main()
