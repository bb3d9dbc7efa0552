"""Two analysed photos of one wall, aligned -> what came, went, stayed and moved.

Every hold of the first photo is laid onto the second. Holds at one place with one colour and size
stayed, chosen one to one so that the pairs are best in all (:mod:`core.pairing`). Of the others,
those that are likely one hold in two places moved (:mod:`core.moves`); the rest went or came.
Problems follow from their holds (:mod:`core.compare_problems`). All thresholds are relative to hold
sizes.

A hold outside the other photo is *unseen*, neither gone nor new. A detector overlooks holds: with
the pictures at hand (:class:`Look`) a place that looks the same on both is *stayed*, though only
one photo has its outline. Without the pictures nothing is said to have moved.

What this cannot tell: which of two equal holds went, and whether a hold that "moved" is the same
piece of plastic or its twin. A hold that only turned on its bolt stayed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.alignment import Alignment
from core.arrays import Doubles, Pixels
from core.changes import HOLD_FATES, Comparison, HoldChange, HoldFate
from core.compare_problems import compare_problems
from core.hold_traits import Traits, colour_likeness, size_ratios, traits_of
from core.light import gains
from core.moves import Side, kept_companions, moved_pairs
from core.pairing import best_pairs
from core.photo_pair import PhotoPair
from core.same_hold import Resemblance, SameHold
from core.same_place import SamePlace
from core.wall import Hold, WallAnalysis

STAY_DISTANCE = 0.7
"""Middles of one hold on both photos are at most so far apart, in hold sizes (root of the area)."""

STAY_SIZE_RATIO = 1.7
STAY_LIKENESS = 0.2
"""Outlines and colours vary between two photos; at one place little likeness is enough."""

ERRORS = 2.5
"""Times the alignment's error that middles may be off besides."""

SHOWN = 0.85
"""Share of an outline that must lie on the other photo for its absence there to mean anything."""

LIGHT_PAIRS = 5
"""Fewer sure pairs say nothing about the light of the two photos."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the pictures say: whether a place of the second photo, outlined by float64 (P, 2), looks
    the same on the first (:mod:`core.same_place`), and how holds in two places resemble each other
    (:mod:`core.same_hold`)."""

    same_place: Callable[[Doubles], bool]
    same_hold: Resemblance

    @classmethod
    def at(cls, before: Pixels, after: Pixels, alignment: Alignment) -> Look:
        """The look at two working pictures, uint8 (H, W, 3) sRGB each."""
        pair = PhotoPair(before, after, alignment)
        return cls(SamePlace(pair), SameHold(pair))


@dataclass(frozen=True, slots=True, eq=False)
class AtTheirPlaces:
    """What became of holds at the places where they hung: the ``traits`` of both photos in pixels
    of the second, the pairs of indices that ``stayed``, and the fate of those ``alone`` at their
    place, by their index, were none of them found elsewhere."""

    traits: tuple[Traits, Traits]
    stayed: list[tuple[int, int]]
    alone: tuple[dict[int, HoldFate], dict[int, HoldFate]]

    def sides(self, before: WallAnalysis, after: WallAnalysis) -> tuple[Side, Side]:
        """The holds of both photos with what bears on their having moved."""
        first, second = (
            _side(analysis, traits, alone)
            for analysis, traits, alone in zip(
                (before, after), self.traits, self.alone, strict=True
            )
        )
        return first, second

    def light(self) -> Doubles:
        """The factors (3,) from the first photo's light to the second's (:mod:`core.light`)."""
        rows, columns = np.array(self.stayed, np.intp).reshape(-1, 2).T
        return gains(self.traits[0].rgbs[rows], self.traits[1].rgbs[columns])


def at_their_places(
    before: WallAnalysis, after: WallAnalysis, alignment: Alignment, look: Look | None
) -> AtTheirPlaces:
    """Which holds stayed, and which have no partner where they hang."""
    first = traits_of(before.holds, alignment.to_after)
    second = traits_of(after.holds, lambda points: points)
    stayed = best_pairs(_staying(first, second, alignment.error_px))
    places = tuple(alignment.to_before(outline) for outline in second.outlines)
    alone = (
        _alone(first, {a for a, _ in stayed}, first.outlines, alignment.after_size, look),
        _alone(second, {b for _, b in stayed}, places, alignment.before_size, look),
    )
    return AtTheirPlaces((first, second), stayed, alone)


def compare(
    before: WallAnalysis,
    after: WallAnalysis,
    alignment: Alignment,
    look: Look | None = None,
) -> Comparison:
    """What changed from ``before`` to ``after``, which ``alignment`` lays onto each other.

    Without a ``look`` at the pictures the outlines alone decide.
    """
    found = at_their_places(before, after, alignment, look)
    stayed, alone = found.stayed, found.alone
    first, second = found.traits
    moved: list[tuple[int, int]] = []
    if look is not None:
        moved = moved_pairs(*found.sides(before, after), found.light(), look.same_hold)
    changes = [_pair("stayed", before.holds[a], after.holds[b]) for a, b in stayed]
    for a, b in moved:
        gap = float(np.linalg.norm(first.middles[a] - second.middles[b]) / first.sizes[a])
        changes.append(_pair("moved", before.holds[a], after.holds[b], gap))
    for a in sorted(set(alone[0]) - {a for a, _ in moved}):
        hold = before.holds[a]
        changes.append(HoldChange(alone[0][a], hold.id, None, hold.kind, hold.colour.name))
    for b in sorted(set(alone[1]) - {b for _, b in moved}):
        hold, fate = after.holds[b], alone[1][b]
        came: HoldFate = "came" if fate == "went" else fate
        changes.append(HoldChange(came, None, hold.id, hold.kind, hold.colour.name))
    holds = tuple(sorted(changes, key=_order))
    return Comparison(
        before.photo, after.photo, alignment, holds, compare_problems(before, after, holds)
    )


def _pair(fate: HoldFate, before: Hold, after: Hold, distance: float = 0.0) -> HoldChange:
    """The change of a hold that both photos show; the colour is the surer of the two names."""
    surer = max(before.colour, after.colour, key=lambda colour: colour.confidence)
    return HoldChange(fate, before.id, after.id, after.kind, surer.name, distance)


def _order(change: HoldChange) -> tuple[int, int, int]:
    """By fate, then by the number on the second photo, then on the first."""
    return HOLD_FATES.index(change.fate), change.after or 0, change.before or 0


def _alone(
    holds: Traits,
    paired: set[int],
    elsewhere: Sequence[Doubles],
    size: tuple[int, int],
    look: Look | None,
) -> dict[int, HoldFate]:
    """The fate of each hold without a partner at its place, were none to be found elsewhere.

    ``elsewhere`` are the outlines on the other photo, which is of ``size`` (width, height).
    """
    fates: dict[int, HoldFate] = {}
    for index in sorted(set(range(len(holds.sizes))) - paired):
        if not _within(elsewhere[index], size):
            fates[index] = "unseen"
        elif look is not None and look.same_place(holds.outlines[index]):
            fates[index] = "stayed"
        else:
            fates[index] = "went"
    return fates


def _side(analysis: WallAnalysis, traits: Traits, alone: Mapping[int, HoldFate]) -> Side:
    """The holds of one photo with what bears on their having moved; ``alone`` are the fates of
    those without a partner at their place."""
    fates = [alone.get(index, "stayed") for index in range(len(analysis.holds))]
    problems = [hold.problem for hold in analysis.holds]
    stayed = [None if fate == "unseen" else fate == "stayed" for fate in fates]
    free = np.array([fate == "went" for fate in fates], bool)
    return Side(traits, free, kept_companions(problems, stayed))


def _within(outline: Doubles, size: tuple[int, int]) -> bool:
    """Whether nearly all of the outline (P, 2) lies on a photo of ``size`` (width, height)."""
    inside = (outline >= 0).all(1) & (outline <= np.array(size)).all(1)
    return bool(inside.mean() > SHOWN)


def _staying(first: Traits, second: Traits, error_px: float) -> Doubles:
    """Gain (N, M) of taking holds for one that stayed; 0 where they cannot be."""
    distance = _distances(first, second, ERRORS * error_px)
    ratio = size_ratios(first, second)
    likely = colour_likeness(first, second, _light(first, second, _near_pairs(first, second)))
    possible = (distance < STAY_DISTANCE) & (ratio < STAY_SIZE_RATIO) & (likely > STAY_LIKENESS)
    possible &= first.volumes[:, None] == second.volumes[None]
    gain = (1 - distance / STAY_DISTANCE) + 0.5 * likely + 0.5 / ratio
    return np.where(possible, gain, 0.0)


def _distances(first: Traits, second: Traits, slack_px: float) -> Doubles:
    """Gaps of middles in hold sizes, (N, M), after ``slack_px`` is taken off."""
    gap = np.linalg.norm(first.middles[:, None] - second.middles[None], axis=2)
    sizes = np.sqrt(first.sizes[:, None] * second.sizes[None])
    result: Doubles = np.maximum(gap - slack_px, 0.0) / sizes
    return result


def _near_pairs(first: Traits, second: Traits) -> list[tuple[int, int]]:
    """Pairs that lie so well on each other that they are one hold, whatever their colours."""
    close = (_distances(first, second, 0.0) < 0.25) & (size_ratios(first, second) < 1.2)
    one_each = close & (close.sum(1, keepdims=True) == 1) & (close.sum(0, keepdims=True) == 1)
    return [(int(a), int(b)) for a, b in np.argwhere(one_each)]


def _light(first: Traits, second: Traits, pairs: Sequence[tuple[int, int]]) -> Doubles:
    """What the second photo's light adds to a colour: Lab (3,), the median over ``pairs``."""
    if len(pairs) < LIGHT_PAIRS:
        return np.zeros(3)
    rows, columns = np.array(pairs).T
    shift: Doubles = np.median(second.labs[columns] - first.labs[rows], axis=0)
    return shift
