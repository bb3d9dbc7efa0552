"""The worker of the service: loading, running, giving memory back; the models are gated by hand."""

from __future__ import annotations

import errno
import gc
import logging
import threading
from contextlib import closing
from typing import Any

import pytest

from core import agenda, service_worker
from core.analysis import Models
from core.answers import Answer
from core.errands import MAX_WAITING
from core.errors import (
    DeadlineError,
    ModelError,
    NotReadyError,
    QueueFullError,
)
from core.memory.ledger import Ledger, install
from core.memory.pressure import PressureWatch
from core.service import ModelService
from core.settings import Settings, load_settings
from tests.core.fakes import FakeColours
from tests.core.served import (
    Caller,
    GatedDetector,
    Make,
    encoded,
    events,
    make,
    queued,
)
from tests.waiting import PATIENCE_S, until

__all__ = ["make"]

pytestmark = pytest.mark.usefixtures("clean_environment")


def failing(outcome: list[Exception | None]) -> ModelService:
    """A started service whose loading ended badly for the first time: each attempt takes an item of
    ``outcome``, and raises it where it is an error.
    """
    stand_in: Any = GatedDetector(None)
    colours: Any = FakeColours()

    def load(_settings: Settings) -> Models:
        if (error := outcome.pop(0)) is not None:
            raise error
        return Models(stand_in, colours)

    service = ModelService(load_settings(), load=load)
    service.start()
    until(lambda: service.readiness().state == "failed")
    return service


# Loading


def test_it_is_ready_only_after_loading_and_warming_up() -> None:
    may_load, may_warm = threading.Event(), threading.Event()
    detector = GatedDetector(None)
    stand_in: Any = detector
    colours: Any = FakeColours()
    threads = []

    def warm_up() -> None:
        assert may_warm.wait(PATIENCE_S)
        threads.append(threading.current_thread().name)

    detector.warm_up = warm_up  # type: ignore[method-assign]

    def load(_settings: Settings) -> Models:
        assert may_load.wait(PATIENCE_S)
        threads.append(threading.current_thread().name)
        return Models(stand_in, colours)

    service = ModelService(load_settings(), load=load)
    assert service.readiness().missing == ("The service was not started.",)
    assert not service.wait_ready(1.0).ready  # does not wait for what nobody began

    service.start()
    service.start()
    assert not service.wait_ready(0.05).ready
    may_load.set()
    assert not service.wait_ready(0.05).ready and service.models is None
    assert not service.statistics().warmup_completed
    may_warm.set()

    assert service.wait_ready(PATIENCE_S).ready
    assert service.statistics().warmup_completed
    assert threads == ["analysis", "analysis"]
    assert service.close(PATIENCE_S)


def test_a_request_during_loading_waits_for_it() -> None:
    may_load = threading.Event()
    stand_in: Any = GatedDetector(None)
    colours: Any = FakeColours()

    def load(_settings: Settings) -> Models:
        assert may_load.wait(PATIENCE_S)
        return Models(stand_in, colours)

    service = ModelService(load_settings(), load=load)
    service.start()
    caller = Caller(service, encoded())
    until(lambda: service.statistics().queued == 1)
    may_load.set()

    assert len(caller.answer().analysis.holds) == 5
    service.close(PATIENCE_S)


def test_failed_loading_is_told_to_all_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = ModelError("weights_damaged", "The model is damaged.", "Restore it.")
    outcome: list[Exception | None] = [damaged, OSError("disk gone"), None]
    service = failing(outcome)

    assert service.readiness().error is damaged and not service.readiness().ready
    with pytest.raises(ModelError, match="damaged"):
        service.analyze(encoded())
    assert len(outcome) == 2  # not tried again at once

    monkeypatch.setattr(agenda, "RETRY_PAUSE_S", 0.0)
    with pytest.raises(ModelError, match="disk gone"):
        service.analyze(encoded())
    assert len(service.analyze(encoded()).analysis.holds) == 5
    assert service.readiness().ready and service.readiness().error is None
    assert "models=failed" in caplog.text and not outcome
    service.close(PATIENCE_S)


def test_waiting_for_readiness_tries_a_failed_load_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agenda, "RETRY_PAUSE_S", 0.0)
    outcome: list[Exception | None] = [ModelError("weights_missing", "Gone."), None]
    service = failing(outcome)

    assert service.wait_ready(PATIENCE_S).ready
    service.close(PATIENCE_S)


# Analyses


def test_an_exception_reaches_all_waiters_and_the_worker_lives_on(make: Make) -> None:
    place = make(gated=True)
    callers = [Caller(place.service, encoded()) for _ in range(3)]
    place.wait_for_a_view()
    until(lambda: events(place).get("joined") == 2)
    place.detector.error = RuntimeError("the session broke")
    place.let()

    for caller in callers:
        assert isinstance(caller.end().error, RuntimeError)
    place.detector.error = None
    assert len(place.service.analyze(encoded()).analysis.holds) == 5


def test_the_work_stops_when_nobody_waits_any_more(make: Make) -> None:
    place = make(gated=True)
    steps = place.service.steps(encoded())
    with closing(steps):
        while next(steps).stage != "detect":
            place.let(1)
    place.let(1)
    until(lambda: not place.service.statistics().running)

    assert events(place)["stopped"] == 1 and "analysed" not in events(place)
    assert place.service.cache_info().currsize == 0
    place.let()
    assert not place.service.analyze(encoded()).from_cache


def test_the_work_goes_on_while_somebody_waits(make: Make) -> None:
    place = make(gated=True)
    steps = place.service.steps(encoded())
    assert next(steps).stage == "decode"
    other = Caller(place.service, encoded())
    until(lambda: events(place).get("joined") == 1)
    steps.close()
    place.let()

    assert len(other.answer().analysis.holds) == 5
    assert place.detector.calls == 1


# Memory


class Memory:
    """Readings that a test sets."""

    def __init__(self) -> None:
        self.left = 500.0
        self.watch = PressureWatch(headroom=lambda: self.left, limit=lambda: 1000.0)


def test_results_go_first_then_the_models_and_both_come_back(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory()
    place = make(watch=memory.watch)
    place.service.analyze(encoded(0))
    assert place.service.cache_info().currsize == 1

    memory.left = 100.0  # tight
    place.service.analyze(encoded(1))
    until(lambda: not place.service.statistics().running)
    assert place.service.cache_info().currsize == 0 and place.service.models is not None

    steps = place.service.steps(encoded(2))
    next(steps)  # what looks at the memory after the photo before has looked
    memory.left = 30.0  # critical
    assert isinstance(list(steps)[-1], Answer)
    until(lambda: place.service.readiness().state == "unloaded")
    assert place.service.readiness().ready and place.service.models is None
    assert "30 MiB of 1000 MiB are left" in caplog.text
    statistics = place.service.statistics()
    assert statistics.reasons["unloaded", "memory"] == 1
    assert statistics.reasons["results_dropped", "memory"] == 1
    assert statistics.model_mb == 0 and statistics.memory_level == "critical"

    memory.left = 500.0
    assert len(place.service.analyze(encoded(3)).analysis.holds) == 5
    assert len(place.loads) == 2 and place.detector.warm_ups == 2
    assert place.service.analyze(encoded(3)).from_cache
    assert place.service.readiness().state == "ready"


def test_the_worker_lives_on_where_the_memory_cannot_be_read(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service_worker, "IDLE_CHECK_S", 0.01)
    readable = threading.Event()
    readable.set()

    def headroom() -> float:
        if not readable.is_set():
            raise OSError(errno.EMFILE, "Too many open files", "/proc/meminfo")
        return 500.0

    place = make(watch=PressureWatch(headroom=headroom, limit=lambda: 957.0))
    readable.clear()
    until(lambda: "Too many open files" in caplog.text)  # while it was idle

    assert len(place.service.analyze(encoded(0), deadline_s=5).analysis.holds) == 5
    readable.set()
    assert len(place.service.analyze(encoded(1), deadline_s=5).analysis.holds) == 5


def test_an_idle_service_notices_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_worker, "IDLE_CHECK_S", 0.01)
    memory = Memory()
    place = make(watch=memory.watch)
    memory.left = 30.0

    until(lambda: place.service.readiness().state == "unloaded")

    assert len(place.loads) == 1


def test_lasting_pressure_does_not_load_and_unload_for_every_photo(make: Make) -> None:
    memory = Memory()
    place = make(watch=memory.watch)
    memory.left = 30.0
    for shade in range(5):
        place.service.analyze(encoded(shade))

    assert len(place.loads) == 2


@pytest.mark.parametrize("way", ["analysis", "short work", "loading"])
def test_who_holds_an_error_holds_no_models(make: Make, way: str) -> None:
    """A caller is told why it failed and keeps that for a while; the models go nevertheless."""
    place = make()
    gc.collect()
    alive = {id(item) for item in gc.get_objects() if type(item) is Models}
    alive.discard(id(place.service.models))

    def fails(*_: object) -> None:
        raise RuntimeError("not this time")

    held: list[Exception] = []
    try:
        if way == "short work":
            place.service.use_models(fails)
        elif way == "analysis":
            place.detector.error = ValueError("not this time")
            place.service.analyze(encoded())
        else:
            place.service.unload()
            place.detector.warm_up = fails  # type: ignore[method-assign]
            place.service.analyze(encoded())
    except Exception as error:
        held.append(error)
    place.service.unload()
    until(lambda: place.service.models is None)
    gc.collect()

    assert held and held[0].__traceback__ is not None
    assert not [item for item in gc.get_objects() if type(item) is Models and id(item) not in alive]


def test_unloading_on_request(make: Make) -> None:
    place = make(gated=True)
    assert place.service.unload("asked", PATIENCE_S)
    assert place.service.models is None and place.service.readiness().ready

    caller = Caller(place.service, encoded())
    place.wait_for_a_view()
    assert not place.service.unload("asked")  # an analysis needs them
    place.let()
    caller.answer()
    until(lambda: place.service.readiness().state == "unloaded")
    assert place.service.statistics().reasons["unloaded", "asked"] == 2


def test_no_thread_runs_beside_the_worker(make: Make) -> None:
    before = {thread.ident for thread in threading.enumerate()}
    place = make()
    place.service.analyze(encoded())
    until(lambda: not place.service.statistics().running)

    names = [t.name for t in threading.enumerate() if t.ident not in before]
    assert names == ["analysis"]


def test_info_about_loading_is_logged(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="core.model_keeper")
    make()

    assert "rss_before_mb=" in caplog.text and "rss_warm_mb=" in caplog.text


def test_loading_and_analyses_are_operations_of_the_memory_ledger(make: Make) -> None:
    ledger = Ledger()
    before = install(ledger)
    try:
        place = make()
        place.service.analyze(encoded(), name="wall.png")
    finally:
        install(before)

    assert [done.name for done in ledger.operations()] == ["load the models", "analyse"]


# Errands


def test_short_work_runs_in_the_workers_thread_with_the_models(make: Make) -> None:
    place = make()

    name, models = place.service.use_models(lambda m: (threading.current_thread().name, m))

    assert name == "analysis" and models is place.service.models
    assert events(place).get("analysed", 0) == 0


def test_short_work_waits_for_the_running_analysis_and_goes_before_the_queued(make: Make) -> None:
    place = make(gated=True)
    order: list[str] = []

    def analysed(shade: int) -> None:
        place.service.analyze(encoded(shade))
        order.append(f"photo {shade}")

    first = threading.Thread(target=analysed, args=(1,))
    first.start()
    assert place.detector.entered.acquire(timeout=PATIENCE_S)
    second = threading.Thread(target=analysed, args=(2,))
    second.start()
    queued(place, 1)
    errand = threading.Thread(
        target=place.service.use_models, args=(lambda _models: order.append("errand"),)
    )
    errand.start()
    until(lambda: len(place.service._agenda._errands) == 1)
    assert order == []
    place.let()
    for thread in (first, second, errand):
        thread.join(PATIENCE_S)

    assert order.index("errand") < order.index("photo 2")


def test_what_short_work_raises_is_raised_and_the_worker_lives_on(make: Make) -> None:
    place = make()

    with pytest.raises(ZeroDivisionError):
        place.service.use_models(lambda _models: 1 / 0)

    assert place.service.use_models(lambda _models: 5) == 5


def test_short_work_that_comes_too_late_is_not_begun(make: Make) -> None:
    place = make(gated=True)
    running = threading.Thread(target=place.service.analyze, args=(encoded(),))
    running.start()
    assert place.detector.entered.acquire(timeout=PATIENCE_S)
    begun: list[int] = []

    with pytest.raises(DeadlineError):
        place.service.use_models(lambda _models: begun.append(1), deadline_s=0.05)
    place.let()
    running.join(PATIENCE_S)
    assert place.service.use_models(lambda _models: 2) == 2

    assert begun == []


def test_short_work_is_bounded_and_refused_at_the_end(make: Make) -> None:
    place = make(gated=True)
    running = threading.Thread(target=place.service.analyze, args=(encoded(),))
    running.start()
    assert place.detector.entered.acquire(timeout=PATIENCE_S)
    refused: list[Exception] = []

    def ask() -> None:
        try:
            place.service.use_models(lambda _models: None)
        except NotReadyError as error:
            refused.append(error)

    waiting = [threading.Thread(target=ask) for _ in range(MAX_WAITING)]
    for thread in waiting:
        thread.start()
    until(lambda: len(place.service._agenda._errands) == MAX_WAITING)
    with pytest.raises(QueueFullError):
        place.service.use_models(lambda _models: None)
    closing = threading.Thread(target=place.service.close)
    closing.start()
    for thread in waiting:
        thread.join(PATIENCE_S)
    place.let()
    closing.join(PATIENCE_S)

    assert len(refused) == MAX_WAITING
