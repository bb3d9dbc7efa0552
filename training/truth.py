"""Real photos with their truth, read from YOLO label files: ``python -m training.truth``.

One record for every training picture, whatever its truth: boxes (from which :mod:`training.pseudo`
guesses outlines), polygons, or rendered walls. Nothing here augments or decodes pictures. Run as a
command, it reads all that training would, so that a fault in it is told before hours have gone by.
"""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLASSES = ("hold", "volume")

NEED = (
    "Set CLIMBMATE_DATA to the folder of real photos; the README says under Training what lies in "
    "it."
)

# Polygon photos come as several augmented copies; the name before the last `_N` is the photo they
# share.
_COPY = re.compile(r"_\d+$")


class TruthError(ValueError):
    """A label file that says nothing understandable; the message names it and its row."""


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


def photo_folder(text: str) -> Path:
    """The folder of real photos that ``text`` names, as the type of an argument.

    Raises ``argparse.ArgumentTypeError`` where there is none.
    """
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}. {NEED}")
    return Path(text)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the argument ``--data``, the folder of real photos."""
    parser.add_argument(
        "--data", type=photo_folder, default=str(data_root()), help="folder of real photos"
    )


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
    y2 ...``. What has no area inside the picture is left out. Raises :class:`TruthError` where the
    file is missing or a row is neither.
    """
    classes, boxes, outlines, known = [], [], [], []
    label = image.parent.parent / "labels" / f"{image.stem}.txt"
    try:
        rows = label.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TruthError(f"{label} cannot be read ({error}); an empty file says: none") from error
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        kind, values = _numbers(row, f"{label}, row {number}")
        if len(values) == 4:
            x, y, w, h = values
            box = np.clip([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 0, 1).astype(np.float32)
            outline = ellipse(box)
        else:
            outline = np.clip(values.reshape(-1, 2), 0, 1)
            box = np.concatenate([outline.min(0), outline.max(0)])
        if (box[2:] - box[:2]).min() <= 0:
            continue
        classes.append(kind)
        boxes.append(box)
        outlines.append(outline)
        known.append(len(values) > 4)
    return Truth(
        image,
        np.array(classes, np.int64),
        np.array(boxes, np.float32).reshape(-1, 4),
        outlines,
        np.array(known, bool),
    )


def _numbers(row: str, place: str) -> tuple[int, np.ndarray]:
    """The class of a row and its numbers, float32: four, or an even number from six on."""
    try:
        kind, values = int(row.split()[0]), np.array(row.split()[1:], np.float32)
    except ValueError:
        raise TruthError(f"{place}: expected a class and numbers, got {row!r:.80}") from None
    if not 0 <= kind < len(CLASSES):
        known = ", ".join(f"{index} ({name})" for index, name in enumerate(CLASSES))
        raise TruthError(f"{place}: class {kind}; expected one of {known}")
    if len(values) < 4 or len(values) % 2 or not np.isfinite(values).all():
        raise TruthError(f"{place}: expected x y w h, or x y of three corners or more, {row!r:.80}")
    return kind, values


def main(argv: list[str] | None = None) -> None:
    """Read the truth of all photos of the training and say how much there is."""
    parser = argparse.ArgumentParser(
        prog="python -m training.truth", description=(__doc__ or "").split("\n")[0]
    )
    add_data(parser)
    data: Path = parser.parse_args(argv).data
    parts = {
        "train": training_photos(data),
        "polygons": polygon_split(data / "polygons", test=False),
    }
    try:
        for name, images in parts.items():
            if not images:
                parser.error(f"no photos (*.jpg) in {data / name / 'images'}. {NEED}")
            count = sum(len(read_truth(image).classes) for image in images)
            print(f"{data / name}: {len(images)} photos to train with, {count} outlines or boxes")
    except TruthError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
