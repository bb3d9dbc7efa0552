"""One object, one detection: suppression of doubles, and joining of what a tile's edge has cut.

The tiles overlap and the view of everything shows it all once more, so most objects are seen
several times: the surest sight decides that there is one, and the most magnified one draws it where
it does not show it too large.

Boxes are float32 (N, 4) of x1, y1, x2, y2 in pixels of one common picture. Nothing is detected
here (:mod:`core.detector`), and only pieces that may be joined are drawn (:mod:`core.outline`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import Floats, Indices
from core.outline import Sketch
from core.wall import Kind

SAME_KIND_IOU = 0.55
OTHER_KIND_IOU = 0.75
PART_SHARE = 0.65
"""A cut detection that lies this far inside another one is a part of it."""


FACE_SHARE = 0.85
FACE_SCORE = 0.6
"""A volume that lies this far in another one, with less than this share of its score, is taken for
one of its faces."""

SAME_EDGE_PX = 3.0
"""Two pieces reach equally far, in picture pixels, up to this difference."""

DRAWN_PX = 140.0
"""Longer side, in view pixels, up to which more magnification draws an object better. The outlines
of larger ones get ragged: the prototypes are made for holds."""


Sides = tuple[bool, bool, bool, bool]
"""Something told of the left, top, right and bottom side."""

UNCUT: Sides = (False, False, False, False)


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One object in pixels of the picture: ``box`` float32 (4,) corners, ``outline`` float32 (P,
    2), empty until a ``sketch`` of it is drawn by :meth:`traced`.

    ``cuts`` tells at which sides a tile's inner edge ran through it; ``zoom`` is the magnification
    it was seen at, in view pixels per picture pixel.
    """

    kind: Kind
    score: float
    box: Floats
    outline: Floats
    cuts: Sides = UNCUT
    zoom: float = 1.0
    sketch: Sketch | None = None

    @property
    def cut(self) -> bool:
        """Whether a tile's inner edge ran through it."""
        return any(self.cuts)

    def traced(self) -> Detection:
        """The same with its outline drawn."""
        if self.sketch is None:
            return self
        return replace(self, outline=self.sketch.outline(), sketch=None)


def intersections(boxes: Floats, others: Floats) -> Floats:
    """Intersection areas of ``boxes`` (N, 4) and ``others`` (M, 4), float32 (N, M), in square
    pixels.
    """
    # Axis by axis: with arrays of N x M points, 760 boxes took nine times as long.
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)[:, :, None]
    left, top, right, bottom = np.ascontiguousarray(others.T)
    width = np.minimum(x2, right) - np.maximum(x1, left)
    height = np.minimum(y2, bottom) - np.maximum(y1, top)
    overlap: Floats = np.maximum(width, 0) * np.maximum(height, 0)
    return overlap


def areas(boxes: Floats) -> Floats:
    """Box areas, float32 (N,), in square pixels."""
    size: Floats = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return size


def overlaps(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of ``boxes`` (N, 4) and ``others`` (M, 4), float32 (N, M)."""
    shared = intersections(boxes, others)
    total = areas(boxes)[:, None] + areas(others) - shared
    iou: Floats = shared / np.maximum(total, 1e-9)
    return iou


def suppress(boxes: Floats, scores: Floats, kinds: Indices) -> Indices:
    """Greedy non-maximum suppression; indices of the kept boxes, best score first.

    Boxes of one kind are doubles from an intersection over union of SAME_KIND_IOU; of two kinds
    only from OTHER_KIND_IOU, since holds do lie on volumes. Ties keep the input order.
    """
    order = np.argsort(-scores, kind="stable")
    same = kinds[order][:, None] == kinds[order][None, :]
    doubles = overlaps(boxes[order], boxes[order]) > np.where(same, SAME_KIND_IOU, OTHER_KIND_IOU)
    alive = np.ones(len(order), bool)
    for index in range(len(order)):
        if alive[index]:
            alive[index + 1 :] &= ~doubles[index, index + 1 :]
    return order[alive]


def merge(found: Sequence[Detection]) -> list[Detection]:
    """Detections of all views as one list, best score first.

    Whole detections come before cut ones, whatever their scores: a cut detection that lies in a
    whole one is dropped; cut ones that continue each other are joined into one. What still ends at
    a tile's inner edge then is dropped too: an object up to the overlap of the tiles is whole in
    one of them, a larger one shows in the view of everything or in all tiles that it lies in.
    """
    kept = best_seen([d for d in found if not d.cut])
    pieces = join_pieces([d for d in found if d.cut and not _is_part(d, kept)])
    both = kept + [piece for piece in pieces if not piece.cut and not _is_part(piece, kept)]
    return without_faces([both[i] for i in _suppress_detections(both)])


def without_faces(found: Sequence[Detection]) -> list[Detection]:
    """``found``, best score first, without single faces of volumes that were taken for volumes: a
    much weaker volume that lies almost wholly in another one. Volumes that were as well seen as the
    one they are screwed onto stay.
    """
    kept: list[Detection] = []
    for candidate in found:
        size = float((candidate.box[2:] - candidate.box[:2]).prod())
        if candidate.kind == "volume" and any(
            other.kind == "volume"
            and candidate.score < FACE_SCORE * other.score
            and _shared(candidate, other) > FACE_SHARE * size
            for other in kept
        ):
            continue
        kept.append(candidate)
    return kept


def _shared(a: Detection, b: Detection) -> float:
    """Area that two boxes have in common, in square pixels."""
    size = np.minimum(a.box[2:], b.box[2:]) - np.maximum(a.box[:2], b.box[:2])
    return float(np.clip(size, 0, None).prod())


def best_seen(whole: Sequence[Detection]) -> list[Detection]:
    """Detections without doubles, best score first.

    Each object keeps its best score, with the box and outline of the most magnified view that
    showed it, which drew them finest, as long as it is not too large there. A double of two objects
    tells of neither.
    """
    kept = _suppress_detections(whole)
    if not len(kept):
        return []
    volume = np.array([d.kind == "volume" for d in whole])
    boxes = np.stack([d.box for d in whole])
    shared = overlaps(boxes, boxes[kept])
    double = (shared > SAME_KIND_IOU) & (volume[:, None] == volume[None, kept])
    owner = np.where(double.sum(1) == 1, double.argmax(1), -1)
    best = []
    for place, index in enumerate(kept.tolist()):
        doubles = [whole[i] for i in np.flatnonzero(owner == place).tolist()]
        finest = max(doubles, key=fineness)
        score = whole[index].score
        best.append(finest if finest.score == score else replace(finest, score=score))
    return best


def fineness(found: Detection) -> tuple[float, float]:
    """By what one of several views of an object is chosen: magnification, where the object is not
    larger than DRAWN_PX in it, then score.
    """
    side_px = float((found.box[2:] - found.box[:2]).max()) * found.zoom
    return (found.zoom if side_px <= DRAWN_PX else 0.0, found.score)


def _suppress_detections(found: Sequence[Detection]) -> Indices:
    if not found:
        return np.zeros(0, np.intp)
    boxes = np.stack([d.box for d in found])
    scores = np.array([d.score for d in found], np.float32)
    return suppress(boxes, scores, np.array([d.kind == "volume" for d in found], np.intp))


def _is_part(piece: Detection, kept: Sequence[Detection]) -> bool:
    """Whether most of ``piece`` lies in one kept detection of its kind."""
    same = [d.box for d in kept if d.kind == piece.kind]
    if not same:
        return False
    boxes = np.stack(same)
    size = np.minimum(boxes[:, 2:], piece.box[2:]) - np.maximum(boxes[:, :2], piece.box[:2])
    inside = np.clip(size, 0, None).prod(-1).max()
    return bool(inside > PART_SHARE * (piece.box[2:] - piece.box[:2]).prod())


def join_pieces(pieces: Sequence[Detection]) -> list[Detection]:
    """Join cut detections of one kind whose outlines share ground, transitively.

    A joined one has the union's outline and bounds and the best score of its pieces. At a side it
    is cut as the piece is that reaches furthest there; a piece without a continuation stays as it
    is.
    """
    remaining = sorted((piece.traced() for piece in pieces), key=lambda d: -d.score)
    joined = []
    while remaining:
        current = remaining.pop(0)
        while (index := _continuation(current, remaining)) is not None:
            current = _union(current, remaining.pop(index))
        joined.append(current)
    return joined


def _continuation(piece: Detection, others: Sequence[Detection]) -> int | None:
    """Index of a detection that covers the same ground as ``piece`` where their tiles overlap."""
    for index, other in enumerate(others):
        if other.kind != piece.kind:
            continue
        low = np.maximum(piece.box[:2], other.box[:2])
        high = np.minimum(piece.box[2:], other.box[2:])
        if (high - low).min() < 2:
            continue
        mine, theirs = (_fill(d.outline, low, high) for d in (piece, other))
        shared = np.count_nonzero(mine & theirs)
        if shared > 0.5 * min(np.count_nonzero(mine), np.count_nonzero(theirs)) and shared > 4:
            return index
    return None


def _union(a: Detection, b: Detection) -> Detection:
    low, high = np.minimum(a.box[:2], b.box[:2]), np.maximum(a.box[2:], b.box[2:])
    origin = np.floor(low) - 1
    ground = _fill(a.outline, origin, high + 2) | _fill(b.outline, origin, high + 2)
    contours, _ = cv2.findContours(ground, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    around = max(contours, key=cv2.contourArea)
    if a.kind == "volume":
        around = cv2.convexHull(around)
    best = a if a.score >= b.score else b
    outline = (around[:, 0] + origin).astype(np.float32)
    box = np.concatenate([low, high]).astype(np.float32)
    return replace(best, box=box, outline=outline, cuts=_outer_cuts(a, b))


def _outer_cuts(a: Detection, b: Detection) -> Sides:
    """At which sides the union of two pieces is still cut: where the one that reaches further is,
    and of two that reach equally far, both.
    """
    further = (b.box - a.box) * np.array([1, 1, -1, -1])
    left, top, right, bottom = (
        of_a if gap > SAME_EDGE_PX else of_b if gap < -SAME_EDGE_PX else of_a and of_b
        for of_a, of_b, gap in zip(a.cuts, b.cuts, further.tolist(), strict=True)
    )
    return left, top, right, bottom


def _fill(outline: Floats, low: Floats, high: Floats) -> NDArray[np.uint8]:
    """The outline as a 0/1 mask of the rectangle from ``low`` to ``high``."""
    width, height = np.maximum(np.ceil(high - low), 1).astype(int)
    ground = np.zeros((height, width), np.uint8)
    cv2.fillPoly(ground, [np.round(outline - low).astype(np.int32)], 1)
    return ground
