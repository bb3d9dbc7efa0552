"""Outlines guessed from boxes: GrabCut inside each box, kept only where the result is plausible.

The photos with boxes are many, those with polygons few. A guessed outline is believed when it is
one solid piece that nearly fills the box's width and height; elsewhere the object teaches its box
alone. ``python -m training.pseudo`` measures the guesses against real polygons and prints how many
are kept and how good they are.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from training.truth import Truth, add_data, ellipse, read_truth

WORK_SIDE = 72  # longest side of the box, in pixels, while GrabCut runs
MARGIN = 0.22  # background kept around the box, as a share of its sides
ITERATIONS = 3


def guess_outline(pixels: np.ndarray, box: np.ndarray) -> np.ndarray | None:
    """The outline of the object in ``box`` (x1, y1, x2, y2 in pixels) of BGR ``pixels``, or None if
    implausible.

    Returns float32 (P, 2) in pixels, stretched so that its bounds are the box. Method: Rother,
    Kolmogorov and Blake, "GrabCut", 2004, seeded with an ellipse inside and a frame outside.
    """
    height, width = pixels.shape[:2]
    size = box[2:] - box[:2]
    if size.min() < 8:
        return None
    margin = size * MARGIN + 2
    x1, y1 = np.maximum(box[:2] - margin, 0).astype(int)
    x2, y2 = np.minimum(box[2:] + margin + 1, [width, height]).astype(int)
    scale = WORK_SIDE / size.max()
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    crop = cv2.resize(pixels[y1:y2, x1:x2], None, fx=scale, fy=scale, interpolation=interpolation)
    local = (box - [x1, y1, x1, y1]) * scale
    mask = np.full(crop.shape[:2], cv2.GC_BGD, np.uint8)
    a, b = local[:2].round().astype(int), local[2:].round().astype(int)
    mask[a[1] : b[1], a[0] : b[0]] = cv2.GC_PR_BGD
    centre, half = (local[:2] + local[2:]) / 2, (local[2:] - local[:2]) / 2
    for share, label in ((0.85, cv2.GC_PR_FGD), (0.35, cv2.GC_FGD)):
        axes = tuple(np.maximum(half * share, 1).round().astype(int).tolist())
        cv2.ellipse(mask, tuple(centre.round().astype(int).tolist()), axes, 0, 0, 360, label, -1)
    if not (mask == cv2.GC_BGD).any():
        return None
    models = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.grabCut(crop, mask, None, *models, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # too few samples of one side to fit its colour model
        return None
    inside = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    inside = cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    largest = max(contours, key=cv2.contourArea)
    return _checked(largest[:, 0].astype(np.float32), cv2.contourArea(largest), local, box, scale)


def _checked(
    outline: np.ndarray, area: float, local: np.ndarray, box: np.ndarray, scale: float
) -> np.ndarray | None:
    """``outline`` stretched to ``box``, or None where it does not look like one whole object."""
    low, high = outline.min(0), outline.max(0) + 1
    extent, size = high - low, local[2:] - local[:2]
    hull = cv2.contourArea(cv2.convexHull(outline))
    if (extent / size).min() < 0.82 or not 0.38 < area / size.prod() < 0.93 or area < 0.75 * hull:
        return None
    simple = cv2.approxPolyDP(outline, 0.7, closed=True)[:, 0]
    if len(simple) < 4:
        return None
    return (box[:2] + (simple - low) / np.maximum(extent - 1, 1) * (size / scale)).astype(
        np.float32
    )


def with_outlines(truth: Truth) -> Truth:
    """``truth`` with guessed outlines where they are believed; the rest keep their ellipse, marked
    not known.
    """
    pixels = cv2.imread(str(truth.image))
    sides = np.array([pixels.shape[1], pixels.shape[0]], np.float32)
    outlines, known = list(truth.outlines), truth.outline_known.copy()
    for index, box in enumerate(truth.boxes):
        if known[index]:
            continue
        guess = guess_outline(pixels, box * np.tile(sides, 2))
        if guess is not None:
            outlines[index], known[index] = guess / sides, True
    return Truth(truth.image, truth.classes, truth.boxes, outlines, known)


def _start_worker() -> None:
    cv2.setNumThreads(1)


def in_processes(work: Callable[[Truth], Truth], truths: list[Truth], workers: int) -> list[Truth]:
    """``work`` on many pictures, in ``workers`` processes of one thread each."""
    with multiprocessing.get_context("spawn").Pool(workers, _start_worker) as pool:
        return pool.map(work, truths, chunksize=8)


def guess_all(truths: list[Truth], workers: int) -> list[Truth]:
    """:func:`with_outlines` over many pictures, in ``workers`` processes."""
    return in_processes(with_outlines, truths, workers)


def save_outlines(truths: list[Truth], path: Path) -> None:
    """Keep truths with their outlines, so that GrabCut need not run again."""
    rows = [
        {
            "image": str(truth.image),
            "classes": torch.from_numpy(truth.classes),
            "boxes": torch.from_numpy(truth.boxes),
            "outlines": [torch.from_numpy(outline) for outline in truth.outlines],
            "known": torch.from_numpy(truth.outline_known),
        }
        for truth in truths
    ]
    temporary = path.with_suffix(".partial")
    torch.save(rows, temporary)
    temporary.replace(path)


def load_outlines(path: Path) -> list[Truth]:
    """What :func:`save_outlines` kept; reads tensors only, never objects."""
    rows = torch.load(path, weights_only=True)
    return [
        Truth(
            Path(row["image"]),
            row["classes"].numpy(),
            row["boxes"].numpy(),
            [outline.numpy() for outline in row["outlines"]],
            row["known"].numpy(),
        )
        for row in rows
    ]


def measure(folder: Path) -> tuple[float, float, float]:
    """Guesses from the boxes of real polygons: share kept, their mean IoU, and an ellipse's mean
    IoU.
    """
    kept, ious, ellipses = 0, [], []
    pictures = sorted((folder / "images").glob("*_0.jpg"))
    for truth in map(read_truth, pictures):
        pixels = cv2.imread(str(truth.image))
        sides = np.array([pixels.shape[1], pixels.shape[0]], np.float32)
        for box, outline in zip(truth.boxes, truth.outlines, strict=True):
            box, outline = box * np.tile(sides, 2), outline * sides
            ellipses.append(overlap(outline, ellipse(box), pixels.shape[:2]))
            guess = guess_outline(pixels, box)
            if guess is not None:
                kept += 1
                ious.append(overlap(outline, guess, pixels.shape[:2]))
    return kept / max(len(ellipses), 1), float(np.mean(ious)), float(np.mean(ellipses))


def overlap(a: np.ndarray, b: np.ndarray, shape: tuple[int, int]) -> float:
    """Intersection over union of two outlines (P, 2) in pixels of a picture of ``shape``."""
    masks = []
    for outline in (a, b):
        mask = np.zeros(shape, np.uint8)
        cv2.fillPoly(mask, [outline.round().astype(np.int32)], 1)
        masks.append(mask > 0)
    return float((masks[0] & masks[1]).sum() / max((masks[0] | masks[1]).sum(), 1))


def main() -> None:
    """Print how good guessed outlines are on the polygon photos."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    add_data(parser)
    share, iou, by_ellipse = measure(parser.parse_args().data / "polygons")
    print(
        f"outlines kept {share:.1%}; mean IoU of the kept {iou:.3f}; of an ellipse {by_ellipse:.3f}"
    )


if __name__ == "__main__":
    main()
