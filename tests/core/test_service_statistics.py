"""Counting events, and one reading of the counts."""

from __future__ import annotations

import json
import threading

from core.result_cache import CacheInfo
from core.service_statistics import RECENT, Event, Statistics, Tally


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
