"""Pixels -> outlines of holds and volumes, with a YOLO segmentation model in ONNX Runtime.

The picture is read in overlapping tiles plus one view of the whole (:mod:`core.views`), which says
how near the tiles have to look, or that the whole has to be seen from farther away
(:mod:`core.tile_zoom`). Each view's boxes and the mask logits inside them are decoded; all views
are merged (:mod:`core.merge`), what they say together is weighed (:mod:`core.judgement`), and what
is left is drawn (:mod:`core.outline`). This module names no colours and knows nothing of problems.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.arrays import Floats, Indices
from core.judgement import LEAST_SCORE, Judge
from core.merge import Detection, Sides, merge, suppress
from core.outline import Sketch, box_logits, stretched
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

MIN_SIDE_PX = 3.0
"""Boxes with a shorter side, in tile pixels, are noise."""

WHOLE_SHARE = 0.98
"""Share of the picture above which a box is the picture itself."""

NOT_DRAWN = np.zeros((0, 2), np.float32)


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
        self.confidence = settings.yolo_conf
        self._judge = Judge.of_folder(files.folder)
        self._session = session or open_session(
            files.folder / "detector.onnx", settings.omp_num_threads, self.side
        )

    def with_confidence(self, confidence: float) -> Detector:
        """A detector over the same session that drops detections below ``confidence``."""
        other = copy(self)
        other.confidence = confidence
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
        least = min(self.confidence, LEAST_SCORE) if self._judge else self.confidence
        sights, whole_zoom = yield from self.gather(pixels, least)
        found = merge(sights)
        if self._judge:
            found = self._judge.judged(found, sights, whole_zoom)
        height, width = pixels.shape[:2]
        seen = [d for d in found if d.score >= self.confidence]
        return [drawn(d) for d in seen if not fills(d.box, width, height)]

    def gather(
        self, pixels: NDArray[np.uint8], least: float
    ) -> Generator[float, None, tuple[list[Detection], float]]:
        """What each view shows from a score of ``least`` on, not merged and not drawn yet, and the
        magnification of the whole view. Yields as :meth:`detect` does.
        """
        height, width = pixels.shape[:2]
        whole = self.views(width, height)[0]
        seen = self._sights(pixels, whole, min(least, COUNTED))
        if is_close_up(seen):
            farther = replace(whole, zoom=FARTHER * whole.zoom)
            seen += self._sights(pixels, farther, min(least, COUNTED))
        counted = [d for d in seen if d.score >= COUNTED]
        zoom = thrifty_zoom(needed_zoom(counted, whole), lower_quartile(counted), whole, self.side)
        tiles = lay_out(width, height, self.side, zoom=zoom)[1:]
        yield 1 / (1 + len(tiles))
        sights = [d for d in seen if d.score >= least]
        for index, tile in enumerate(tiles, start=2):
            sights += self._sights(pixels, tile, least)
            yield index / (1 + len(tiles))
        return sights, whole.zoom

    def look(self, pixels: NDArray[np.uint8], view: View) -> list[Detection]:
        """Detections of one view of uint8 (H, W, 3) RGB ``pixels``, in pixels of ``pixels``, with
        the scores of that view.
        """
        return [drawn(d) for d in self._sights(pixels, view, self.confidence)]

    def _sights(self, pixels: NDArray[np.uint8], view: View, least: float) -> list[Detection]:
        """Detections of one view from a score of ``least`` on, not drawn yet."""
        tensor, zoom = cut_view(pixels, view, self.side)
        return self._read_view(*self._run(tensor), view, np.array(zoom, np.float32), least)

    def _run(self, tensor: Floats) -> tuple[Floats, Floats]:
        """Predictions (4 + kinds + 32, A) and prototypes (32, side / 4, side / 4)."""
        predictions, prototypes = self._session.run(
            None, {self._session.get_inputs()[0].name: tensor}
        )
        return predictions[0], prototypes[0]

    def _read_view(
        self, predictions: Floats, prototypes: Floats, view: View, zoom: Floats, least: float
    ) -> list[Detection]:
        """Detections of one view in picture pixels."""
        boxes, scores, kinds, coefficients = self._candidates(predictions, least)
        limit = np.array([view.width, view.height], np.float32) * zoom
        boxes = np.clip(boxes, 0, np.tile(limit, 2))
        kept = suppress(boxes, scores, kinds)
        kept = (
            kept[(boxes[kept, 2:] - boxes[kept, :2]).min(1) >= MIN_SIDE_PX] if len(kept) else kept
        )
        origin = np.array([view.x, view.y], np.float32)
        found = []
        for index in kept:
            box, kind = boxes[index], self.kinds[kinds[index]]
            logits, corner = box_logits(coefficients[index], prototypes, box)
            found.append(
                Detection(
                    kind=kind,
                    score=float(scores[index]),
                    box=(box / np.tile(zoom, 2) + np.tile(origin, 2)).astype(np.float32),
                    outline=NOT_DRAWN,
                    cuts=_cuts(box, limit, view),
                    zoom=view.zoom,
                    sketch=Sketch(logits, corner, box, zoom, origin, kind == "volume"),
                )
            )
        return found

    def _candidates(
        self, predictions: Floats, least: float
    ) -> tuple[Floats, Floats, Indices, Floats]:
        """Boxes (N, 4) as corners in tile pixels, scores (N,), kinds (N,) and mask coefficients (N,
        32), from a score of ``least`` on.
        """
        rows = predictions[4 : 4 + len(self.kinds)]
        best = rows.max(0)
        chosen = np.flatnonzero(best >= least)
        if len(chosen) > CANDIDATES:
            chosen = chosen[np.argsort(-best[chosen], kind="stable")[:CANDIDATES]]
        middle, size = predictions[:2, chosen].T, predictions[2:4, chosen].T
        boxes = np.concatenate([middle - size / 2, middle + size / 2], 1)
        coefficients = predictions[4 + len(self.kinds) :, chosen].T
        return boxes, best[chosen], rows[:, chosen].argmax(0), coefficients


def drawn(found: Detection) -> Detection:
    """``found`` with its outline, whose bounds are its box.

    The network predicts the two apart, and their errors differ: the mean of the box and of the
    mask's bounds lies nearer to the truth than either (box AP on training photos with outlines and
    on rendered walls .678 and .826, instead of .672 and .818 and of .676 and .824).
    """
    traced = found.traced()
    bounds = np.concatenate([traced.outline.min(0), traced.outline.max(0)])
    box = ((found.box + bounds) / 2).astype(np.float32)
    outline = stretched(traced.outline, box)
    return traced if outline is None else replace(traced, box=box, outline=outline)


def fills(box: Floats, width: int, height: int) -> bool:
    """Whether ``box`` (4,) is the whole picture: then no edge of an object was seen, and what was
    taken for one is a bare wall."""
    low, high = np.maximum(box[:2], 0), np.minimum(box[2:], [width, height])
    return bool(np.maximum(high - low, 0).prod() > WHOLE_SHARE * width * height)


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
