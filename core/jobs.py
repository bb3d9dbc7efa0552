"""Work that several callers wait for: one job, many waiters, each with a deadline of its own.

A waiter takes items from its own line in its own thread; whoever does the work hands items to the
job. Somebody who sees the caller go can end the wait from another thread (:class:`HangUp`). What
the work is, and in which order jobs are done, is decided in :mod:`core.agenda`. Nothing here locks
a job: the owner's lock guards it; a waiter's line is safe by itself.
"""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from core.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """The error that ended a job."""

    error: Exception


def forget_locals(error: BaseException) -> None:
    """Empty the ended frames in the traceback of ``error``, and of those it came from.

    Whoever is told of a failure may hold its error for long, and with it what the frames had in
    hand: the photo's pixels, the models. Where it was raised can still be printed.
    """
    chain: list[BaseException | None] = [error]
    seen: set[int] = set()
    while chain:
        link = chain.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            traceback.clear_frames(link.__traceback__)
            chain += [link.__cause__, link.__context__]


class CallerGoneError(Exception):
    """The caller hung up while it waited; nobody is left to be told."""


class Waiter(Generic[T]):
    """One caller who waits for a job until ``deadline`` (seconds of ``time.monotonic``)."""

    def __init__(self, name: str, deadline: float) -> None:
        self.name = name
        self.deadline = deadline
        self._items: SimpleQueue[T | Failure] = SimpleQueue()
        self._gone = False

    def hand(self, item: T | Failure) -> None:
        """Put ``item`` into this waiter's line."""
        self._items.put(item)

    def go(self) -> None:
        """Wait no more: :meth:`take` raises at once, whatever is in the line. From any thread."""
        self._gone = True
        self._items.put(Failure(CallerGoneError()))  # wakes who sleeps in take()

    def take(self) -> T:
        """The next item, once it is there.

        Raises the error that ended the job, ``TimeoutError`` at the deadline, and
        :class:`CallerGoneError` after :meth:`go`.
        """
        try:
            item = self._items.get(timeout=max(0.0, self.deadline - time.monotonic()))
        except Empty:
            raise TimeoutError from None
        if self._gone:
            raise CallerGoneError
        if isinstance(item, Failure):
            raise item.error
        return item


class HangUp:
    """The word that a caller is gone, which ends its wait wherever that stands.

    It may be said in any thread, before the wait begins too, and more than once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said = False
        self._waiter: Waiter[Any] | None = None

    def say(self) -> None:
        """The caller is gone."""
        with self._lock:
            self._said = True
            if self._waiter is not None:
                self._waiter.go()

    def ends(self, waiter: Waiter[Any]) -> None:
        """``waiter`` is who waits for this caller from now on."""
        with self._lock:
            self._waiter = waiter
            if self._said:
                waiter.go()


class Job(Generic[T]):
    """The analysis of one photo under one set of settings, and who waits for it."""

    def __init__(self, sha256: str, data: bytes, name: str, settings: Settings) -> None:
        self.sha256 = sha256
        self.data = data
        self.name = name
        self.settings = settings
        self.waiters: list[Waiter[T]] = []
        self.started: float | None = None
        self.share = 0.0
        self.done = False
        self.stopped = False
        self._kept: list[T] = []

    def serves(self, sha256: str, settings: Settings) -> bool:
        """Whether a request for that photo can wait for this job."""
        return not self.done and self.sha256 == sha256 and self.settings == settings

    def join(self, waiter: Waiter[T]) -> None:
        """Add ``waiter``, who gets the kept items at once and all later ones as they come."""
        for item in self._kept:
            waiter.hand(item)
        self.waiters.append(waiter)

    def leave(self, waiter: Waiter[T]) -> None:
        """Forget ``waiter``."""
        if waiter in self.waiters:
            self.waiters.remove(waiter)

    def wanted(self) -> bool:
        """Whether anybody still waits whose time is not up."""
        now = time.monotonic()
        return not self.stopped and any(waiter.deadline > now for waiter in self.waiters)

    def tell(self, item: T) -> None:
        """Hand ``item`` to everybody, also to those who join later."""
        self._kept.append(item)
        for waiter in self.waiters:
            waiter.hand(item)

    def end(self, item: T | Failure) -> None:
        """Hand out the last item; nobody can join any more."""
        self.done = True
        self._kept.clear()
        for waiter in self.waiters:
            waiter.hand(item)
