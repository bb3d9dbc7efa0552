"""Places, joining and the seconds to wait, with a clock that a test turns."""

from __future__ import annotations

import pytest

from core import jobs, waiting_line
from core.errors import DeadlineError, NotReadyError, QueueFullError
from core.jobs import Job, Waiter
from core.service_statistics import Event, Tally
from core.settings import load_settings
from core.waiting_line import UNKNOWN_S, WaitingLine

SETTINGS = load_settings()


class Clock:
    """Stands for ``time.monotonic``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for module in (jobs, waiting_line):
            monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def job(sha256: str, data: bytes = b"photo") -> Job[int]:
    return Job(sha256, data, "wall.jpg", SETTINGS)


def waiter(until: float = 2000.0) -> Waiter[int]:
    return Waiter("wall.jpg", until)


def full_line(clock: Clock, tally: Tally) -> WaitingLine[int]:
    """One job that began just now, and two that wait."""
    assert clock.now == 1000.0
    line: WaitingLine[int] = WaitingLine(2, tally)
    line.enter(job("running"), waiter())
    line.advance()
    line.enter(job("second"), waiter())
    line.enter(job("third"), waiter())
    return line


def refusal(line: WaitingLine[int]) -> QueueFullError:
    with pytest.raises(QueueFullError) as caught:
        line.enter(job("another"), waiter())
    return caught.value


def test_the_line_takes_as_many_as_may_wait(clock: Clock) -> None:
    tally = Tally()
    line = full_line(clock, tally)

    assert len(line) == 2 and line.nbytes() == 3 * len(b"photo")
    assert "waiting: 2, QUEUE_SIZE: 2" in refusal(line).message
    assert tally.events["refused"] == 1


def test_first_come_first_served(clock: Clock) -> None:
    line = full_line(clock, Tally())

    assert [line.advance().sha256 for _ in range(2)] == ["second", "third"] and len(line) == 0


def test_the_same_photo_needs_no_place(clock: Clock) -> None:
    tally = Tally()
    line = full_line(clock, tally)

    for sha256 in ("running", "third"):
        assert line.enter(job(sha256), waiter()).sha256 == sha256
    assert len(line) == 2 and tally.events["joined"] == 2
    with pytest.raises(QueueFullError):
        line.enter(job("third"), waiter(), alone=True)


def test_who_leaves_makes_room_unless_somebody_else_waits(clock: Clock) -> None:
    line = full_line(clock, Tally())
    mine, other = waiter(), waiter()
    line.advance()
    work = line.enter(job("shared"), mine)
    line.enter(job("shared"), other)

    line.leave(work, mine)
    assert len(line) == 2
    line.leave(work, other)
    assert len(line) == 1


def test_those_whose_time_is_up_make_room(clock: Clock) -> None:
    line: WaitingLine[int] = WaitingLine(1, Tally())
    line.enter(job("running"), waiter())
    line.advance()
    late = waiter(1010.0)
    line.enter(job("late"), late)
    clock.now = 1011.0

    line.enter(job("next"), waiter())

    assert line.advance().sha256 == "next"
    with pytest.raises(DeadlineError):
        late.take()


SECONDS = [
    # recent analyses in s, seconds into the running one, its share done, seconds to wait
    ((), 0.0, 0.0, UNKNOWN_S),
    ((), 6.0, 0.5, 6),  # half is done: as long again
    ((8.0,), 0.0, 0.0, 8),
    ((8.0, 4.0), 2.0, 0.0, 4),  # six on average, two are over
    ((8.0,), 7.9, 0.9, 1),  # never 0
    ((2.0,), 10.0, 0.2, 40),  # much slower than usual: as it shows
]


@pytest.mark.parametrize(("recent_s", "elapsed_s", "share", "seconds"), SECONDS)
def test_the_seconds_to_wait(
    clock: Clock, recent_s: tuple[float, ...], elapsed_s: float, share: float, seconds: float
) -> None:
    tally = Tally()
    for duration in recent_s:
        tally.count(Event("analysed", 1000 * duration))
    line = full_line(clock, tally)
    assert line.running is not None
    clock.now += elapsed_s
    line.running.share = share

    error = refusal(line)

    assert error.retry_after_s == seconds and f"{seconds:.0f} s" in error.hint


def test_who_was_too_late_is_told_when_the_line_will_be_done(clock: Clock) -> None:
    tally = Tally()
    tally.count(Event("analysed", 3000.0))

    assert full_line(clock, tally).too_late().retry_after_s == 9


@pytest.mark.usefixtures("clock")
def test_refusing_everybody() -> None:
    line: WaitingLine[int] = WaitingLine(1, Tally())
    first, second = waiter(), waiter()
    line.enter(job("running"), first)
    line.advance()
    line.enter(job("second"), second)

    line.refuse(NotReadyError("service_closing", "Closing."))
    with pytest.raises(NotReadyError):
        second.take()
    assert len(line) == 0 and line.running is not None and line.running.wanted()

    line.refuse(NotReadyError("service_closing", "Closing."), running=True)
    with pytest.raises(NotReadyError):
        first.take()
    assert not line.running.wanted()
