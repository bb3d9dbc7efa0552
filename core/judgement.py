"""How sure a hold is, in view of everything that was found on its photo.

The detector sees one view at a time. Whether the view of everything and the tiles agree on a hold,
how large it is beside the others, whether it lies in one of them or others lie around it, tells
right detections from wrong ones better than the surest view's score alone. A small network that
``python -m training.judgement`` fitted turns this into the probability that there is a hold. Of
two that are as likely right, the one whose box is likely to fit better has a little more.

A detector whose folder holds no ``judge.npz`` keeps its own scores, and so do volumes. Nothing is
detected here, and no pixel is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.arrays import Doubles, Floats
from core.merge import Detection, areas, intersections, overlaps

JUDGE_FILE = "judge.npz"

LEAST_SCORE = 0.1
"""The weakest sight that counts. A hold may be judged up from here, so views are read from here."""

COMPANY_SCORE = 0.2
"""Score from which a detection counts as company of others."""

SAME_IOU = 0.5
NEARER = 1.02
"""A sight at this many times the whole view's magnification is one of a tile."""

REACH = 4.0
"""How far company reaches, in sizes of a typical hold."""

FEATURES = (
    "score",
    "in_whole_view",
    "in_tiles",
    "tiled",
    "size",
    "relative_size",
    "company",
    "crowd",
    "around_another",
    "in_another",
    "sights_in_tiles",
)

LIMIT = 3.0
"""Standard deviations at which a feature is cut off: beyond what it was fitted on, the network must
not run away.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """The fitted network: one hidden layer of tanh units.

    ``mean`` and ``spread`` (F,) of the features, ``hidden`` (F, H) and ``hidden_bias`` (H,),
    ``output`` (H,) and ``output_bias`` (), all float32, F = len(FEATURES).
    """

    mean: Floats
    spread: Floats
    hidden: Floats
    hidden_bias: Floats
    output: Floats
    output_bias: Floats

    @classmethod
    def of_folder(cls, folder: Path) -> Judge | None:
        """The judge that lies beside a detector, or None where there is none."""
        path = folder / JUDGE_FILE
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in cls.__slots__})

    def probabilities(self, features: Floats) -> Floats:
        """Of a hold being there, float32 (N,), from ``features`` (N, F)."""
        scaled = np.clip((features - self.mean) / self.spread, -LIMIT, LIMIT)
        logits = np.tanh(scaled @ self.hidden + self.hidden_bias) @ self.output + self.output_bias
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)

    def judged(
        self, found: Sequence[Detection], sights: Sequence[Detection], whole_zoom: float
    ) -> list[Detection]:
        """The merged detections ``found`` with each hold's probability as its score, best first.

        ``sights`` are the detections of all views before merging, ``whole_zoom`` the magnification
        of the view of everything.
        """
        holds = [d for d in found if d.kind == "hold"]
        if not holds:
            return list(found)
        sure = self.probabilities(hold_features(holds, sights, whole_zoom)).tolist()
        new = [replace(hold, score=score) for hold, score in zip(holds, sure, strict=True)]
        others = [d for d in found if d.kind != "hold"]
        return sorted(new + others, key=lambda d: -d.score)


def hold_features(
    holds: Sequence[Detection], sights: Sequence[Detection], whole_zoom: float
) -> Floats:
    """What :class:`Judge` reads of each of the merged ``holds``, float32 (N, F), in the order of
    FEATURES.

    Scores are logits; sizes are logarithms of the square root of a box's area, in pixels of the
    whole view or in shares of the photo's typical hold. ``sights`` and ``whole_zoom`` are those of
    :meth:`Judge.judged`.
    """
    boxes = np.stack([d.box for d in holds])
    scores = np.array([d.score for d in holds], np.float64)
    counted = [d for d in sights if d.kind == "hold" and d.score >= LEAST_SCORE]
    near = [d for d in counted if d.zoom > NEARER * whole_zoom]
    in_whole, _ = _sights(boxes, [d for d in counted if d.zoom <= NEARER * whole_zoom])
    in_tiles, times = _sights(boxes, [d for d in near if not d.cut])
    size = np.log(np.sqrt(areas(boxes).astype(np.float64)))
    company = np.where(scores >= COMPANY_SCORE, scores, 0.0)
    typical = _typical(size, company)
    rows = (
        _logit(scores, 0.01),
        _logit(in_whole, LEAST_SCORE),
        _logit(in_tiles, LEAST_SCORE),
        np.full(len(holds), float(bool(near))),
        size + np.log(whole_zoom),
        size - typical,
        np.log1p(_company(boxes, company, np.exp(typical))),
        np.full(len(holds), np.log((company**2).sum() + 0.3)),
        *_nesting(boxes, company),
        np.log1p(times),
    )
    return np.stack(rows, 1).astype(np.float32)


def _sights(boxes: Floats, seen: Sequence[Detection]) -> tuple[Doubles, Doubles]:
    """The best score of the sights of each box, LEAST_SCORE where there is none, and how many there
    are.
    """
    if not seen:
        return np.full(len(boxes), LEAST_SCORE), np.zeros(len(boxes))
    same = overlaps(boxes, np.stack([d.box for d in seen])) > SAME_IOU
    scores = np.array([d.score for d in seen], np.float64)
    return np.where(same, scores, LEAST_SCORE).max(1), same.sum(1).astype(np.float64)


def _typical(size: Doubles, company: Doubles) -> float:
    """The median of ``size``, weighted by the squared scores of ``company``."""
    weight = company**2 if company.any() else np.ones(len(size))
    order = np.argsort(size, kind="stable")
    passed = np.cumsum(weight[order])
    return float(size[order][np.searchsorted(passed, passed[-1] / 2)])


def _company(boxes: Floats, company: Doubles, typical_px: float) -> Doubles:
    """For each box the scores of the others, less the farther away they are."""
    middles = (boxes[:, :2] + boxes[:, 2:]).astype(np.float64) / 2
    x, y = (middles[:, None] - middles[None]).transpose(2, 0, 1)
    near: Doubles = np.exp(-(x**2 + y**2) / (REACH * typical_px) ** 2)
    np.fill_diagonal(near, 0)
    result: Doubles = near @ company
    return result


def _nesting(boxes: Floats, company: Doubles) -> tuple[Doubles, Doubles]:
    """For each box how far another lies in it, and how far it lies in another: shares of the inner
    one's area times the other's score, the largest.
    """
    shared = intersections(boxes, boxes).astype(np.float64)
    np.fill_diagonal(shared, 0)
    size = np.maximum(areas(boxes).astype(np.float64), 1e-9)
    return (shared / size[None] * company).max(1), (shared / size[:, None] * company).max(1)


def _logit(share: Doubles, least: float) -> Doubles:
    clipped = np.clip(share, least, 0.99)
    result: Doubles = np.log(clipped / (1 - clipped))
    return result
