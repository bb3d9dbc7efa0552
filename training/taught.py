"""Outlines for training photos that have boxes only: what the shipped detector draws, averaged with
GrabCut's guess.

GrabCut (:mod:`training.pseudo`) needs a hold that differs in colour from its wall and refuses
almost half of the boxes: the grey holds on grey, the chalked, the small. The detector sees holds
enlarged, in several views, here of the photo and of its mirror image. Where one of its boxes agrees
with the true box, the mean of all outlines teaches the next detector's masks: their errors are of
different kinds, so it is nearer to the truth than any of them. ``python -m training.taught``
measures that against the polygons that no training saw.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from core.analysis import load_models
from core.detector import Detector
from core.exposure import expose
from core.generators import result_of
from core.merge import overlaps
from core.outline import largest_outline, stretched
from core.settings import available_cores, load_settings
from training.pseudo import in_processes, overlap, with_outlines
from training.truth import CLASSES, Truth, add_data, polygon_split, read_truth

CONFIDENCE = 0.1  # a weak detection on a true box is still a good outline
AGREEMENT = 0.7  # least IoU of a detection's box with the true one
GUESSED = 0.35  # weight of GrabCut's outline in a mean
RASTER_PX = 160.0  # longest side of a box while its outlines are averaged


def drawn_outlines(
    pixels: np.ndarray, boxes: np.ndarray, classes: np.ndarray, detector: Detector
) -> list[np.ndarray | None]:
    """For every one of ``boxes`` float32 (N, 4), in shares of the sides of the RGB ``pixels``, the
    outline of the detection of its class that agrees best with it, stretched to it, float32 (P, 2)
    in shares; None where none agrees.
    """
    sides = np.array([pixels.shape[1], pixels.shape[0]], np.float32)
    found = result_of(detector.detect(expose(pixels).pixels))
    if not found or not len(boxes):
        return [None] * len(boxes)
    seen, wanted = np.stack([d.box for d in found]), boxes * np.tile(sides, 2)
    agreement = overlaps(wanted.astype(np.float32), seen)
    kinds = np.array([CLASSES.index(d.kind) for d in found])
    agreement[classes[:, None] != kinds] = 0
    outlines: list[np.ndarray | None] = []
    for row, box in zip(agreement, boxes, strict=True):
        best = int(row.argmax())
        outlines.append(stretched(found[best].outline, box) if row[best] >= AGREEMENT else None)
    return outlines


def mirrored(points: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) or an outline (P, 2), in shares, as a mirror shows them."""
    turned = points.copy()
    turned[:, 0::2] = 1 - turned[:, 0::2]
    return turned[:, [2, 1, 0, 3]] if points.shape[1] == 4 else turned


def mean_outline(
    outlines: Sequence[np.ndarray], weights: Sequence[float], box: np.ndarray, sides: np.ndarray
) -> np.ndarray:
    """The zero line of the weighted mean of the outlines' signed distances, stretched to ``box``.

    Everything is in shares of ``sides`` (width, height in px); the first outline is returned where
    nothing is left of the mean.
    """
    low, size = box[:2], box[2:] - box[:2]
    scale = RASTER_PX / float((size * sides).max())
    margin = 0.15 * size
    to_raster = sides * scale
    width, height = np.ceil((size + 2 * margin) * to_raster).astype(int).tolist()
    total = np.zeros((height, width), np.float32)
    for outline, weight in zip(outlines, weights, strict=True):
        points = ((outline - low + margin) * to_raster - 0.5) * 16
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [points.round().astype(np.int32)], (1,), shift=4)
        inner, outer = (cv2.distanceTransform(m, cv2.DIST_L2, 5) for m in (mask, 1 - mask))
        total += np.float32(weight) * (inner - outer)
    mean = largest_outline((total > 0).astype(np.uint8))
    fitted = None if mean is None else stretched(mean, box)
    return np.asarray(outlines[0], np.float32) if fitted is None else fitted


TURNS = (lambda outline: outline, mirrored)  # of a photo and its mirror image, back to the photo


def with_taught(truth: Truth, detector: Detector) -> Truth:
    """``truth``, whose known outlines are GrabCut's guesses, with those means that have a
    detection.
    """
    pixels = cv2.cvtColor(cv2.imread(str(truth.image)), cv2.COLOR_BGR2RGB)
    sides = np.array([pixels.shape[1], pixels.shape[0]], np.float32)
    upright = drawn_outlines(pixels, truth.boxes, truth.classes, detector)
    flipped = np.ascontiguousarray(pixels[:, ::-1])
    others = drawn_outlines(flipped, mirrored(truth.boxes), truth.classes, detector)
    outlines, known = list(truth.outlines), truth.outline_known.copy()
    for index, pair in enumerate(zip(upright, others, strict=True)):
        drawn = [turn(one) for turn, one in zip(TURNS, pair, strict=True) if one is not None]
        if not drawn:
            continue
        guess = [outlines[index]] if known[index] else []
        weights = [(1 - GUESSED) / len(drawn)] * len(drawn) + [GUESSED] * len(guess)
        outlines[index] = mean_outline([*drawn, *guess], weights, truth.boxes[index], sides)
        known[index] = True
    return Truth(truth.image, truth.classes, truth.boxes, outlines, known)


@cache
def teacher(threads: int) -> Detector:
    """The detector in ``weights/``, listing weak detections too."""
    settings = load_settings(yolo_conf=CONFIDENCE, omp_num_threads=threads)
    return load_models(settings).detector


def teach_all(truths: list[Truth], workers: int) -> list[Truth]:
    """:func:`with_taught` over many pictures, in ``workers`` processes with a detector each."""
    return in_processes(_taught_alone, truths, workers)


def _taught_alone(truth: Truth) -> Truth:
    return with_taught(truth, teacher(1))


def measure(folder: Path) -> Iterator[tuple[str, float, float]]:
    """For the outlines of GrabCut and for those of :func:`with_taught`: what they are called, the
    share of the test polygons' objects that have one, and its mean IoU with the polygon.
    """
    detector = teacher(available_cores())
    exact = [read_truth(image) for image in polygon_split(folder, test=True)]
    bare = [replace(truth, outline_known=np.zeros(len(truth.boxes), bool)) for truth in exact]
    guessed = [with_outlines(truth) for truth in bare]
    for name, found in (
        ("GrabCut's", guessed),
        ("the detector's", [with_taught(truth, detector) for truth in bare]),
        ("their mean", [with_taught(truth, detector) for truth in guessed]),
    ):
        ious = []
        for right, guess in zip(exact, found, strict=True):
            height, width = cv2.imread(str(right.image)).shape[:2]
            for index in np.flatnonzero(guess.outline_known):
                pair = (right.outlines[index], guess.outlines[index])
                ious.append(overlap(*(o * [width, height] for o in pair), (height, width)))
        yield name, len(ious) / sum(len(truth.boxes) for truth in exact), float(np.mean(ious))


def main() -> None:
    """Print how good the outlines are on the polygon photos that no training saw."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    add_data(parser)
    for name, share, iou in measure(parser.parse_args().data / "polygons"):
        print(f"{name}: {share:.1%} of the holds and volumes, mean IoU {iou:.3f}")


if __name__ == "__main__":
    main()
