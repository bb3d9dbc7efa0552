"""Metrics for Prometheus: requests, durations by stage, queue, cache, memory.

Counters are fed by :class:`CountRequests` and by what the model service reports, from the
dashboard's analyses as well; the rest is read from the service at the moment of a scrape. Every
label comes from a fixed set of words, so no caller can make the series grow. What is counted rarely
stands at 0 from the beginning: Prometheus sees no increase in a series that begins at 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.memory.readings import headroom_mb, limit_mb, rss_mb
from core.service import ModelService
from core.service_statistics import Event, Kind

METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"})
PHOTO_ROUTES = ("/predict", "/api/analyze", "/api/analyze-stream")
REFUSALS = ("429", "503")
UNLOADS = ("memory", "replay")
"""Why the service lets its models go: memory is short, or the debugger asked."""

STAGES = ("decode", "detect", "masks", "colour", "problems", "total")
REQUEST_BUCKETS_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
STAGE_BUCKETS_S = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_MIB = 2**20

# When a series began is of no use here, and would double their number.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one face, in a registry of their own."""

    def __init__(self, service: ModelService) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "climbmate_requests",
            "Requests answered.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        for route in PHOTO_ROUTES:
            for status in REFUSALS:
                self.requests.labels(route, "POST", status)
        self.request_seconds = Histogram(
            "climbmate_request_seconds",
            "Time to answer a request, its upload included.",
            ("route",),
            buckets=REQUEST_BUCKETS_S,
            registry=self._registry,
        )
        self.stage_seconds = Histogram(
            "climbmate_stage_seconds",
            "Time of an analysis, by stage.",
            ("stage",),
            buckets=STAGE_BUCKETS_S,
            registry=self._registry,
        )
        for stage in STAGES:  # shown as 0 before the first analysis
            self.stage_seconds.labels(stage)
        self._registry.register(ServiceReadings(service))
        self.stop: Callable[[], None] = service.observe(self._hear)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _hear(self, event: Event) -> None:
        if event.kind == "analysed" and event.timings is not None:
            for stage in STAGES:
                seconds = getattr(event.timings, stage) / 1000
                self.stage_seconds.labels(stage).observe(seconds)


class ServiceReadings(Collector):
    """The state of the service and the process, read when Prometheus asks."""

    def __init__(self, service: ModelService) -> None:
        self._service = service

    def describe(self) -> Iterator[Metric]:
        """Nothing: names need no check against others in a registry of its own."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """One reading."""
        told = self._service.statistics()
        cache = told.cache
        for name, text, value in (
            ("queue_depth", "Photos that wait for an analysis.", told.queued),
            ("queue_size", "Photos that may wait (QUEUE_SIZE).", told.queue_size),
            ("running", "1 while an analysis runs.", told.running),
            ("ready", "1 when requests are answered.", self._service.readiness().ready),
            ("waiting_bytes", "Bytes of the photos that wait or are analysed.", told.waiting_bytes),
            ("cache_entries", "Results in the cache.", cache.currsize),
            ("cache_bytes", "Bytes of the results in the cache.", cache.bytes),
            ("cache_limit_bytes", "Bytes that the cache may take.", cache.max_bytes),
            ("model_bytes", "Resident memory that loading the models took.", told.model_mb * _MIB),
            ("resident_bytes", "Resident memory of the process.", rss_mb() * _MIB),
            ("memory_limit_bytes", "Memory that the process may use.", limit_mb() * _MIB),
            ("memory_headroom_bytes", "Memory that can still be taken.", headroom_mb() * _MIB),
        ):
            yield GaugeMetricFamily(f"climbmate_{name}", text, value=float(value))
        for name, text, value in (
            ("cache_hits", "Requests answered from the cache.", cache.hits),
            ("cache_misses", "Requests that were not in the cache.", cache.misses),
        ):
            yield CounterMetricFamily(f"climbmate_{name}", text, value=float(value))
        events = CounterMetricFamily(
            "climbmate_events", "What happened in the model service.", labels=("kind",)
        )
        for kind in get_args(Kind):
            events.add_metric((kind,), float(told.events.get(kind, 0)))
        yield events
        unloads = CounterMetricFamily(
            "climbmate_unloads", "Times the models were let go, by reason.", labels=("reason",)
        )
        unloaded = {reason: n for (kind, reason), n in told.reasons.items() if kind == "unloaded"}
        for reason, count in sorted({**dict.fromkeys(UNLOADS, 0), **unloaded}.items()):
            unloads.add_metric((reason,), float(count))
        yield unloads


class CountRequests:
    """ASGI middleware that counts every request under its route, method and status."""

    def __init__(self, app: ASGIApp, *, routes: frozenset[str]) -> None:
        self.app = app
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Status 499 is a caller who hung up before the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = 499, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        route = scope["path"] if scope["path"] in self.routes else "other"
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        try:
            await self.app(scope, receive, watched)
        finally:
            metrics: Metrics = scope["app"].state.face.metrics
            metrics.requests.labels(route, method, str(status)).inc()
            metrics.request_seconds.labels(route).observe(time.perf_counter() - began)
