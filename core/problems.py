"""Coloured holds -> problems: which holds of one colour belong to one route.

On a wide photo the holds of one colour are usually several problems, so place decides beside
colour. Two holds of one colour are linked when the gap between them is within reach, and what is
linked, directly or through others, is one problem. Four choices make that fit walls:

* The gap is measured between the boxes, not the centres, so that two big neighbours are near; and
  a vertical gap counts less than a horizontal one, because routes run upwards.
* The reach adapts to the photo. It is the weighted geometric mean of three readings of the same
  length (how far a climber reaches, in pixels), none of which is safe alone: a share of the photo's
  shorter side, a multiple of the typical hold, and a multiple of the typical gap between
  same-coloured neighbours. All are ratios of lengths, so the resolution does not matter.
* Two whole routes that touch at one place make one long link between two big groups; such a link
  must be shorter than one that ties a single hold to its problem.
* A hold whose colour is unsure takes, of the names it may have, the one whose sure holds stand
  around it. Its colour record stays as it is: that is for the setter to decide.

A problem needs three holds: a pair says as much about chance as about a route, and a stray pair on
the setter's list costs more to dissolve than to add. Volumes never form or join problems, since
their colours are those of the wall as often as those of a route; each is added afterwards where its
colour matches a problem right beside it.

Not done here: reading colours, and telling two problems of one colour apart that cross each other.
``benchmarks/grouping.py`` measures these choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.arrays import Doubles, Flags, Indices
from core.quantiles import median
from core.spanning_tree import spanning_tree
from core.wall import Hold, Problem

MIN_HOLDS = 3
"""Fewer holds than this are strays, not a problem."""

VERTICAL_WEIGHT = 0.5
"""What a vertical pixel of a gap counts against a horizontal one."""

SIDE_SHARE, HOLD_MULTIPLE, NEIGHBOUR_MULTIPLE = 0.24, 6.0, 4.5
"""The three readings of the reach: of the photo's shorter side, the median hold (square root of its
box's area), and the median gap to the nearest neighbour of the same colour."""

READING_WEIGHTS = (0.2, 0.4, 0.4)
"""Exponents of the three readings, in that order; they add up to 1."""

LOOSE_REACH, LOOSE_HOLDS = 0.7, 4
"""Two groups of at least ``LOOSE_HOLDS`` that hang together by one link are parted when it exceeds
``LOOSE_REACH`` of the reach: a lone hold may stand further off than a whole route."""

WALL_COLOURS = frozenset({"black", "brown", "grey", "white", "wood"})
"""Volumes of these colours are the wall's unless they all but touch a problem of that colour."""

VOLUME_REACH, WALL_VOLUME_REACH = 0.4, 0.1
"""How near a volume must be to a hold of its problem, as a share of the reach."""


@dataclass(frozen=True, slots=True)
class _Wall:
    """The holds as arrays, in an order of their own so that the caller's order cannot matter.

    ``middles`` and ``halves`` are float64 (n, 2): centre and half the size of each box in pixels.
    ``volumes`` marks those that are volumes; ``reach`` is in pixels.
    """

    holds: tuple[Hold, ...]
    middles: Doubles
    halves: Doubles
    volumes: Flags
    reach: float

    @classmethod
    def of(cls, holds: Sequence[Hold], width: int, height: int) -> _Wall:
        ordered = tuple(sorted(holds, key=lambda hold: hold.id))
        boxes = np.array([hold.box for hold in ordered], dtype=np.float64).reshape(-1, 4)
        halves = boxes[:, 2:] / 2
        wall = cls(
            ordered,
            boxes[:, :2] + halves,
            halves,
            np.array([hold.kind == "volume" for hold in ordered], dtype=bool),
            0.0,
        )
        return replace(wall, reach=_reach(wall, min(width, height)))

    def gaps(self, some: Indices, others: Indices) -> Doubles:
        """Gaps in pixels between the boxes of ``some`` and ``others``: (len(some), len(others))."""
        squares = np.zeros((len(some), len(others)))
        for axis, weight in enumerate((1.0, VERTICAL_WEIGHT)):
            apart = np.subtract.outer(self.middles[some, axis], self.middles[others, axis])
            np.abs(apart, out=apart)
            apart -= np.add.outer(self.halves[some, axis], self.halves[others, axis])
            np.maximum(apart, 0.0, out=apart)
            apart *= weight
            squares += np.square(apart, out=apart)
        return np.sqrt(squares, out=squares)

    def named(self, colours: Sequence[str]) -> dict[str, Indices]:
        """The holds (no volumes) of each colour when hold i is called ``colours[i]``."""
        found: dict[str, list[int]] = {}
        for index, colour in enumerate(colours):
            if not self.volumes[index]:
                found.setdefault(colour, []).append(index)
        return {colour: np.array(found[colour], dtype=np.intp) for colour in sorted(found)}


def group_problems(
    holds: Sequence[Hold], width: int, height: int
) -> tuple[tuple[Hold, ...], tuple[Problem, ...]]:
    """Group ``holds`` of a photo of ``width`` x ``height`` pixels into problems.

    Returns the holds in the order given, each with its problem's id or None (whatever it had before
    is forgotten), and the problems, numbered from 1 from left to right by their centres, their hold
    ids ascending. The grouping does not depend on the order of the holds. Raises ``ValueError``
    when a side of the photo is not positive or two holds share an id.
    """
    if width <= 0 or height <= 0:
        raise ValueError(f"expected positive photo sides, got {width} x {height}")
    if len({hold.id for hold in holds}) != len(holds):
        raise ValueError("expected holds with different ids")
    wall = _Wall.of(holds, width, height)
    colours = _settled_colours(wall)
    groups = [
        (colour, group)
        for colour, members in wall.named(colours).items()
        for group in _linked(wall, members)
        if len(group) >= MIN_HOLDS
    ]
    groups.sort(key=lambda row: (*wall.middles[row[1]].mean(axis=0), row[0], row[1][0]))
    volumes = _volumes_beside(wall, groups)
    problems = tuple(
        Problem(number, colour, tuple(wall.holds[i].id for i in sorted([*group, *beside])))
        for number, ((colour, group), beside) in enumerate(
            zip(groups, volumes, strict=True), start=1
        )
    )
    owners = {hold_id: problem.id for problem in problems for hold_id in problem.holds}
    return tuple(_assigned(hold, owners.get(hold.id)) for hold in holds), problems


def _assigned(hold: Hold, problem: int | None) -> Hold:
    return hold if hold.problem == problem else replace(hold, problem=problem)


def _reach(wall: _Wall, shorter_side: int) -> float:
    """How far apart two neighbours of one problem may be, in pixels."""
    holds = np.flatnonzero(~wall.volumes)
    if not holds.size:
        return SIDE_SHARE * shorter_side
    sizes = 2 * np.sqrt(wall.halves[holds].prod(axis=1))
    readings = [SIDE_SHARE * shorter_side, HOLD_MULTIPLE * median(sizes)]
    nearest = [np.zeros(0)]
    for members in wall.named([hold.colour.name for hold in wall.holds]).values():
        if len(members) > 1:
            gaps = wall.gaps(members, members)
            np.fill_diagonal(gaps, np.inf)
            nearest.append(gaps.min(axis=1))
    found = np.concatenate(nearest)
    neighbour = NEIGHBOUR_MULTIPLE * median(found) if found.size else 0.0
    # Boxes that touch have no gap to speak of: then the other two readings decide.
    readings.append(neighbour or float(np.sqrt(readings[0] * readings[1])))
    return float(np.exp(np.dot(READING_WEIGHTS, np.log(readings))))


def _settled_colours(wall: _Wall) -> list[str]:
    """A colour for each hold: its own where sure, else the name that its surroundings support.

    A name's support is its probability, halved for every third of a reach to the second nearest
    sure hold of that name. The second, because one neighbour may stand there by chance.
    """
    settled = [hold.colour.name for hold in wall.holds]
    places = wall.named([hold.colour.name if hold.colour.sure else "" for hold in wall.holds])
    best = np.zeros(len(wall.holds))
    for name, asking in _possible_names(wall).items():
        if not name or len(places.get(name, ())) < MIN_HOLDS - 1:
            continue
        indices = np.array([index for index, _ in asking], dtype=np.intp)
        shares = np.array([share for _, share in asking])
        second = np.partition(wall.gaps(indices, places[name]), 1, axis=1)[:, 1]
        support = np.where(second <= wall.reach, shares * 0.5 ** (3 * second / wall.reach), 0.0)
        for index, value in zip(indices.tolist(), support.tolist(), strict=True):
            if value > best[index]:
                best[index], settled[index] = value, name
    return settled


def _possible_names(wall: _Wall) -> dict[str, list[tuple[int, float]]]:
    """For each name that some unsure hold may have: those holds' indices and its probability."""
    asking: dict[str, list[tuple[int, float]]] = {}
    for index, hold in enumerate(wall.holds):
        if hold.kind == "hold" and not hold.colour.sure:
            own = (hold.colour.name, hold.colour.confidence)
            for name, share in (own, *hold.colour.alternatives):
                asking.setdefault(name, []).append((index, share))
    return asking


def _linked(wall: _Wall, members: Indices) -> list[Indices]:
    """Part ``members`` (one colour) into groups: single linkage within reach, then loose links."""
    near, far, lengths = spanning_tree(wall.gaps(members, members))
    links: list[set[int]] = [set() for _ in members]
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] <= wall.reach]
    for one, other in zip(near[order].tolist(), far[order].tolist(), strict=True):
        links[one].add(other)
        links[other].add(one)
    for edge in order[lengths[order] > LOOSE_REACH * wall.reach]:
        one, other = int(near[edge]), int(far[edge])
        links[one].remove(other)
        links[other].remove(one)
        if min(len(_component(links, end, LOOSE_HOLDS)) for end in (one, other)) < LOOSE_HOLDS:
            links[one].add(other)
            links[other].add(one)
    groups: list[Indices] = []
    left = set(range(len(members)))
    while left:
        group = _component(links, min(left), len(members))
        left -= group
        groups.append(members[sorted(group)])
    return groups


def _component(links: Sequence[set[int]], start: int, enough: int) -> set[int]:
    """What ``start`` is linked to, itself included; the search ends when ``enough`` are found."""
    found, waiting = {start}, [start]
    while waiting and len(found) < enough:
        fresh = links[waiting.pop()] - found
        found |= fresh
        waiting.extend(fresh)
    return found


def _volumes_beside(wall: _Wall, groups: Sequence[tuple[str, Indices]]) -> list[list[int]]:
    """For each problem the volumes of its colour right beside it, each given to the nearest."""
    beside: list[list[int]] = [[] for _ in groups]
    for index in np.flatnonzero(wall.volumes):
        colour = wall.holds[index].colour.name
        share = WALL_VOLUME_REACH if colour in WALL_COLOURS else VOLUME_REACH
        near = [
            (float(wall.gaps(np.array([index]), group).min()), place)
            for place, (name, group) in enumerate(groups)
            if name == colour
        ]
        if near and min(near)[0] <= share * wall.reach:
            beside[min(near)[1]].append(int(index))
    return beside
