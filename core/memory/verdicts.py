"""Why the memory grew: the growth between two readings, divided into reasons that add up to it.

After the work, garbage is collected and the C library's heap trimmed, with a reading after each
step. From these readings follows, in MiB:

- **garbage**: what the collector freed, and the process no longer has at the end;
- **retained**: what the allocators had kept for later, given back by the trim or stuck in partly
  used arenas, less what they kept at the beginning;
- **owner**: what a named owner (:mod:`core.memory.owners`) holds more than at the beginning;
- **python**: small Python objects that are alive and belong to no named owner;
- **mapped**: code and files that were mapped, as by an import;
- **native**: the rest: memory in use that nobody named, be it a C library's or a large Python
  object's.

A reason may be below zero (an owner that let go). What it cannot say: which line took the memory
(:mod:`core.memory.tracing`), or whose a large block without an owner is. Other threads that
allocate meanwhile are counted as if it were the work's own doing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.memory.composition import (
    Composition,
    read_composition,
    read_native_heap,
)
from core.memory.giving_back import collect_garbage, trim_heap
from core.memory.owners import Owner, measure_owners
from core.memory.python_heap import read_python_heap

_MIB = 2**20

Reason = Literal["garbage", "retained", "owner", "python", "mapped", "native"]

NEGLIGIBLE_MB = 0.5
"""Below this a difference of readings says nothing: pages, not objects, are counted."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The state at one moment: the composition (its sum is the RSS), bytes in use, the owners.

    ``in_use_mb`` is what both allocators count as handed out, resident or not.
    """

    composition: Composition
    in_use_mb: float
    owners: tuple[Owner, ...] = ()

    @property
    def rss_mb(self) -> float:
        """The resident set size in MiB."""
        return self.composition.total_mb


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the growth: its reason, MiB, and the owner's name where it has one."""

    reason: Reason
    size_mb: float
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The growth in MiB and its shares, the largest first; they add up to it.

    ``given_back_mb`` is what collecting and trimming returned to the system, by RSS before minus
    after: below zero where other work took more meanwhile.
    """

    growth_mb: float
    shares: tuple[Share, ...]
    given_back_mb: float

    def size_mb(self, reason: Reason, owner: str = "") -> float:
        """The sum of the shares with this reason, and this owner where one is named."""
        return sum(
            share.size_mb
            for share in self.shares
            if share.reason == reason and owner in ("", share.owner)
        )

    @property
    def main(self) -> Share | None:
        """The largest share; None where nothing grew worth speaking of."""
        largest = max(self.shares, key=lambda share: share.size_mb, default=None)
        return largest if largest and largest.size_mb >= NEGLIGIBLE_MB else None


def take_reading(owners: Sequence[Owner] = (), models_mb: float = 0.0) -> Reading:
    """Read composition and allocators now, to go with the ``owners`` that were measured."""
    native, python = read_native_heap(), read_python_heap()
    in_use = (native.heap_bytes + native.mapped_bytes if native else 0) + (
        python.in_use_bytes if python else 0
    )
    return Reading(read_composition(models_mb), in_use / _MIB, tuple(owners))


def take_mark(owners: Callable[[], Sequence[Owner]] = measure_owners) -> Reading:
    """A reading to start from: garbage collected and heap trimmed, so that later growth is new."""
    held = owners()  # first: what the measuring itself needs is given back with the rest
    collect_garbage()
    trim_heap()
    return take_reading(held)


@dataclass(frozen=True, slots=True)
class Explained:
    """A verdict with the last reading, which is the mark for the next one, and what it took."""

    verdict: Verdict
    after: Reading
    took_ms: float


def explain_growth(
    before: Reading, owners: Callable[[], Sequence[Owner]] = measure_owners
) -> Explained:
    """Explain what happened since ``before``: measure, collect, measure, trim, measure."""
    started = time.perf_counter()
    grown = take_reading()
    held = owners()
    collect_garbage()
    collected = take_reading()
    trim_heap()
    trimmed = take_reading(held)
    took_ms = (time.perf_counter() - started) * 1000
    return Explained(judge(before, grown, collected, trimmed), trimmed, took_ms)


def judge(before: Reading, grown: Reading, collected: Reading, trimmed: Reading) -> Verdict:
    """Divide the growth from ``before`` to ``grown``, with the readings after collecting and after
    trimming; the owners of the first and the last reading count."""
    growth = grown.rss_mb - before.rss_mb
    given_back = grown.rss_mb - trimmed.rss_mb
    garbage = max(0.0, grown.in_use_mb - collected.in_use_mb)
    # Freed, and either returned or kept in arenas that are not empty: not both.
    kept = _kept_by_allocators(trimmed) - _kept_by_allocators(before)
    garbage = min(garbage, max(0.0, given_back + max(0.0, kept)))
    retained = given_back + kept - garbage
    held = _owners_growth(before.owners, trimmed.owners)
    small = _small_mb(trimmed.owners) - _small_mb(before.owners)
    python = trimmed.composition.python_objects_mb - before.composition.python_objects_mb - small
    mapped = trimmed.composition.file_mapped_mb - before.composition.file_mapped_mb
    python = max(0.0, python)
    native = growth - garbage - retained - sum(held.values()) - python - mapped
    if native < 0 < garbage:
        # Garbage that was there before the first reading went with the rest.
        older = min(garbage, -native)
        garbage, native = garbage - older, native + older
    shares = [
        Share("garbage", garbage),
        Share("retained", retained),
        *(Share("owner", size_mb, name) for name, size_mb in held.items()),
        Share("python", python),
        Share("mapped", mapped),
        Share("native", native),
    ]
    shares = [share for share in shares if share.size_mb]
    shares.sort(key=lambda share: -abs(share.size_mb))
    return Verdict(growth, tuple(shares), given_back)


def _kept_by_allocators(reading: Reading) -> float:
    return reading.composition.retained_mb + reading.composition.python_free_mb


def _owners_growth(before: Sequence[Owner], after: Sequence[Owner]) -> Mapping[str, float]:
    """MiB that each owner holds more (or less) than before, by "kind: name"."""
    grown = dict.fromkeys([owner.key for owner in (*after, *before)], 0)
    for owner in after:
        grown[owner.key] += owner.nbytes
    for owner in before:
        grown[owner.key] -= owner.nbytes
    return {
        f"{kind}: {name}" if name else kind: nbytes / _MIB
        for (kind, name), nbytes in grown.items()
        if nbytes
    }


def _small_mb(owners: Sequence[Owner]) -> float:
    return sum(owner.small_bytes for owner in owners) / _MIB
