"""Where holds go, and which: routes as setters build them, random mixes, spray walls, and rows for
the shop.

Positions and sizes are in pixels of the canvas. Nothing is drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render.colours import HOLD_WEIGHTS, Image, choose_name, pigment
from training.render.shapes import FAMILIES, choose_family

Region = tuple[float, float, float, float]  # x0, y0, x1, y1 of the wall that may carry holds


@dataclass(frozen=True, slots=True)
class Placement:
    """One hold to be drawn: middle, length in px, family, colour name, linear pigment, route, and
    by how much (radians) it was turned since it was first hung.
    """

    x: float
    y: float
    size: float
    family: str
    colour: str
    pigment: Image
    problem: int | None
    turned: float = 0.0


class Spots:
    """Middles and reaches of what already hangs, to keep holds apart (mostly)."""

    def __init__(self, rng: np.random.Generator, overlap: float) -> None:
        self._rng = rng
        self._overlap = overlap
        self._taken = np.empty((0, 3))

    def free(self, x: float, y: float, size: float) -> bool:
        """Whether a hold fits; a share ``overlap`` of them may touch or overlap others."""
        if not len(self._taken):
            return True
        gap = np.hypot(self._taken[:, 0] - x, self._taken[:, 1] - y)
        reach = (self._taken[:, 2] + size) / 2
        factor = self._rng.uniform(0.55, 0.8) if self._rng.random() < self._overlap else 0.95
        return bool((gap > reach * factor).all())

    def take(self, x: float, y: float, size: float) -> None:
        """Remember a hold."""
        self._taken = np.vstack([self._taken, [[x, y, size]]])


class Stock:
    """The gym's shelf: one or two pigments per colour, and the usual size of its holds."""

    def __init__(self, rng: np.random.Generator, typical_px: float) -> None:
        self._rng = rng
        self.typical_px = typical_px
        self._spread = rng.uniform(0.2, 0.5)
        self._pigments: dict[str, list[Image]] = {}

    def pigment(self, name: str, batch: int) -> Image:
        """A pigment of that name; the same ``batch`` gives the same one."""
        shelf = self._pigments.setdefault(name, [pigment(self._rng, name) for _ in range(2)])
        return shelf[batch % 2]

    def size(self, family: str) -> float:
        """Length of a hold of that family in px, log-normal."""
        low, high = FAMILIES[family].size
        if self._rng.random() < 0.05:  # a macro
            high *= self._rng.uniform(1.3, 2.6)
        middle = self.typical_px * np.exp(self._rng.uniform(np.log(low), np.log(high)))
        return float(np.clip(middle * np.exp(self._rng.normal(0, self._spread)), 9, 330))


def _route(
    rng: np.random.Generator, region: Region, count: int, share_x: float
) -> list[tuple[float, float]]:
    """From ``share_x`` of the width, a line of holds from the mat to the top: a slow random walk,
    wider for traverses.
    """
    x0, y0, x1, y1 = region
    start, drift = x0 + share_x * (x1 - x0), rng.normal(0, 0.1) * (x1 - x0)
    low, high = y1 - (y1 - y0) * rng.uniform(0.0, 0.12), y0 + (y1 - y0) * rng.uniform(0, 0.3)
    wander = rng.uniform(0.02, 0.06) * (x1 - x0)
    points = []
    for i in range(count):
        share = (i + rng.uniform(-0.4, 0.4)) / max(count - 1, 1)
        points.append((start + drift * share + rng.normal(0, wander), low + (high - low) * share))
        start += rng.normal(0, wander * 0.6)
    return points


def routes(
    rng: np.random.Generator,
    region: Region,
    count: int,
    stock: Stock,
    spots: Spots,
    colours: tuple[str, ...] = (),
) -> list[Placement]:
    """Problems of 5 to 14 holds, each of one colour and of one or two families, until ``count``
    holds hang.
    """
    placed: list[Placement] = []
    problem = 0
    names = [choose_name(rng, HOLD_WEIGHTS) for _ in range(int(rng.integers(4, 11)))]
    first = rng.uniform()
    for _ in range(count):
        if len(placed) >= count:
            break
        problem += 1
        name = (
            colours[problem % len(colours)] if colours else names[int(rng.integers(0, len(names)))]
        )
        # Golden steps spread the routes over the wall better than chance would.
        share_x = (first + problem * 0.618 + rng.normal(0, 0.04)) % 1.0
        batch = int(rng.integers(0, 2))
        families = [choose_family(rng) for _ in range(int(rng.integers(1, 4)))]
        for x, y in _route(rng, region, int(rng.integers(5, 15)), share_x):
            family = (
                choose_family(rng)
                if rng.random() < 0.25
                else families[int(rng.integers(0, len(families)))]
            )
            placed += _hang(rng, region, (x, y), family, name, stock, spots, problem, batch)
            if rng.random() < 0.14:  # a pair side by side
                step = rng.normal(0, 1.3, 2) * stock.typical_px
                placed += _hang(
                    rng,
                    region,
                    (x + step[0], y + step[1]),
                    family,
                    name,
                    stock,
                    spots,
                    problem,
                    batch,
                )
    return placed[:count]


def _hang(
    rng: np.random.Generator,
    region: Region,
    wanted: tuple[float, float],
    family: str,
    name: str,
    stock: Stock,
    spots: Spots,
    problem: int | None,
    batch: int,
) -> list[Placement]:
    """Place one hold at or near the wanted spot; an empty list when the wall is full there."""
    size = stock.size(family)
    x, y = wanted
    for attempt in range(6):
        inside = region[0] <= x <= region[2] and region[1] <= y <= region[3]
        if inside and spots.free(x, y, size):
            spots.take(x, y, size)
            faded = stock.pigment(name, batch) * np.float32(np.exp(rng.normal(0, 0.04)))
            return [Placement(x, y, size, family, name, np.clip(faded, 0.002, 1), problem)]
        step = rng.normal(0, 0.9, 2) * size * (1 + attempt * 0.5)
        x, y = wanted[0] + step[0], wanted[1] + step[1]
        size *= 0.93
    return []


def mixed(
    rng: np.random.Generator, region: Region, count: int, stock: Stock, spots: Spots
) -> list[Placement]:
    """Holds of any colour anywhere: spray walls and training boards."""
    placed: list[Placement] = []
    few = [choose_name(rng, HOLD_WEIGHTS) for _ in range(int(rng.integers(1, 4)))]
    narrow = rng.random() < 0.2
    for _ in range(count * 2):
        if len(placed) >= count:
            break
        spot = (rng.uniform(region[0], region[2]), rng.uniform(region[1], region[3]))
        name = few[int(rng.integers(0, len(few)))] if narrow else choose_name(rng, HOLD_WEIGHTS)
        placed += _hang(
            rng, region, spot, choose_family(rng), name, stock, spots, None, int(rng.integers(0, 2))
        )
    return placed


def shop(rng: np.random.Generator, region: Region, count: int) -> list[Placement]:
    """A set of holds of one or two colours laid out in a grid, as sellers show them."""
    columns = max(1, round(np.sqrt(count * (region[2] - region[0]) / (region[3] - region[1]))))
    rows = -(-count // columns)
    cell = min((region[2] - region[0]) / columns, (region[3] - region[1]) / rows)
    names = [choose_name(rng, HOLD_WEIGHTS) for _ in range(1 if rng.random() < 0.7 else 3)]
    families = [choose_family(rng) for _ in range(2)]
    colours = {name: pigment(rng, name) for name in names}
    placed = []
    for i in range(count):
        name = names[int(rng.integers(0, len(names)))]
        x = (
            (region[0] + region[2]) / 2
            + (i % columns - (columns - 1) / 2) * cell
            + rng.normal(0, 0.03) * cell
        )
        y = (
            (region[1] + region[3]) / 2
            + (i // columns - (rows - 1) / 2) * cell
            + rng.normal(0, 0.03) * cell
        )
        size = min(cell * rng.uniform(0.55, 0.85), 420)
        family = families[int(rng.integers(0, 2))]
        placed.append(Placement(x, y, size, family, name, colours[name], None))
    return placed
