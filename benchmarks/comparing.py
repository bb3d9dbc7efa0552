"""How right the comparison of two photos is: ``python -m benchmarks.comparing``.

Four questions, each with known answers:

1. *Rendered walls*, photographed before and after a reset from two places: precision and recall of
   came, went, stayed and moved, once with the outlines of the truth (the comparison alone) and once
   with those that the product finds.
2. *Folded walls*: the same second photos, folded along a line: how far places are off with one
   homography and with one for each panel, and what the comparison makes of it.
3. *Real photos under known homographies*: a share of the holds is painted over or pasted elsewhere,
   the light, the view and the noise change; the error of the alignment is measured on a grid.
4. *Strangers*: pairs of photos of different walls, all of which must be refused. Photos of one gym
   may show one wall: accepted pairs are listed, to be looked at.

The last two questions need the real photos; without them they are left out, and it says so.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.folding import Fold
from core.alignment import Alignment, AlignmentError, align
from core.analysis import Models, analyze, finish, load_models
from core.changes import HOLD_FATES, Comparison
from core.compare import Look, compare
from core.overlay import encode_jpeg
from core.settings import Settings, load_settings
from core.wall import Colour, Hold, ModelInfo, PhotoInfo, WallAnalysis
from training.render.recipe import Reset
from training.truth import data_root, read_truth
from training.walls import SyntheticWall, render_demo, render_demo_after, render_reset, render_wall

SEED = 700_000
"""First seed of the rendered walls: no training uses it."""


LARGEST = 0.02
"""Share of a real photo that a box may cover to be pasted elsewhere."""


def truth_analysis(wall: SyntheticWall) -> tuple[WallAnalysis, list[int]]:
    """The truth as if it had been found, and each hold's serial."""
    holds = tuple(
        Hold(
            number,
            item.kind,
            1.0,
            item.box,
            tuple((float(x) + 0.5, float(y) + 0.5) for x, y in item.polygon),
            max(1.0, float(cv2.contourArea(item.polygon))),
            Colour(item.colour, 1.0, True, (), item.rgb),
        )
        for number, item in enumerate(wall.objects, start=1)
    )
    height, width = wall.image.shape[:2]
    info = PhotoInfo("rendered", "0" * 64, width, height)
    return WallAnalysis(info, ModelInfo("truth", "truth"), holds, ()), [
        item.serial for item in wall.objects
    ]


def pair_of_walls(seed: int, turned: bool = False) -> tuple[SyntheticWall, SyntheticWall]:
    """A wall before and after a reset of about a third of its problems; with ``turned``, the holds
    that were moved hang in any turn.
    """
    before = render_wall(seed)
    rng = np.random.default_rng([seed, 1])
    problems = sorted({item.problem for item in before.objects if item.problem is not None})
    stripped = frozenset(problems[:: int(rng.integers(2, 4))])
    holds = sum(item.problem in stripped for item in before.objects)
    reset = Reset(seed, stripped, fresh=holds, moved=4, turned=turned)
    return before, render_reset(seed, reset)


def true_fates(
    before: SyntheticWall, after: SyntheticWall, alignment: Alignment
) -> dict[tuple[int | None, int | None], str]:
    """What became of each object, by indices into both truths; objects that the other photo cannot
    show are left out."""
    old = {item.serial: index for index, item in enumerate(before.objects)}
    new = {item.serial: index for index, item in enumerate(after.objects)}
    fates: dict[tuple[int | None, int | None], str] = {}
    for serial in old.keys() & new.keys():
        a, b = old[serial], new[serial]
        middle = before.objects[a].polygon.mean(0)
        there = alignment.to_after(middle[None].astype(np.float64))[0]
        size = np.sqrt(cv2.contourArea(after.objects[b].polygon) + 1)
        far = np.linalg.norm(there - after.objects[b].polygon.mean(0)) > 1.2 * size
        fates[a, b] = "moved" if far else "stayed"
    fates |= {(old[serial], None): "went" for serial in old.keys() - new.keys()}
    fates |= {(None, new[serial]): "came" for serial in new.keys() - old.keys()}
    return fates


def count(
    comparison: Comparison,
    fates: dict[tuple[int | None, int | None], str],
    old: dict[int, int],
    new: dict[int, int],
    table: Counter[tuple[str, str]],
) -> None:
    """Add one comparison to ``table``: (fate, "hit" | "false" | "missed").

    ``old`` and ``new`` say which true object each found hold is. A hold that is no true object is
    counted as false, unless it is there on both photos.
    """
    of_old = {a: fate for (a, _), fate in fates.items() if a is not None}
    of_new = {b: fate for (_, b), fate in fates.items() if b is not None}
    hits: Counter[str] = Counter()
    for change in comparison.holds:
        if change.fate == "unseen":
            continue
        a = old.get(change.before or 0)
        b = new.get(change.after or 0)
        if change.fate == "stayed" and a is None and b is None:
            continue
        if change.fate in ("stayed", "moved") and change.before and change.after:
            right = fates.get((a, b)) == change.fate
        elif change.after:
            right = b is not None and of_new.get(b) == change.fate
        else:
            right = a is not None and of_old.get(a) == change.fate
        hits[change.fate] += right
        table[change.fate, "hit" if right else "false"] += 1
    found_a, found_b = set(old.values()), set(new.values())
    unseen = {(old.get(c.before or 0), new.get(c.after or 0)) for c in comparison.holds
              if c.fate == "unseen"}  # fmt: skip
    unseen_a, unseen_b = {a for a, _ in unseen} - {None}, {b for _, b in unseen} - {None}
    for (a, b), fate in fates.items():
        if fate == "stayed":  # what one photo's outline tells is enough
            table[fate, "true"] += (a in found_a - unseen_a) or (b in found_b - unseen_b)
        elif (a is None or (a in found_a and a not in unseen_a)) and (
            b is None or (b in found_b and b not in unseen_b)
        ):
            table[fate, "true"] += 1


def identify(analysis: WallAnalysis, wall: SyntheticWall) -> dict[int, int]:
    """Which true object each found hold is (boxes with IoU of at least .5)."""
    known: dict[int, int] = {}
    for hold in analysis.holds:
        best, index = 0.5, None
        x, y, w, h = hold.box
        for number, item in enumerate(wall.objects):
            u, v, p, q = item.box
            common = max(0.0, min(x + w, u + p) - max(x, u)) * max(
                0.0, min(y + h, v + q) - max(y, v)
            )
            share = common / (w * h + p * q - common)
            if share > best:
                best, index = share, number
        if index is not None and index not in known.values():
            known[hold.id] = index
    return known


def rendered(seeds: Sequence[int], models: Models | None, settings: Settings, turned: bool) -> None:
    """Print the scores on rendered walls."""
    by_truth: Counter[tuple[str, str]] = Counter()
    by_product: Counter[tuple[str, str]] = Counter()
    refused, seconds = 0, []
    walls = (pair_of_walls(seed, turned) for seed in seeds)
    pairs = itertools.chain(walls, [(render_demo(), render_demo_after())])
    for before, after in pairs:
        started = time.perf_counter()
        try:
            alignment = align(before.image, after.image)
        except AlignmentError:
            refused += 1
            continue
        seconds.append(time.perf_counter() - started)
        fates = true_fates(before, after, alignment)
        first, _ = truth_analysis(before)
        second, _ = truth_analysis(after)
        old = {hold.id: hold.id - 1 for hold in first.holds}
        new = {hold.id: hold.id - 1 for hold in second.holds}
        look = Look.at(before.image, after.image, alignment)
        count(compare(first, second, alignment, look), fates, old, new, by_truth)
        if models is not None:
            found = [
                finish(analyze(encode_jpeg(wall.image, 95), models, settings))
                for wall in (before, after)
            ]
            old, new = identify(found[0], before), identify(found[1], after)
            count(compare(found[0], found[1], alignment, look), fates, old, new, by_product)
    total = len(seeds) + 1
    print(f"Rendered: {total - refused} of {total} pairs aligned, {np.median(seconds):.2f} s each")
    for name, table in (("outlines of the truth", by_truth), ("found by the product", by_product)):
        if table:
            print(scores(name, table))


def folded(seeds: Sequence[int]) -> None:
    """Print how far places of folded walls are off, and the scores with the truth's outlines."""
    off: dict[str, list[float]] = {"one homography": [], "its panels": []}
    tables: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in off}
    refused = 0
    for number, (before, after) in enumerate(map(pair_of_walls, seeds)):
        height, width = after.image.shape[:2]
        fold = Fold.draw(np.random.default_rng([number, 7]), width, height)
        wall = fold.wall(after)
        try:
            flat, found = align(before.image, after.image), align(before.image, wall.image)
        except AlignmentError:
            refused += 1
            continue
        fates = true_fates(before, after, flat)
        shown = {item.serial: index for index, item in enumerate(wall.objects)}
        serials = [item.serial for item in after.objects]
        fates = {
            (a, None if b is None else shown[serials[b]]): fate
            for (a, b), fate in fates.items()
            if b is None or serials[b] in shown
        }
        first, second = truth_analysis(before)[0], truth_analysis(wall)[0]
        ids = tuple({hold.id: hold.id - 1 for hold in side.holds} for side in (first, second))
        true = fold.moved(flat.to_after(grid_on(before.image)))
        seen = ((true > 0) & (true < [width, height])).all(1)
        for name, one in zip(off, (replace(found, bend=None), found), strict=True):
            miss = np.linalg.norm(one.to_after(grid_on(before.image)) - true, axis=1)[seen]
            off[name] += (miss / max(width, height) * 1000).tolist()
            look = Look.at(before.image, wall.image, one)
            count(compare(first, second, one, look), fates, *ids, tables[name])
    print(f"Folded: {len(seeds) - refused} of {len(seeds)} pairs aligned")
    for name, misses in off.items():
        print(
            f"{name}: places off by more than 1 % of the longest side: "
            f"{np.mean(np.array(misses) > 10):.3f}"
        )
        print(scores(name, tables[name]))


def grid_on(pixels: np.ndarray) -> np.ndarray:
    """225 points all over a picture, (225, 2)."""
    height, width = pixels.shape[:2]
    steps = np.linspace(0.03, 0.97, 15)
    return np.stack(np.meshgrid(steps * width, steps * height), -1).reshape(-1, 2)


def scores(name: str, table: Counter[tuple[str, str]]) -> str:
    """Markdown rows of precision and recall."""
    lines = [f"| {name} | holds | precision | recall |", "| --- | --- | --- | --- |"]
    for fate in HOLD_FATES[:-1]:
        hit, false, true = (table[fate, what] for what in ("hit", "false", "true"))
        lines.append(
            f"| {fate} | {true} | {hit / max(hit + false, 1):.3f} | {hit / max(true, 1):.3f} |"
        )
    return "\n".join(lines)


def changed_photo(
    pixels: np.ndarray, boxes: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The photo after a made-up reset, from another place in other light; and the homography."""
    height, width = pixels.shape[:2]
    # A box that fills much of the photo would carry the wall behind it along.
    small = boxes[np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) < LARGEST * height * width]
    after, gone = pixels.copy(), small[rng.random(len(small)) < 0.6].astype(int)
    holes = np.zeros((height, width), np.uint8)
    for x0, y0, x1, y1 in gone.tolist():
        middle = ((x0 + x1) // 2, (y0 + y1) // 2)
        cv2.ellipse(holes, middle, ((x1 - x0) * 6 // 10, (y1 - y0) * 6 // 10), 0, 0, 360, 255, -1)
    after = cv2.inpaint(after, holes, 3, cv2.INPAINT_TELEA)
    for x0, y0, x1, y1 in np.maximum(gone, 0).tolist():
        patch = pixels[y0:y1, x0:x1]
        left = int(rng.integers(0, max(1, width - patch.shape[1])))
        top = int(rng.integers(0, max(1, height - patch.shape[0])))
        if patch.size:
            after[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    middle, turn = np.array([width, height]) / 2, rng.normal(0, 0.06)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (corners - middle) @ spin.T * rng.uniform(0.8, 1.2) + middle
    moved += (rng.normal(0, 0.06, 2) + rng.normal(0, 0.04, (4, 2))) * [width, height]
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
    after = cv2.warpPerspective(after, matrix, (width, height), borderValue=(90, 90, 90))
    light = (after / 255.0) ** rng.uniform(0.6, 1.6) * rng.uniform(0.7, 1.2)
    light *= np.linspace(rng.uniform(0.6, 1), rng.uniform(0.6, 1), width)[None, :, None]
    noisy = light * 255 + rng.normal(0, 5, light.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), matrix


def real_photos(least: int = 15) -> list[tuple[Path, np.ndarray]]:
    """Photos of ``valid`` with at least ``least`` holds, and the shares of their boxes."""
    images = sorted((data_root() / "valid" / "images").glob("*"))
    truths = [read_truth(image) for image in images]
    return [(t.image, t.boxes) for t in truths if len(t.boxes) >= least]


def known_views(photos: Sequence[tuple[Path, np.ndarray]], seed: int) -> None:
    """Print the alignment's error on real photos under known homographies."""
    rng = np.random.default_rng(seed)
    errors, said, refused = [], [], 0
    for path, boxes in photos:
        pixels = cv2.imread(str(path))[..., ::-1].copy()
        height, width = pixels.shape[:2]
        after, matrix = changed_photo(pixels, boxes * [width, height, width, height], rng)
        try:
            found = align(pixels, after)
        except AlignmentError:
            refused += 1
            continue
        grid = np.stack(np.meshgrid(np.linspace(0, width, 9), np.linspace(0, height, 9)), -1)
        points = grid.reshape(-1, 1, 2)
        true = cv2.perspectiveTransform(points, matrix)[:, 0]
        seen = ((true > 0) & (true < [width, height])).all(1)
        miss = np.linalg.norm(found.to_after(points[:, 0]) - true, axis=1)[seen]
        errors.append(float(np.median(miss)) / max(width, height) * 1000)
        said.append(found.error_px / max(width, height) * 1000)
    share = np.array(errors)
    print(
        f"Known homographies: {len(share)} of {len(photos)} photos aligned; error on a grid, in "
        f"thousandths of the longest side: median {np.median(share):.2f}, 90 % below "
        f"{np.quantile(share, 0.9):.2f}, largest {share.max():.2f}; more than 5: "
        f"{int((share > 5).sum())}"
    )


def strangers(photos: Sequence[tuple[Path, np.ndarray]], pairs: int, seed: int) -> None:
    """Print how many pairs of different photos are refused, and which are not."""
    rng = np.random.default_rng(seed)
    codes: Counter[str] = Counter()
    for _ in range(pairs):
        a, b = rng.choice(len(photos), 2, replace=False).tolist()
        first, second = (cv2.imread(str(photos[i][0]))[..., ::-1].copy() for i in (a, b))
        try:
            found = align(first, second)
        except AlignmentError as error:
            codes[error.code] += 1
            continue
        codes["accepted"] += 1
        print(
            f"  accepted: {photos[a][0].name} {photos[b][0].name} {found.inliers} matches, "
            f"coverage {found.coverage:.2f}"
        )
    print(f"Strangers: {pairs} pairs, {dict(codes)}")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparing")
    parser.add_argument("--walls", type=int, default=84, help="rendered walls")
    parser.add_argument("--photos", type=int, default=60, help="real photos under homographies")
    parser.add_argument("--pairs", type=int, default=200, help="pairs of different photos")
    parser.add_argument("--without-models", action="store_true", help="outlines of the truth only")
    parser.add_argument(
        "--turned", action="store_true", help="rendered walls alone, moved holds in any turn"
    )
    chosen = parser.parse_args(arguments)
    settings = load_settings()
    cv2.setNumThreads(settings.omp_num_threads)
    models = None if chosen.without_models else load_models(settings)
    rendered(range(SEED, SEED + chosen.walls), models, settings, chosen.turned)
    if chosen.turned:
        return
    folded(range(SEED, SEED + chosen.walls))
    if not (data_root() / "valid").is_dir():
        print(f"No real photos in {data_root()}: the other two parts are left out.")
        return
    photos = real_photos()
    step = max(1, len(photos) // max(1, chosen.photos))
    if chosen.photos:
        known_views(photos[::step][: chosen.photos], seed=1)
    strangers(photos, chosen.pairs, seed=2)


if __name__ == "__main__":
    main()
