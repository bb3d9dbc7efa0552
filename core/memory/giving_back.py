"""Giving memory back: collecting garbage, and trimming the C library's heaps.

What either of them returned is always the resident memory before minus after, read from the
kernel. The allocator's own figures are no help: after a trim glibc still counts the pages it gave
away among its free ones.

Not done here: deciding when (a person presses a button, or an interval is explained).
"""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.memory.readings import rss_mb


@dataclass(frozen=True, slots=True)
class Given:
    """Resident MiB before and after giving back; ``objects`` that the collector found unreachable.

    ``available`` is False where this system's C library has no way to be trimmed.
    """

    before_mb: float
    after_mb: float
    took_ms: float
    objects: int = 0
    available: bool = True

    @property
    def given_mb(self) -> float:
        """What the system got back; below 0 when another thread took more meanwhile."""
        return self.before_mb - self.after_mb


def collect_garbage(read: Callable[[], float] = rss_mb) -> Given:
    """Run a full collection. Takes about 100 ms with 800,000 live objects."""
    started = time.perf_counter()
    before_mb = read()
    objects = gc.collect()
    return Given(before_mb, read(), (time.perf_counter() - started) * 1000, objects)


def return_freed_memory() -> bool:
    """Let the C library hand its free pages back to the system; False where it has no way to.

    ``malloc_trim`` where that is glibc's: psutil calls it too, but a short command would wait for
    psutil's import longer than for the trim. Elsewhere psutil knows what there is.
    """
    if glibc_trim := _glibc_trim():
        glibc_trim(0)
        return True
    import psutil

    trim = getattr(psutil, "heap_trim", None)
    if trim is None:
        return False
    trim()
    return True


def _glibc_trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library; Windows has no such handle
        return None
    return trim


def trim_heap(read: Callable[[], float] = rss_mb) -> Given:
    """:func:`return_freed_memory`, measured."""
    started = time.perf_counter()
    before_mb = read()
    available = return_freed_memory()
    return Given(before_mb, read(), (time.perf_counter() - started) * 1000, available=available)


def give_back(read: Callable[[], float] = rss_mb) -> tuple[Given, Given]:
    """Collect, then trim: what the collector frees is what the trim can return."""
    return collect_garbage(read), trim_heap(read)
