"""Which of the holds that went are those that came: the holds that moved.

To say that a hold moved is to say that two pictures show one piece of plastic, where a wall has
dozens of its kind. Six things speak for it or against it: how alike the pictures are and how much
one would have to be stretched (:mod:`core.same_hold`), how far apart colour and lightness are in
one light, how far sizes, and whether the rest of both problems stayed: setters who strip a problem
take its holds away, while a hold that hangs elsewhere in a problem that stayed was moved. Each pair
gets odds from these, and it competes with all other pairs of its two holds and with the chance that
the hold just went, or just came (conditional logit, McFadden 1974).

The weights were fitted on rendered walls, where the truth is known: ``python -m
benchmarks.moving``; how right the answers are on other walls, ``python -m benchmarks.comparing``.

What this cannot tell: which of several twins it was that moved. Where two pairs are as likely,
neither is believed, and what falls short went and came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays import Doubles, Flags, Indices
from core.hold_traits import Traits, size_ratios
from core.light import relit
from core.pairing import best_pairs
from core.same_hold import Resemblance

EVIDENCE = ("likeness", "kept", "colour", "lightness", "size", "stretch")
"""The columns of :func:`evidence`, in the order of the weights."""

WEIGHTS = np.array([6.4, 0.642, -0.137, -0.059, -3.01, -2.37])
START = -5.6
"""Log-odds that two holds are one: ``START`` plus the evidence times its weights."""

BELIEVED = 0.25
"""Probability from which on a hold is said to have moved. The odds are careful, since each pair is
weighed against the rivals of both its holds: of the pairs that reach it, eight of ten are right."""

SIZE_RATIO = 2.0
"""Of one hold in two places at most: perspective makes the far one smaller."""

ALIKE = 0.97
"""Correlation above which nothing more is learned."""

DOUBTFUL = 0.02
"""Share of companions below which, and 1 - it above which, nothing more is learned."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The holds of one photo: their ``traits``; those that have no partner at their place and so
    may have moved, ``free`` bool (N,); and the share of each one's companions that stayed, ``kept``
    (N,) as :func:`kept_companions` tells."""

    traits: Traits
    free: Flags
    kept: Doubles


def moved_pairs(
    first: Side, second: Side, factors: Doubles, resemblance: Resemblance
) -> list[tuple[int, int]]:
    """Pairs of indices into both, sorted: each one hold in two places, every index in one pair at
    most. ``factors`` (3,) lead from the first photo's light to the second's (:mod:`core.light`)."""
    pairs = promising(first, second, factors)
    if not len(pairs):
        return []
    known = evidence(first, second, pairs, factors, resemblance)
    odds = np.zeros((len(first.free), len(second.free)))
    odds[pairs[:, 0], pairs[:, 1]] = np.exp(START + known @ WEIGHTS)
    rivals = odds.sum(axis=1, keepdims=True) + odds.sum(axis=0, keepdims=True) - odds
    sure = odds / (1 + rivals)
    return best_pairs(np.where(sure >= BELIEVED, sure, 0.0))


def promising(first: Side, second: Side, factors: Doubles) -> Indices:
    """The pairs (K, 2) that could be believed if their pictures were the same."""
    possible = first.free[:, None] & second.free[None]
    possible &= first.traits.volumes[:, None] == second.traits.volumes[None]
    possible &= size_ratios(first.traits, second.traits) < SIZE_RATIO
    pairs = np.argwhere(possible)
    best = evidence(first, second, pairs, factors, _the_same)
    hopeful = START + best @ WEIGHTS > np.log(BELIEVED / (1 - BELIEVED))
    return np.asarray(pairs[hopeful], np.intp)


def evidence(
    first: Side, second: Side, pairs: Indices, factors: Doubles, resemblance: Resemblance
) -> Doubles:
    """What is known of ``pairs`` (K, 2), float64 (K, 6), column by column as in EVIDENCE.

    *likeness* is the correlation of the pictures as Fisher's z, *kept* the sum of both holds'
    log-odds that a companion stayed, *colour* the distance in a*b* and *lightness* that in L*, in
    the second photo's light, *size* and *stretch* natural logarithms of ratios, 0 or more.
    """
    a, b = first.traits, second.traits
    rows, columns = pairs.T
    told = resemblance(a.outlines, b.outlines, pairs)
    gap = b.labs[columns] - relit(a.rgbs, factors)[rows]
    kept = _log_odds(first.kept)[rows] + _log_odds(second.kept)[columns]
    return np.column_stack([
        np.arctanh(np.clip(told[:, 0], -ALIKE, ALIKE)),
        kept,
        np.hypot(gap[:, 1], gap[:, 2]),
        np.abs(gap[:, 0]),
        np.abs(np.log(a.sizes[rows] / b.sizes[columns])),
        told[:, 1],
    ])  # fmt: skip


def kept_companions(problems: Sequence[int | None], stayed: Sequence[bool | None]) -> Doubles:
    """The share of each hold's companions, the other holds of its problem, that stayed: (N,).

    ``stayed`` is None for a hold that the other photo cannot show. Half a companion of either fate
    is added (Jeffreys' prior), so that without companions the share is one half.
    """
    shares = np.full(len(problems), 0.5)
    for index, problem in enumerate(problems):
        if problem is None:
            continue
        fates = [
            fate
            for other, fate in enumerate(stayed)
            if other != index and problems[other] == problem and fate is not None
        ]
        shares[index] = (sum(fates) + 0.5) / (len(fates) + 1)
    return shares


def _log_odds(shares: Doubles) -> Doubles:
    held = np.clip(shares, DOUBTFUL, 1 - DOUBTFUL)
    result: Doubles = np.log(held / (1 - held))
    return result


def _the_same(_before: Sequence[Doubles], _after: Sequence[Doubles], pairs: Indices) -> Doubles:
    """The most that pictures can say for a pair."""
    return np.column_stack([np.ones(len(pairs)), np.zeros(len(pairs))])
