"""What a service has to do, and in which state it is: all that callers and worker share.

Callers put photos and errands in from any thread; the one worker takes them out again, in the order
that is decided here: errands, then loading, then photos as they came. One lock guards everything,
and nobody outside of this module holds it.

Nothing is computed and nothing is loaded here: the callers' side is :mod:`core.service`, the
worker's :mod:`core.service_worker`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from core.answers import MISSING, Readiness, ServiceState, closing_down, not_started
from core.errands import MAX_WAITING, Errand
from core.errors import ClimbMateError, DeadlineError
from core.jobs import Failure, Job, Waiter
from core.service_statistics import Tally
from core.waiting_line import WaitingLine

T = TypeVar("T")

RETRY_PAUSE_S = 5.0
"""After loading failed, requests get the error for so long before it is tried again."""


class Call(Enum):
    """What the worker is told where there is neither a photo nor an errand."""

    LOAD = "load the models"
    END = "end the thread"


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How much is waiting at one moment; ``waiting_bytes`` counts the running photo too."""

    queued: int
    running: bool
    waiting_bytes: int


class Agenda(Generic[T]):
    """Jobs whose waiters get items of type ``T``, errands, and the state of the models."""

    def __init__(self, queue_size: int, tally: Tally, unload: Callable[[str], bool]) -> None:
        """``unload`` lets the models go for the reason it is given, and tells whether there were
        any; it is called under the lock, while no work runs.
        """
        self._changed = threading.Condition()
        self._unload = unload
        self._line: WaitingLine[T] = WaitingLine(queue_size, tally)
        self._errands: deque[Errand[Any]] = deque()
        self._state: ServiceState = "new"
        self._error: ClimbMateError | None = None
        self._failed_at = 0.0
        self._begun = False
        self._load_asked = False
        self._busy = False
        self._closing = False
        self._unload_reason = ""

    # For callers, from any thread

    def begin(self, start: Callable[[], None]) -> None:
        """Ask for the models and ``start`` the worker, the first time it is called.

        Raises :class:`core.errors.NotReadyError` after :meth:`close`.
        """
        with self._changed:
            if self._closing:
                raise closing_down()
            if not self._begun:
                self._begun = self._busy = self._load_asked = True
                self._state = "loading"
                start()

    def readiness(self) -> Readiness:
        """Whether requests can be answered, at this moment."""
        with self._changed:
            missing = MISSING.get(self._state)
            return Readiness(
                missing is None, self._state, (missing,) if missing else (), self._error
            )

    def wait_loaded(self, timeout_s: float | None) -> Readiness:
        """Wait until loading has ended, well or badly; where it failed a while ago, it is tried
        once more.
        """
        with self._changed:
            self._ask_for_models()
            self._changed.wait_for(lambda: self._state != "loading", timeout_s)
            return self.readiness()

    def enter(self, job: Job[T], waiter: Waiter[T], *, alone: bool) -> Job[T]:
        """Let ``waiter`` wait for ``job``, or, unless ``alone``, for one that is the same; the job
        it waits for.

        Raises :class:`core.errors.QueueFullError`, :class:`core.errors.NotReadyError`, and why the
        models could not be loaded.
        """
        with self._changed:
            self._check_open()
            if self._error is not None and not self._ask_for_models():
                raise self._error
            job = self._line.enter(job, waiter, alone=alone)
            self._changed.notify_all()
            return job

    def leave(self, job: Job[T], waiter: Waiter[T]) -> None:
        """``waiter`` waits no more; a job that nobody else waits for leaves the line with it."""
        with self._changed:
            self._line.leave(job, waiter)

    def too_late(self) -> DeadlineError:
        """The error of a request whose time was up."""
        with self._changed:
            return self._line.too_late()

    def add_errand(self, errand: Errand[Any]) -> None:
        """Have ``errand`` done before the photos that wait. Raises as :meth:`enter` does."""
        with self._changed:
            self._check_open()
            if len(self._errands) >= MAX_WAITING:
                raise self._line.full()
            self._errands.append(errand)
            self._changed.notify_all()

    def occupancy(self) -> Occupancy:
        """How much is waiting."""
        with self._changed:
            return Occupancy(len(self._line), self._line.running is not None, self._line.nbytes())

    def ask_to_unload(self, reason: str, timeout_s: float) -> bool:
        """Have the models unloaded, at once or after what runs; whether that was done within
        ``timeout_s``.
        """
        with self._changed:
            self._unload_reason = reason
            if not self._busy:
                self._unload_asked()
            self._changed.wait_for(lambda: not self._unload_reason, timeout_s)
            return not self._unload_reason

    def close(self) -> bool:
        """Refuse everybody who waits, from now on too, and have the worker end after what runs;
        whether there is a worker.
        """
        with self._changed:
            self._closing = True
            self._line.refuse(closing_down())
            while self._errands:
                self._errands.popleft().fail(closing_down())
            if not self._begun:
                self._state = "closed"
            self._changed.notify_all()
            return self._begun

    def give_up(self) -> None:
        """Refuse the running photo as well: it is stopped before its next step."""
        with self._changed:
            self._line.refuse(closing_down(), running=True)

    # For the worker

    def next_task(
        self, idle: Callable[[], None], idle_check_s: float
    ) -> Job[T] | Errand[Any] | Call:
        """Wait for what is to be done next; ``idle`` is called every ``idle_check_s`` meanwhile."""
        with self._changed:
            self._line.running, self._busy = None, False
            while True:
                if self._unload_reason:
                    self._unload_asked()
                if self._closing:
                    return Call.END
                self._line.drop_unwanted()
                if self._load_asked or self._line or self._errands:
                    break
                if not self._changed.wait(idle_check_s):
                    idle()
            self._busy = True
            if self._errands:
                return self._errands.popleft()
            if self._load_asked:
                self._load_asked = False
                return Call.LOAD
            return self._line.advance()

    def loaded(self) -> None:
        """The models are there."""
        with self._changed:
            self._state, self._error = "ready", None
            self._changed.notify_all()

    def load_failed(self, error: ClimbMateError) -> None:
        """The models could not be loaded: everybody who waits for a photo gets ``error``."""
        with self._changed:
            self._state, self._error = "failed", error
            self._failed_at = time.monotonic()
            self._line.refuse(error, running=True)
            self._changed.notify_all()

    def tell(self, job: Job[T], item: T, share: float) -> bool:
        """Hand ``item`` to everybody who waits for the running ``job``, of which ``share`` (0 to 1)
        is done. False where nobody waits any more: the job is over then.
        """
        with self._changed:
            if not job.wanted():
                job.end(Failure(self._line.too_late()))
                return False
            job.share = share
            job.tell(item)
            return True

    def end(self, job: Job[T], item: T | Failure) -> None:
        """Hand the last item of the running ``job`` to everybody who waits for it."""
        with self._changed:
            self._line.running = None
            if not job.done:
                job.end(item)

    def idle(self) -> bool:
        """Whether neither a photo nor an errand waits."""
        with self._changed:
            return not self._line and not self._errands

    def unload_for(self, reason: str) -> None:
        """Unload the models now, between two tasks."""
        with self._changed:
            self._unload_reason = reason
            self._unload_asked()

    def closed(self) -> None:
        """The worker is at its end."""
        with self._changed:
            self._state = "closed"
            self._changed.notify_all()

    # Under the lock

    def _check_open(self) -> None:
        if self._closing:
            raise closing_down()
        if not self._begun:
            raise not_started()

    def _ask_for_models(self) -> bool:
        """Have loading tried again, where it failed a while ago; False where it failed just now."""
        due = time.monotonic() - self._failed_at >= RETRY_PAUSE_S
        if self._state == "failed" and due and not self._closing:
            self._state, self._error, self._load_asked = "loading", None, True
            self._changed.notify_all()
            return True
        return self._state != "failed"

    def _unload_asked(self) -> None:
        reason, self._unload_reason = self._unload_reason, ""
        self._changed.notify_all()
        if self._unload(reason):
            self._state = "unloaded"
