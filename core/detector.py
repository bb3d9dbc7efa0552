"""Pixels -> outlines of holds and volumes, with a YOLO segmentation model in ONNX Runtime.

The picture is read in overlapping tiles plus one view of the whole (:mod:`core.views`), which says
how near the tiles have to look, or that the whole has to be seen from farther away
(:mod:`core.tile_zoom`). Each view's boxes are decoded, its outlines traced from the mask prototypes
inside each box only, and all views are merged (:mod:`core.merge`). No full-size mask ever exists.
This module names no colours and knows nothing of problems.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.merge import Detection, Sides, merge, suppress
from core.sessions import open_session
from core.settings import Settings
from core.tile_zoom import (
    CLOSER,
    FARTHER,
    is_close_up,
    largest_zoom,
    lower_quartile,
    needed_zoom,
    thrifty_zoom,
)
from core.views import View, cut_view, lay_out
from core.wall import Kind
from core.weights import ModelFiles

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CANDIDATES = 1000
"""Boxes of one view that go into suppression, best scores first."""

EDGE_PX = 3.0
"""A box that ends this close to a tile's inner edge, in tile pixels, is taken for cut."""

COUNTED = 0.05
"""Score from which a detection of the whole view says how near the tiles have to look."""

STRIDE = 4
"""Tile pixels per cell of the mask prototypes."""

MIN_SIDE_PX = 3.0
"""Boxes with a shorter side, in tile pixels, are noise."""

Floats = NDArray[np.float32]


class Detector:
    """The detector of one process: one session, one input shape."""

    def __init__(
        self, files: ModelFiles, settings: Settings, session: InferenceSession | None = None
    ) -> None:
        """Take the model's ``session``, or open it.

        Raises :class:`core.errors.ModelError` when its files are damaged.
        """
        card = json.loads((files.folder / "model.json").read_text(encoding="utf-8"))
        self.name = f"{files.name}@{files.digest}"
        self.side = files.side
        self.kinds: tuple[Kind, ...] = tuple(card["names"])
        self.confidence = self._outlined = settings.yolo_conf
        self._session = session or open_session(
            files.folder / "detector.onnx", settings.omp_num_threads, self.side
        )

    def with_confidence(self, confidence: float) -> Detector:
        """A detector over the same session that drops detections below ``confidence``."""
        other = copy(self)
        other.confidence = other._outlined = confidence
        return other

    def _weak(self) -> Detector:
        """A detector over the same session that also reports what only counts, without tracing it:
        an ellipse stands in.
        """
        other = copy(self)
        other.confidence = min(self.confidence, COUNTED)
        return other

    def views(self, width: int, height: int) -> list[View]:
        """The views of a picture of that size: the most that :meth:`detect` runs through, but for
        one more of the whole where that shows little.
        """
        return lay_out(width, height, self.side, zoom=CLOSER * largest_zoom(width, height))

    def warm_up(self) -> None:
        """Run the one shape once, so that the first photo is not slower than the tenth."""
        self._run(np.zeros((1, 3, self.side, self.side), np.float32))

    def detect(self, pixels: NDArray[np.uint8]) -> Generator[float, None, list[Detection]]:
        """Find the objects on uint8 (H, W, 3) RGB ``pixels``.

        Yields the share of views done (0..1) after each; returns detections in pixels of
        ``pixels``, best first.
        """
        height, width = pixels.shape[:2]
        whole = self.views(width, height)[0]
        weak = self._weak()
        seen = weak.look(pixels, whole)
        if is_close_up(seen):
            seen += weak.look(pixels, replace(whole, zoom=FARTHER * whole.zoom))
        counted = [d for d in seen if d.score >= COUNTED]
        zoom = thrifty_zoom(needed_zoom(counted, whole), lower_quartile(counted), whole, self.side)
        tiles = lay_out(width, height, self.side, zoom=zoom)[1:]
        yield 1 / (1 + len(tiles))
        found = [d for d in seen if d.score >= self.confidence]
        for index, tile in enumerate(tiles, start=2):
            found += self.look(pixels, tile)
            yield index / (1 + len(tiles))
        return merge(found)

    def look(self, pixels: NDArray[np.uint8], view: View) -> list[Detection]:
        """Detections of one view of uint8 (H, W, 3) RGB ``pixels``, in pixels of ``pixels``."""
        tensor, zoom = cut_view(pixels, view, self.side)
        return self._read_view(*self._run(tensor), view, np.array(zoom, np.float32))

    def _run(self, tensor: Floats) -> tuple[Floats, Floats]:
        """Predictions (4 + kinds + 32, A) and prototypes (32, side / 4, side / 4)."""
        predictions, prototypes = self._session.run(
            None, {self._session.get_inputs()[0].name: tensor}
        )
        return predictions[0], prototypes[0]

    def _read_view(
        self, predictions: Floats, prototypes: Floats, view: View, zoom: Floats
    ) -> list[Detection]:
        """Detections of one view in picture pixels."""
        boxes, scores, kinds, coefficients = self._candidates(predictions)
        limit = np.array([view.width, view.height], np.float32) * zoom
        boxes = np.clip(boxes, 0, np.tile(limit, 2))
        kept = suppress(boxes, scores, kinds)
        kept = (
            kept[(boxes[kept, 2:] - boxes[kept, :2]).min(1) >= MIN_SIDE_PX] if len(kept) else kept
        )
        corner = np.array([view.x, view.y], np.float32)
        found = []
        for index in kept:
            box = boxes[index]
            outlined = scores[index] >= self._outlined
            outline = trace(coefficients[index], prototypes, box) if outlined else _ellipse(box)
            found.append(
                Detection(
                    kind=self.kinds[kinds[index]],
                    score=float(scores[index]),
                    box=(box / np.tile(zoom, 2) + np.tile(corner, 2)).astype(np.float32),
                    outline=(outline / zoom + corner).astype(np.float32),
                    cuts=_cuts(box, limit, view),
                    zoom=view.zoom,
                )
            )
        return found

    def _candidates(self, predictions: Floats) -> tuple[Floats, Floats, NDArray[np.intp], Floats]:
        """Boxes (N, 4) as corners in tile pixels, scores (N,), kinds (N,) and mask coefficients (N,
        32).
        """
        rows = predictions[4 : 4 + len(self.kinds)]
        best = rows.max(0)
        chosen = np.flatnonzero(best >= self.confidence)
        if len(chosen) > CANDIDATES:
            chosen = chosen[np.argsort(-best[chosen], kind="stable")[:CANDIDATES]]
        middle, size = predictions[:2, chosen].T, predictions[2:4, chosen].T
        boxes = np.concatenate([middle - size / 2, middle + size / 2], 1)
        coefficients = predictions[4 + len(self.kinds) :, chosen].T
        return boxes, best[chosen], rows[:, chosen].argmax(0), coefficients


def _cuts(box: Floats, limit: Floats, view: View) -> Sides:
    """At which sides ``box`` (tile pixels) ends at an edge of the view that lies inside the
    picture.
    """
    left, top, right, bottom = view.cuts
    return (
        left and bool(box[0] < EDGE_PX),
        top and bool(box[1] < EDGE_PX),
        right and bool(box[2] > limit[0] - EDGE_PX),
        bottom and bool(box[3] > limit[1] - EDGE_PX),
    )


def trace(coefficients: Floats, prototypes: Floats, box: Floats) -> Floats:
    """The outline of one object, float32 (P, 2) in tile pixels, P >= 3.

    ``coefficients`` (32,) weigh the ``prototypes`` (32, S/4, S/4) into mask logits (Bolya et al.,
    "YOLACT", 2019), here only for the cells that ``box`` (4,) touches; they are enlarged bilinearly
    before the threshold, so that small holds get smooth outlines. Where nothing is above it, the
    ellipse in the box stands in.
    """
    rows, columns = prototypes.shape[1:]
    x1, y1 = np.maximum(np.floor(box[:2] / STRIDE).astype(int) - 1, 0)
    x2 = min(int(np.ceil(box[2] / STRIDE)) + 1, columns)
    y2 = min(int(np.ceil(box[3] / STRIDE)) + 1, rows)
    cells = prototypes[:, y1:y2, x1:x2]
    logits = (coefficients @ cells.reshape(len(cells), -1)).reshape(y2 - y1, x2 - x1)
    factor = STRIDE if (box[2:] - box[:2]).max() > 96 else 2 * STRIDE
    fine = cv2.resize(logits, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    inside = (fine > 0).astype(np.uint8)
    corner = np.array([x1, y1], np.float32) * STRIDE
    local = (box - np.tile(corner, 2)) * (factor / STRIDE)
    a, b = np.floor(local[:2]).astype(int), np.ceil(local[2:]).astype(int)
    inside[: max(a[1], 0)] = inside[b[1] :] = 0
    inside[:, : max(a[0], 0)] = inside[:, b[0] :] = 0
    outline = largest_outline(inside)
    if outline is None:
        return _ellipse(box)
    return (corner + outline * (STRIDE / factor)).astype(np.float32)


def largest_outline(inside: NDArray[np.uint8]) -> Floats | None:
    """The outer contour of the largest piece of a 0/1 mask, float32 (P, 2) in its pixels, or None.

    OpenCV's contour runs through the centres of the outermost pixels; it is moved out by half a
    pixel so that the polygon's area is the mask's.
    """
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    points = max(contours, key=cv2.contourArea)[:, 0].astype(np.float32)
    simple = cv2.approxPolyDP(points, 0.6, closed=True)[:, 0].astype(np.float32)
    if len(simple) < 3:
        return None
    low, high = simple.min(0), simple.max(0)
    size = np.maximum(high - low, 1)
    grown: Floats = (simple - low) * ((size + 1) / size) + low
    return grown


def _ellipse(box: Floats) -> Floats:
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    half = (box[2:] - box[:2]) / 2
    points: Any = (box[:2] + box[2:]) / 2 + half * np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.asarray(points, np.float32)
