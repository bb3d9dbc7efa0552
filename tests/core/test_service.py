"""What callers of the service get, with models whose every view a test lets through by hand."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.analysis import Step
from core.errors import (
    ChoiceError,
    DeadlineError,
    NotReadyError,
    PhotoError,
    QueueFullError,
)
from core.jobs import CallerGoneError, HangUp
from core.service import Answer, Choices, ModelService
from core.settings import load_settings
from core.wall import WallAnalysis
from tests.core.served import Caller, Make, encoded, events, make, queued
from tests.waiting import PATIENCE_S, until

__all__ = ["make"]

pytestmark = pytest.mark.usefixtures("clean_environment")


# One request


def test_without_a_start_a_request_is_refused() -> None:
    with pytest.raises(NotReadyError, match="not started"):
        ModelService(load_settings()).analyze(encoded())


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


def test_hanging_up_frees_the_place_while_a_thread_waits_in_it(make: Make) -> None:
    place = make(gated=True, queue_size=1)
    busy = Caller(place.service, encoded(0))
    place.wait_for_a_view()
    hang_up = HangUp()
    gone = Caller(place.service, encoded(1), hang_up=hang_up)
    queued(place, 1)

    hang_up.say()
    assert isinstance(gone.end().error, CallerGoneError)
    assert place.service.statistics().queued == 0
    after = Caller(place.service, encoded(2))
    queued(place, 1)
    place.let()

    busy.answer()
    after.answer()
    assert place.detector.calls == 2 and events(place)["stopped"] == 1


def test_who_hung_up_before_is_not_analysed(make: Make) -> None:
    place, hang_up = make(gated=True), HangUp()
    hang_up.say()

    with pytest.raises(CallerGoneError):
        next(place.service.steps(encoded(), hang_up=hang_up))
    place.let()
    until(lambda: not place.service.statistics().running)
    assert "analysed" not in events(place)


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


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (Choices(yolo_conf="high"), "The choice yolo_conf='high' is refused: expected a number"),
        (Choices(yolo_conf=float("nan")), "expected a finite number"),
        (Choices(max_holds=-1), "max_holds=-1 is refused: expected at least 0"),
        (Choices(palette="red"), "expected at least two colour names"),
        (Choices(palette="red,dark\x1b[31mblue"), "characters that cannot be shown"),
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


def test_a_hit_needs_no_models(make: Make) -> None:
    place = make()
    place.service.analyze(encoded())
    assert place.service.unload("asked", PATIENCE_S)

    assert place.service.analyze(encoded()).from_cache
    assert len(place.loads) == 1


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


def test_short_work_without_a_start_is_refused() -> None:
    with pytest.raises(NotReadyError):
        ModelService(load_settings()).use_models(lambda _models: None)
