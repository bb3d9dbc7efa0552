"""One analysis, several threads: nothing lost, nothing done twice, closing never waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import numpy as np
import pytest

from core.analysis import Step
from core.answers import Answer
from core.errors import PhotoError
from core.jobs import HangUp, Waiter
from core.photo import Photo
from core.running_analysis import RunningAnalysis
from tests.core.make import make_analysis

ANSWER = Answer(make_analysis(), False, 12.0)


def steps_of(*items: Step | Answer) -> Generator[Step | Answer, None, None]:
    yield from items


def test_steps_come_in_order_and_the_answer_stays() -> None:
    first, second = Step("decode", 0.0), Step("detect", 0.5)
    running = RunningAnalysis(7, steps_of(first, second, ANSWER))

    assert [running.take() for _ in range(5)] == [first, second, ANSWER, ANSWER, ANSWER]
    assert running.number == 7 and running.picture is None


def test_the_photo_becomes_a_picture_and_its_pixels_are_let_go() -> None:
    photo = Photo("wall.jpg", "0" * 64, 80, 60, np.full((30, 40, 3), 90, np.uint8), 2.0)
    running = RunningAnalysis(1, steps_of(Step("decode", 0.1, photo), ANSWER))

    step = running.take()

    assert step == Step("decode", 0.1)
    assert running.picture is not None
    assert (running.picture.width, running.picture.scale) == (40, 2.0)


def test_a_step_that_another_thread_was_given_is_not_lost() -> None:
    entered, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def slow() -> Generator[Step | Answer, None, None]:
        try:
            entered.set()
            assert go_on.wait(10)
            yield ANSWER
        finally:
            closed.set()

    running = RunningAnalysis(1, slow())
    other = threading.Thread(target=running.take)
    other.start()
    assert entered.wait(10)

    begun = time.monotonic()
    assert running.take() is None  # the other one is inside
    assert time.monotonic() - begun < 5

    go_on.set()
    other.join(10)
    assert running.take() is ANSWER


def test_closing_while_a_thread_is_inside_ends_it_on_its_way_out() -> None:
    entered, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def slow() -> Generator[Step | Answer, None, None]:
        try:
            entered.set()
            assert go_on.wait(10)
            yield Step("detect", 0.5)
        finally:
            closed.set()

    running = RunningAnalysis(1, slow())
    given: list[object] = []
    other = threading.Thread(target=lambda: given.append(running.take()))
    other.start()
    assert entered.wait(10)

    running.close()  # does not wait
    assert not closed.is_set()
    go_on.set()
    other.join(10)

    assert closed.is_set() and given == [None] and running.take() is None
    running.close()


def test_closing_at_the_last_moment_of_a_step_ends_it_too() -> None:
    ended = threading.Event()

    def steps() -> Generator[Step | Answer, None, None]:
        try:
            yield Step("decode", 0.0)
            yield ANSWER
        finally:
            ended.set()

    running = RunningAnalysis(1, steps())

    class LastMoment:
        """Holds the lock a little longer, and closes meanwhile as another thread would."""

        def __init__(self) -> None:
            self.lock = threading.Lock()
            self.acquire = self.lock.acquire

        def release(self) -> None:
            if not running.closed:
                assert running.close()
            self.lock.release()

    running._lock = LastMoment()  # type: ignore[assignment]

    assert running.take() is None
    assert ended.is_set()


def test_closing_when_nobody_is_inside_ends_it_at_once() -> None:
    closed = threading.Event()

    def steps() -> Generator[Step | Answer, None, None]:
        try:
            yield Step("decode", 0.0)
            yield ANSWER
        finally:
            closed.set()

    running = RunningAnalysis(1, steps())
    running.take()
    running.close()

    assert closed.is_set() and running.take() is None


def test_an_error_is_told_to_everybody_who_asks() -> None:
    def failing() -> Generator[Step | Answer, None, None]:
        yield Step("decode", 0.0)
        raise PhotoError("photo_damaged", "It is damaged.")

    running = RunningAnalysis(1, failing())
    running.take()
    for _ in range(2):
        with pytest.raises(PhotoError, match="damaged"):
            running.take()


def test_an_end_without_an_answer_is_an_error() -> None:
    running = RunningAnalysis(1, steps_of())

    with pytest.raises(RuntimeError, match="without an answer"):
        running.take()


def test_what_came_of_it_is_kept_once_and_then_it_cannot_be_closed() -> None:
    running, kept = RunningAnalysis(1, steps_of(ANSWER)), []
    running.take()

    assert running.settle(lambda: kept.append(1)) and not running.settle(lambda: kept.append(2))
    assert kept == [1]
    assert not running.close() and not running.closed


def test_what_was_closed_is_not_kept() -> None:
    running, kept = RunningAnalysis(1, steps_of(ANSWER)), []
    running.take()

    assert running.close() and running.closed
    assert not running.settle(lambda: kept.append(1)) and kept == []


def test_keeping_that_failed_settles_nothing() -> None:
    running, kept = RunningAnalysis(1, steps_of(ANSWER)), []

    with pytest.raises(ZeroDivisionError):
        running.settle(lambda: kept.append(1 // 0))

    assert running.settle(lambda: kept.append(2)) and kept == [2]


def test_a_second_thread_that_would_keep_it_waits_until_it_is_kept() -> None:
    running = RunningAnalysis(1, steps_of(ANSWER))
    entered, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def slow() -> None:
        entered.set()
        assert go_on.wait(10)
        order.append("kept")

    def late() -> None:
        assert not running.settle(lambda: order.append("kept twice"))
        order.append("told")

    first = threading.Thread(target=running.settle, args=(slow,))
    first.start()
    assert entered.wait(10)
    assert not running.close()  # too late, and it does not wait
    second = threading.Thread(target=late)
    second.start()
    second.join(0.2)
    assert second.is_alive() and order == []
    go_on.set()
    first.join(10)
    second.join(10)
    assert order == ["kept", "told"]


def test_closing_wakes_a_thread_that_waits_for_its_turn() -> None:
    waiter: Waiter[Step | Answer] = Waiter("wall.jpg", time.monotonic() + 60)
    waiting, hang_up = threading.Event(), HangUp()

    def queued() -> Generator[Step | Answer, None, None]:
        hang_up.ends(waiter)
        waiting.set()
        yield waiter.take()

    running = RunningAnalysis(1, queued(), hang_up)
    taken: list[Step | Answer | None] = []
    other = threading.Thread(target=lambda: taken.append(running.take()))
    other.start()
    assert waiting.wait(10)

    assert running.close()
    other.join(10)  # a minute before its deadline
    assert taken == [None]
