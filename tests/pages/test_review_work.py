"""The work on the queue where two runs of the page overlap: Stop, Try again, Remove and the end of
an analysis in every order. Nothing here needs a page."""

from __future__ import annotations

import io
import threading
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from core.analysis import Step
from core.answers import Answer
from core.photo_queue import QueuedPhoto
from core.running_analysis import RunningAnalysis
from core.settings import Settings
from core.wall_picture import WallPicture
from pages import review_queue, review_work
from pages.review_state import Desk
from pages.review_work import finish, give_up, started
from pages.shared import Ready
from tests.core.make import make_analysis

ANSWER = Answer(make_analysis(), True, 12.0)


class Service:
    """Hands out analyses that end at once; counts them, and which were closed."""

    def __init__(self) -> None:
        self.given: list[bytes] = []
        self.closed = 0

    def steps(self, data: bytes, **_: object) -> Generator[Step | Answer, None, None]:
        self.given.append(data)
        return self._steps()

    def _steps(self) -> Generator[Step | Answer, None, None]:
        try:
            yield Step("decode", 0.0)
            yield ANSWER
        finally:
            self.closed += 1


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(review_work, "session_choices", lambda: None)
    return Service()


@pytest.fixture
def ready(service: Service) -> Any:
    return SimpleNamespace(settings=Settings(), service=service)


def photo_bytes() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (140, 140, 140)).save(out, "JPEG")
    return out.getvalue()


def at_work(ready: Ready) -> tuple[Desk, QueuedPhoto, RunningAnalysis]:
    """A desk with one photo whose analysis has begun."""
    work = Desk()
    photo = work.queue.add("wall.jpg", photo_bytes())
    running = started(work, photo, ready)
    assert running is not None and photo.state == "analysing"
    running.take()
    return work, photo, running


def test_stop_closes_the_analysis_and_it_can_be_tried_again(ready: Any, service: Service) -> None:
    work, photo, running = at_work(ready)

    give_up(work)

    assert photo.state == "stopped" and work.running is None and service.closed == 1
    work.queue.retry(photo.number)
    again = started(work, photo, ready)
    assert again is not None and again is not running and service.given == [photo.data] * 2


def test_a_run_that_was_stopped_does_not_end_what_is_tried_again(ready: Any) -> None:
    work, photo, running = at_work(ready)
    give_up(work)
    work.queue.retry(photo.number)
    again = started(work, photo, ready)

    # The run before had its answer already, and comes to keep it only now.
    assert not running.settle(lambda: finish(work, photo, running, ANSWER, ready))

    assert photo.state == "analysing" and photo.data and work.running is again


def test_stop_while_the_result_is_being_kept_leaves_it(
    ready: Any, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, photo, running = at_work(ready)
    waiting = work.queue.add("next.jpg", b"next")
    entered, go_on = threading.Event(), threading.Event()

    def slowly(*_: object) -> WallPicture:
        entered.set()
        assert go_on.wait(10)
        return WallPicture(b"jpeg", 64, 48, 1.0)

    monkeypatch.setattr(review_work, "picture_of", slowly)
    other = threading.Thread(
        target=running.settle, args=(lambda: finish(work, photo, running, ANSWER, ready),)
    )
    other.start()
    assert entered.wait(10)

    give_up(work)
    work.queue.retry(photo.number)  # nothing to try again

    # A newer run of the page takes the same analysis up rather than begin a second one, which would
    # find the photo's bytes gone.
    assert work.queue.next_up is photo and started(work, photo, ready) is running
    go_on.set()
    assert not running.settle(lambda: pytest.fail("kept twice"))
    other.join(10)
    assert photo.state == "done" and photo.review is not None and waiting.state == "stopped"
    assert len(service.given) == 1


def test_a_photo_that_is_stopped_before_its_analysis_began_stays_stopped(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Desk()
    photo = work.queue.add("wall.jpg", photo_bytes())
    # Stop is pressed when this run of the page has chosen the photo, but not yet begun.
    monkeypatch.setattr(review_work, "session_choices", lambda: give_up(work))

    assert started(work, photo, ready) is None

    assert photo.state == "stopped"
    monkeypatch.setattr(review_work, "session_choices", lambda: None)
    work.queue.retry(photo.number)
    running = started(work, photo, ready)
    assert running is not None and not running.closed


def test_a_photo_that_is_removed_takes_its_analysis_along(
    ready: Any, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, photo, running = at_work(ready)
    monkeypatch.setattr(review_queue, "desk", lambda: work)

    review_queue.remove(photo.number)

    assert running.closed and work.running is None and service.closed == 1
