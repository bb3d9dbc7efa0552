"""Where the detector is sure of a hold on a training photo and the truth has none:
``python -m training.suspects --out DIR``.

Writes rows for ``checked.csv`` (:mod:`training.checked`), all of them ``unclear``, and sheets of
numbered crops in the order of the rows. Whoever looks at the sheets writes into each row what is
there, and appends the rows. Places that were checked before are left out.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from core.analysis import load_models
from core.detector import Detector
from core.exposure import expose
from core.generators import result_of
from core.merge import areas, intersections, overlaps
from core.settings import load_settings
from training.checked import COLUMNS, Checked, Place, corrected, outline_text, read_checked
from training.crops import read_rgb
from training.truth import CLASSES, Truth, add_data, read_truth, training_photos

CONFIDENCE = 0.5
MEETS = 0.1  # IoU with something true from which a place is no suspect
COVERED = 0.3  # share of a place that a true hold covers from which it is none; volumes carry holds
SAME = 0.5  # IoU with a checked place from which it is that one again

COLUMNS_OF_SHEET, ROWS_OF_SHEET, CELL_PX = 10, 7, 140
AROUND = 1.25  # half the side of a crop, in longest sides of its place
CORNER_PX = 10


def suspects(truth: Truth, checked: Checked, detector: Detector) -> list[Place]:
    """The places of a photo, ``unclear`` yet, that neither its truth nor ``checked`` knows."""
    pixels = read_rgb(truth.image)
    sides = np.array(pixels.shape[1::-1], np.float32)
    found = result_of(detector.detect(expose(pixels).pixels))
    known = corrected(truth, checked)
    true = known.boxes * np.tile(sides, 2)
    holds = true[known.classes == CLASSES.index("hold")]
    before = [place.box for place in checked.get(truth.image.name, [])]
    passed = np.array(before, np.float32).reshape(-1, 4) * np.tile(sides, 2)
    places = []
    for detection in found:
        box = detection.box[None]
        covered = intersections(box, holds) / areas(box)
        if (
            overlaps(box, true).max(initial=0) <= MEETS
            and covered.max(initial=0) <= COVERED
            and overlaps(box, passed).max(initial=0) <= SAME
        ):
            corners = (detection.box / np.tile(sides, 2)).clip(0, 1)
            places.append(Place("unclear", corners, detection.outline / sides))
    return places


def cell(pixels: np.ndarray, place: Place, number: int) -> np.ndarray:
    """A place in the middle of a crop, uint8 (CELL_PX, CELL_PX, 3), between four corners, with its
    ``number``.
    """
    low, high = (place.box.reshape(2, 2) * pixels.shape[1::-1]).astype(np.float64)
    reach = max(float((high - low).max()) * AROUND, 14.0)
    scale = CELL_PX / (2 * reach)
    shift = CELL_PX / 2 - (low + high) / 2 * scale
    view = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    drawn = cv2.warpAffine(pixels, view, (CELL_PX, CELL_PX), flags=cv2.INTER_CUBIC)
    edges = np.rint(np.stack([low * scale + shift - 3, high * scale + shift + 3])).astype(int)
    for x, inwards_x in zip(edges[:, 0], (1, -1), strict=True):
        for y, inwards_y in zip(edges[:, 1], (1, -1), strict=True):
            corner = int(x), int(y)
            for end in ((x + inwards_x * CORNER_PX, y), (x, y + inwards_y * CORNER_PX)):
                cv2.line(drawn, corner, (int(end[0]), int(end[1])), (255, 255, 0))
    cv2.rectangle(drawn, (0, 0), (36, 13), (0, 0, 0), -1)
    cv2.putText(drawn, str(number), (2, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255,) * 3)
    return drawn


def sheets(cells: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """The cells row by row on pictures of ROWS_OF_SHEET x COLUMNS_OF_SHEET, RGB."""
    most = ROWS_OF_SHEET * COLUMNS_OF_SHEET
    for start in range(0, len(cells), most):
        part = [*cells[start : start + most]]
        part += [np.zeros_like(part[0])] * (-len(part) % COLUMNS_OF_SHEET)
        rows = [part[i : i + COLUMNS_OF_SHEET] for i in range(0, len(part), COLUMNS_OF_SHEET)]
        yield np.vstack([np.hstack(row) for row in rows])


def main(argv: list[str] | None = None) -> None:
    """Look at all training photos; write rows and sheets."""
    parser = argparse.ArgumentParser(prog="python -m training.suspects", description=__doc__)
    add_data(parser)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    detector = load_models(load_settings(yolo_conf=CONFIDENCE)).detector
    checked = read_checked()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cells: list[np.ndarray] = []
    with (arguments.out / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for image in training_photos(arguments.data):
            places = suspects(read_truth(image), checked, detector)
            for place in places:
                box = (f"{share:.4f}" for share in place.box)
                writer.writerow([image.name, *box, place.what, outline_text(place)])
                cells.append(cell(read_rgb(image), place, len(cells)))
    for number, sheet in enumerate(sheets(cells)):
        cv2.imwrite(str(arguments.out / f"sheet_{number:02d}.png"), sheet[..., ::-1])
    print(f"{len(cells)} places in {arguments.out}")


if __name__ == "__main__":
    main()
