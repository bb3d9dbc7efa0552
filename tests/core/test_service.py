"""The service, with models whose every view a test lets through by hand."""

from __future__ import annotations

import gc
import io
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core import agenda, service_worker
from core import analysis as analysis_module
from core.analysis import Models, Step
from core.errands import MAX_WAITING
from core.errors import (
    ChoiceError,
    DeadlineError,
    ModelError,
    NotReadyError,
    PhotoError,
    QueueFullError,
)
from core.memory.ledger import Ledger, install
from core.memory.pressure import PressureWatch
from core.merge import Detection
from core.model_keeper import PALETTES
from core.service import Answer, Choices, ModelService
from core.service_statistics import Event
from core.settings import Settings, load_settings
from core.shared_service import release_shared, shared_service
from core.wall import WallAnalysis
from tests.core.fakes import FakeColours, FakeDetector, found

PATIENCE_S = 20.0
HOLDS = [found((40, 30 + 40 * i, 70, 55 + 40 * i)) for i in range(5)]

pytestmark = pytest.mark.usefixtures("clean_environment")


def encoded(shade: int = 0, size: tuple[int, int] = (320, 260)) -> bytes:
    """A plain PNG; each shade is another photo."""
    out = io.BytesIO()
    Image.new("RGB", size, (100 + shade, 120, 140)).save(out, "PNG")
    return out.getvalue()


class GatedDetector(FakeDetector):
    """Every view waits for a permit; ``entered`` counts the views that were begun."""

    def __init__(self, gate: threading.Semaphore | None, confidence: float = 0.35) -> None:
        super().__init__(HOLDS, views=4)
        self.gate = gate
        self.confidence = confidence
        self.entered = threading.Semaphore(0)
        self.error: Exception | None = None
        self.warm_ups = 0
        self.seen: list[float] = []

    def warm_up(self) -> None:
        self.warm_ups += 1

    def with_confidence(self, confidence: float) -> GatedDetector:
        other = GatedDetector(self.gate, confidence)
        other.seen = self.seen
        return other

    def detect(self, pixels: NDArray[np.uint8]) -> Generator[float, None, list[Detection]]:
        self.calls += 1
        self.seen.append(self.confidence)
        self.sizes.append((pixels.shape[1], pixels.shape[0]))
        for view in range(self.count):
            self.entered.release()
            if self.gate is not None:
                assert self.gate.acquire(timeout=PATIENCE_S), "the test forgot to open the gate"
            if self.error is not None:
                raise self.error
            yield (view + 1) / self.count
        return list(self.detections)


class PaletteColours(FakeColours):
    """Counts how often it is bound to another palette, and names holds by the first name of it."""

    def __init__(self) -> None:
        super().__init__()
        self.bound: list[tuple[str, ...]] = []

    def with_palette(self, settings: Settings) -> PaletteColours:
        self.bound.append(settings.palette)
        other = PaletteColours()
        other.colour = replace(self.colour, name=settings.palette[0])
        return other


class Place:
    """A service under test with its models."""

    def __init__(self, service: ModelService, detector: GatedDetector, loads: list[float]) -> None:
        self.service = service
        self.detector = detector
        self.loads = loads
        self.gate = detector.gate

    def let(self, views: int = 1000) -> None:
        assert self.gate is not None
        self.gate.release(views)

    def wait_for_a_view(self) -> None:
        assert self.detector.entered.acquire(timeout=PATIENCE_S)


Make = Callable[..., Place]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes started services; ``gated`` ones wait in every view until the test lets them."""
    places: list[Place] = []

    def build(*, gated: bool = False, watch: PressureWatch | None = None, **values: Any) -> Place:
        detector = GatedDetector(threading.Semaphore(0) if gated else None)
        colours: Any = PaletteColours()
        stand_in: Any = detector
        loads: list[float] = []

        def load(_settings: Settings) -> Models:
            loads.append(time.monotonic())
            return Models(stand_in, colours)

        calm = PressureWatch(headroom=lambda: 500.0, limit=lambda: 957.0)
        settings = load_settings(**values)
        service = ModelService(settings, load=load, watch=watch or calm)
        places.append(Place(service, detector, loads))
        service.start()
        assert service.wait_ready(PATIENCE_S).ready
        return places[-1]

    yield build
    for place in places:
        if place.gate is not None:
            place.gate.release(10_000)
        assert place.service.close(PATIENCE_S)


class Caller(threading.Thread):
    """Asks in a thread of its own, and keeps what comes."""

    def __init__(self, service: ModelService, data: bytes, **arguments: Any) -> None:
        super().__init__(daemon=True)
        self.steps = service.steps(data, **arguments)
        self.items: list[Any] = []
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.items.extend(self.steps)
        except Exception as error:
            self.error = error

    def end(self) -> Caller:
        self.join(PATIENCE_S)
        assert not self.is_alive()
        return self

    def answer(self) -> Answer:
        self.end()
        assert self.error is None, self.error
        assert isinstance(self.items[-1], Answer)
        return self.items[-1]


def until(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.002)


def queued(place: Place, count: int) -> None:
    until(lambda: place.service.statistics().queued == count)


def events(place: Place) -> dict[str, int]:
    return place.service.statistics().events


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
    stand_in: Any = GatedDetector(None)
    colours: Any = FakeColours()
    damaged = ModelError("weights_damaged", "The model is damaged.", "Restore it.")
    outcome: list[Exception | None] = [damaged, OSError("disk gone"), None]

    def load(_settings: Settings) -> Models:
        if (error := outcome.pop(0)) is not None:
            raise error
        return Models(stand_in, colours)

    service = ModelService(load_settings(), load=load)
    service.start()
    until(lambda: service.readiness().state == "failed")

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
    stand_in: Any = GatedDetector(None)
    colours: Any = FakeColours()
    outcome: list[Exception | None] = [ModelError("weights_missing", "Gone."), None]

    def load(_settings: Settings) -> Models:
        if (error := outcome.pop(0)) is not None:
            raise error
        return Models(stand_in, colours)

    service = ModelService(load_settings(), load=load)
    service.start()
    until(lambda: service.readiness().state == "failed")

    assert service.wait_ready(PATIENCE_S).ready
    service.close(PATIENCE_S)


def test_without_a_start_a_request_is_refused() -> None:
    with pytest.raises(NotReadyError, match="not started"):
        ModelService(load_settings()).analyze(encoded())


# One request


def test_steps_and_answer(make: Make) -> None:
    place = make()

    items = list(place.service.steps(encoded(), name="Südwand.jpg"))

    steps, answer = items[:-1], items[-1]
    assert [step.stage for step in steps[:3]] == ["decode", "decode", "detect"]
    assert [step.share for step in steps] == sorted(step.share for step in steps)
    (photo,) = [step.photo for step in steps if step.photo is not None]
    assert photo.pixels.shape == (260, 320, 3)
    assert isinstance(answer, Answer) and not answer.from_cache and answer.processing_ms > 0
    assert answer.analysis.photo.name == "Südwand.jpg"
    assert WallAnalysis.from_document(answer.analysis.document()) == answer.analysis
    assert len(place.loads) == 1 and place.detector.warm_ups == 1


def test_the_same_photo_is_answered_from_the_cache(make: Make) -> None:
    place = make()
    first = place.service.analyze(encoded(), name="a.jpg")

    items = list(place.service.steps(encoded(), name="b.jpg"))

    (second,) = items
    assert isinstance(second, Answer) and second.from_cache
    assert second.analysis.photo.name == "b.jpg"
    assert replace(second.analysis, photo=first.analysis.photo) == first.analysis
    assert place.detector.calls == 1
    info = place.service.cache_info()
    assert (info.hits, info.misses, info.currsize, info.maxsize) == (1, 1, 1, 128)
    assert place.service.nbytes() == info.bytes > 0

    assert place.service.clear_cache() == 1
    assert not place.service.analyze(encoded()).from_cache


def test_without_the_cache_every_photo_is_analysed(make: Make) -> None:
    place = make(enable_model_cache=False)

    assert not place.service.analyze(encoded()).from_cache
    assert not place.service.analyze(encoded()).from_cache

    assert place.detector.calls == 2 and not place.service.statistics().cache_enabled
    assert place.service.clear_cache() == 0 and place.service.nbytes() == 0


def test_a_hit_does_not_queue_behind_a_running_analysis(make: Make) -> None:
    place = make(gated=True, queue_size=0)
    place.let(4)
    place.service.analyze(encoded(1))
    running = Caller(place.service, encoded(2))
    for _ in range(5):
        place.wait_for_a_view()

    assert place.service.analyze(encoded(1)).from_cache

    place.let()
    running.answer()


def test_a_broken_photo_is_the_requests_error_and_is_not_kept(make: Make) -> None:
    place = make()

    for _ in range(2):
        with pytest.raises(PhotoError, match=r"x\.jpg"):
            place.service.analyze(b"no photo", name="x.jpg")

    assert place.service.cache_info().currsize == 0 and events(place)["failed"] == 2
    assert len(place.service.analyze(encoded()).analysis.holds) == 5


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


# Queue


def test_only_one_analysis_runs_and_the_queue_is_bounded(make: Make) -> None:
    place = make(gated=True, queue_size=2)
    callers = [Caller(place.service, encoded(0))]
    place.wait_for_a_view()
    for shade in (1, 2):
        callers.append(Caller(place.service, encoded(shade)))
        queued(place, shade)

    with pytest.raises(QueueFullError) as caught:
        next(place.service.steps(encoded(3)))

    assert caught.value.status == 503 and caught.value.retry_after_s >= 1
    assert place.detector.calls == 1 and place.service.statistics().running
    assert place.service.statistics().waiting_bytes == sum(len(encoded(i)) for i in range(3))
    place.let()
    for caller in callers:
        caller.answer()
    assert place.detector.calls == 3
    statistics = place.service.statistics()
    assert statistics.queued == 0 and not statistics.running and statistics.waiting_bytes == 0
    assert statistics.events["refused"] == 1


def test_a_queue_of_none_takes_one_request_at_a_time(make: Make) -> None:
    place = make(gated=True, queue_size=0)
    caller = Caller(place.service, encoded(0))
    place.wait_for_a_view()

    with pytest.raises(QueueFullError):
        place.service.analyze(encoded(1))

    place.let()
    caller.answer()
    assert not place.service.analyze(encoded(1)).from_cache


def test_identical_photos_in_flight_are_analysed_once(make: Make) -> None:
    place = make(gated=True, queue_size=0)
    first = Caller(place.service, encoded(), name="first.jpg")
    place.wait_for_a_view()
    place.let(2)
    place.wait_for_a_view()
    later = [Caller(place.service, encoded(), name=f"{i}.jpg") for i in range(4)]
    until(lambda: events(place).get("joined") == 4)
    place.let()

    assert first.answer().analysis.photo.name == "first.jpg"
    for index, caller in enumerate(later):
        assert caller.answer().analysis.photo.name == f"{index}.jpg"
        assert replace(caller.answer().analysis, photo=first.answer().analysis.photo) == (
            first.answer().analysis
        )
        opened = [item.photo for item in caller.items if isinstance(item, Step) and item.photo]
        assert [photo.name for photo in opened] == [f"{index}.jpg"]
        assert len(caller.items) == len(first.items)
    assert place.detector.calls == 1


def test_other_choices_are_another_analysis(make: Make) -> None:
    place = make(gated=True)
    callers = [
        Caller(place.service, encoded(), choices=choices)
        for choices in (None, Choices(), Choices(max_holds=2))
    ]
    until(lambda: events(place).get("joined") == 1)
    place.let()

    assert [len(caller.answer().analysis.holds) for caller in callers] == [5, 5, 2]
    assert place.detector.calls == 2


def test_the_error_of_a_shared_job_speaks_of_ones_own_photo(make: Make) -> None:
    place = make(gated=True)
    busy = Caller(place.service, encoded())
    place.wait_for_a_view()
    mine = Caller(place.service, b"no photo", name="mine.jpg")
    queued(place, 1)
    other = Caller(place.service, b"no photo", name="other.jpg")
    until(lambda: events(place).get("joined") == 1)
    place.let()

    busy.answer()
    assert "mine.jpg" in str(mine.end().error) and "mine.jpg" not in str(other.end().error)
    assert "other.jpg" in str(other.error) and isinstance(other.error, PhotoError)


# Giving up


def test_closing_the_generator_leaves_the_queue(make: Make) -> None:
    place = make(gated=True, queue_size=1)
    busy = Caller(place.service, encoded(0))
    place.wait_for_a_view()
    waiting = Caller(place.service, encoded(1))
    queued(place, 1)
    more = place.service.steps(encoded(1))
    assert waiting.is_alive()

    # The waiting request's generator cannot be closed from here while its thread is in it, so the
    # second one, which waits for the same job, shows that one leaving does not take it away.
    joined = Caller(place.service, encoded(1), deadline_s=0.05).end()
    assert isinstance(joined.error, DeadlineError) and place.service.statistics().queued == 1
    more.close()  # never begun: nothing happens
    place.let()
    busy.answer()
    waiting.answer()


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


def test_a_request_that_expires_in_the_queue_never_starts(make: Make) -> None:
    place = make(gated=True)
    busy = Caller(place.service, encoded(0))
    place.wait_for_a_view()

    begun = time.monotonic()
    with pytest.raises(DeadlineError) as caught:
        place.service.analyze(encoded(1), deadline_s=0.1)

    assert 0.09 < time.monotonic() - begun < 5
    assert caught.value.retry_after_s >= 1 and place.service.statistics().queued == 0
    place.let()
    busy.answer()
    until(lambda: not place.service.statistics().running)
    assert place.detector.calls == 1 and events(place)["expired"] == 1


def test_a_running_request_that_expires_is_stopped_between_steps(make: Make) -> None:
    place = make(gated=True)
    with pytest.raises(DeadlineError):
        place.service.analyze(encoded(), deadline_s=0.2)

    place.let(1)
    until(lambda: not place.service.statistics().running)
    assert place.detector.entered._value <= 2  # of four views
    assert "analysed" not in events(place)


def test_the_deadline_of_the_settings_counts(make: Make) -> None:
    place = make(gated=True, request_timeout_s=0.1)

    with pytest.raises(DeadlineError):
        place.service.analyze(encoded())


def test_a_paused_reader_still_gets_an_answer_that_came_in_time(make: Make) -> None:
    place = make()
    steps = place.service.steps(encoded(), deadline_s=1.0)
    next(steps)
    until(lambda: events(place).get("analysed") == 1)
    time.sleep(1.05)

    assert isinstance(list(steps)[-1], Answer)


# Choices


def test_choices_rebind_the_models_without_loading_them_again(make: Make) -> None:
    place = make()
    choices = Choices(yolo_conf=0.6, palette=("mint", "wood"), max_holds=3, max_image_size=320)

    answer = place.service.analyze(encoded(size=(640, 520)), choices=choices)

    assert len(place.loads) == 1 and place.detector.seen == [0.6]
    assert place.service.models is not None
    assert {hold.colour.name for hold in answer.analysis.holds} == {"mint"}
    assert len(answer.analysis.holds) == 3
    assert place.service.analyze(encoded(size=(640, 520)), choices=choices).from_cache
    assert not place.service.analyze(encoded(size=(640, 520))).from_cache
    assert place.detector.sizes[-1] == (640, 520) and place.detector.seen == [0.6, 0.35]


def test_readers_of_palettes_are_kept_within_a_bound(make: Make) -> None:
    place = make()
    assert place.service.models is not None
    colours: Any = place.service.models.colours
    palettes = [("red", f"own {i}") for i in range(PALETTES + 1)]
    for shade, palette in enumerate([palettes[0], *palettes, palettes[-1], palettes[0]]):
        place.service.analyze(encoded(shade), choices=Choices(palette=palette))

    assert colours.bound == [*palettes, palettes[0]]


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (Choices(yolo_conf="high"), "yolo_conf has the value 'high': expected a number"),
        (Choices(yolo_conf=float("nan")), "expected a finite number"),
        (Choices(max_holds=-1), "max_holds has the value -1: expected at least 0"),
        (Choices(palette="red"), "expected at least two colour names"),
        (Choices(palette=tuple(f"c{i}" for i in range(65))), "expected at most 64"),
        (Choices(max_image_size=100_000), "expected at most 8192"),
    ],
)
def test_a_bad_choice_is_refused_in_words(make: Make, choices: Choices, words: str) -> None:
    place = make()

    with pytest.raises(ChoiceError, match=words) as caught:
        place.service.analyze(encoded(), choices=choices)

    assert caught.value.status == 422 and place.detector.calls == 0


# Closing


def test_closing_answers_the_running_request_and_refuses_the_queued(make: Make) -> None:
    place = make(gated=True)
    running = Caller(place.service, encoded(0))
    place.wait_for_a_view()
    waiting = Caller(place.service, encoded(1))
    queued(place, 1)

    closer = threading.Thread(target=place.service.close, args=(PATIENCE_S,))
    closer.start()
    assert isinstance(waiting.end().error, NotReadyError)
    place.let()
    closer.join(PATIENCE_S)

    assert len(running.answer().analysis.holds) == 5
    assert place.service.models is None and place.service.readiness().state == "closed"
    with pytest.raises(NotReadyError):
        place.service.analyze(encoded(2))
    with pytest.raises(NotReadyError):
        place.service.start()
    assert "analysis" not in {thread.name for thread in threading.enumerate()}


def test_closing_does_not_wait_for_ever(make: Make) -> None:
    place = make(gated=True)
    running = Caller(place.service, encoded(0))
    place.wait_for_a_view()

    releaser = threading.Timer(0.5, lambda: place.let(1))
    releaser.start()
    assert place.service.close(0.1)

    assert isinstance(running.end().error, NotReadyError)
    assert place.detector.entered._value <= 1
    releaser.join()


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

    memory.left = 30.0  # critical
    place.service.analyze(encoded(2))
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


def test_unloading_on_request(make: Make) -> None:
    place = make(gated=True)
    assert place.service.unload("asked")
    assert place.service.models is None and place.service.readiness().ready

    caller = Caller(place.service, encoded())
    place.wait_for_a_view()
    assert not place.service.unload("asked")  # an analysis needs them
    place.let()
    caller.answer()
    until(lambda: place.service.readiness().state == "unloaded")
    assert place.service.statistics().reasons["unloaded", "asked"] == 2


def test_a_hit_needs_no_models(make: Make) -> None:
    place = make()
    place.service.analyze(encoded())
    assert place.service.unload("asked", PATIENCE_S)

    assert place.service.analyze(encoded()).from_cache
    assert len(place.loads) == 1


# Statistics


def test_statistics_have_the_shape_that_programs_know(make: Make) -> None:
    place = make()
    seen: list[Event] = []
    forget = place.service.observe(seen.append)
    place.service.analyze(encoded())
    place.service.analyze(encoded())
    forget()
    place.service.analyze(encoded())

    document = place.service.statistics().document()
    analysed = [event for event in seen if event.kind == "analysed"]
    assert document == {
        "total_predictions": 3,
        "cache_enabled": True,
        "cache_size": 1,
        "cache_hits": 2,
        "cache_misses": 1,
        "cache_hit_rate_percent": 66.7,
        "avg_inference_time_ms": round(analysed[0].total_ms, 1),
        "total_inference_time_ms": round(analysed[0].total_ms, 1),
        "warmup_completed": True,
    }
    assert [event.kind for event in seen] == ["analysed", "answered", "answered"]
    assert [event.from_cache for event in seen] == [False, False, True]
    assert analysed[0].timings is not None
    assert 0 < analysed[0].timings.total <= analysed[0].total_ms


def test_an_observer_that_fails_does_no_harm(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    place = make()

    def broken(_event: Event) -> None:
        raise ValueError("no such label")

    place.service.observe(broken)

    assert len(place.service.analyze(encoded()).analysis.holds) == 5
    assert "observer=failed" in caplog.text


def test_the_seconds_to_wait_come_from_what_was_seen(make: Make) -> None:
    place = make(gated=True, queue_size=0)
    releaser = threading.Timer(1.2, place.let, args=(4,))
    releaser.start()
    place.service.analyze(encoded(0))  # takes about 1.2 s
    for _ in range(4):
        place.wait_for_a_view()
    caller = Caller(place.service, encoded(1))
    place.wait_for_a_view()

    with pytest.raises(QueueFullError) as caught:
        place.service.analyze(encoded(2))

    mean_s = place.service.statistics().avg_inference_time_ms / 1000
    assert 1 <= caught.value.retry_after_s <= mean_s + 1
    place.let()
    caller.answer()


def test_no_thread_runs_beside_the_worker(make: Make) -> None:
    before = {thread.ident for thread in threading.enumerate()}
    place = make()
    place.service.analyze(encoded())
    until(lambda: not place.service.statistics().running)

    names = [t.name for t in threading.enumerate() if t.ident not in before]
    assert names == ["analysis"]


# Shared by the faces of one process


def test_faces_share_one_service(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in: Any = GatedDetector(None)
    colours: Any = FakeColours()
    monkeypatch.setattr("core.analysis.load_models", lambda *_: Models(stand_in, colours))
    settings = load_settings()

    dashboard = shared_service(settings)
    rest = shared_service(settings)
    assert rest is dashboard and rest.wait_ready(PATIENCE_S).ready

    release_shared(dashboard)
    assert len(rest.analyze(encoded()).analysis.holds) == 5  # the other still holds it
    release_shared(rest)
    assert rest.readiness().state == "closed"
    release_shared(rest)  # once too often: nothing happens

    again = shared_service(settings)
    assert again is not rest
    release_shared(again)


# The real thing


def test_the_embedded_models_serve(repository: Path) -> None:
    service = ModelService(load_settings())
    service.start()
    try:
        readiness = service.wait_ready(60)
        assert readiness.ready, readiness
        data = (repository / "assets" / "demo_wall.jpg").read_bytes()
        models = service.models
        assert models is not None
        plain = service.analyze(data, name="demo.jpg")
        strict = service.analyze(data, choices=Choices(yolo_conf=0.8, palette="red,blue,sky"))

        assert service.models is models  # bound anew, not loaded again
        assert service.statistics().events["loaded"] == 1
        assert 0 < len(strict.analysis.holds) < len(plain.analysis.holds)
        assert min(hold.score for hold in strict.analysis.holds) >= 0.8
        assert {hold.colour.name for hold in strict.analysis.holds} <= {"red", "blue", "sky"}
        assert models.colours.palette == load_settings().palette
        assert service.analyze(data, name="demo.jpg").analysis == plain.analysis
    finally:
        assert service.close(30)


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


def test_short_work_without_a_start_is_refused() -> None:
    with pytest.raises(NotReadyError):
        ModelService(load_settings()).use_models(lambda _models: None)


@pytest.mark.parametrize(("debugging", "frozen"), [("false", True), ("true", False)])
def test_what_is_there_after_loading_is_out_of_the_collectors_rounds(
    monkeypatch: pytest.MonkeyPatch, debugging: str, frozen: bool
) -> None:
    stand_in: Any = GatedDetector(None)
    colours: Any = PaletteColours()
    monkeypatch.setattr(analysis_module, "load_models", lambda _settings: Models(stand_in, colours))
    monkeypatch.setenv("DEBUG_MEMORY", debugging)
    try:
        service = shared_service(load_settings())
        assert service.wait_ready(PATIENCE_S).ready
        until(lambda: bool(events(Place(service, stand_in, [])).get("loaded")))
        if frozen:
            until(lambda: gc.get_freeze_count() > 1000)
        else:
            assert gc.get_freeze_count() == 0
    finally:
        release_shared(service)
        gc.unfreeze()
