"""What a load test measured, as plain records, and whether it is good enough.

Nothing is started or sent here; :mod:`benchmarks.load` does that.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

HEALTH_MS = 50.0
"""The 99th percentile of /api/health while the server is busy stays below this."""

REPEATED_MS = 5.0
"""A photo that is sent again is answered within this time, on the server."""

FIRST_SLOWER = 1.25
"""The first request after the start may take this times the processor time of the median of the
first ten; less than this is what it varies by. Processor time, because the clock also counts what
else the machine does."""


def core_of(document: dict[str, Any]) -> str:
    """A hash of what an analysis found: of the document without times, memory, name and hash."""
    kept = {k: v for k, v in document.items() if k not in ("timings_ms", "memory_mb")}
    kept["photo"] = {k: v for k, v in document["photo"].items() if k in ("width", "height")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of ``values`` do not exceed (nearest rank); not a
    number where there are none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(slots=True)
class LoadResult:
    """One run. Times in seconds or milliseconds as named, memory in MiB.

    ``limit_mb`` is 0 where there was no limit, and ``without_limit`` says why. ``rows`` are the
    requests, as :mod:`benchmarks.load_clients` tells them; ``health_ms`` the probes, with
    ``health_failures`` that were not answered with 200. ``first_ms`` and ``first_cpu_ms`` are the
    clock and the processor time of the first requests after a start. ``kills`` is what the kernel
    counts.
    """

    clients: int
    seconds: float
    limit_mb: int
    without_limit: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    health_ms: list[float] = field(default_factory=list)
    health_failures: int = 0
    first_ms: list[float] = field(default_factory=list)
    first_cpu_ms: list[float] = field(default_factory=list)
    again_ms: float = math.nan
    again_identical: bool = False
    again_from_cache: bool = False
    group_peak_mb: float | None = None
    rss_peak_mb: float = 0.0
    kills: int | None = None
    exit_code: int | None = None
    machine: dict[str, Any] = field(default_factory=dict)

    def of(self, *verdicts: str) -> list[dict[str, Any]]:
        """The requests that were judged so."""
        return [row for row in self.rows if row["verdict"] in verdicts]

    def throughput(self) -> float:
        """Photos answered in a second."""
        return len(self.of("right", "smaller")) / self.seconds if self.seconds else 0.0


def failures(result: LoadResult, health_limit_ms: float = HEALTH_MS) -> list[str]:
    """A sentence for everything that is not as it has to be; none when all is right."""
    found = []
    if wrong := result.of("wrong"):
        found.append(f"{len(wrong)} wrong answers, the first: {wrong[0]['told']}")
    if not result.of("right"):
        found.append("no photo was answered")
    if result.kills:
        found.append(f"the kernel killed {result.kills} processes")
    if result.exit_code not in (0, -15):
        found.append(f"the server ended with {result.exit_code}, not in good order")
    if result.health_failures:
        found.append(f"{result.health_failures} health probes failed")
    health = percentile(result.health_ms, 0.99)
    if not health < health_limit_ms:
        found.append(f"health took {health:.0f} ms at the 99th percentile")
    if not (result.again_ms < REPEATED_MS and result.again_from_cache):
        found.append(f"the same photo again took {result.again_ms:.1f} ms on the server")
    if not result.again_identical:
        found.append("the same photo again got another answer")
    taken = result.first_cpu_ms
    if not (taken and taken[0] <= FIRST_SLOWER * statistics.median(taken)):
        found.append(f"the first request took more than the next: {shown(taken)} ms of processor")
    return found


def shown(values: Sequence[float]) -> str:
    """Numbers without decimals, one after the other."""
    return ", ".join(f"{value:.0f}" for value in values)


def report(result: LoadResult) -> str:
    """The run as Markdown."""
    answered = result.of("right", "smaller")
    cached = [row["ms"] for row in answered if row["from_cache"]]
    fresh = [row["ms"] for row in answered if not row["from_cache"]]
    refusals = Counter(f"{row['status']} {row['told']}" for row in result.of("refused"))
    limit = f"{result.limit_mb} MiB without swap" if result.limit_mb else result.without_limit
    peak = "not kept" if result.group_peak_mb is None else f"{result.group_peak_mb:.0f} MiB"
    first = f"{shown(result.first_ms)} ms (cache off)" if result.first_ms else "not measured"
    told = ", ".join(f"{count} x {what}" for what, count in refusals.most_common())
    rows = [
        ("memory limit", limit),
        ("clients, seconds", f"{result.clients}, {result.seconds:.0f}"),
        ("answered", f"{len(answered)} ({result.throughput():.2f} a second)"),
        ("of them seen smaller for want of memory", str(len(result.of("smaller")))),
        ("latency, analysed: median, 95 %, 99 %", spread(fresh)),
        ("latency, from the cache: median, 95 %, 99 %", spread(cached)),
        ("refused, all with Retry-After", told or "none"),
        ("wrong answers", str(len(result.of("wrong")))),
        ("health while busy: median, 95 %, 99 %", spread(result.health_ms)),
        ("first ten requests after the start", first),
        ("the same in processor time", f"{shown(result.first_cpu_ms)} ms"),
        ("the same photo again, on the server", f"{result.again_ms:.1f} ms"),
        ("peak: RSS; group with file pages", f"{result.rss_peak_mb:.0f} MiB; {peak}"),
        ("killed by the kernel", "not told" if result.kills is None else str(result.kills)),
    ]
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows)])


def spread(values_ms: Sequence[float]) -> str:
    """Median, 95th and 99th percentile with their number."""
    if not values_ms:
        return "none"
    ranks = [percentile(values_ms, share) for share in (0.5, 0.95, 0.99)]
    digits = 1 if ranks[0] < 100 else 0
    return ", ".join(f"{ms:.{digits}f}" for ms in ranks) + f" ms (of {len(values_ms)})"
