"""Tracing: the lines that allocated, within a budget, and refused where it would not fit."""

from __future__ import annotations

import inspect
import threading
import time
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from core.memory import tracing as tracing_module
from core.memory.tracing import predicted_cost_mb, refusal, tracing

MIB = 2**20


@pytest.fixture(autouse=True)
def nothing_traces_before_or_after() -> Iterator[None]:
    assert not tracemalloc.is_tracing()
    yield
    assert not tracemalloc.is_tracing()
    assert all(thread.name != "trace-watch" for thread in threading.enumerate())


def plenty() -> float:
    return 4000.0


def test_the_line_that_allocates_is_found_with_its_bytes() -> None:
    with tracing("work", headroom=plenty) as trace:
        kept = [bytearray(1000) for _ in range(5000)]
        line = inspect.currentframe()
        np.ones(30 * MIB, np.uint8)  # freed at once: not in the lines, but in the peak

    top = trace.lines[0]
    assert line is not None and top.file == __file__ and len(kept) == 5000
    assert top.nbytes == pytest.approx(5000 * 1057, rel=0.03)
    assert trace.kept_mb == pytest.approx(5000 * 1065 / MIB, rel=0.1)
    assert trace.peak_mb == pytest.approx(30 + trace.kept_mb, rel=0.05)
    assert not trace.refused and trace.reading_ms > 0 and trace.cost_mb > 0.5


def test_the_debuggers_own_lines_are_left_out() -> None:
    with tracing("work", headroom=plenty) as trace:
        kept = [bytearray(1000) for _ in range(100)]

    files = {line.file for line in trace.lines}
    assert kept and tracemalloc.__file__ not in files
    assert tracing_module.__file__ not in files and threading.__file__ not in files


def test_no_more_lines_than_asked_for() -> None:
    with tracing("work", 2, headroom=plenty) as trace:
        a = [1.5 * n for n in range(1000)]
        b = [2.5 * n for n in range(1000)]
        c = [3.5 * n for n in range(1000)]

    assert len(trace.lines) == 2 and a and b and c


def test_it_is_refused_when_its_cost_would_not_fit() -> None:
    with tracing("work", expected_blocks=10**6, headroom=lambda: 300.0) as trace:
        assert not tracemalloc.is_tracing()

    assert trace.lines == ()
    assert trace.refused == (
        "Not traced: it would take about 257 MiB, and of 300 MiB free it may have 150."
    )


def test_without_an_expectation_all_live_blocks_are_expected() -> None:
    with tracing("work", headroom=lambda: 1.0) as trace:
        pass

    assert trace.refused and trace.predicted_mb > 10


@pytest.mark.parametrize(("predicted", "free", "refused"), [(10, 20, False), (10.1, 20, True)])
def test_half_of_what_is_free_may_be_spent(predicted: float, free: float, refused: bool) -> None:
    assert bool(refusal(predicted, free)) is refused


def test_inside_a_trace_it_is_refused_and_the_outer_one_goes_on() -> None:
    with tracing("outer", headroom=plenty) as outer:
        with tracing("inner", headroom=plenty) as inner:
            assert tracemalloc.is_tracing()
        kept = [bytearray(1000) for _ in range(1000)]

    assert "already on" in inner.refused and outer.lines[0].file == __file__ and kept


def test_a_failure_ends_tracing() -> None:
    with pytest.raises(KeyError), tracing("work", headroom=plenty):
        raise KeyError("x")


def test_it_ends_early_when_it_costs_more_than_expected() -> None:
    with tracing("work", expected_blocks=100, headroom=lambda: 4.0) as trace:
        kept = []
        until = time.monotonic() + 20
        while tracemalloc.is_tracing() and time.monotonic() < until:
            kept.append([float(n) for n in range(1000)])
        assert not tracemalloc.is_tracing()

    assert trace.refused.startswith("Tracing ended early: it had come to")
    assert trace.lines == () and trace.cost_mb > 2


def test_reading_is_refused_where_memory_went_meanwhile() -> None:
    free = iter([1000.0])
    with tracing("work", expected_blocks=100, headroom=lambda: next(free, 0.0)) as trace:
        kept = [float(n) for n in range(1000)]

    assert trace.refused.startswith("Traced, but not read") and kept


def test_the_prediction_is_that_of_the_measured_costs() -> None:
    # 800,000 live blocks cost 77 MiB while traced and 129 MiB more while read.
    assert predicted_cost_mb(800_000) == pytest.approx(77 + 129, rel=0.05)


def test_what_tracemalloc_counts_for_a_block() -> None:
    blocks = 100_000
    tracemalloc.start(1)
    try:
        before = tracemalloc.get_tracemalloc_memory()
        kept = [float(n) for n in range(blocks)]
        counted = tracemalloc.get_tracemalloc_memory() - before
    finally:
        tracemalloc.stop()

    assert len(kept) == blocks
    assert counted / blocks == pytest.approx(tracing_module.BLOCK_BYTES, rel=0.25)


def test_what_a_library_allocates_is_told_by_the_line_that_called_it() -> None:
    with tracing("work", headroom=plenty) as trace:
        kept = np.ones(5 * MIB, np.uint8)

    assert trace.lines[0].file == __file__
    assert trace.lines[0].nbytes == pytest.approx(5 * MIB, rel=0.01) and kept.size
