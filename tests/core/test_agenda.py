"""The agenda alone, without a thread: order, refusals, and when the models may go."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from core import agenda as module
from core.agenda import Agenda, Call, Occupancy
from core.errands import Errand
from core.errors import DeadlineError, ModelError, NotReadyError, QueueFullError
from core.jobs import Job, Waiter
from core.service_statistics import Tally
from core.settings import Settings

SETTINGS = Settings()
DAMAGED = ModelError("weights_damaged", "The model is damaged.", "Restore it.")


class Desk:
    """An agenda of one place to wait, and what it was asked to unload."""

    def __init__(self, queue_size: int = 1, *, begun: bool = True, loaded: bool = True) -> None:
        self.unloaded: list[str] = []
        self.starts = 0
        self.agenda: Agenda[str] = Agenda(queue_size, Tally(), self._unload)
        if begun:
            self.begin()
        if loaded and begun:
            assert self.next() is Call.LOAD
            self.agenda.loaded()

    def _unload(self, reason: str) -> bool:
        self.unloaded.append(reason)
        return True

    def begin(self) -> None:
        def start() -> None:
            self.starts += 1

        self.agenda.begin(start)

    def next(self) -> Any:
        return self.agenda.next_task(lambda: None, 0.01)

    def enter(self, photo: str, seconds: float = 20.0) -> Waiter[str]:
        waiter: Waiter[str] = Waiter(photo, time.monotonic() + seconds)
        job: Job[str] = Job(photo, photo.encode(), photo, SETTINGS)
        self.agenda.enter(job, waiter, alone=False)
        return waiter


def errand() -> Errand[int]:
    return Errand(lambda _models: 1, SETTINGS)


def test_errands_go_before_loading_and_loading_before_photos() -> None:
    desk, first = Desk(loaded=False), errand()
    desk.enter("a")
    desk.agenda.add_errand(first)

    assert desk.next() is first
    assert desk.next() is Call.LOAD
    assert desk.next().name == "a"


def test_photos_come_in_the_order_they_came() -> None:
    desk = Desk(queue_size=3)
    for photo in "abc":
        desk.enter(photo)

    assert desk.agenda.occupancy() == Occupancy(3, False, 3)
    assert [desk.next().name for _ in range(3)] == ["a", "b", "c"]
    assert desk.agenda.occupancy() == Occupancy(0, True, 1) and desk.agenda.idle()


def test_it_begins_once() -> None:
    desk = Desk()
    desk.begin()

    assert desk.starts == 1 and desk.agenda.readiness().state == "ready"


def test_before_the_beginning_and_after_the_end_everybody_is_refused() -> None:
    desk = Desk(begun=False)
    for ask in (lambda: desk.enter("a"), lambda: desk.agenda.add_errand(errand())):
        with pytest.raises(NotReadyError, match="not started"):
            ask()
    assert not desk.agenda.close() and desk.agenda.readiness().state == "closed"
    for ask in (lambda: desk.enter("a"), lambda: desk.agenda.add_errand(errand()), desk.begin):
        with pytest.raises(NotReadyError, match="being closed"):
            ask()
    assert desk.starts == 0


def test_the_running_photo_is_no_waiting_one() -> None:
    desk = Desk()
    desk.enter("a")
    with_place = desk.next()
    desk.enter("b")
    with pytest.raises(QueueFullError):
        desk.enter("c")

    desk.agenda.end(with_place, "done")
    assert desk.next().name == "b"


def test_a_photo_whose_time_is_up_is_not_begun() -> None:
    desk = Desk(queue_size=2)
    late = desk.enter("late", seconds=0.01)
    desk.enter("b")
    time.sleep(0.02)

    assert desk.next().name == "b"
    with pytest.raises(DeadlineError):
        late.deadline += 20
        late.take()


def test_items_reach_who_waits_and_nobody_waiting_ends_the_job() -> None:
    desk = Desk()
    waiter = desk.enter("a")
    job = desk.next()
    assert desk.agenda.tell(job, "step", 0.5) and job.share == 0.5
    assert waiter.take() == "step"

    desk.agenda.leave(job, waiter)
    assert not desk.agenda.tell(job, "another", 0.6) and job.done


def test_idle_is_called_while_there_is_nothing_to_do() -> None:
    desk = Desk()
    seen = []

    def idle() -> None:
        seen.append(True)
        if len(seen) == 3:
            desk.enter("a")

    assert isinstance(desk.agenda.next_task(idle, 0.001), Job) and len(seen) == 3


def test_a_failed_load_is_told_to_who_waits_and_to_who_comes_soon_after() -> None:
    desk = Desk(loaded=False)
    waiter = desk.enter("a")
    assert desk.next() is Call.LOAD
    desk.agenda.load_failed(DAMAGED)

    with pytest.raises(ModelError, match="damaged"):
        waiter.take()
    with pytest.raises(ModelError, match="damaged"):
        desk.enter("b")
    assert desk.agenda.readiness().state == "failed"
    assert desk.agenda.readiness().problem() is DAMAGED


def test_later_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(loaded=False)
    assert desk.next() is Call.LOAD
    desk.agenda.load_failed(DAMAGED)
    monkeypatch.setattr(module, "RETRY_PAUSE_S", 0.0)
    desk.enter("a")

    assert desk.agenda.readiness().state == "loading"
    assert desk.next() is Call.LOAD


def test_models_go_at_once_where_nothing_runs_else_afterwards() -> None:
    desk = Desk()
    desk.enter("a")
    job = desk.next()
    assert not desk.agenda.ask_to_unload("asked", 0.0) and desk.unloaded == []

    desk.agenda.end(job, "done")
    desk.enter("b")
    desk.next()
    assert desk.unloaded == ["asked"] and desk.agenda.readiness().state == "unloaded"
    desk.agenda.unload_for("memory")
    assert desk.unloaded == ["asked", "memory"]


def test_who_asks_to_unload_may_wait_for_it() -> None:
    desk = Desk()
    desk.enter("a")
    job = desk.next()
    done: list[bool] = []
    asking = threading.Thread(
        target=lambda: done.append(desk.agenda.ask_to_unload("asked", 20.0)), daemon=True
    )
    asking.start()
    asking.join(0.05)
    assert asking.is_alive()

    desk.agenda.end(job, "done")
    worker = threading.Thread(target=desk.next, daemon=True)
    worker.start()
    asking.join(20.0)
    desk.agenda.close()
    worker.join(20.0)

    assert done == [True] and desk.unloaded == ["asked"] and not worker.is_alive()


def test_closing_refuses_who_waits_and_lets_the_running_one_end() -> None:
    desk = Desk()
    running = desk.enter("a")
    job, waiting, asked = desk.next(), desk.enter("b"), errand()
    desk.agenda.add_errand(asked)
    assert desk.agenda.close()

    for wait in (waiting.take, lambda: asked.wait(1.0)):
        with pytest.raises(NotReadyError):
            wait()
    desk.agenda.end(job, "done")
    assert running.take() == "done"
    assert desk.next() is Call.END
    desk.agenda.closed()
    assert desk.agenda.readiness().state == "closed"


def test_giving_up_refuses_the_running_one_too() -> None:
    desk = Desk()
    running = desk.enter("a")
    job = desk.next()
    desk.agenda.close()
    desk.agenda.give_up()

    with pytest.raises(NotReadyError):
        running.take()
    assert not desk.agenda.tell(job, "step", 0.5)
