"""The ledger: operations with what they did to the memory, bounded, and free when unused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from core.memory import ledger as ledger_module
from core.memory.ledger import Ledger, Moment, Operation, install, installed, operation

MIB = 2**20


def op(name: str = "work", before: float = 100, peak: float = 150, after: float = 110) -> Operation:
    return Operation(name, 1000.0, 250.0, before, peak, after)


@pytest.fixture
def no_ledger() -> Iterator[None]:
    before = install(None)
    yield
    install(before)


def test_what_an_operation_needed_and_left() -> None:
    assert (op().rise_mb, op().kept_mb) == (50, 10)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("", 0.0, 1.0, 1.0, 1.0, 1.0), "name"),
        (("a", 0.0, -1.0, 1.0, 1.0, 1.0), "duration"),
        (("a", 0.0, 1.0, 5.0, 4.0, 3.0), "peak of at least 5.0"),
        (("a", 0.0, 1.0, 3.0, 4.0, 5.0), "peak of at least 5.0"),
    ],
)
def test_an_impossible_operation_is_refused(values: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Operation(*values)  # type: ignore[arg-type]


def test_a_block_is_measured() -> None:
    ledger = Ledger()
    kept = None
    # Above 32 MiB malloc always asks the system, whatever it retained.
    with ledger.track("take 120 MiB, keep 40"):
        kept = np.ones(40 * MIB, np.uint8)
        freed = np.ones(80 * MIB, np.uint8)
        time.sleep(0.05)  # the sampler looks every 5 ms
        del freed

    (found,) = ledger.operations()
    assert found.name == "take 120 MiB, keep 40" and not found.failed
    assert found.rise_mb == pytest.approx(120, abs=5)
    assert found.kept_mb == pytest.approx(40, abs=3)
    assert found.duration_ms > 0 and kept.size


def test_a_block_that_fails_is_kept_with_its_failure() -> None:
    ledger = Ledger()
    with pytest.raises(KeyError), ledger.track("break"):
        raise KeyError("x")

    assert [found.failed for found in ledger.operations()] == ["KeyError"]


@pytest.mark.parametrize("name", ["RerunException", "StopException"])
def test_ending_a_script_run_is_no_failure(name: str) -> None:
    ledger = Ledger()
    kind = type(name, (BaseException,), {})
    with pytest.raises(kind), ledger.track("page"):
        raise kind

    assert [found.failed for found in ledger.operations()] == [""]


def test_a_failure_that_is_handled_around_the_block_is_not_its_own() -> None:
    ledger = Ledger()
    try:
        raise KeyError("earlier")
    except KeyError:
        with ledger.track("tidy up"):
            pass

    assert [found.failed for found in ledger.operations()] == [""]


def test_only_the_newest_are_kept() -> None:
    ledger = Ledger(operations=3, moments=4)
    for number in range(10):
        ledger.record(op(f"work {number}"))

    assert [found.name for found in ledger.operations()] == ["work 7", "work 8", "work 9"]
    assert len(ledger.moments()) == 4


def test_a_full_ledger_stays_small() -> None:
    ledger = Ledger(read=lambda: 123.4)
    for number in range(2000):
        ledger.record(op(f"work {number}"))
        ledger.note()

    assert len(ledger.operations()) == ledger_module.OPERATIONS
    assert 50_000 < ledger.nbytes() < 500_000


def test_the_timeline_is_in_order_and_holds_both_ends_of_an_operation() -> None:
    times = iter([1000.1, 1000.4])
    ledger = Ledger(read=lambda: 120.0, clock=lambda: next(times))
    ledger.note()
    ledger.note()
    ledger.record(op())

    assert ledger.moments() == (
        Moment(1000.0, 100),
        Moment(1000.1, 120.0),
        Moment(1000.25, 110),
        Moment(1000.4, 120.0),
    )


def test_readings_too_close_together_are_read_but_not_kept() -> None:
    times = iter([10.0, 11.0, 12.0])
    ledger = Ledger(read=lambda: 77.0, clock=lambda: next(times))

    assert [ledger.note(apart_s=2) for _ in range(3)] == [77.0, 77.0, 77.0]
    assert [moment.at_s for moment in ledger.moments()] == [10.0, 12.0]


@pytest.mark.usefixtures("no_ledger")
def test_without_a_ledger_a_block_costs_no_thread() -> None:
    assert installed() is None
    with operation("work"):
        assert all(thread.name != "peak-sampler" for thread in threading.enumerate())


@pytest.mark.usefixtures("no_ledger")
def test_with_a_ledger_it_is_kept() -> None:
    ledger = Ledger()
    install(ledger)
    with operation("work"):
        assert any(thread.name == "peak-sampler" for thread in threading.enumerate())

    assert [found.name for found in ledger.operations()] == ["work"]
    ledger.clear()
    assert not ledger.operations() and not ledger.moments()
