"""Does an operation leak? It is run again and again, and the resident set size is looked at.

:func:`replay` runs the operation in rounds of growing counts and reads the memory after every run,
when garbage has been collected and the C library has given back what it holds free: what still
grows with the number of runs is kept by somebody. :func:`slope_of` turns the readings into KiB per
run with a confidence interval; both are pure but for the operation. :func:`assert_no_leak` is the
same as a helper for tests.

The slope is Theil's and Sen's: the median of the slopes between all pairs of readings. A single
step (a module that is loaded late, a pool that doubles) does not move it, where a least-squares
line would be tilted; the interval is Sen's, from the distribution of Kendall's tau, and assumes no
distribution of the noise. Readings that are all on one line have an interval of no width.

What it cannot tell: who holds the memory (:mod:`core.memory.verdicts`), and a leak below the
threshold. A page is 4 KiB, so a leak of a few hundred bytes shows after hundreds of runs only.

Sources: H. Theil (1950), "A rank-invariant method of linear and polynomial regression analysis";
P. K. Sen (1968), "Estimates of the regression coefficient based on Kendall's tau".
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from core.memory.giving_back import trim_heap
from core.memory.readings import rss_mb

Finding = Literal["leak", "no leak", "not sure"]

THRESHOLD_KIB = 8.0
"""KiB per run from which on growth is called a leak: two pages. At 1000 photos a day that is 8 MiB,
which no server minds before its next restart."""

WARM_UP = 3
ROUNDS = (10, 10, 20, 40)
"""Runs of each round. After each, the slope is judged over all runs so far; a clear finding ends
the replay, so that most operations take the first round or two."""

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth in KiB per run: the estimate and its confidence interval."""

    kib: float
    low_kib: float
    high_kib: float

    def __post_init__(self) -> None:
        if not self.low_kib <= self.kib <= self.high_kib:
            raise ValueError(f"expected low <= slope <= high, got {self}")


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found. ``readings_mb`` are the resident set sizes in MiB after each run that
    counts; the ``warm_up`` runs before are left out."""

    finding: Finding
    slope: Slope
    threshold_kib: float
    warm_up: int
    readings_mb: tuple[float, ...]

    @property
    def runs(self) -> int:
        """Runs that count."""
        return len(self.readings_mb)

    def sentence(self) -> str:
        """The finding with its numbers, for a person."""
        slope = self.slope
        return (
            f"{self.finding}: {slope.kib:+.1f} KiB per run "
            f"({slope.low_kib:+.1f} to {slope.high_kib:+.1f}) over {self.runs} runs; "
            f"a leak is called from {self.threshold_kib:g} on"
        )


def slope_of(readings_mb: Sequence[float], confidence: float = CONFIDENCE) -> Slope:
    """Theil's and Sen's slope of readings (MiB, one per run) in KiB per run.

    With n readings, Kendall's S has the variance n (n - 1) (2 n + 5) / 18, less a term for equal
    readings; the interval are the pairwise slopes of the ranks (N -+ z sigma) / 2 (Sen 1968, eq.
    2.6). Raises ``ValueError`` below 3 readings.
    """
    values = np.asarray(readings_mb, np.float64) * 1024
    count = len(values)
    if count < 3:
        raise ValueError(f"expected at least 3 readings, got {count}")
    first, second = np.triu_indices(count, 1)
    slopes = np.sort((values[second] - values[first]) / (second - first))
    ties = np.unique(values, return_counts=True)[1].astype(np.float64)
    spread = count * (count - 1) * (2 * count + 5) - np.sum(ties * (ties - 1) * (2 * ties + 5))
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(max(spread, 0.0) / 18)
    middle = float(np.median(slopes))
    low = max(0, math.floor((len(slopes) - half) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + half) / 2))
    return Slope(middle, min(middle, float(slopes[low])), max(middle, float(slopes[high])))


def judge(slope: Slope, threshold_kib: float = THRESHOLD_KIB) -> Finding:
    """A leak where all of the interval is at the threshold or above, none where all of it is below;
    else not sure."""
    if slope.low_kib >= threshold_kib:
        return "leak"
    return "no leak" if slope.high_kib < threshold_kib else "not sure"


def settled_rss_mb() -> float:
    """The resident set size in MiB, without garbage and without what the allocator holds free."""
    gc.collect()
    trim_heap()
    return rss_mb()


def replay(
    operation: Callable[[], object],
    *,
    threshold_kib: float = THRESHOLD_KIB,
    warm_up: int = WARM_UP,
    rounds: Sequence[int] = ROUNDS,
    read: Callable[[], float] = settled_rss_mb,
) -> Replay:
    """Run ``operation`` until it is clear whether it leaks, or the ``rounds`` are over.

    The ``warm_up`` runs fill caches and pools and do not count. Other threads of the process should
    rest meanwhile: their memory counts. What the operation raises is raised.
    """
    if warm_up < 0 or not rounds or min(rounds) < 3 or threshold_kib <= 0:
        raise ValueError(f"expected rounds of at least 3 runs, got {rounds} and {threshold_kib}")
    # The readings' own room is taken before the first of them counts.
    taken = np.zeros(sum(rounds))
    read()
    for _ in range(warm_up):
        operation()
    done = 0
    slope = Slope(0.0, 0.0, 0.0)
    finding: Finding = "not sure"
    for runs in rounds:
        for _ in range(runs):
            operation()
            taken[done] = read()
            done += 1
        slope = slope_of(taken[:done].tolist())
        if (finding := judge(slope, threshold_kib)) != "not sure":
            break
    return Replay(finding, slope, threshold_kib, warm_up, tuple(taken[:done].tolist()))


def assert_no_leak(
    operation: Callable[[], object],
    *,
    threshold_kib: float = THRESHOLD_KIB,
    warm_up: int = WARM_UP,
    rounds: Sequence[int] = ROUNDS,
    read: Callable[[], float] = settled_rss_mb,
) -> Replay:
    """:func:`replay` for a test: ``AssertionError`` with the numbers unless there is no leak."""
    found = replay(
        operation, threshold_kib=threshold_kib, warm_up=warm_up, rounds=rounds, read=read
    )
    if found.finding != "no leak":
        raise AssertionError(found.sentence())
    return found
