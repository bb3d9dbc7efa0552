"""Items reach everybody who waits, in order, and nobody waits too long."""

from __future__ import annotations

import threading
import time
import traceback
import weakref
from dataclasses import replace

import pytest

from core.jobs import CallerGoneError, Failure, HangUp, Job, Waiter, forget_locals
from core.settings import load_settings

SETTINGS = load_settings()


def job() -> Job[int]:
    return Job("a" * 64, b"photo", "wall.jpg", SETTINGS)


def waiter(seconds: float = 20.0) -> Waiter[int]:
    return Waiter("wall.jpg", time.monotonic() + seconds)


def test_everybody_gets_every_item_also_who_comes_late() -> None:
    work, early, late = job(), waiter(), waiter()
    work.join(early)
    work.tell(1)
    work.tell(2)
    work.join(late)
    work.end(3)

    assert [early.take() for _ in range(3)] == [late.take() for _ in range(3)] == [1, 2, 3]


def test_an_item_wakes_who_waits() -> None:
    work, someone = job(), waiter()
    work.join(someone)
    threading.Timer(0.05, work.end, args=(7,)).start()

    assert someone.take() == 7


def test_the_error_is_raised_after_what_came_before_it() -> None:
    work, someone = job(), waiter()
    work.join(someone)
    work.tell(1)
    work.end(Failure(KeyError("broken")))

    assert someone.take() == 1
    with pytest.raises(KeyError, match="broken"):
        someone.take()


def test_the_deadline_ends_the_wait_but_takes_nothing_away() -> None:
    work, someone = job(), waiter(0.05)
    work.join(someone)
    with pytest.raises(TimeoutError):
        someone.take()

    work.end(5)
    assert someone.take() == 5


def test_a_job_is_wanted_while_somebody_has_time() -> None:
    work, someone, other = job(), waiter(), waiter(-1.0)
    assert not work.wanted()
    work.join(other)
    assert not work.wanted()
    work.join(someone)
    assert work.wanted()
    work.leave(someone)
    work.leave(someone)
    assert not work.wanted() and work.waiters == [other]


def test_a_stopped_job_is_not_wanted() -> None:
    work = job()
    work.join(waiter())
    work.stopped = True

    assert not work.wanted()


def test_what_a_job_serves() -> None:
    work = job()
    assert work.serves("a" * 64, replace(SETTINGS))
    assert not work.serves("b" * 64, SETTINGS)
    assert not work.serves("a" * 64, load_settings(max_holds=3))
    work.end(1)
    assert not work.serves("a" * 64, SETTINGS)


def test_hanging_up_wakes_who_waits() -> None:
    someone, hang_up = waiter(), HangUp()
    hang_up.ends(someone)
    begun = time.monotonic()
    threading.Timer(0.05, hang_up.say).start()

    with pytest.raises(CallerGoneError):
        someone.take()
    assert time.monotonic() - begun < 5


def test_who_hung_up_gets_nothing_of_what_came_before() -> None:
    work, someone, hang_up = job(), waiter(), HangUp()
    hang_up.ends(someone)
    work.join(someone)
    work.tell(1)
    hang_up.say()
    hang_up.say()

    for _ in range(2):
        with pytest.raises(CallerGoneError):
            someone.take()


def test_hanging_up_before_the_wait_begins_ends_that_too() -> None:
    hang_up, someone = HangUp(), waiter()
    hang_up.say()
    hang_up.ends(someone)

    with pytest.raises(CallerGoneError):
        someone.take()


def test_a_forgotten_error_tells_where_it_was_raised_and_holds_nothing() -> None:
    class Pixels:
        pass

    held: list[weakref.ref[Pixels]] = []

    def decode() -> None:
        pixels = Pixels()
        held.append(weakref.ref(pixels))
        raise KeyError("stripe")

    def analyse() -> None:
        pixels = Pixels()
        held.append(weakref.ref(pixels))
        try:
            decode()
        except KeyError as error:
            raise ValueError("not a photo") from error

    try:
        analyse()
    except ValueError as error:
        kept = error
    assert [reference() is not None for reference in held] == [True, True]

    forget_locals(kept)

    assert [reference() for reference in held] == [None, None]
    text = "".join(traceback.format_exception(kept))
    assert "in decode" in text and "in analyse" in text and "stripe" in text


def test_errors_that_refer_to_each_other_are_forgotten_too() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one

    forget_locals(one)
