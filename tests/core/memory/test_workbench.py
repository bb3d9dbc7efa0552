"""The workbench: operations, and those that were asked to be traced or explained."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest

from core.memory.composition import Composition
from core.memory.ledger import install, operation
from core.memory.owners import Owner
from core.memory.workbench import RESULTS, Workbench, models_mb

MIB = 2**20

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs smaps and glibc's heap figures")


def test_an_operation_is_kept_and_given_to_its_block() -> None:
    bench = Workbench()
    with bench.track("work") as tracked:
        assert tracked.operation is None

    assert tracked.operation is not None and tracked.operation.name == "work"
    assert bench.ledger.operations() == (tracked.operation,)
    assert not bench.traces and not bench.explanations


def test_an_armed_trace_is_of_the_next_run_alone() -> None:
    bench = Workbench()
    bench.armed_traces.add("work")
    for name in ("other", "work", "work"):
        with bench.track(name):
            kept = [bytearray(1000) for _ in range(1000)]

    (trace,) = bench.traces
    assert trace.name == "work" and trace.lines[0].file == __file__ and kept
    assert not bench.armed_traces


@linux
def test_an_armed_explanation_is_of_the_next_run_alone() -> None:
    bench, began_s = Workbench(), time.time()
    kept = []
    bench.armed_explanations.add("work")
    for _ in range(2):
        with bench.track("work") as tracked:
            kept.append(np.ones(160 * MIB, np.uint8))

    (explanation,) = bench.explanations
    assert explanation.name == "work" and tracked.explanation is None
    assert began_s < explanation.since_s < explanation.at_s < time.time()
    assert explanation.explained.verdict.growth_mb == pytest.approx(160, rel=0.1)
    assert explanation.explained.verdict.size_mb("native") == pytest.approx(160, rel=0.1)


def test_marked_work_of_others_is_traced_and_explained_too() -> None:
    bench = Workbench()
    bench.armed_traces.add("work")
    bench.armed_explanations.add("work")
    before = install(bench)
    try:
        with operation("work"):
            pass
    finally:
        install(before)

    assert (
        [row.name for row in bench.traces] == [row.name for row in bench.explanations] == ["work"]
    )


def test_an_explanation_survives_a_failure() -> None:
    bench = Workbench()
    bench.armed_explanations.add("work")
    with pytest.raises(KeyError), bench.track("work"):
        raise KeyError("x")

    assert [row.name for row in bench.explanations] == ["work"]
    assert bench.ledger.operations()[0].failed == "KeyError"


def test_two_operations_at_once_do_not_explain_each_other() -> None:
    bench = Workbench()
    bench.armed_explanations |= {"first", "second"}
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with bench.track("first"):
            inside.set()
            leave.wait(20)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(20)
    with bench.track("second"):
        pass
    assert not bench.explanations and "second" in bench.armed_explanations
    leave.set()
    thread.join()

    assert [row.name for row in bench.explanations] == ["first"]


@linux
def test_the_mark_moves_when_the_growth_was_explained() -> None:
    bench = Workbench()
    assert bench.explain_since_mark() is None
    bench.set_mark()
    set_s = bench.marked_s
    kept = np.ones(160 * MIB, np.uint8)

    first, second = bench.explain_since_mark(), bench.explain_since_mark()

    assert first is not None and second is not None and kept.size
    assert first.explained.verdict.growth_mb == pytest.approx(160, rel=0.1)
    assert second.explained.verdict.growth_mb == pytest.approx(0, abs=16)
    assert bench.mark is second.explained.after
    assert set_s < first.at_s == second.since_s < second.at_s == bench.marked_s
    assert first.since_s == set_s


def test_results_are_bounded() -> None:
    bench = Workbench()
    bench.set_mark()
    for _ in range(RESULTS + 3):
        bench.explain_since_mark()

    assert len(bench.explanations) == RESULTS


def test_objects_grow_from_the_count_on() -> None:
    class Planted:
        pass

    bench = Workbench()
    assert bench.object_growth()  # without a count: everything
    bench.count_objects()
    kept = [Planted() for _ in range(300)]

    rows = {row.name.rpartition(".")[2]: row.more for row in bench.object_growth()}
    assert rows["Planted"] == 300 and kept


def test_the_report_gives_the_models_what_loading_them_took() -> None:
    owners = (Owner("models", "", 2 * MIB), Owner("session", "a", 7))

    report = Workbench().report("1.2", owners)

    assert report.version == "1.2" and report.owners == owners and models_mb(owners) == 2
    assert report.composition.total_mb == pytest.approx(report.rss_mb, rel=0.05)
    if sys.platform == "linux":
        assert report.composition.models_mb == 2
        assert report.composition != Composition()
