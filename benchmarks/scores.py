"""COCO scores of detections against truth, by pycocotools.

All detections of a photo count (up to 1000), not COCO's usual 100: walls hold hundreds of holds.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from core.merge import Detection
from training.truth import CLASSES, Truth

MOST = 1000


@dataclass(frozen=True)
class Scores:
    """One class on one set: average precision over IoU .50:.95 and at .50, and recall at IoU .50,
    all 0..1.
    """

    ap: float
    ap50: float
    recall50: float


def encode(outline: np.ndarray, height: int, width: int) -> dict[str, object]:
    """Run-length code of a polygon (P, 2) in pixels, by COCO's own rule for which pixels are in."""
    runs = coco_mask.frPyObjects([outline.astype(np.float64).ravel().tolist()], height, width)
    return coco_mask.merge(runs)


def corner_box(box: np.ndarray) -> list[float]:
    """x1, y1, x2, y2 as COCO's x, y, width, height."""
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


class Scorer:
    """Collects photos one by one, then scores them."""

    def __init__(self, *, masks: bool) -> None:
        self.masks = masks
        self._images: list[dict[str, object]] = []
        self._truth: list[dict[str, object]] = []
        self._found: list[dict[str, object]] = []

    def add(self, truth: Truth, found: list[Detection], height: int, width: int) -> None:
        """One photo of ``width`` x ``height`` pixels with its truth and its detections in those
        pixels.
        """
        image = len(self._images) + 1
        self._images.append({"id": image, "height": height, "width": width})
        scale = np.array([width, height], np.float32)
        for kind, box, outline in zip(truth.classes, truth.boxes, truth.outlines, strict=True):
            box = box * np.tile(scale, 2)
            row = {
                "id": len(self._truth) + 1,
                "image_id": image,
                "category_id": int(kind) + 1,
                "bbox": corner_box(box),
                "area": float((box[2:] - box[:2]).prod()),
                "iscrowd": 0,
            }
            if self.masks:
                row["segmentation"] = encode(outline * scale, height, width)
            self._truth.append(row)
        for detection in found:
            row = {
                "image_id": image,
                "category_id": CLASSES.index(detection.kind) + 1,
                "bbox": corner_box(detection.box),
                "score": detection.score,
            }
            if self.masks:
                row["segmentation"] = encode(detection.outline, height, width)
            self._found.append(row)

    def scores(self, kind: str, iou: str) -> Scores:
        """Scores of class ``kind`` by ``iou`` type ``bbox`` or ``segm``."""
        if not self._found:
            return Scores(0.0, 0.0, 0.0)
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO()
            truth.dataset = {
                "info": {},
                "images": self._images,
                "annotations": self._truth,
                "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)],
            }
            truth.createIndex()
            rows = [dict(row) for row in self._found]
            if iou == "bbox":
                rows = [{k: v for k, v in row.items() if k != "segmentation"} for row in rows]
            evaluation = COCOeval(truth, truth.loadRes(rows), iou)
            evaluation.params.catIds = [CLASSES.index(kind) + 1]
            evaluation.params.maxDets = [1, 100, MOST]
            evaluation.params.areaRng = [[0, 1e10]]
            evaluation.params.areaRngLbl = ["all"]
            evaluation.evaluate()
            evaluation.accumulate()
        precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
        return Scores(
            _mean(precision[:, :, 0, 0, -1]),
            _mean(precision[0, :, 0, 0, -1]),
            _mean(recall[0, 0, 0, -1]),
        )


def _mean(values: np.ndarray) -> float:
    values = np.asarray(values)[np.asarray(values) > -1]
    return float(values.mean()) if values.size else float("nan")
