"""The weights by which a hold is said to have moved, fitted: ``python -m benchmarks.moving``.

Walls are rendered before and after a reset, the product finds their holds, and the pairs of holds
that went and came are those that :mod:`core.moves` would weigh. Which of them are one hold the
renderer knows. The weights are those of a conditional logit (McFadden 1974) with a little ridge:
each hold that went either is one of those that came or none, and each that came likewise; the
likelihoods of both are multiplied. They are printed as ``core/moves.py`` holds them, and besides
what each threshold would give on walls left out of the fit, in eight parts.

The walls are others than those of :mod:`benchmarks.comparing` and of all trainings. A moved hold
hangs at the turn that it had; no evidence looks at turns (``benchmarks.comparing --turned``).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import cv2
import numpy as np

from benchmarks.comparing import identify, pair_of_walls, true_fates
from core.alignment import AlignmentError, align
from core.analysis import Models, analyze, finish, load_models
from core.compare import Look, at_their_places
from core.moves import EVIDENCE, evidence, promising
from core.overlay import encode_jpeg
from core.settings import Settings, load_settings

SEED = 710_000
"""First seed of the walls."""

RIDGE = 0.3
PARTS = 8
STEPS = 40
THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


def rows_of(seed: int, models: Models, settings: Settings) -> np.ndarray | None:
    """One row a pair: seed, both indices, whether it is one hold, and the evidence."""
    before, after = pair_of_walls(seed)
    try:
        alignment = align(before.image, after.image)
    except AlignmentError:
        return None
    found = [
        finish(analyze(encode_jpeg(wall.image, 95), models, settings)) for wall in (before, after)
    ]
    look = Look.at(before.image, after.image, alignment)
    places = at_their_places(found[0], found[1], alignment, look)
    first, second = places.sides(*found)
    pairs = promising(first, second, places.light())
    known = evidence(first, second, pairs, places.light(), look.same_hold)
    old, new = identify(found[0], before), identify(found[1], after)
    fates = true_fates(before, after, alignment)
    right = [
        fates.get((old.get(found[0].holds[a].id), new.get(found[1].holds[b].id))) == "moved"
        for a, b in pairs.tolist()
    ]
    return np.column_stack([np.full(len(pairs), seed), pairs, right, known])


def groups(rows: np.ndarray, side: int) -> np.ndarray:
    """The number of each row's hold on one side, 0 for the first photo."""
    holds = rows[:, [0, 1 + side]]
    return np.unique(holds, axis=0, return_inverse=True)[1].ravel()


def fitted(rows: np.ndarray) -> np.ndarray:
    """The weights of the evidence, and the start as the last one, by Newton's method."""
    known = np.column_stack([rows[:, 4:], np.ones(len(rows))])
    right = rows[:, 3]
    scale = np.r_[known[:, :-1].std(axis=0), 1.0]
    known = known / scale
    ridge = np.r_[np.full(known.shape[1] - 1, RIDGE), 0.0]
    sides = [groups(rows, side) for side in (0, 1)]

    def fit(weights: np.ndarray) -> float:
        gain = known @ weights
        none = sum(np.log1p(np.bincount(group, np.exp(gain))).sum() for group in sides)
        return float(2 * gain @ right - none - (ridge * weights**2).sum() / 2)

    weights = np.r_[np.zeros(known.shape[1] - 1), np.log(max(right.mean(), 1e-6))]
    for _ in range(STEPS):
        odds = np.exp(known @ weights)
        slope, curve = -ridge * weights, np.diag(ridge)
        for group in sides:
            share = odds / (1 + np.bincount(group, odds))[group]
            slope += known.T @ (right - share)
            means = np.zeros((group.max() + 1, known.shape[1]))
            np.add.at(means, group, known * share[:, None])
            curve += (known * share[:, None]).T @ known - means.T @ means
        step = np.linalg.solve(curve, slope)
        while fit(weights + step) < fit(weights) and np.abs(step).max() > 1e-6:
            step /= 2  # the likelihood is concave: a shorter step always gains
        weights += step
    return weights / scale


def believed(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The probability of each pair, as :func:`core.moves.moved_pairs` computes it."""
    odds = np.exp(rows[:, 4:] @ weights[:-1] + weights[-1])
    sums = [np.bincount(groups(rows, side), odds)[groups(rows, side)] for side in (0, 1)]
    share: np.ndarray = odds / (1 + sums[0] + sums[1] - odds)
    return share


def left_out(rows: np.ndarray) -> np.ndarray:
    """The probability of each pair by weights that were fitted without its wall."""
    walls = np.unique(rows[:, 0])
    share = np.zeros(len(rows))
    for part in range(PARTS):
        here = np.isin(rows[:, 0], walls[part::PARTS])
        share[here] = believed(rows[here], fitted(rows[~here]))
    return share


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moving")
    parser.add_argument("--walls", type=int, default=110)
    chosen = parser.parse_args(arguments)
    settings = load_settings()
    cv2.setNumThreads(settings.omp_num_threads)
    models = load_models(settings)
    found = [rows_of(seed, models, settings) for seed in range(SEED, SEED + chosen.walls)]
    rows = np.concatenate([part for part in found if part is not None])
    right = rows[:, 3] > 0
    print(f"{chosen.walls} walls, {len(rows)} pairs, {int(right.sum())} of them one hold")
    for name, weight in zip((*EVIDENCE, "start"), fitted(rows), strict=True):
        print(f"{name}: {weight:.3g}")
    share = left_out(rows)
    print("| believed from | pairs | right | of those weighed |\n| --- | --- | --- | --- |")
    for threshold in THRESHOLDS:
        said = share >= threshold
        hits = (said & right).sum()
        print(
            f"| {threshold} | {said.sum()} | {hits / max(said.sum(), 1):.2f} | "
            f"{hits / right.sum():.2f} |"
        )


if __name__ == "__main__":
    main()
