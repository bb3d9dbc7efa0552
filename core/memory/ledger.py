"""What was done and what it did to the memory: a bounded list of operations and readings.

An :class:`Operation` is one piece of work with the resident set size (RSS) before it, at its peak
and after it; a :class:`Moment` is one reading between operations, for the timeline. A
:class:`Ledger` keeps the newest of both and forgets the oldest, so that it never grows.

Code that wants its work to be seen writes ``with operation("analyse"):``. As long as nobody called
:func:`install`, that is an empty block: no reading, no thread.

Not done here: judging the numbers (:mod:`core.memory.verdicts`), surviving the end of the process.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass
from typing import Protocol

from core.memory.readings import PeakSampler, rss_mb

OPERATIONS = 200
"""Operations that are kept."""

_CONTROL = ("RerunException", "StopException")
"""By these Streamlit ends a script run; they are no failures."""

MOMENTS = 900
"""Readings that are kept: half an hour at one in two seconds."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One piece of work. Memory in MiB; ``started_s`` in seconds since the epoch.

    ``failed`` is the name of the exception that ended it, empty when it ended well.
    """

    name: str
    started_s: float
    duration_ms: float
    before_mb: float
    peak_mb: float
    after_mb: float
    failed: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("expected a name for the operation, got an empty one")
        if self.duration_ms < 0:
            raise ValueError(f"expected a duration of at least 0 ms, got {self.duration_ms}")
        if self.peak_mb < max(self.before_mb, self.after_mb):
            raise ValueError(
                f"expected a peak of at least {max(self.before_mb, self.after_mb)} MiB, "
                f"got {self.peak_mb}"
            )

    @property
    def kept_mb(self) -> float:
        """What it left behind: after minus before."""
        return self.after_mb - self.before_mb

    @property
    def rise_mb(self) -> float:
        """What it needed on top of what was there: peak minus before."""
        return self.peak_mb - self.before_mb


@dataclass(frozen=True, slots=True)
class Moment:
    """The RSS in MiB at ``at_s`` seconds since the epoch."""

    at_s: float
    rss_mb: float


class Ledger:
    """The newest operations and readings of one process; safe to use from any thread."""

    def __init__(
        self,
        operations: int = OPERATIONS,
        moments: int = MOMENTS,
        *,
        read: Callable[[], float] = rss_mb,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if operations < 1 or moments < 1:
            raise ValueError(f"expected room for at least one, got {operations} and {moments}")
        self._operations: deque[Operation] = deque(maxlen=operations)
        self._moments: deque[Moment] = deque(maxlen=moments)
        self._lock = threading.Lock()
        self._read = read
        self._clock = clock

    def record(self, operation: Operation) -> None:
        """Keep ``operation``; the timeline gets its beginning and its end."""
        ended_s = operation.started_s + operation.duration_ms / 1000
        with self._lock:
            self._operations.append(operation)
            self._moments.append(Moment(operation.started_s, operation.before_mb))
            self._moments.append(Moment(ended_s, operation.after_mb))

    def note(self, apart_s: float = 0.0) -> float:
        """Read the RSS now and keep it on the timeline; the reading in MiB.

        It is kept only when the newest one is at least ``apart_s`` seconds old: several viewers
        then do not fill the list faster than one.
        """
        moment = Moment(self._clock(), self._read())
        with self._lock:
            if not self._moments or moment.at_s - self._moments[-1].at_s >= apart_s:
                self._moments.append(moment)
        return moment.rss_mb

    @contextlib.contextmanager
    def track(
        self, name: str, done: Callable[[Operation], None] | None = None
    ) -> Iterator[PeakSampler]:
        """Measure the block and keep it as an operation, also when it raises; ``done`` is then
        called with it."""
        started_s = self._clock()
        started = time.perf_counter()
        sampler = PeakSampler()
        failed = ""
        try:
            with sampler:
                yield sampler
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            duration_ms = (time.perf_counter() - started) * 1000
            operation = Operation(
                name,
                started_s,
                duration_ms,
                sampler.before_mb,
                sampler.peak_mb,
                sampler.after_mb,
                "" if failed in _CONTROL else failed,
            )
            self.record(operation)
            if done is not None:
                done(operation)

    def operations(self) -> tuple[Operation, ...]:
        """The operations that are kept, oldest first."""
        with self._lock:
            return tuple(self._operations)

    def moments(self) -> tuple[Moment, ...]:
        """The readings that are kept, in the order of time."""
        with self._lock:
            return tuple(sorted(self._moments, key=lambda moment: moment.at_s))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._operations.clear()
            self._moments.clear()

    def nbytes(self) -> int:
        """Bytes that the kept records take."""
        with self._lock:
            kept: list[Operation | Moment] = [*self._operations, *self._moments]
        return sum(
            sys.getsizeof(record) + sum(sys.getsizeof(value) for value in astuple(record))
            for record in kept
        )


class Tracker(Protocol):
    """What :func:`operation` hands its work to: a :class:`Ledger`, or what has one."""

    def track(self, name: str) -> AbstractContextManager[object]:
        """Measure a block as the operation ``name``."""


_installed: Tracker | None = None
_NOTHING: AbstractContextManager[object] = contextlib.nullcontext()


def install(tracker: Tracker | None) -> Tracker | None:
    """Make :func:`operation` hand its work to ``tracker`` (None: to nobody); the one before it."""
    global _installed
    before, _installed = _installed, tracker
    return before


def installed() -> Tracker | None:
    """Who :func:`operation` hands its work to."""
    return _installed


def operation(name: str) -> AbstractContextManager[object]:
    """A block that is measured where a tracker is installed, and costs nothing else."""
    return _NOTHING if _installed is None else _installed.track(name)
