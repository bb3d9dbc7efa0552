"""What a service counts, and who is told.

:class:`Tally` counts and tells observers; :class:`Statistics` is one reading of it. Turning them
into metrics or documents for a wire is left to the faces. Nothing is measured here.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from core.result_cache import CacheInfo
from core.wall import Timings

logger = logging.getLogger(__name__)

Kind = Literal[
    "answered",  # a request got its analysis
    "analysed",  # an analysis ran to its end: timings are its own
    "failed",  # an analysis ended in an error: reason is its code
    "joined",  # a request waits for a job that was there already
    "refused",  # the queue was full
    "expired",  # the deadline of a request passed
    "stopped",  # a job was given up because nobody waited any more
    "loaded",  # the models were loaded and warmed up
    "load_failed",
    "unloaded",  # reason says why
    "results_dropped",
]

RECENT = 20
"""How many durations the estimate of the next one looks back on."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in the service.

    ``total_ms`` is, of an answer, the time from the request's arrival to it; of loading, its
    duration. ``timings`` are there for ``analysed`` alone. ``reason`` comes from a small, fixed set
    of words, fit for a metric's label.
    """

    kind: Kind
    total_ms: float = 0.0
    timings: Timings | None = None
    from_cache: bool = False
    reason: str = ""


Observer = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The service in numbers, since it began.

    ``total_predictions`` counts answers, those from the cache too; ``analyses`` what ran to its end
    and makes up the inference time. ``events`` counts each :data:`Kind`, ``reasons`` each pair of
    kind and reason. ``queued`` requests' jobs wait, ``running`` says whether one runs.
    ``waiting_bytes`` are the photos of all of them. ``model_mb`` is by how many MiB loading the
    models raised the resident set size, 0 where none are loaded.
    """

    total_predictions: int
    analyses: int
    total_inference_time_ms: float
    warmup_completed: bool
    cache_enabled: bool
    cache: CacheInfo
    queued: int = 0
    queue_size: int = 0
    running: bool = False
    waiting_bytes: int = 0
    model_mb: float = 0.0
    memory_level: str = "calm"
    events: dict[str, int] = field(default_factory=dict)
    reasons: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def avg_inference_time_ms(self) -> float:
        """Mean milliseconds of an analysis; 0 before the first."""
        return self.total_inference_time_ms / self.analyses if self.analyses else 0.0

    @property
    def cache_hit_rate_percent(self) -> float:
        """Share of lookups that hit, 0 to 100."""
        lookups = self.cache.hits + self.cache.misses
        return 100 * self.cache.hits / lookups if lookups else 0.0

    def document(self) -> dict[str, Any]:
        """The part that ``GET /model/stats`` shows under ``statistics``."""
        return {
            "total_predictions": self.total_predictions,
            "cache_enabled": self.cache_enabled,
            "cache_size": self.cache.currsize,
            "cache_hits": self.cache.hits,
            "cache_misses": self.cache.misses,
            "cache_hit_rate_percent": round(self.cache_hit_rate_percent, 1),
            "avg_inference_time_ms": round(self.avg_inference_time_ms, 1),
            "total_inference_time_ms": round(self.total_inference_time_ms, 1),
            "warmup_completed": self.warmup_completed,
        }


class Tally:
    """Counts events and passes them on to observers. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observers: list[Observer] = []
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._recent_ms: deque[float] = deque(maxlen=RECENT)
        self.events: Counter[str] = Counter()
        self.total_inference_time_ms = 0.0

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call ``observer`` with every event from now on; the returned function ends that.

        It is called in whatever thread the event happens in and has to be quick; what it raises is
        logged and goes no further.
        """
        with self._lock:
            self._observers.append(observer)
        return lambda: self._forget(observer)

    def count(self, event: Event) -> None:
        """Count ``event`` and tell the observers."""
        with self._lock:
            self.events[event.kind] += 1
            if event.reason:
                self._reasons[event.kind, event.reason] += 1
            if event.kind == "analysed":
                self.total_inference_time_ms += event.total_ms
                self._recent_ms.append(event.total_ms)
            observers = tuple(self._observers)
        for observer in observers:
            try:
                observer(event)
            except Exception:  # whoever watches must not stop the work
                logger.exception("observer=failed event=%s", event.kind)

    def expected_ms(self) -> float | None:
        """How long an analysis takes: the mean of the recent ones, None before the first."""
        with self._lock:
            return sum(self._recent_ms) / len(self._recent_ms) if self._recent_ms else None

    def reasons(self) -> dict[tuple[str, str], int]:
        """How often each pair of kind and reason was counted."""
        with self._lock:
            return dict(self._reasons)

    def _forget(self, observer: Observer) -> None:
        with self._lock:
            if observer in self._observers:
                self._observers.remove(observer)
