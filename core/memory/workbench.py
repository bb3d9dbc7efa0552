"""What the debugger of one process remembers: operations, marks, verdicts and traces.

One :class:`Workbench` serves all faces of the debugger: the decorator, the panel, the page and the
command line. Tracing and explaining cost too much to be done for every operation, so a name is
*armed* for either, and the next operation of that name gets it.

Not done here: drawing anything, or deciding whether the debugger is on.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.memory.baseline import Report
from core.memory.composition import read_composition
from core.memory.ledger import Ledger, Operation
from core.memory.objects import TypeCount, TypeGrowth, count_types, type_growth
from core.memory.owners import Owner, measure_owners
from core.memory.readings import headroom_mb, rss_mb
from core.memory.tracing import Trace, tracing
from core.memory.verdicts import Explained, Reading, explain_growth, take_mark

if TYPE_CHECKING:  # it needs numpy, which the debugger does without elsewhere
    from core.memory.replay_thread import ReplayThread

RESULTS = 20
"""Traces and explanations that are kept."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """An explained growth: of the operation ``name``, or of the time since a mark where empty.

    It was explained at ``at_s`` and began at ``since_s``, both in seconds since the epoch.
    """

    name: str
    since_s: float
    at_s: float
    explained: Explained


@dataclass(slots=True)
class Tracked:
    """What became of one tracked block: filled when it ends."""

    operation: Operation | None = None
    trace: Trace | None = None
    explanation: Explanation | None = None

    def finish(self, operation: Operation) -> None:
        """Take the measured operation."""
        self.operation = operation


@dataclass(slots=True)
class Workbench:
    """The debugger's memory of one process; safe to use from any thread."""

    ledger: Ledger = field(default_factory=Ledger)
    started_s: float = field(default_factory=time.time)
    traces: deque[Trace] = field(default_factory=lambda: deque(maxlen=RESULTS))
    explanations: deque[Explanation] = field(default_factory=lambda: deque(maxlen=RESULTS))
    armed_traces: set[str] = field(default_factory=set)
    armed_explanations: set[str] = field(default_factory=set)
    mark: Reading | None = None
    marked_s: float = 0.0
    counted: dict[str, TypeCount] | None = None
    counted_s: float = 0.0
    replay: ReplayThread | None = None
    _busy: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextlib.contextmanager
    def track(self, name: str, *, trace: bool = False, limit: int = 10) -> Iterator[Tracked]:
        """Measure the block as the operation ``name``; trace or explain it too where that was
        asked for. The readings for an explanation are taken outside of what is measured.

        Only one explanation is made at a time; an operation beside it stays armed.
        """
        tracked = Tracked()
        trace = trace or self._taken(self.armed_traces, name)
        explain = name in self.armed_explanations and self._busy.acquire(blocking=False)
        try:
            before, since_s = (take_mark() if explain else None), time.time()
            try:
                with contextlib.ExitStack() as stack:
                    stack.enter_context(self.ledger.track(name, tracked.finish))
                    if trace:
                        tracked.trace = stack.enter_context(tracing(name, limit))
                    yield tracked
            finally:
                if tracked.trace is not None:
                    self.traces.append(tracked.trace)
                if before is not None:
                    self.armed_explanations.discard(name)
                    explained = explain_growth(before)
                    tracked.explanation = Explanation(name, since_s, time.time(), explained)
                    self.explanations.append(tracked.explanation)
        finally:
            if explain:
                self._busy.release()

    @staticmethod
    def _taken(armed: set[str], name: str) -> bool:
        """Whether ``name`` was armed; it no longer is."""
        was = name in armed
        armed.discard(name)
        return was

    def set_mark(self) -> Reading:
        """Collect, trim and read: later growth is explained from here."""
        with self._busy:
            self.mark, self.marked_s = take_mark(), time.time()
            return self.mark

    def explain_since_mark(self) -> Explanation | None:
        """Why it grew since the mark, which moves to now; None where no mark was set."""
        with self._busy:
            if self.mark is None:
                return None
            explained, since_s = explain_growth(self.mark), self.marked_s
            self.mark, self.marked_s = explained.after, time.time()
            explanation = Explanation("", since_s, self.marked_s, explained)
            self.explanations.append(explanation)
            return explanation

    def start_replay(self, replay: ReplayThread) -> bool:
        """Start a leak replay and keep it as :attr:`replay`; False, and nothing happens, while
        another runs: they would count each other's memory.
        """
        with self._busy:
            if self.replay is not None and self.replay.state.running:
                return False
            self.replay = replay
            replay.start()
            return True

    def count_objects(self) -> dict[str, TypeCount]:
        """Count the tracked objects by type and keep the count as the mark for their growth."""
        self.counted, self.counted_s = count_types(), time.time()
        return self.counted

    def object_growth(self) -> list[TypeGrowth]:
        """What the types grew by since :meth:`count_objects`; everything where there was none."""
        return type_growth(self.counted or {}, count_types())

    def report(self, version: str = "", owners: tuple[Owner, ...] | None = None) -> Report:
        """All readings of this moment; ``owners`` where they were just measured."""
        held = measure_owners() if owners is None else owners
        return Report(
            at_s=time.time(),
            version=version,
            rss_mb=rss_mb(),
            headroom_mb=headroom_mb(),
            composition=read_composition(models_mb(held)),
            owners=held,
            operations=self.ledger.operations(),
            moments=self.ledger.moments(),
        )


def models_mb(owners: tuple[Owner, ...]) -> float:
    """What the owners of the kind "models" hold."""
    return sum(owner.held_mb for owner in owners if owner.kind == "models")
