"""Outlines that the shipped detector draws for boxes whose GrabCut guess was not believed.

GrabCut (:mod:`training.pseudo`) needs a hold that differs in colour from its wall and refuses
almost half of the boxes: the grey holds on grey, the chalked, the small. The detector sees those
enlarged, in several views; where one of its boxes agrees with the true box, its outline teaches the
next detector's masks at every magnification. Known and believed outlines are never replaced.
``python -m training.taught`` measures such outlines against the polygons that no training saw.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from core.analysis import load_models
from core.detector import Detector
from core.exposure import expose
from core.generators import result_of
from core.merge import overlaps
from core.outline import stretched
from core.settings import load_settings
from training.pseudo import overlap
from training.truth import CLASSES, Truth, data_root, polygon_split, read_truth

CONFIDENCE = 0.1  # a weak detection on a true box is still a good outline
AGREEMENT = 0.7  # least IoU of a detection's box with the true one


def taught_outlines(truth: Truth, detector: Detector) -> list[np.ndarray | None]:
    """For every object of ``truth`` the outline of the detection that agrees best with its box,
    stretched to that box, float32 (P, 2) in shares of the picture's sides; None where none agrees.
    """
    pixels = cv2.cvtColor(cv2.imread(str(truth.image)), cv2.COLOR_BGR2RGB)
    sides = np.array([pixels.shape[1], pixels.shape[0]], np.float32)
    found = result_of(detector.detect(expose(pixels).pixels))
    if not found or not len(truth.boxes):
        return [None] * len(truth.boxes)
    seen, wanted = np.stack([d.box for d in found]), truth.boxes * np.tile(sides, 2)
    agreement = overlaps(wanted.astype(np.float32), seen)
    kinds = np.array([CLASSES.index(d.kind) for d in found])
    agreement[truth.classes[:, None] != kinds] = 0
    outlines: list[np.ndarray | None] = []
    for row, box in zip(agreement, truth.boxes, strict=True):
        best = int(row.argmax())
        outlines.append(stretched(found[best].outline, box) if row[best] >= AGREEMENT else None)
    return outlines


def with_taught(truth: Truth, detector: Detector) -> Truth:
    """``truth`` with the detector's outlines where none was known."""
    outlines, known = list(truth.outlines), truth.outline_known.copy()
    for index, outline in enumerate(taught_outlines(truth, detector)):
        if outline is not None and not known[index]:
            outlines[index], known[index] = outline, True
    return Truth(truth.image, truth.classes, truth.boxes, outlines, known)


def teacher() -> Detector:
    """The detector in ``weights/``, listing weak detections too."""
    return load_models(load_settings(yolo_conf=CONFIDENCE)).detector


def teach_all(truths: list[Truth]) -> list[Truth]:
    """:func:`with_taught` over many pictures."""
    detector = teacher()
    return [with_taught(truth, detector) for truth in truths]


def measure(folder: Path) -> tuple[float, float]:
    """Share of the test polygons' objects with an agreeing detection, and its outlines' mean
    IoU.
    """
    detector, count, ious = teacher(), 0, []
    for truth in map(read_truth, polygon_split(folder, test=True)):
        height, width = cv2.imread(str(truth.image)).shape[:2]
        sides = np.array([width, height], np.float32)
        guesses = taught_outlines(truth, detector)
        count += len(guesses)
        for outline, guess in zip(truth.outlines, guesses, strict=True):
            if guess is not None:
                ious.append(overlap(outline * sides, guess * sides, (height, width)))
    return len(ious) / max(count, 1), float(np.mean(ious))


def main() -> None:
    """Print how good the detector's outlines are on the polygon photos."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, default=data_root())
    share, iou = measure(parser.parse_args().data / "polygons")
    print(f"boxes with an agreeing detection {share:.1%}; mean IoU of their outlines {iou:.3f}")


if __name__ == "__main__":
    main()
