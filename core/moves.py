"""Which of the holds that went are those that came: the holds that moved.

To say that a hold moved is to say that two pictures show one piece of plastic, where a wall has
dozens of its kind. So a pair must agree in kind, colour, size and outline, then look the same
(:mod:`core.same_hold`), and look clearly more the same than either does beside any other hold that
went or came. Whatever falls short went and came, which is what setters would say of it.

The thresholds were chosen on rendered walls that ``benchmarks/comparing.py`` does not use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.arrays import Doubles
from core.hold_traits import Traits, colour_likeness, shape_difference, size_ratios

SIZE_RATIO = 1.5
"""Of one hold in two places: perspective makes the far one smaller."""

COLOUR_LIKENESS = 0.6

OUTLINE_DIFFERENCE = 0.12
"""Outlines are ragged, and perspective presses them: this lets all but other forms pass."""

LIKENESS = 0.82
LEAD = 0.1
"""How alike the pictures of one hold are at least, and by how much more than the next best's."""

Likeness = Callable[[Sequence[Doubles], Sequence[Doubles], NDArray[np.bool_]], Doubles]
"""How alike holds look, as :class:`core.same_hold.SameHold` tells."""


def moved_pairs(
    first: Traits,
    second: Traits,
    free: tuple[Sequence[int], Sequence[int]],
    light: Doubles,
    likeness: Likeness,
) -> list[tuple[int, int]]:
    """Pairs of indices into both, sorted: each one hold in two places.

    ``free`` are the indices of those that went and of those that came; ``light`` (3,) what the
    second photo's light adds to a colour in Lab. Every index is in one pair at most.
    """
    asked = np.zeros((len(first.sizes), len(second.sizes)), bool)
    asked[np.ix_(*(np.array(indices, np.intp) for indices in free))] = True
    asked &= first.volumes[:, None] == second.volumes[None]
    asked &= size_ratios(first, second) < SIZE_RATIO
    asked &= shape_difference(first.shapes, second.shapes) < OUTLINE_DIFFERENCE
    asked &= colour_likeness(first, second, light) > COLOUR_LIKENESS
    alike = np.where(asked, likeness(first.outlines, second.outlines, asked), -1.0)
    return [
        (int(a), int(b)) for a, b in np.argwhere(alike >= LIKENESS) if _leads(alike, int(a), int(b))
    ]


def _leads(alike: Doubles, row: int, column: int) -> bool:
    """Whether a pair is clearly the best of its row and its column."""
    rivals = np.concatenate([np.delete(alike[row], column), np.delete(alike[:, column], row)])
    return not len(rivals) or bool(alike[row, column] > rivals.max() + LEAD)
