"""The numbers a setter uses: what is on the wall, where, how big, and how each problem lies.

A photo has no metric scale, so lengths come in three forms: pixels of the upright photo, shares of
the wall's extent (the box around everything that was found) and multiples of the median hold. The
size of a hold is the square root of its outline's area. Volumes are counted, and belong to the
extent of their problem and of the wall, but they are furniture: hold sizes, density and moves leave
them out.

Everything is a plain record; :func:`spread_rows`, :func:`size_rows` and :func:`density_rows` turn
it into flat rows for tables and charts. Nothing here draws, and no grade is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import erf, sqrt

import numpy as np

from core.arrays import Doubles
from core.spanning_tree import spanning_tree
from core.wall import Hold, Problem, WallAnalysis

Row = dict[str, str | int | float | None]

DENSITY_CELLS = 24
"""Cells of the density map along the photo's longer side; they are square."""

BANDWIDTH_NEIGHBOUR = 3
"""The kernel is as wide as the median distance to this neighbour: scale-free, and so that a hold
blurs into those around it but not across the wall."""


@dataclass(frozen=True, slots=True)
class ColourNumbers:
    """What is on the wall in one colour. ``unsure`` counts holds and volumes whose colour is not
    sure; ``unsure_share`` is of both together."""

    colour: str
    holds: int
    volumes: int
    problems: int
    unsure: int
    unsure_share: float


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """How many holds hang where.

    ``holds_per_cell``, float64 (rows, columns), is a Gaussian kernel estimate whose sum is the
    number of holds; row 0 is at the top. Cells are squares of ``cell_px`` from the photo's upper
    left corner; the last row and column may be cut by the photo's edge. ``bandwidth_px`` is the
    kernel's standard deviation. Both in pixels of the upright photo.
    """

    holds_per_cell: Doubles
    cell_px: float
    bandwidth_px: float


@dataclass(frozen=True, slots=True)
class ProblemSpread:
    """How one problem lies on the wall.

    ``width_px`` and ``height_px`` are those of the box around its holds and volumes; ``_share`` is
    of the wall's extent in that direction, ``_sizes`` in multiples of the median hold.

    ``longest_gap_sizes`` is the widest gap that cannot be avoided: the longest link of the shortest
    tree that joins the centres of the holds, in multiples of the median hold.

    ``moves_estimate`` is the number of holds less one: every hold is taken by one hand once, after
    a start with both hands on one hold. Footholds and a start on two holds make it less, matching
    and going back make it more; a photo cannot tell. Volumes do not count.
    """

    problem: int
    name: str
    grade: str
    colour: str
    holds: int
    volumes: int
    width_px: float
    height_px: float
    width_share: float
    height_share: float
    width_sizes: float
    height_sizes: float
    longest_gap_sizes: float
    moves_estimate: int


@dataclass(frozen=True, slots=True)
class HoldSizes:
    """Sizes of the holds (no volumes): the square root of each outline's area.

    ``hold_ids`` and ``sizes_px`` are in the order of the analysis. The quartiles interpolate
    linearly, as numpy does.
    """

    hold_ids: tuple[int, ...]
    sizes_px: tuple[float, ...]
    smallest_px: float
    lower_quartile_px: float
    median_px: float
    upper_quartile_px: float
    largest_px: float


@dataclass(frozen=True, slots=True)
class WallNumbers:
    """All numbers of one wall. ``unsure_share`` and ``in_problems_share`` are of holds and volumes
    together; ``density`` and ``sizes`` are None when there are no holds."""

    holds: int
    volumes: int
    problems: int
    unsure: int
    unsure_share: float
    in_problems_share: float
    colours: tuple[ColourNumbers, ...]
    spreads: tuple[ProblemSpread, ...]
    density: Density | None
    sizes: HoldSizes | None


def wall_numbers(
    analysis: WallAnalysis, names: Mapping[int, tuple[str, str]] | None = None
) -> WallNumbers:
    """Every number of ``analysis``; ``names`` gives problems a (name, grade) by id instead of
    their own.

    Colours come with the commonest first, then by name; spreads in the order of the problems. An
    empty wall gives zeros and empty tables.
    """
    every = analysis.holds
    unsure = sum(not hold.colour.sure for hold in every)
    holds = [hold for hold in every if hold.kind == "hold"]
    sizes = _sizes(holds)
    return WallNumbers(
        holds=len(holds),
        volumes=len(every) - len(holds),
        problems=len(analysis.problems),
        unsure=unsure,
        unsure_share=_share(unsure, len(every)),
        in_problems_share=_share(sum(hold.problem is not None for hold in every), len(every)),
        colours=_colours(analysis),
        spreads=_spreads(analysis, sizes.median_px if sizes else 0.0, names or {}),
        density=_density(holds, analysis.photo.width, analysis.photo.height),
        sizes=sizes,
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _colours(analysis: WallAnalysis) -> tuple[ColourNumbers, ...]:
    names = {hold.colour.name for hold in analysis.holds}
    names |= {problem.colour for problem in analysis.problems}
    rows = []
    for name in names:
        own = [hold for hold in analysis.holds if hold.colour.name == name]
        holds = sum(hold.kind == "hold" for hold in own)
        problems = sum(problem.colour == name for problem in analysis.problems)
        unsure = sum(not hold.colour.sure for hold in own)
        share = _share(unsure, len(own))
        rows.append(ColourNumbers(name, holds, len(own) - holds, problems, unsure, share))
    return tuple(sorted(rows, key=lambda row: (-row.holds - row.volumes, row.colour)))


def _sizes(holds: list[Hold]) -> HoldSizes | None:
    if not holds:
        return None
    sizes = [sqrt(hold.area_px) for hold in holds]
    return HoldSizes(
        tuple(hold.id for hold in holds),
        tuple(sizes),
        *(float(value) for value in np.quantile(sizes, (0, 0.25, 0.5, 0.75, 1))),
    )


def _extent(holds: list[Hold]) -> tuple[float, float]:
    """Width and height of the box around the boxes of ``holds``, in pixels."""
    boxes = np.array([hold.box for hold in holds], dtype=np.float64)
    far = (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
    width, height = (far - boxes[:, :2].min(axis=0)).tolist()
    return width, height


def _spreads(
    analysis: WallAnalysis, median_px: float, names: Mapping[int, tuple[str, str]]
) -> tuple[ProblemSpread, ...]:
    if not analysis.holds:
        return ()
    holds = {hold.id: hold for hold in analysis.holds}
    wall = _extent(list(analysis.holds))
    return tuple(
        _spread(
            problem,
            [holds[number] for number in problem.holds],
            wall,
            median_px,
            names.get(problem.id, (problem.name, problem.grade)),
        )
        for problem in analysis.problems
    )


def _spread(
    problem: Problem,
    members: list[Hold],
    wall: tuple[float, float],
    median_px: float,
    name: tuple[str, str],
) -> ProblemSpread:
    width, height = _extent(members)
    centres = [hold.centre for hold in members if hold.kind == "hold"]
    return ProblemSpread(
        problem=problem.id,
        name=name[0],
        grade=name[1],
        colour=problem.colour,
        holds=len(centres),
        volumes=len(members) - len(centres),
        width_px=width,
        height_px=height,
        width_share=_share(width, wall[0]),
        height_share=_share(height, wall[1]),
        width_sizes=_share(width, median_px),
        height_sizes=_share(height, median_px),
        longest_gap_sizes=_share(_longest_link_px(centres), median_px),
        moves_estimate=max(0, len(centres) - 1),
    )


def _longest_link_px(centres: list[tuple[float, float]]) -> float:
    """Longest edge of the shortest tree that joins the points; 0 for fewer than two."""
    if len(centres) < 2:
        return 0.0
    _, _, lengths = spanning_tree(_distances(np.array(centres)))
    return float(lengths.max())


def _distances(points: Doubles) -> Doubles:
    """The distance of each of the points (n, 2) to each: (n, n)."""
    return np.asarray(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)))


def _density(holds: list[Hold], width: int, height: int) -> Density | None:
    if not holds:
        return None
    centres = np.array([hold.centre for hold in holds])
    cell = max(width, height) / DENSITY_CELLS
    bandwidth = max(_neighbour_px(centres), cell / 2)  # a narrower kernel would fall between cells
    across = _masses(centres[:, 0], width, cell, bandwidth)
    down = _masses(centres[:, 1], height, cell, bandwidth)
    return Density(down.T @ across, cell, bandwidth)


def _neighbour_px(centres: Doubles) -> float:
    """Median distance to neighbour :data:`BANDWIDTH_NEIGHBOUR`, or to the last there is."""
    if len(centres) < 2:
        return 0.0
    away = _distances(centres)
    rank = min(BANDWIDTH_NEIGHBOUR, len(centres) - 1)
    return float(np.median(np.partition(away, rank, axis=1)[:, rank]))


def _masses(middles: Doubles, side_px: int, cell_px: float, bandwidth_px: float) -> Doubles:
    """The mass of each point's Gaussian in each cell along one axis: (points, cells).

    Each row adds up to 1: what would fall outside the photo is shared out inside, so that a hold at
    the rim counts as one hold.
    """
    count = max(1, int(np.ceil(side_px / cell_px - 1e-9)))
    edges = np.minimum(np.arange(count + 1) * cell_px, side_px)
    # Outlines may reach over the photo's rim a little; a point outside counts at the rim.
    middles = np.clip(middles, 0, side_px)
    scaled = (edges[None] - middles[:, None]) / (sqrt(2) * bandwidth_px)
    cumulated = np.array([[erf(value) for value in row] for row in scaled.tolist()])
    masses: Doubles = np.diff(cumulated, axis=1)
    masses /= masses.sum(axis=1, keepdims=True)
    return masses


def spread_rows(numbers: WallNumbers) -> list[Row]:
    """One row per problem, with the fields of :class:`ProblemSpread`."""
    return [
        {name: getattr(spread, name) for name in ProblemSpread.__slots__}
        for spread in numbers.spreads
    ]


def size_rows(numbers: WallNumbers, analysis: WallAnalysis) -> list[Row]:
    """One row per hold (no volumes): its size in pixels and in multiples of the median."""
    sizes = numbers.sizes
    if sizes is None:
        return []
    size_px = dict(zip(sizes.hold_ids, sizes.sizes_px, strict=True))
    return [
        {
            "hold": hold.id,
            "colour": hold.colour.name,
            "problem": hold.problem,
            "size_px": size_px[hold.id],
            "size": size_px[hold.id] / sizes.median_px,
        }
        for hold in analysis.holds
        if hold.id in size_px
    ]


def density_rows(numbers: WallNumbers) -> list[Row]:
    """One row per cell of the map: its place in pixels of the photo, its holds, and how that
    compares with the mean of all cells (1 is average)."""
    density = numbers.density
    if density is None:
        return []
    mean = float(density.holds_per_cell.mean())
    return [
        {
            "row": row,
            "column": column,
            "x": column * density.cell_px,
            "y": row * density.cell_px,
            "side": density.cell_px,
            "holds": holds,
            "times_mean": holds / mean,
        }
        for row, cells in enumerate(density.holds_per_cell.tolist())
        for column, holds in enumerate(cells)
    ]
