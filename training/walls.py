"""Synthetic climbing walls with exact truth: the public face of the renderer, and its command line.

``render_wall(seed)`` is a function of its arguments alone: the same seed gives the same picture on
the same versions of numpy and OpenCV. Truth is read from an id map that went through the same
camera as the pixels.

    python -m training.walls --sheet sheet.png --count 12 --seed 0 --outlines
    python -m training.walls --out folder --count 500 --seed 1000
    python -m training.walls --demo wall.jpg --demo-after wall_after.jpg
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from training.render.colours import triple
from training.render.develop import Conditions
from training.render.outlines import SMALLEST_PX, boxes_of, outline, rim
from training.render.recipe import Recipe, Reset
from training.render.scene import Scene, render
from training.render.shading import Light

SIZES = ((1024, 1365), (1365, 1024), (1024, 1024), (768, 1365), (1365, 768))
SIZE_SHARES = (0.36, 0.26, 0.18, 0.1, 0.1)
LEAST_VISIBLE = 0.4  # objects of which less is seen are left out of the truth
CLASSES = ("hold", "volume")
DEMO_SEED = 8
DEMO_RESET = 4
DEMO_STRIPPED = frozenset({1, 4})


@dataclass(frozen=True, slots=True, eq=False)
class TruthObject:
    """One hold or volume as it is seen.

    ``polygon`` float32 (N, 2) is the visible outline, its points the centres of rim pixels; an
    outline has no holes, and a volume's includes what is bolted onto it. ``box`` is x, y, width,
    height in pixels; ``visible`` the share 0..1 of the object that is in the picture and not
    covered; ``rgb`` the pigment in sRGB, before any light; ``problem`` the route a hold belongs to.
    ``serial`` is the same for one object on two photos of its wall.
    """

    kind: Literal["hold", "volume"]
    colour: str
    rgb: tuple[int, int, int]
    polygon: npt.NDArray[np.float32]
    box: tuple[float, float, float, float]
    visible: float
    problem: int | None
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticWall:
    """A picture, uint8 RGB (height, width, 3), and its truth."""

    image: npt.NDArray[np.uint8]
    objects: tuple[TruthObject, ...]


def truth_of(scene: Scene) -> tuple[TruthObject, ...]:
    """Read every object's outline off the id maps."""
    found = []
    for volumes, ids in ((True, scene.volumes), (False, scene.objects)):
        shown = np.where(scene.front, 0, ids).astype(np.uint16)
        for ident, (x0, y0, x1, y1, count) in boxes_of(shown).items():
            thing = scene.things[ident]
            share = min(count / max(scene.full_px[ident], 1), 1.0)
            if (thing.kind == "volume") != volumes or count < SMALLEST_PX or share < LEAST_VISIBLE:
                continue
            mask = (shown[y0:y1, x0:x1] == ident).astype(np.uint8)
            polygon = outline(mask, (x0, y0))
            if polygon is None:
                continue
            low, high = polygon.min(0), polygon.max(0) + 1
            found.append(
                TruthObject(
                    "volume" if volumes else "hold",
                    thing.colour,
                    triple(thing.pigment),
                    polygon,
                    (
                        float(low[0]),
                        float(low[1]),
                        float(high[0] - low[0]),
                        float(high[1] - low[1]),
                    ),
                    float(share),
                    thing.problem,
                    thing.serial,
                )
            )
    return tuple(found)


def render_scene(
    seed: int,
    size: tuple[int, int] | None = None,
    holds: int | None = None,
    reset: Reset | None = None,
) -> Scene:
    """The picture with its id maps; for tests. See :func:`render_wall`."""
    rng = np.random.default_rng([seed, 0xC11B])
    drawn = SIZES[int(rng.choice(len(SIZES), p=SIZE_SHARES))]
    width, height = size or drawn
    if min(width, height) < 64 or (holds is not None and holds < 0):
        raise ValueError(
            f"expected sides of at least 64 px and no negative count, got {width, height}, {holds}"
        )
    return render(rng, Recipe.draw(rng, holds, height / width), (width, height), reset)


def render_wall(
    seed: int, size: tuple[int, int] | None = None, holds: int | None = None
) -> SyntheticWall:
    """Draw the wall of ``seed``.

    ``size`` is (width, height) in px, by default one of :data:`SIZES`. ``holds`` asks for that many
    holds on the canvas; fewer may be in the truth, where they do not fit, are hidden or out of
    frame. Raises ``ValueError`` for sides below 64 px or a negative count.
    """
    scene = render_scene(seed, size, holds)
    return SyntheticWall(scene.image, truth_of(scene))


def render_reset(
    seed: int, reset: Reset, size: tuple[int, int] | None = None, holds: int | None = None
) -> SyntheticWall:
    """The wall of ``seed`` after a ``reset``, photographed once more."""
    scene = render_scene(seed, size, holds, reset)
    return SyntheticWall(scene.image, truth_of(scene))


def render_demo_after(seed: int = DEMO_SEED) -> SyntheticWall:
    """The demo wall after a reset: two problems replaced, three holds moved, another place of the
    camera and a little less light.
    """
    evening = Conditions(
        exposure=0.93, cast=(1.05, 1.0, 0.93), vignette=0.18, spots=0.2, noise=1.2, sharpen=0.5,
        contrast=0.25, saturation=1.04, quality=95,
    )  # fmt: skip
    reset = Reset(
        DEMO_RESET, DEMO_STRIPPED, fresh=22, moved=3, colours=("orange", "purple", "white"),
        conditions=evening, calm=0.7,
    )  # fmt: skip
    return render_demo(seed, reset)


def render_demo(seed: int = DEMO_SEED, reset: Reset | None = None) -> SyntheticWall:
    """The product's demo wall: 1200 x 1600, well lit, about 60 holds in several problems."""
    rng = np.random.default_rng([seed, 0xDE30])
    light = Light((-0.3, -0.62, 0.725), 0.4, 0.35)
    bright = Conditions(
        exposure=1.0, cast=(1.01, 1.0, 0.98), vignette=0.14, spots=0.25, noise=0.8, sharpen=0.5,
        contrast=0.25, saturation=1.06, quality=95,
    )  # fmt: skip
    recipe = Recipe(
        holds=62, width_m=3.5, size_m=0.17, base="birch", folds=1, volumes=3, marks=0.15,
        floor=True, steady=0.5, colours=("red", "blue", "yellow", "green", "pink", "black"),
        light=light, conditions=bright,
    )  # fmt: skip
    scene = render(rng, recipe, (1200, 1600), reset)
    return SyntheticWall(scene.image, truth_of(scene))


def draw_outlines(wall: SyntheticWall) -> npt.NDArray[np.uint8]:
    """A copy of the picture with every outline in its pigment, rimmed in black or white; volumes
    thicker.
    """
    picture = wall.image.copy()
    for item in wall.objects:
        points = [np.rint(item.polygon).astype(np.int32)]
        thick = 2 if item.kind == "hold" else 4
        casing = (0, 0, 0) if sum(item.rgb) > 300 else (255, 255, 255)
        cv2.polylines(picture, points, True, casing, thick + 2, cv2.LINE_AA)
        cv2.polylines(picture, points, True, item.rgb, thick, cv2.LINE_AA)
    return picture


def contact_sheet(
    seeds: Iterator[int] | range, outlines: bool, side: int = 480
) -> npt.NDArray[np.uint8]:
    """Many walls in one picture, four to a row, each within ``side`` px."""
    tiles = []
    for seed in seeds:
        wall = render_wall(seed)
        picture = draw_outlines(wall) if outlines else wall.image
        scale = side / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        tile = np.full((side, side, 3), 40, np.uint8)
        tile[: small.shape[0], : small.shape[1]] = small
        tiles.append(tile)
    columns = min(4, len(tiles))
    while len(tiles) % columns:
        tiles.append(np.full((side, side, 3), 40, np.uint8))
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def _save(path: Path, picture: npt.NDArray[np.uint8], quality: int = 92) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = (
        [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix.lower() in (".jpg", ".jpeg") else []
    )
    if not cv2.imwrite(str(path), picture[..., ::-1], options):
        raise OSError(f"could not write {path}")


def yolo_lines(wall: SyntheticWall) -> list[str]:
    """YOLO segmentation labels: class, then x and y of every point as shares of the sides."""
    height, width = wall.image.shape[:2]
    lines = []
    for item in wall.objects:
        shares = rim(item.polygon) / [width, height]
        numbers = " ".join(f"{value:.5f}" for value in shares.ravel().tolist())
        lines.append(f"{CLASSES.index(item.kind)} {numbers}")
    return lines


def write_dataset(folder: Path, count: int, seed: int) -> None:
    """Write ``images/``, ``labels/`` and ``colours.csv`` (one row an object, in label order)."""
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    with (folder / "colours.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            [
                "image",
                "n",
                "class",
                "x",
                "y",
                "w",
                "h",
                "colour",
                "red",
                "green",
                "blue",
                "visible",
                "problem",
            ]
        )
        for number in range(seed, seed + count):
            wall, name = render_wall(number), f"wall_{number:06d}"
            _save(folder / "images" / f"{name}.jpg", wall.image)
            (folder / "labels" / f"{name}.txt").write_text("\n".join(yolo_lines(wall)) + "\n")
            for n, item in enumerate(wall.objects):
                problem = "" if item.problem is None else item.problem
                box = [round(value, 1) for value in item.box]
                table.writerow(
                    [
                        name,
                        n,
                        item.kind,
                        *box,
                        item.colour,
                        *item.rgb,
                        round(item.visible, 3),
                        problem,
                    ]
                )


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.walls", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--sheet", type=Path, help="write a contact sheet to this file")
    parser.add_argument("--outlines", action="store_true", help="draw the truth into the sheet")
    parser.add_argument(
        "--out", type=Path, help="write pictures, labels and colours into this folder"
    )
    parser.add_argument("--demo", type=Path, help="write the product's demo wall to this JPEG")
    parser.add_argument("--demo-after", type=Path, help="and this one: the demo wall after a reset")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    wanted = chosen.sheet or chosen.out or chosen.demo or chosen.demo_after
    if chosen.count < 1 or not wanted:
        parser.error(
            "name at least one of --sheet, --out, --demo, --demo-after, and a count of 1 or more"
        )
    if chosen.sheet:
        _save(
            chosen.sheet,
            contact_sheet(range(chosen.seed, chosen.seed + chosen.count), chosen.outlines),
        )
    if chosen.out:
        write_dataset(chosen.out, chosen.count, chosen.seed)
    if chosen.demo:
        _save(chosen.demo, render_demo().image, quality=84)
    if chosen.demo_after:
        _save(chosen.demo_after, render_demo_after().image, quality=84)


if __name__ == "__main__":
    main()
