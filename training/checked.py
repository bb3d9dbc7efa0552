"""What lies where the detector saw holds on training photos and their truth has none.

The truth of the training photos passes over some holds, and it cannot say what else looks like one.
So every place was looked at by eye where a detector was at least 50 % sure of a hold or a volume
that no box meets. ``checked.csv`` has its box, what is there (``hold``, ``volume``, ``nothing``: a
printed tag, a head, a letter, a carabiner ..., or ``unclear``) and the outline that was drawn.
Overlooked holds come into the truth; what is none is cut out and laid over other tiles
(:mod:`training.cuttings`). :mod:`training.suspects` finds such places.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.truth import CLASSES, Truth

CHECKED = Path(__file__).with_name("checked.csv")
WHATS = (*CLASSES, "nothing", "unclear")
COLUMNS = ("image", "x1", "y1", "x2", "y2", "what", "outline")
COARSE = 0.025  # how far a written outline may leave the drawn one, in longest sides


@dataclass(frozen=True, slots=True)
class Place:
    """``what`` is at a ``box``, float32 (4,) of x1, y1, x2, y2, and the ``outline`` that the
    detector drew of it, float32 (P, 2), both in shares of the photo's sides.
    """

    what: str
    box: np.ndarray
    outline: np.ndarray


Checked = dict[str, list[Place]]
"""File name of a photo -> its places."""


def read_checked(path: Path = CHECKED) -> Checked:
    """Read COLUMNS; the box is in shares of the photo, the outline x y x y ... in hundredths of
    the box. ``ValueError`` for a ``what`` that is not in ``WHATS``.
    """
    found: Checked = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["what"] not in WHATS:
                raise ValueError(f"expected one of {WHATS} in {path.name}, got {row['what']!r}")
            box = np.array([float(row[side]) for side in COLUMNS[1:5]], np.float32)
            shares = np.array(row["outline"].split(), np.float32).reshape(-1, 2) / 100
            place = Place(row["what"], box, box[:2] + shares * (box[2:] - box[:2]))
            found.setdefault(row["image"], []).append(place)
    return found


def outline_text(place: Place) -> str:
    """The outline of a place as ``checked.csv`` has it, with few points."""
    span = place.box[2:] - place.box[:2]
    shares = ((place.outline - place.box[:2]) / span).astype(np.float32)
    simple = cv2.approxPolyDP(shares[:, None], COARSE, closed=True)[:, 0]
    hundredths = np.rint(100 * simple).clip(0, 100).astype(int)
    return " ".join(map(str, hundredths.ravel()))


def _truth(image: Path, places: list[tuple[str, Place]]) -> Truth:
    return Truth(
        image,
        np.array([CLASSES.index(kind) for kind, _ in places], np.int64),
        np.array([place.box for _, place in places], np.float32).reshape(-1, 4),
        [place.outline for _, place in places],
        np.ones(len(places), bool),
    )


def overlooked(image: Path, checked: Checked) -> Truth:
    """The holds and volumes of a photo that its truth lacks."""
    places = checked.get(image.name, [])
    return _truth(image, [(place.what, place) for place in places if place.what in CLASSES])


def mistaken(image: Path, checked: Checked) -> Truth:
    """What was taken for holds on a photo and is none, as if it were holds."""
    places = checked.get(image.name, [])
    return _truth(image, [("hold", place) for place in places if place.what == "nothing"])


def joined(truth: Truth, more: Truth) -> Truth:
    """The objects of two truths of one picture."""
    return Truth(
        truth.image,
        np.concatenate([truth.classes, more.classes]),
        np.concatenate([truth.boxes, more.boxes]),
        [*truth.outlines, *more.outlines],
        np.concatenate([truth.outline_known, more.outline_known]),
    )


def corrected(truth: Truth, checked: Checked) -> Truth:
    """A truth with what it overlooked."""
    return joined(truth, overlooked(truth.image, checked))
