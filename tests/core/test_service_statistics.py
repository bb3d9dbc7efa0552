"""Counting events, one reading of the counts, and what a service makes of them."""

from __future__ import annotations

import json
import threading

import pytest

from core.errors import QueueFullError
from core.result_cache import CacheInfo
from core.service_statistics import RECENT, Event, Statistics, Tally
from tests.core.served import Caller, Make, encoded, make

__all__ = ["make"]


def test_events_and_reasons_are_counted() -> None:
    tally = Tally()
    for reason in ("memory", "asked", "memory"):
        tally.count(Event("unloaded", reason=reason))
    tally.count(Event("joined"))

    assert tally.events == {"unloaded": 3, "joined": 1}
    assert tally.reasons() == {("unloaded", "memory"): 2, ("unloaded", "asked"): 1}


def test_the_expectation_looks_back_a_little() -> None:
    tally = Tally()
    assert tally.expected_ms() is None
    tally.count(Event("analysed", 9_000_000.0))
    for _ in range(RECENT // 2):
        tally.count(Event("analysed", 100.0))
        tally.count(Event("analysed", 300.0))
    tally.count(Event("answered", 1.0))

    assert tally.expected_ms() == 200.0
    assert tally.total_inference_time_ms == 9_000_000 + RECENT * 200


def test_observers_come_and_go() -> None:
    tally, seen = Tally(), list[Event]()
    forget = tally.observe(seen.append)
    tally.count(Event("loaded", 5.0))
    forget()
    forget()
    tally.count(Event("loaded", 6.0))

    assert seen == [Event("loaded", 5.0)]


def test_nothing_is_lost_between_threads() -> None:
    tally = Tally()
    threads = [
        threading.Thread(target=lambda: [tally.count(Event("answered")) for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tally.events["answered"] == 2000


def test_before_the_first_request_nothing_is_divided_by_zero() -> None:
    statistics = Statistics(0, 0, 0.0, False, True, CacheInfo())

    assert json.loads(json.dumps(statistics.document())) == {
        "total_predictions": 0,
        "cache_enabled": True,
        "cache_size": 0,
        "cache_hits": 0,
        "cache_misses": 0,
        "cache_hit_rate_percent": 0.0,
        "avg_inference_time_ms": 0.0,
        "total_inference_time_ms": 0.0,
        "warmup_completed": False,
    }


def test_rates_and_means() -> None:
    statistics = Statistics(9, 4, 1000.0, True, True, CacheInfo(hits=3, misses=1))

    assert statistics.avg_inference_time_ms == 250 and statistics.cache_hit_rate_percent == 75


# Of a running service


@pytest.mark.usefixtures("clean_environment")
def test_statistics_have_the_shape_that_programs_know(make: Make) -> None:
    place = make()
    seen: list[Event] = []
    forget = place.service.observe(seen.append)
    place.service.analyze(encoded())
    place.service.analyze(encoded())
    forget()
    place.service.analyze(encoded())

    document = place.service.statistics().document()
    analysed = [event for event in seen if event.kind == "analysed"]
    assert document == {
        "total_predictions": 3,
        "cache_enabled": True,
        "cache_size": 1,
        "cache_hits": 2,
        "cache_misses": 1,
        "cache_hit_rate_percent": 66.7,
        "avg_inference_time_ms": round(analysed[0].total_ms, 1),
        "total_inference_time_ms": round(analysed[0].total_ms, 1),
        "warmup_completed": True,
    }
    assert [event.kind for event in seen] == ["analysed", "answered", "answered"]
    assert [event.from_cache for event in seen] == [False, False, True]
    assert analysed[0].timings is not None
    assert 0 < analysed[0].timings.total <= analysed[0].total_ms


@pytest.mark.usefixtures("clean_environment")
def test_an_observer_that_fails_does_no_harm(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    place = make()

    def broken(_event: Event) -> None:
        raise ValueError("no such label")

    place.service.observe(broken)

    assert len(place.service.analyze(encoded()).analysis.holds) == 5
    assert "observer=failed" in caplog.text


@pytest.mark.usefixtures("clean_environment")
def test_the_seconds_to_wait_come_from_what_was_seen(make: Make) -> None:
    place = make(gated=True, queue_size=0)
    releaser = threading.Timer(1.2, place.let, args=(4,))
    releaser.start()
    place.service.analyze(encoded(0))  # takes about 1.2 s
    for _ in range(4):
        place.wait_for_a_view()
    caller = Caller(place.service, encoded(1))
    place.wait_for_a_view()

    with pytest.raises(QueueFullError) as caught:
        place.service.analyze(encoded(2))

    mean_s = place.service.statistics().avg_inference_time_ms / 1000
    assert 1 <= caught.value.retry_after_s <= mean_s + 1
    place.let()
    caller.answer()
