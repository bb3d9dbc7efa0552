"""A leak replay in a thread of its own: who started it can look at it, leave, and stop it.

The operation is prepared in that thread too, since it may take long or fail. An end that was asked
for comes after the run that is under way; what was read until then is judged all the same.

Not done here: how a slope is found and judged (:mod:`core.memory.replay`), and which operations
there are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from core.memory.replay import (
    FEWEST,
    THRESHOLD_KIB,
    WARM_UP,
    Replay,
    judged,
    kept_mb,
    replaying,
    rounds_of,
)

logger = logging.getLogger(__name__)

Operation = Callable[[], object]


@dataclass(frozen=True, slots=True)
class ReplayState:
    """One moment of a replay. ``done`` of ``most`` runs are over, the ``warm_up`` runs at the
    beginning included, which do not count; a clear finding ends it before. ``readings_mb`` are of
    the runs that count. ``found`` is there at the end, or when it was stopped after enough runs;
    ``error`` when a run failed."""

    running: bool
    done: int
    most: int
    readings_mb: tuple[float, ...] = ()
    found: Replay | None = None
    stopped: bool = False
    error: Exception | None = None
    warm_up: int = 0


class ReplayThread:
    """One replay of the operation ``name``: :meth:`start` it, then look at its :attr:`state`."""

    def __init__(
        self,
        name: str,
        prepare: Callable[[], Operation],
        *,
        runs: int,
        threshold_kib: float = THRESHOLD_KIB,
        warm_up: int = WARM_UP,
        read: Callable[[], float] = kept_mb,
    ) -> None:
        """``prepare`` makes the operation, once. At most ``runs`` runs count, after ``warm_up``
        others. Raises ``ValueError`` below 3 runs.
        """
        self.name = name
        self._rounds = rounds_of(runs)
        self._threshold_kib = threshold_kib
        self._warm_up = warm_up
        self._read = read
        self._asked_to_stop = threading.Event()
        # Given to the thread alone, which forgets it at its end with all that hangs on it.
        self._thread = threading.Thread(
            target=self._work, args=(prepare,), name="leak replay", daemon=True
        )
        # Replaced as a whole, so that a reader in another thread always sees one moment.
        self._state = ReplayState(True, 0, runs + warm_up, warm_up=warm_up)

    @property
    def state(self) -> ReplayState:
        """How far it is."""
        return self._state

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def stop(self) -> None:
        """Have it end after the run that is under way; at its end, nothing happens."""
        self._asked_to_stop.set()

    def wait(self, timeout_s: float | None = None) -> ReplayState:
        """Wait for its end, at most so long; how far it is then."""
        self._thread.join(timeout_s)
        return self._state

    def _work(self, prepare: Callable[[], Operation]) -> None:
        done, readings_mb = 0, tuple[float, ...]()
        found, error = None, None
        most = self._state.most
        try:
            steps = replaying(
                prepare(),
                threshold_kib=self._threshold_kib,
                warm_up=self._warm_up,
                rounds=self._rounds,
                read=self._read,
            )
            while not self._asked_to_stop.is_set():
                readings_mb = next(steps)
                done += 1
                self._state = replace(self._state, done=done, readings_mb=readings_mb)
        except StopIteration as end:
            found = end.value
        except Exception as failure:  # told by the state: nobody waits in this thread
            logger.error("replay=failed operation=%r", self.name, exc_info=failure)
            error = failure.with_traceback(None)  # its frames hold what the run had in hand
        stopped = found is None and error is None
        if found is None and len(readings_mb) >= FEWEST:
            found = judged(readings_mb, self._threshold_kib, self._warm_up)
        self._state = ReplayState(
            False, done, most, readings_mb, found, stopped, error, self._warm_up
        )
