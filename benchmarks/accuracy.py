"""How right the product is on photos with truth: ``python -m benchmarks.accuracy [FOLDER ...]``.

A folder holds ``images/`` and ``labels/`` in YOLO text (boxes, or polygons: then masks are scored
too). With a ``colours.csv`` (columns image, x, y, w, h, colour, sure, alt, scale) colour names are
scored as well, on the holds that were found. Without arguments the real photos beside the
repository are used, or those in the folder that ``CLIMBMATE_DATA`` names: ``valid``, the third of
``polygons`` that no training saw, ``colours.csv``, and rendered walls of unseen seeds. Prints
tables, with a dash where the truth has none of a class; ``--misses FILE`` draws the photos with the
worst misses.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.scores import Scorer, Scores
from core.analysis import in_reading_order, load_models
from core.colour_statistics import photo_light
from core.detector import Detector
from core.errors import ClimbMateError
from core.exposure import expose
from core.generators import result_of
from core.masks import masks_of
from core.merge import Detection, overlaps
from core.photo import open_photo
from core.settings import Settings, load_settings
from core.wall import Colour
from training.truth import NEED, Truth, TruthError, data_root, polygon_split, read_truth
from training.walls import write_dataset

LOWEST = 0.01  # confidence from which detections are listed for average precision
NO_SCORES = Scores(*[math.nan] * 3)
UNSEEN = 900_000  # first seed of rendered walls that no training uses


@dataclass
class Miss:
    """A photo with what was found on it and what was missed."""

    image: Path
    found: list[Detection]
    missed: np.ndarray
    count: int


@dataclass
class SetResult:
    """Scores of one set of photos."""

    name: str
    photos: int
    boxes: dict[str, Scores]
    masks: dict[str, Scores]
    recall_at_work: float
    precision_at_work: float
    misses: list[Miss]


def as_seen(pixels: np.ndarray, dim: float) -> np.ndarray:
    """What the models see of a photo on which every pixel has ``dim`` of its value and some grain
    (1: the photo itself), by the product's own road.
    """
    if dim < 1:
        grain = np.random.default_rng(0).normal(0, 1.5, pixels.shape)
        pixels = np.clip(pixels * dim + grain, 0, 255).astype(np.uint8)
    return expose(pixels).pixels


def to_full(found: list[Detection], scale: float) -> list[Detection]:
    """Detections in pixels of the full photo."""
    return [Detection(d.kind, d.score, d.box * scale, d.outline * scale, d.cuts) for d in found]


def score_set(
    name: str,
    images: Sequence[Path],
    detector: Detector,
    settings: Settings,
    work: float,
    dim: float = 1.0,
) -> SetResult:
    """Detect on every photo of a set and score; ``work`` is the confidence the product works
    with.
    """
    truths = [read_truth(image) for image in images]
    with_masks = all(truth.outline_known.all() for truth in truths)
    scorer = Scorer(masks=with_masks)
    misses, hits, holds, kept = [], 0, 0, 0
    for truth in truths:
        photo = open_photo(truth.image.read_bytes(), name=truth.image.name, settings=settings)
        seen = result_of(detector.detect(as_seen(photo.pixels, dim)))
        found = to_full(seen, photo.scale)
        scorer.add(truth, found, photo.height, photo.width)
        matched, missed, listed = at_work(truth, found, work, photo.width, photo.height)
        hits, holds, kept = hits + matched, holds + matched + len(missed), kept + listed
        shown = [d for d in found if d.score >= work]
        misses.append(Miss(truth.image, shown, missed, len(missed)))
    kinds = ("hold", "volume")
    boxes = {kind: scorer.scores(kind, "bbox") for kind in kinds}
    masks = {kind: scorer.scores(kind, "segm") for kind in kinds} if with_masks else {}
    misses.sort(key=lambda miss: -miss.count)
    recall, precision = hits / max(holds, 1), hits / max(kept, 1)
    return SetResult(name, len(images), boxes, masks, recall, precision, misses[:12])


def at_work(
    truth: Truth, found: list[Detection], work: float, width: int, height: int
) -> tuple[int, np.ndarray, int]:
    """At the working confidence: holds matched one to one at IoU .5, boxes of those missed,
    detections listed.
    """
    wanted = truth.boxes[truth.classes == 0] * np.array([width, height] * 2, np.float32)
    listed = [d for d in found if d.kind == "hold" and d.score >= work]
    boxes = np.stack([d.box for d in listed]) if listed else np.zeros((0, 4), np.float32)
    overlap = overlaps(boxes, wanted)
    free = np.ones(len(wanted), bool)
    for row in overlap[np.argsort([-d.score for d in listed], kind="stable")] if listed else []:
        best = int(np.argmax(np.where(free, row, -1))) if len(wanted) else 0
        if len(wanted) and free[best] and row[best] >= 0.5:
            free[best] = False
    return int((~free).sum()), wanted[free], len(listed)


def set_table(results: Sequence[SetResult]) -> str:
    """Markdown table of detection scores."""
    rows = [
        "| set | photos | class | box AP50 | box AP | recall .5 | mask AP | mask AP50 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        for kind, box in result.boxes.items():
            mask = result.masks.get(kind, NO_SCORES)
            values = (box.ap50, box.ap, box.recall50, mask.ap, mask.ap50)
            shown = " | ".join("-" if math.isnan(value) else f"{value:.3f}" for value in values)
            rows.append(f"| {result.name} | {result.photos} | {kind} | {shown} |")
    return "\n".join(rows)


def named_photos(table: Path, images: Path) -> Iterator[tuple[Path, list[dict[str, str]]]]:
    """Photos of a colour table with their rows."""
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            rows[row["image"]].append(row)
    for name, named in rows.items():
        yield images / f"{name}.jpg", named


@dataclass
class ColourScore:
    """Counts over the rows of a colour table whose hold was found."""

    rows: int
    found: int
    sure_rows: int
    right_on_sure: int
    right_or_unsure: int
    said_sure: int
    right_of_said_sure: int
    confusions: Counter[tuple[str, str]]


def score_colours(table: Path, images: Path, settings: Settings, dim: float = 1.0) -> ColourScore:
    """Name the colours of the table's holds by the product's own road and compare."""
    models = load_models(settings)
    score = ColourScore(0, 0, 0, 0, 0, 0, 0, Counter())
    for image, rows in named_photos(table, images):
        photo = open_photo(image.read_bytes(), name=image.name, settings=settings)
        pixels = as_seen(photo.pixels, dim)
        found = in_reading_order(result_of(models.detector.detect(pixels)))
        height, width = pixels.shape[:2]
        reading = models.colours.read(
            pixels,
            list(masks_of(found, width, height)),
            [d.kind for d in found],
            photo_light(pixels),
        )
        colours = result_of(reading)
        boxes = np.stack([d.box for d in found]) * photo.scale if found else np.zeros((0, 4))
        for row in rows:
            count_row(score, row, boxes, colours)
    return score


def count_row(
    score: ColourScore, row: dict[str, str], boxes: np.ndarray, colours: Sequence[Colour]
) -> None:
    """Compare one row of the table with the detection that lies on it (IoU at least .5)."""
    score.rows += 1
    x, y, w, h = (float(row[key]) * float(row["scale"] or 1) for key in "xywh")
    overlap = overlaps(boxes.astype(np.float32), np.array([[x, y, x + w, y + h]], np.float32))
    if not len(overlap) or overlap.max() < 0.5:
        return
    colour = colours[int(overlap[:, 0].argmax())]
    score.found += 1
    right = colour.name == row["colour"]
    fits = right or colour.name == row["alt"]
    score.said_sure += colour.sure
    score.right_of_said_sure += colour.sure and fits
    if row["sure"] == "1":
        score.sure_rows += 1
        score.right_on_sure += right
        score.right_or_unsure += right or not colour.sure
        if not right:
            score.confusions[row["colour"], colour.name] += 1


def colour_report(score: ColourScore) -> str:
    """Sentences and the most frequent confusions."""
    pairs = ", ".join(f"{a}->{b} {n}" for (a, b), n in score.confusions.most_common(8))
    sure = max(score.sure_rows, 1)
    return (
        f"colours: {score.found} of {score.rows} named holds found; on the {score.sure_rows} sure "
        f"rows right {score.right_on_sure / sure:.1%}, right or marked unsure "
        f"{score.right_or_unsure / sure:.1%}; marked sure "
        f"{score.said_sure / max(score.found, 1):.1%} of all, of these right "
        f"{score.right_of_said_sure / max(score.said_sure, 1):.1%}\nconfusions: {pairs}"
    )


def draw_misses(results: Sequence[SetResult], target: Path, side: int = 480) -> None:
    """A sheet of the photos with most misses: found holds thin green, missed ones red."""
    cells = []
    for miss in [miss for result in results for miss in result.misses[:4]]:
        pixels = cv2.imread(str(miss.image))
        for detection in miss.found:
            outline = np.round(detection.outline).astype(np.int32)
            cv2.polylines(pixels, [outline], True, (80, 220, 80), 1)
        for x1, y1, x2, y2 in miss.missed.round().astype(int).tolist():
            cv2.rectangle(pixels, (x1, y1), (x2, y2), (0, 0, 255), 2)
        scale = side / max(pixels.shape[:2])
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cell = np.zeros((side, side, 3), np.uint8)
        cell[: small.shape[0], : small.shape[1]] = small
        cells.append(cell)
    cells += [np.zeros((side, side, 3), np.uint8)] * (-len(cells) % 4)
    rows = [np.hstack(cells[i : i + 4]) for i in range(0, len(cells), 4)]
    cv2.imwrite(str(target), np.vstack(rows))


def every(images: Sequence[Path], most: int) -> list[Path]:
    """At most ``most`` of the images, evenly spread (0: all)."""
    images = list(images)
    if not most or len(images) <= most:
        return images
    return [images[round(i * (len(images) - 1) / (most - 1))] for i in range(most)]


def chosen_sets(arguments: argparse.Namespace, folder: Path) -> dict[str, list[Path]]:
    """The sets to score: the folders that were named, else the standard ones that are there."""
    if arguments.folders:
        return {p.name: photos_in(p) for p in arguments.folders}
    root = data_root()
    write_dataset(folder, arguments.rendered, UNSEEN)
    real = {
        "valid": photos_in(root / "valid"),
        "polygons (test third)": polygon_split(root / "polygons", test=True),
    }
    for name in [name for name, images in real.items() if not images]:
        print(f"{name}: left out, no photos of it in {root}. {NEED}")
        del real[name]
    return {**real, "rendered, unseen seeds": photos_in(folder)}


def photos_in(folder: Path) -> list[Path]:
    """The photos in ``images/`` of a folder, sorted by name: every file that is not hidden."""
    return sorted(path for path in (folder / "images").glob("[!.]*") if path.is_file())


def main(argv: list[str] | None = None) -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--most", type=int, default=0, help="at most this many photos of a set")
    parser.add_argument("--rendered", type=int, default=24, help="rendered walls")
    parser.add_argument("--misses", type=Path, help="draw the worst misses into this picture")
    parser.add_argument("--json", type=Path, help="write the figures as JSON")
    parser.add_argument("--no-colours", action="store_true")
    parser.add_argument("--dim", type=float, default=1.0, help="darken photos to this share")
    arguments = parser.parse_args(argv)
    for folder in arguments.folders:
        if not photos_in(folder):
            parser.error(
                f"no photos in {folder / 'images'}: name a folder with images/ and labels/"
            )
    try:
        score_all(arguments)
    except (ClimbMateError, TruthError) as error:
        raise SystemExit(f"python -m benchmarks.accuracy: {error}") from error


def score_all(arguments: argparse.Namespace) -> None:
    """Score every set and the colours that were named in it, and print."""
    product = load_settings()
    listing = load_settings(yolo_conf=LOWEST)
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        detector = load_models(listing).detector
        for name, images in chosen_sets(arguments, Path(temporary)).items():
            chosen = every(images, arguments.most)
            result = score_set(name, chosen, detector, listing, product.yolo_conf, arguments.dim)
            results.append(result)
            print(
                f"{name}: at confidence {product.yolo_conf} recall {result.recall_at_work:.3f}, "
                f"precision {result.precision_at_work:.3f}",
                flush=True,
            )
        if arguments.misses:
            draw_misses(results, arguments.misses)
    print(set_table(results))
    figures = {r.name: {k: figures_of(v) for k, v in r.boxes.items()} for r in results}
    tables = [p for p in (arguments.folders or [data_root()]) if (p / "colours.csv").exists()]
    for root in [] if arguments.no_colours else tables:
        images = root / "images" if arguments.folders else root / "valid" / "images"
        score = score_colours(root / "colours.csv", images, product, arguments.dim)
        print(colour_report(score))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def figures_of(scores: Scores) -> dict[str, float | None]:
    """Scores as JSON has them: null where there is none."""
    return {name: None if math.isnan(v) else v for name, v in asdict(scores).items()}


if __name__ == "__main__":
    main()
