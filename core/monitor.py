"""What ``python -m core monitor`` shows of a running server: from a reading to lines and a level.

A :class:`Reading` is what the server told (/metrics, /api/ready) and what the system tells of its
process. Memory is judged by the share of the limit that can no longer be taken: a warning from
80 %, critical from 90 %. That counts everything in the server's control group, as the kernel does
before it kills, not the one process alone. Taking readings is :mod:`core.monitor_reading`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Literal

from core.command_output import bar

WARNING_SHARE = 0.8
CRITICAL_SHARE = 0.9

Colour = Literal["plain", "green", "yellow", "red"]
_CODES = {"green": "32", "yellow": "33", "red": "31"}


class Level(IntEnum):
    """How it stands; the number is the exit code of ``--once``."""

    FINE = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """What the system tells of the server's process, in MiB."""

    pid: int
    rss_mb: float
    peak_mb: float
    swap_mb: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at a server. Memory in MiB; counts since the server started.

    ``not_ready`` is the sentence of /api/ready, empty when requests are answered. ``process`` is
    None where its number is not known or the system does not tell.
    """

    url: str
    not_ready: str
    rss_mb: float
    limit_mb: float
    headroom_mb: float
    model_mb: float
    queued: int
    queue_size: int
    running: bool
    cache_entries: int
    cache_mb: float
    cache_limit_mb: float
    cache_hits: int
    cache_misses: int
    answered: int
    refused: int
    failed: int
    process: ProcessMemory | None = None

    @property
    def used_share(self) -> float:
        """The share of the limit that can no longer be taken, 0 to 1."""
        if self.limit_mb <= 0:
            return 0.0
        return min(1.0, max(0.0, 1 - self.headroom_mb / self.limit_mb))


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence about something that is not as it should be."""

    level: Level
    sentence: str


def notices(reading: Reading) -> list[Notice]:
    """What is to be said of ``reading``, the gravest first; nothing when all is fine."""
    found = []
    share, used = reading.used_share, f"{reading.used_share:.0%} of the memory is in use"
    left = f"{reading.headroom_mb:.0f} MiB can still be taken"
    if share >= CRITICAL_SHARE:
        found.append(Notice(Level.CRITICAL, f"{used}: {left}."))
    elif share >= WARNING_SHARE:
        found.append(Notice(Level.WARNING, f"{used}: {left}."))
    if reading.not_ready:
        found.append(Notice(Level.CRITICAL, reading.not_ready))
    if reading.queue_size and reading.queued >= reading.queue_size:
        found.append(Notice(Level.WARNING, "The queue is full: more photos are refused."))
    if reading.process is not None and reading.process.swap_mb >= 1:
        swapped = f"{reading.process.swap_mb:.0f} MiB of the process lie in swap"
        found.append(Notice(Level.WARNING, f"{swapped}: it answers slowly."))
    return sorted(found, key=lambda notice: -notice.level)


def level(reading: Reading) -> Level:
    """The gravest of its notices."""
    return max((notice.level for notice in notices(reading)), default=Level.FINE)


def lines(reading: Reading, *, when: str, coloured: bool = False) -> list[str]:
    """``reading`` as lines for a terminal; ``when`` is the time as it is shown."""
    state = "not ready" if reading.not_ready else "ready"
    colour: Colour = "red" if reading.not_ready else "green"
    shown = [
        f"ClimbMate  {reading.url}  {_painted(state, colour, coloured)}  {when}",
        f"memory     {_memory(reading, coloured)}",
        f"process    {_process(reading)}",
        f"models     {reading.model_mb:.0f} MiB"
        + ("" if reading.model_mb else " (not loaded, or never measured)"),
        f"queue      {reading.queued} of {reading.queue_size} waiting, "
        + ("one running" if reading.running else "none running"),
        f"cache      {reading.cache_entries} results, {reading.cache_mb:.1f} of "
        f"{reading.cache_limit_mb:.1f} MiB, {reading.cache_hits} hits, "
        f"{reading.cache_misses} misses",
        f"photos     {reading.answered} answered, {reading.refused} refused, "
        f"{reading.failed} failed",
    ]
    for notice in notices(reading):
        word = notice.level.name.lower()
        colour = "red" if notice.level is Level.CRITICAL else "yellow"
        shown.append(f"{_painted(f'{word}:', colour, coloured)} {notice.sentence}")
    return shown


def document(reading: Reading, *, when: str) -> dict[str, object]:
    """``reading`` for programs: its fields, its level, and the sentences of its notices."""
    told = notices(reading)
    return {
        "time": when,
        "level": level(reading).name.lower(),
        "used_share": round(reading.used_share, 4),
        **asdict(reading),
        "notices": [{"level": n.level.name.lower(), "sentence": n.sentence} for n in told],
    }


def _memory(reading: Reading, coloured: bool) -> str:
    share = reading.used_share
    colour: Colour = "green"
    if share >= WARNING_SHARE:
        colour = "red" if share >= CRITICAL_SHARE else "yellow"
    return (
        f"[{_painted(bar(share), colour, coloured)}] {share:.0%} of {reading.limit_mb:.0f} MiB, "
        f"{reading.headroom_mb:.0f} MiB can still be taken"
    )


def _process(reading: Reading) -> str:
    if reading.process is None:
        return f"RSS {reading.rss_mb:.0f} MiB (swap unknown: name the process with --pid)"
    told = reading.process
    return (
        f"RSS {told.rss_mb:.0f} MiB, peak {told.peak_mb:.0f} MiB, swap {told.swap_mb:.0f} MiB, "
        f"pid {told.pid}"
    )


def _painted(text: str, colour: Colour, coloured: bool) -> str:
    return f"\033[{_CODES[colour]}m{text}\033[0m" if coloured and colour in _CODES else text
