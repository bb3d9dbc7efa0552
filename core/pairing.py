"""Gains between two sets -> the one-to-one pairs whose gains add up to the most.

The assignment problem, solved exactly by shortest augmenting paths (Kuhn 1955; Jonker and Volgenant
1987, here in the form with potentials of rows and columns). Pairs without gain are not made, and
whatever cannot compete for the same partner is solved apart, so that a few hundred holds take
milliseconds. Nothing here knows what is paired.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.arrays import Doubles, Indices


def best_pairs(gain: Doubles) -> list[tuple[int, int]]:
    """Pairs (row, column) of ``gain``, float64 (N, M), sorted; each row and column at most once.

    Only pairs with a gain above 0 are made. Raises ``ValueError`` for other than a finite matrix.
    """
    if gain.ndim != 2 or not np.isfinite(gain).all():
        raise ValueError(f"expected a finite matrix, got shape {gain.shape}")
    pairs: list[tuple[int, int]] = []
    for rows, columns in _rivals(gain > 0):
        part = np.maximum(gain[np.ix_(rows, columns)], 0.0)
        turned = part.shape[0] > part.shape[1]
        chosen = _assign(-part.T if turned else -part)
        for a, b in enumerate(chosen):
            row, column = (b, a) if turned else (a, b)
            if part[row, column] > 0:
                pairs.append((int(rows[row]), int(columns[column])))
    return sorted(pairs)


def _rivals(possible: NDArray[np.bool_]) -> Iterator[tuple[Indices, Indices]]:
    """Rows and columns that are linked by possible pairs, set by set."""
    free = np.asarray(possible.any(axis=1), np.bool_)
    while free.any():
        rows = np.zeros(len(free), np.bool_)
        rows[int(np.argmax(free))] = True
        while True:
            columns = np.asarray(possible[rows].any(axis=0), np.bool_)
            more = np.asarray(possible[:, columns].any(axis=1), np.bool_)
            if (more == rows).all():
                break
            rows = more
        free &= ~rows
        yield np.flatnonzero(rows), np.flatnonzero(columns)


def _assign(cost: Doubles) -> list[int]:
    """The column of each row at least total cost; (N, M) with N <= M."""
    count, width = cost.shape
    owner = np.full(width + 1, -1)  # row that has each column; the last column is the start
    of_row, of_column = np.zeros(count), np.zeros(width + 1)
    for row in range(count):
        owner[width], column = row, width
        least, came_from = np.full(width, np.inf), np.full(width, width)
        visited = np.zeros(width + 1, bool)
        while owner[column] >= 0:
            visited[column] = True
            here = owner[column]
            slack = cost[here] - of_row[here] - of_column[:width]
            better = ~visited[:width] & (slack < least)
            least[better], came_from[better] = slack[better], column
            step_to = int(np.argmin(np.where(visited[:width], np.inf, least)))
            step = least[step_to]
            of_row[owner[visited]] += step
            of_column[visited] -= step
            least[~visited[:width]] -= step
            column = step_to
        while column != width:  # turn the path over
            owner[column] = owner[came_from[column]]
            column = int(came_from[column])
        owner[width] = -1
    chosen = [0] * count
    for column, row in enumerate(owner[:width].tolist()):
        if row >= 0:
            chosen[row] = column
    return chosen
