"""The short line of jobs before the one that runs, and honest words for whom it cannot take.

A job that is there already takes in whoever asks for the same; only new jobs need a place. The
estimate of how long a place takes to become free looks at recent durations and at how far the
running job is. Nothing locks and nothing runs here: :mod:`core.agenda` holds its lock around every
call.
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Generic, TypeVar

from core.errors import ClimbMateError, DeadlineError, QueueFullError
from core.jobs import Failure, Job, Waiter
from core.service_statistics import Event, Tally

T = TypeVar("T")

UNKNOWN_S = 5.0
"""What an analysis is taken to last before one was seen."""


class WaitingLine(Generic[T]):
    """At most ``size`` jobs that wait, and the one that runs."""

    def __init__(self, size: int, tally: Tally) -> None:
        self._size = size
        self._tally = tally
        self._waiting: deque[Job[T]] = deque()
        self.running: Job[T] | None = None

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def nbytes(self) -> int:
        """Bytes of the photos that wait or are being analysed."""
        return sum(len(job.data) for job in self._all())

    def enter(self, job: Job[T], waiter: Waiter[T], *, alone: bool = False) -> Job[T]:
        """Let ``waiter`` wait: for a job that is the same, unless ``alone``, else for ``job``.

        Returns the job it waits for. Raises :class:`core.errors.QueueFullError`.
        """
        for other in () if alone else self._all():
            if other.serves(job.sha256, job.settings):
                other.join(waiter)
                self._tally.count(Event("joined"))
                return other
        self.drop_unwanted()
        if len(self._waiting) >= self._size + (self.running is None):
            self._tally.count(Event("refused"))
            raise self.full()
        job.join(waiter)
        self._waiting.append(job)
        return job

    def leave(self, job: Job[T], waiter: Waiter[T]) -> None:
        """Forget ``waiter``, and ``job`` too where it has not begun and nobody else waits."""
        job.leave(waiter)
        if not job.waiters and job in self._waiting:
            self._waiting.remove(job)
            self._tally.count(Event("stopped"))

    def drop_unwanted(self) -> None:
        """Take jobs off the line whose requests' time is up."""
        for job in [job for job in self._waiting if not job.wanted()]:
            self._waiting.remove(job)
            job.end(Failure(self.too_late()))
            self._tally.count(Event("stopped"))

    def advance(self) -> Job[T]:
        """The first job of the line, which runs from now on."""
        self.running = self._waiting.popleft()
        self.running.started = time.monotonic()
        return self.running

    def refuse(self, error: ClimbMateError, *, running: bool = False) -> None:
        """End every waiting job with ``error``, the ``running`` one too where asked."""
        if running and self.running is not None and not self.running.done:
            self.running.stopped = True
            self.running.end(Failure(error))
        while self._waiting:
            self._waiting.popleft().end(Failure(error))

    def too_late(self) -> DeadlineError:
        """The error of a request whose time was up."""
        each_ms = self._tally.expected_ms()
        each_s = UNKNOWN_S if each_ms is None else each_ms / 1000
        seconds = max(1, math.ceil(self._remaining_s() + each_s * len(self._waiting)))
        return DeadlineError(
            "deadline_passed",
            "The photo was not analysed within the time a request may take.",
            f"Try again in {seconds} s, or allow more time (REQUEST_TIMEOUT_S).",
            retry_after_s=seconds,
        )

    def full(self) -> QueueFullError:
        """The error of a request for which there is no place."""
        seconds = max(1, math.ceil(self._remaining_s()))
        return QueueFullError(
            "queue_full",
            "Another photo is being analysed, and no more may wait "
            f"(waiting: {len(self._waiting)}, QUEUE_SIZE: {self._size}).",
            f"Try again in {seconds} s.",
            retry_after_s=seconds,
        )

    def _remaining_s(self) -> float:
        """How long until the running job ends and a place becomes free."""
        job, expected_ms = self.running, self._tally.expected_ms()
        elapsed = time.monotonic() - job.started if job and job.started else 0.0
        if expected_ms is not None and elapsed < expected_ms / 1000:
            return expected_ms / 1000 - elapsed
        if job is not None and job.share > 0.1:
            return elapsed * (1 - job.share) / job.share
        return UNKNOWN_S if expected_ms is None else expected_ms / 1000

    def _all(self) -> list[Job[T]]:
        return [*self._waiting, *([self.running] if self.running is not None else [])]
