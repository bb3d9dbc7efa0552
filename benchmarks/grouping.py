"""How well holds are grouped into problems: pair-F1 on generated walls, against two simpler rules.

    python -m benchmarks.grouping [--walls 60] [--seed 0] [--rendered 0]

Every wall is a set of routes with known holds; a pair of holds counts as found when both are in one
problem. ``colour alone`` makes one problem of each colour; ``a third of the width`` joins holds of
one colour whose centres are nearer than that (single linkage). The layouts are drawn from simple
rules (columns of 4 to 16 holds, some traverses, routes of one colour mostly kept apart, a tenth of
the holds missing). Their lengths were tuned until the hold sizes relative to the photo, and how
well the two simple rules do, came near what is known of real gym photos. The constants of
:mod:`core.problems` were chosen on other seeds of these same rules: the figures rank methods, they
do not promise an accuracy on real walls.

``--rendered N`` also groups the truth of N pictures of :mod:`training.walls`, whose routes come
from rules that had no part in choosing the constants (slow: it renders them).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.problems import group_problems
from core.wall import Colour, Hold

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

KINDS = ("phone", "wide", "close")
PHOTO_WIDTH_PX = 1000.0


@dataclass(frozen=True)
class Layout:
    """Boxes (n, 4) in pixels, a colour and a route for each, and the sides of the photo."""

    boxes: Floats
    colours: Labels
    routes: Labels
    width: int
    height: int

    def holds(self) -> list[Hold]:
        """The layout as records, every colour sure."""
        return [
            Hold(
                id=number + 1,
                kind="hold",
                score=1.0,
                box=(float(x), float(y), float(w), float(h)),
                polygon=((x, y), (x + w, y), (x + w, y + h)),
                area_px=float(w * h),
                colour=Colour(f"colour {self.colours[number]}", 1.0, True, (), (0, 0, 0)),
            )
            for number, (x, y, w, h) in enumerate(self.boxes)
        ]


def draw_route(rng: np.random.Generator, x: float, wall_height: float) -> Floats:
    """Places (n, 2) of one route's holds in metres, from the ground up; one in eight traverses."""
    y, side, drift = rng.uniform(0.2, 0.9), 1, rng.normal(0, 0.18)
    traverses = rng.random() < 0.12
    places: list[tuple[float, float]] = []
    for _ in range(int(np.clip(rng.normal(9, 2.5), 4, 16))):
        places.append((x, y))
        if rng.random() < 0.25:  # a foothold below
            places.append((x + rng.normal(0, 0.35), max(0.15, y - rng.uniform(0.3, 0.9))))
        if traverses:
            x += float(np.sign(drift)) * rng.uniform(0.3, 0.9)
            y = float(np.clip(y + rng.normal(0.05, 0.25), 0.3, wall_height - 0.2))
        else:
            side = -side
            x += drift + side * rng.uniform(0, 0.6)
            y += rng.uniform(0.25, 1.0)
        if y > wall_height - 0.15:
            break
    return np.array(places)


def draw_routes(rng: np.random.Generator, wall: tuple[float, float]) -> list[tuple[int, Floats]]:
    """Colour and places of the routes of a wall (width and height in metres)."""
    colours = int(rng.integers(5, 10))
    placed: list[tuple[int, Floats]] = []
    for _ in range(max(2, rng.poisson(1.75 * wall[0]))):
        for _ in range(15):  # a setter looks for a colour that is free here
            colour = int(rng.integers(colours))
            places = draw_route(rng, rng.uniform(0, wall[0]), wall[1])
            rooms = [
                max(places[:, 0].min() - other[:, 0].max(), other[:, 0].min() - places[:, 0].max())
                for taken, other in placed
                if taken == colour
            ]
            if min(rooms, default=9.0) > rng.normal(1.2, 0.5):
                placed.append((colour, places))
                break
    return placed


def draw_layout(rng: np.random.Generator, kind: str) -> Layout:
    """A photo of one of :data:`KINDS`: 3 to 7 m of a wall, 8 to 16 m, or 2 to 3 m close up."""
    wall_height = rng.uniform(3.2, 4.6)
    width = rng.uniform(*{"phone": (3.2, 6.8), "wide": (8, 16), "close": (1.8, 3.2)}[kind])
    wall_width = max(width, 7.0)
    routes = draw_routes(rng, (wall_width, wall_height))
    places = np.concatenate([places for _, places in routes])
    colours = np.concatenate([np.full(len(places), colour) for colour, places in routes])
    numbers = np.concatenate([np.full(len(p), number) for number, (_, p) in enumerate(routes)])
    height, bottom = wall_height * 1.1, 0.0
    if kind == "close":
        height = width * rng.choice([0.75, 1.0, 1.33])
        bottom = rng.uniform(0, max(0.0, wall_height - height))
    x = places[:, 0] - rng.uniform(0, wall_width - width)
    y = places[:, 1] - bottom
    size = 0.15 * np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.45, len(places)))
    shape = np.exp(rng.normal(0, 0.25, len(places)))
    seen = (rng.random(len(places)) > 0.1) & (x > 0) & (x < width) & (y > 0) & (y < height)
    boxes = np.column_stack(
        [x - size * shape / 2, height - y - size / shape / 2, size * shape, size / shape]
    )
    scale = PHOTO_WIDTH_PX / width
    return Layout(
        boxes[seen] * scale,
        colours[seen],
        numbers[seen],
        round(PHOTO_WIDTH_PX),
        max(1, round(height * scale)),
    )


def rendered_layout(seed: int) -> Layout:
    """The truth of one rendered wall: its holds that belong to a route."""
    from training.walls import render_wall

    wall = render_wall(seed)
    found = [thing for thing in wall.objects if thing.kind == "hold" and thing.problem is not None]
    names = sorted({thing.colour for thing in found})
    return Layout(
        np.array([thing.box for thing in found], dtype=np.float64).reshape(-1, 4),
        np.array([names.index(thing.colour) for thing in found], dtype=np.int64),
        np.array([thing.problem for thing in found], dtype=np.int64),
        wall.image.shape[1],
        wall.image.shape[0],
    )


def by_colour(layout: Layout) -> Labels:
    """One problem for each colour."""
    return layout.colours


def by_third(layout: Layout) -> Labels:
    """Single linkage of centres within a third of the photo's width."""
    middles = layout.boxes[:, :2] + layout.boxes[:, 2:] / 2
    apart = np.hypot(*(middles[:, None] - middles[None]).transpose(2, 0, 1))
    linked = (apart < layout.width / 3) & (layout.colours[:, None] == layout.colours[None])
    labels = np.arange(len(middles))
    while True:  # the smallest label spreads until nothing changes
        spread = np.where(linked, labels[None], len(middles)).min(axis=1, initial=len(middles))
        if (spread == labels).all():
            return labels
        labels = spread


def by_product(layout: Layout) -> Labels:
    """What :func:`core.problems.group_problems` says; strays get labels of their own."""
    holds, _ = group_problems(layout.holds(), layout.width, layout.height)
    return np.array([-hold.id if hold.problem is None else hold.problem for hold in holds])


METHODS: dict[str, Callable[[Layout], Labels]] = {
    "colour alone": by_colour,
    "a third of the width": by_third,
    "core.problems": by_product,
}


def pair_scores(layouts: Sequence[Layout], method: Callable[[Layout], Labels]) -> list[float]:
    """F1, precision and recall over the pairs of all layouts together, 0 to 1."""
    both = said = true = 0
    for layout in layouts:
        labels = method(layout)
        upper = np.triu_indices(len(labels), 1)
        together = (labels[:, None] == labels[None])[upper]
        truth = (layout.routes[:, None] == layout.routes[None])[upper]
        both += int((together & truth).sum())
        said += int(together.sum())
        true += int(truth.sum())
    return [2 * both / max(1, said + true), both / max(1, said), both / max(1, true)]


def main() -> None:
    """Print one table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--walls", type=int, default=60, help="generated walls of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rendered", type=int, default=0, help="rendered walls to group as well")
    asked = parser.parse_args()
    groups = {
        kind: [
            draw_layout(np.random.default_rng([asked.seed, index, number]), kind)
            for number in range(asked.walls)
        ]
        for index, kind in enumerate(KINDS)
    }
    if asked.rendered:
        groups["rendered"] = [rendered_layout(asked.seed + n) for n in range(asked.rendered)]
    print("| walls | holds | method | pair-F1 | precision | recall | ms a wall |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind, layouts in groups.items():
        holds = np.mean([len(layout.boxes) for layout in layouts])
        for name, method in METHODS.items():
            start = time.perf_counter()
            scores = pair_scores(layouts, method)
            spent_ms = (time.perf_counter() - start) / len(layouts) * 1e3
            figures = " | ".join(f"{score:.3f}" for score in scores)
            print(f"| {len(layouts)} {kind} | {holds:.0f} | {name} | {figures} | {spent_ms:.1f} |")


if __name__ == "__main__":
    main()
