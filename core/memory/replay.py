"""Does an operation leak? It is run again and again, and the memory in use is looked at.

:func:`replay` runs the operation in rounds of growing counts and reads the memory after every run,
when garbage has been collected and without what the allocators hold free: what still grows with
the number of runs is kept by somebody. :func:`slope_of` turns the readings into KiB per run with a
confidence interval; both are pure but for the operation. :func:`replaying` is the same run by run,
for who wants to watch or to stop (:mod:`core.memory.replay_thread`), and :func:`assert_no_leak` as
a helper for tests.

The slope is Theil's and Sen's: the median of the slopes between all pairs of readings. A single
step (a module that is loaded late, a pool that doubles) does not move it, where a least-squares
line would be tilted; the interval is Sen's, from the distribution of Kendall's tau, and assumes no
distribution of the noise. Readings that are all on one line have an interval of no width.

The resident set size alone would not do: malloc_trim leaves the free end of a thread's heap alone,
up to 64 MiB of it, and what leaks there fills that room first while the size stays where it is.

What it cannot tell: who holds the memory (:mod:`core.memory.verdicts`), and a leak below the
threshold. Memory that was taken from the system itself counts in pages of 4 KiB.

Sources: H. Theil (1950), "A rank-invariant method of linear and polynomial regression analysis";
P. K. Sen (1968), "Estimates of the regression coefficient based on Kendall's tau".
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from core.memory.composition import read_composition
from core.memory.giving_back import return_freed_memory

Finding = Literal["leak", "no leak", "not sure"]

THRESHOLD_KIB = 8.0
"""KiB per run from which on growth is called a leak: two pages. At 1000 photos a day that is 8 MiB,
which no server minds before its next restart."""

WARM_UP = 3
ROUNDS = (10, 10, 20, 40)
"""Runs of each round. After each, the slope is judged over all runs so far; a clear finding ends
the replay, so that most operations take the first round or two."""

CONFIDENCE = 0.95

FEWEST = 3
"""Readings below which there is no slope."""


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
    """What a replay found. ``readings_mb`` are MiB that were kept (:func:`kept_mb`) after each run
    that counts; the ``warm_up`` runs before are left out."""

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


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """What the slope says about the reading after one ``run`` (the first is 1), in MiB: the line,
    and the lines of the interval's two ends through the same middle."""

    run: int
    mb: float
    low_mb: float
    high_mb: float


def trend(found: Replay) -> tuple[TrendPoint, ...]:
    """The slope of ``found`` as a line through its readings, one point for each.

    The line's height is the median of what the readings leave over (Sen 1968), as robust as the
    slope itself. ``low_mb`` and ``high_mb`` cross in the middle of the runs.
    """
    values = np.asarray(found.readings_mb, np.float64)
    from_middle = np.arange(len(values)) - (len(values) - 1) / 2
    slope = found.slope
    height = float(np.median(values - from_middle * slope.kib / 1024))
    edges = np.sort(np.outer([slope.low_kib, slope.high_kib], from_middle) / 1024, axis=0) + height
    return tuple(
        TrendPoint(index + 1, height + float(away) * slope.kib / 1024, float(low), float(high))
        for index, (away, low, high) in enumerate(zip(from_middle, *edges, strict=True))
    )


def slope_of(readings_mb: Sequence[float], confidence: float = CONFIDENCE) -> Slope:
    """Theil's and Sen's slope of readings (MiB, one per run) in KiB per run.

    With n readings, Kendall's S has the variance n (n - 1) (2 n + 5) / 18, less a term for equal
    readings; the interval are the pairwise slopes of the ranks (N -+ z sigma) / 2 (Sen 1968, eq.
    2.6). Raises ``ValueError`` below 3 readings.
    """
    values = np.asarray(readings_mb, np.float64) * 1024
    count = len(values)
    if count < FEWEST:
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


def kept_mb() -> float:
    """The resident memory in MiB that something holds: after a collection, without what the C
    library and Python hold free. About 5 ms beside the collection."""
    gc.collect()
    return_freed_memory()
    parts = read_composition()
    return parts.total_mb - parts.retained_mb - parts.python_free_mb


def rounds_of(runs: int) -> tuple[int, ...]:
    """Rounds of growing counts with at most ``runs`` runs together: 10 (or all of fewer), then as
    many as there were so far.

    Raises ``ValueError`` below 3 runs.
    """
    if runs < FEWEST:
        raise ValueError(f"expected at least {FEWEST} runs, got {runs}")
    rounds = [min(ROUNDS[0], runs)]
    while (left := runs - sum(rounds)) >= FEWEST:
        rounds.append(min(sum(rounds), left))
    return (*rounds[:-1], rounds[-1] + left)


def judged(readings_mb: Sequence[float], threshold_kib: float, warm_up: int) -> Replay:
    """The finding over readings (MiB, one per run). A leak goes on: growth that is over in the
    later half of the runs, after a pool or two have doubled, leaves it unsure. Raises
    ``ValueError`` below 3 readings.
    """
    slope, count = slope_of(readings_mb), len(readings_mb)
    finding = judge(slope, threshold_kib)
    later = slope_of(readings_mb[min(count // 2, count - FEWEST) :])
    if finding == "leak" and later.kib < threshold_kib:
        finding = "not sure"
    return Replay(finding, slope, threshold_kib, warm_up, tuple(readings_mb))


def replay(
    operation: Callable[[], object],
    *,
    threshold_kib: float = THRESHOLD_KIB,
    warm_up: int = WARM_UP,
    rounds: Sequence[int] = ROUNDS,
    read: Callable[[], float] = kept_mb,
) -> Replay:
    """Run ``operation`` until it is clear whether it leaks, or the ``rounds`` are over.

    The ``warm_up`` runs, each with its reading, fill caches and pools and do not count: those of
    the reading too, which in a fresh thread grow by some ten KiB over the first few. Other threads
    of the process should rest meanwhile: their memory counts. What the operation raises is raised.
    """
    steps = replaying(
        operation, threshold_kib=threshold_kib, warm_up=warm_up, rounds=rounds, read=read
    )
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Replay = end.value
            return found


def replaying(
    operation: Callable[[], object],
    *,
    threshold_kib: float = THRESHOLD_KIB,
    warm_up: int = WARM_UP,
    rounds: Sequence[int] = ROUNDS,
    read: Callable[[], float] = kept_mb,
) -> Generator[tuple[float, ...], None, Replay]:
    """:func:`replay` that pauses after each run, those of the warm-up too, and yields the readings
    so far in MiB."""
    if warm_up < 0 or not rounds or min(rounds) < FEWEST or threshold_kib <= 0:
        raise ValueError(f"expected rounds of at least 3 runs, got {rounds} and {threshold_kib}")
    # The readings' own room is taken before the first of them counts.
    taken = np.zeros(sum(rounds))
    read()
    for _ in range(warm_up):
        operation()
        read()
        yield ()
    done = 0
    for runs in rounds:
        for _ in range(runs):
            operation()
            taken[done] = read()
            done += 1
            yield tuple(taken[:done].tolist())
        found = judged(taken[:done].tolist(), threshold_kib, warm_up)
        if found.finding != "not sure":
            break
    return found


def assert_no_leak(
    operation: Callable[[], object],
    *,
    threshold_kib: float = THRESHOLD_KIB,
    warm_up: int = WARM_UP,
    rounds: Sequence[int] = ROUNDS,
    read: Callable[[], float] = kept_mb,
) -> Replay:
    """:func:`replay` for a test: ``AssertionError`` with the numbers unless there is no leak."""
    found = replay(
        operation, threshold_kib=threshold_kib, warm_up=warm_up, rounds=rounds, read=read
    )
    if found.finding != "no leak":
        raise AssertionError(found.sentence())
    return found
