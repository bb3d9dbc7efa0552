"""Readings of a process that grows as a test wants it to, for the tests of leak replays."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def growing(kib: float) -> Callable[[], float]:
    """Readings in MiB of which each is ``kib`` above the one before."""
    values: Iterator[float] = (200 + index * kib / 1024 for index in range(10_000))
    return lambda: next(values)
