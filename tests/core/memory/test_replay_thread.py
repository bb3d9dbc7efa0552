"""A replay in the background: its moments, its end, stopping it, and what it keeps."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable

import pytest

from core.memory.replay_thread import ReplayThread
from tests.core.memory.growing import growing
from tests.waiting import PATIENCE_S


class Steps:
    """An operation that waits in every run until the test lets it go on."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.permits = threading.Semaphore(0)

    def __call__(self) -> None:
        self.begun.release()
        assert self.permits.acquire(timeout=PATIENCE_S), "the test never let it go on"

    def let(self, runs: int) -> None:
        """Let so many runs end, and wait until the next has begun."""
        for _ in range(runs):
            assert self.begun.acquire(timeout=PATIENCE_S)
            self.permits.release()
        assert self.begun.acquire(timeout=PATIENCE_S)
        self.begun.release()


def test_its_moments_are_seen_while_it_runs_and_the_end_has_the_finding() -> None:
    steps = Steps()
    replay = ReplayThread("work", lambda: steps, runs=20, warm_up=2, read=growing(40))
    replay.start()
    steps.let(2)
    warm = replay.state
    steps.let(3)
    later = replay.state
    steps.permits.release(100)
    end = replay.wait(PATIENCE_S)

    assert (warm.running, warm.done, warm.most, warm.readings_mb) == (True, 2, 22, ())
    assert warm.warm_up == later.warm_up == end.warm_up == 2
    assert (later.done, len(later.readings_mb), later.found) == (5, 3, None)
    assert not end.running and not end.stopped and end.error is None
    assert end.found is not None and end.found.finding == "leak"
    assert end.found.slope.kib == pytest.approx(40)
    assert (end.done, end.found.runs) == (12, 10)  # it was clear after the first round


def test_it_stops_after_the_run_under_way_and_judges_what_it_has() -> None:
    steps = Steps()
    replay = ReplayThread("work", lambda: steps, runs=80, warm_up=0, read=growing(0))
    replay.start()
    steps.let(4)
    replay.stop()
    steps.permits.release()
    end = replay.wait(PATIENCE_S)

    assert end.stopped and not end.running and end.done == 5
    assert end.found is not None and end.found.finding == "no leak" and end.found.runs == 5
    assert not steps.permits.acquire(blocking=False)


def test_stopped_before_three_readings_there_is_no_finding() -> None:
    steps = Steps()
    replay = ReplayThread("work", lambda: steps, runs=80, warm_up=1, read=growing(0))
    replay.start()
    steps.let(2)
    replay.stop()
    steps.permits.release()
    end = replay.wait(PATIENCE_S)

    assert end.stopped and end.found is None and len(end.readings_mb) == 2


@pytest.mark.parametrize("where", ["prepare", "run"])
def test_a_failure_is_told_and_keeps_no_frame(where: str, caplog: pytest.LogCaptureFixture) -> None:
    # A captured record would hold the traceback.
    caplog.set_level(logging.CRITICAL, logger="core.memory.replay_thread")

    class Held:
        """Something large that a failing run has in hand."""

    seen: list[weakref.ref[Held]] = []

    def fail() -> None:
        held = Held()
        seen.append(weakref.ref(held))
        raise KeyError("wall")

    def prepare() -> Callable[[], object]:
        if where == "prepare":
            fail()
        return fail

    replay = ReplayThread("work", prepare, runs=10, read=growing(0))
    replay.start()
    end = replay.wait(PATIENCE_S)
    gc.collect()

    assert isinstance(end.error, KeyError) and end.found is None and not end.stopped
    assert not end.running and end.done == 0
    assert seen[0]() is None


def test_a_failure_after_some_runs_keeps_their_readings(caplog: pytest.LogCaptureFixture) -> None:
    runs = iter(range(6))
    replay = ReplayThread("work", lambda: lambda: next(runs), runs=10, warm_up=1, read=growing(0))
    replay.start()
    end = replay.wait(PATIENCE_S)

    assert end.error is not None and end.done == 6 and len(end.readings_mb) == 5
    assert "replay=failed operation='work'" in caplog.text


def test_at_its_end_it_lets_the_operation_go() -> None:
    class Operation:
        """An operation that can be watched."""

        def __call__(self) -> None:
            """Nothing."""

    operation = Operation()
    watched = weakref.ref(operation)
    made = [operation]
    replay = ReplayThread("work", made.pop, runs=5, read=growing(0))
    del operation
    replay.start()

    assert replay.wait(PATIENCE_S).found is not None
    gc.collect()
    assert watched() is None


def test_fewer_than_three_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 runs, got 2"):
        ReplayThread("work", lambda: lambda: None, runs=2)
