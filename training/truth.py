"""Real photos with their truth, read from YOLO label files.

One record for every training picture, whatever its truth: boxes (from which :mod:`training.pseudo`
guesses outlines), polygons, or rendered walls. Nothing here augments or decodes pictures.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLASSES = ("hold", "volume")

# Polygon photos come as several augmented copies; the name before the last `_N` is the photo they
# share.
_COPY = re.compile(r"_\d+$")


@dataclass(frozen=True)
class Truth:
    """The truth of one picture.

    ``classes`` is int64 (N,) of indices into CLASSES, ``boxes`` float32 (N, 4) of x1, y1, x2, y2
    and ``outlines`` N float32 arrays (P, 2), all as shares (0..1) of the picture's sides.
    ``outline_known`` is bool (N,): False where the outline is only a stand-in that must not teach
    the masks.
    """

    image: Path
    classes: np.ndarray
    boxes: np.ndarray
    outlines: list[np.ndarray]
    outline_known: np.ndarray


def data_root() -> Path:
    """The folder of real photos: ``$CLIMBMATE_DATA``, else ``../shared/data/holds`` beside the
    repository.
    """
    fallback = Path(__file__).resolve().parents[2] / "shared" / "data" / "holds"
    return Path(os.environ.get("CLIMBMATE_DATA") or fallback)


def training_photos(data: Path) -> list[Path]:
    """The training photos with boxes in the folder of real photos ``data``, sorted by name."""
    return sorted((data / "train" / "images").glob("*.jpg"))


def photo_of(stem: str) -> str:
    """The source photo of an augmented copy: ``training_10_jpg_2`` is ``training_10_jpg``."""
    return _COPY.sub("", stem)


def polygon_split(folder: Path, *, test: bool) -> list[Path]:
    """The polygon pictures of two thirds (training) or one third (``test``) of the source photos.

    Every third photo in sorted order is kept for testing, with all of its copies, so no photo is on
    both sides. Of a test photo only the first copy is returned: the copies differ by augmentation
    alone.
    """
    photos: dict[str, list[Path]] = {}
    for image in sorted((folder / "images").glob("*.jpg")):
        photos.setdefault(photo_of(image.stem), []).append(image)
    kept = [
        copies
        for index, (_, copies) in enumerate(sorted(photos.items()))
        if (index % 3 == 2) == test
    ]
    return (
        [copies[0] for copies in kept] if test else [image for copies in kept for image in copies]
    )


def ellipse(box: np.ndarray, points: int = 24) -> np.ndarray:
    """The ellipse inscribed in ``box`` (x1, y1, x2, y2) as float32 (points, 2)."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return (centre + half * np.stack([np.cos(angle), np.sin(angle)], 1)).astype(np.float32)


def read_truth(image: Path) -> Truth:
    """Read the label file beside ``image`` (``images/x.jpg`` -> ``labels/x.txt``).

    A row is ``class x y w h`` (a box: its outline is an ellipse and not known) or ``class x1 y1 x2
    y2 ...``.
    """
    classes, boxes, outlines, known = [], [], [], []
    label = image.parent.parent / "labels" / f"{image.stem}.txt"
    for row in label.read_text().splitlines():
        values = np.array(row.split(), np.float32)
        if len(values) == 5:
            x, y, w, h = values[1:]
            box = np.clip([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 0, 1).astype(np.float32)
            outline = ellipse(box)
        elif len(values) >= 7:
            outline = np.clip(values[1:].reshape(-1, 2), 0, 1)
            box = np.concatenate([outline.min(0), outline.max(0)])
        else:
            continue
        if (box[2:] - box[:2]).min() <= 0:
            continue
        classes.append(int(values[0]))
        boxes.append(box)
        outlines.append(outline)
        known.append(len(values) > 5)
    return Truth(
        image,
        np.array(classes, np.int64),
        np.array(boxes, np.float32).reshape(-1, 4),
        outlines,
        np.array(known, bool),
    )
