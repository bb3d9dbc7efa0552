"""Which lines allocated: tracemalloc, for the length of one operation, within a budget.

Tracing everything is what kills a small server: each block that is allocated while tracing costs
about 100 bytes, and reading the traces another 170, so half a million objects cost 130 MiB. So
tracing runs from the beginning of a chosen operation to its end; before it begins, its cost is
predicted (:func:`predicted_cost_mb`) and compared with the headroom; and while it runs, its real
cost is watched and tracing ends when the budget is spent. What it cost is part of the result.

The lines are those of blocks that were allocated inside and still live at the end. What was freed
in between shows only in ``peak_mb``. Native memory is not seen, except numpy's data; nor is
anything that was there before.
"""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.memory.readings import headroom_mb

_MIB = 2**20

TRACE_BYTES = 100
"""RSS for each live traced block, with one frame (measured: 800,000 blocks cost 77 MiB)."""

SNAPSHOT_BYTES = 170
"""RSS for each traced block while the traces are read (measured: 800,000 blocks, 129 MiB)."""

BLOCK_BYTES = 53
"""What tracemalloc itself counts for each traced block (get_tracemalloc_memory)."""

SHARE_OF_HEADROOM = 0.5
"""Tracing may take this much of the memory that is still free."""

WATCH_MS = 20.0

FRAMES = 6
"""Frames that are kept of each block, so that what a library allocates can be told by the line of
the program that called it. Traces share their frames: more of them cost time, hardly memory."""

_LIBRARIES = tuple(
    f"{path}{os.sep}"
    for path in {
        sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    if path
)


_OWN = frozenset(
    [threading.__file__]
    + [
        str(Path(__file__).with_name(f"{name}.py"))
        for name in ("tracing", "ledger", "readings", "workbench")
    ]
)
"""Where the debugger allocates itself: starting its threads, keeping its records."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of code with what it allocated that still lives: bytes and blocks."""

    file: str
    line: int
    nbytes: int
    blocks: int


@dataclass(slots=True)
class Trace:
    """The result of tracing one operation.

    ``refused`` says in a sentence why there are no lines, and is empty where there are.
    ``cost_mb`` is what tracing and reading needed by tracemalloc's count and the measured cost of
    reading, ``kept_mb`` and ``peak_mb`` what the operation had allocated in Python at its end and
    at its height.
    """

    name: str = ""
    lines: tuple[Line, ...] = ()
    refused: str = ""
    predicted_mb: float = 0.0
    cost_mb: float = 0.0
    reading_ms: float = 0.0
    kept_mb: float = 0.0
    peak_mb: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)


def predicted_cost_mb(blocks: int) -> float:
    """MiB that tracing ``blocks`` live blocks and reading the result takes."""
    return blocks * (TRACE_BYTES + SNAPSHOT_BYTES) / _MIB


def budget_mb(headroom: float) -> float:
    """MiB that tracing may take when ``headroom`` MiB are free."""
    return SHARE_OF_HEADROOM * headroom


def refusal(predicted_mb: float, free_mb: float) -> str:
    """Why tracing must not begin, as a sentence; empty where it may."""
    if predicted_mb <= budget_mb(free_mb):
        return ""
    return (
        f"Not traced: it would take about {predicted_mb:.0f} MiB, and of {free_mb:.0f} MiB free "
        f"it may have {budget_mb(free_mb):.0f}."
    )


@contextlib.contextmanager
def tracing(
    name: str = "",
    limit: int = 10,
    *,
    expected_blocks: int | None = None,
    headroom: Callable[[], float] = headroom_mb,
) -> Iterator[Trace]:
    """Trace the block; the yielded :class:`Trace` is complete when it ends.

    ``expected_blocks`` is how many blocks it will keep at its height; unknown, as many as live in
    the process now. Where tracing is already on, or would not fit, the block runs without, and
    ``refused`` says why.
    """
    import tracemalloc

    blocks = sys.getallocatedblocks() if expected_blocks is None else expected_blocks
    trace = Trace(name, predicted_mb=predicted_cost_mb(blocks))
    free_mb = headroom()
    trace.refused = refusal(trace.predicted_mb, free_mb)
    if not trace.refused and tracemalloc.is_tracing():
        trace.refused = "Not traced: tracing is already on, for something around this."
    if trace.refused:
        yield trace
        return
    tracemalloc.start(FRAMES)
    watcher = threading.Thread(
        target=_watch, args=(trace, budget_mb(free_mb)), name="trace-watch", daemon=True
    )
    watcher.start()
    try:
        yield trace
    finally:
        trace._ended.set()
        watcher.join()
        try:
            _read(trace, limit, headroom)
        finally:
            tracemalloc.stop()


def _watch(trace: Trace, allowed_mb: float) -> None:
    """End tracing when it has cost what it may; reading needs its share of that too."""
    import tracemalloc

    while not trace._ended.wait(WATCH_MS / 1000):
        cost_mb = _cost_mb(tracemalloc.get_tracemalloc_memory())
        if cost_mb > allowed_mb:
            tracemalloc.stop()
            trace.cost_mb = cost_mb
            trace.refused = (
                f"Tracing ended early: it had come to {cost_mb:.0f} MiB of the "
                f"{allowed_mb:.0f} it may have."
            )
            return


def _cost_mb(counted_bytes: int) -> float:
    """What tracing and reading costs, from tracemalloc's own count of its tables."""
    return predicted_cost_mb(counted_bytes // BLOCK_BYTES)


def _read(trace: Trace, limit: int, headroom: Callable[[], float]) -> None:
    import tracemalloc

    if not tracemalloc.is_tracing():
        return
    started = time.perf_counter()
    kept, peak = tracemalloc.get_traced_memory()
    trace.kept_mb, trace.peak_mb = kept / _MIB, peak / _MIB
    counted = tracemalloc.get_tracemalloc_memory()
    trace.cost_mb = _cost_mb(counted)
    if (counted // BLOCK_BYTES) * SNAPSHOT_BYTES / _MIB > budget_mb(headroom()):
        trace.refused = (
            f"Traced, but not read: that would take more than half of what is free, on top of "
            f"{counted / _MIB:.0f} MiB of traces."
        )
        return
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()  # reading takes longer than the operation did: it need not be traced
    sums: dict[tuple[str, int], list[int]] = {}
    for row in snapshot.statistics("traceback"):
        frames = [(frame.filename, frame.lineno) for frame in row.traceback]
        if (place := _place(frames)) is not None:
            known = sums.setdefault(place, [0, 0])
            known[0] += row.size
            known[1] += row.count
    lines = [Line(file, line, *counted) for (file, line), counted in sums.items()]
    trace.lines = tuple(sorted(lines, key=lambda line: (-line.nbytes, line.file))[:limit])
    trace.reading_ms = (time.perf_counter() - started) * 1000


def _place(frames: Sequence[tuple[str, int]]) -> tuple[str, int] | None:
    """The line of the program that a block is told by: of these frames, oldest first, the last
    that is not a library's; the last of all where there is none. None for the debugger's own."""
    if frames[-1][0] in _OWN or any(file == __file__ for file, _ in frames[-2:]):
        return None
    for frame in reversed(frames):
        if not frame[0].startswith(_LIBRARIES) and not frame[0].startswith("<"):
            return None if frame[0] in _OWN else frame
    return frames[-1]
