"""Giving back: measured by the kernel's resident set, never by the allocator's own word."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.memory.giving_back import (
    Given,
    collect_garbage,
    give_back,
    return_freed_memory,
    trim_heap,
)

ROOT = Path(__file__).resolve().parents[3]


def readings(*values_mb: float) -> object:
    return iter(values_mb).__next__


def test_what_was_given_is_before_minus_after() -> None:
    collected, trimmed = give_back(readings(200.0, 180.0, 180.0, 120.0))  # type: ignore[arg-type]

    assert (collected.given_mb, trimmed.given_mb) == (20, 60)


def test_more_taken_than_given_is_said_as_it_is() -> None:
    assert Given(100.0, 104.0, 1.0).given_mb == -4


def test_cycles_are_collected_and_counted() -> None:
    class Node:
        pass

    for _ in range(100):
        node = Node()
        node.itself = node  # type: ignore[attr-defined]

    del node
    assert collect_garbage().objects >= 100


def test_another_c_library_is_trimmed_by_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[None] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    monkeypatch.setattr(psutil, "heap_trim", lambda: trims.append(None), raising=False)

    assert return_freed_memory()
    assert trims == [None]


def test_without_a_way_to_trim_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    monkeypatch.delattr(psutil, "heap_trim", raising=False)

    assert not return_freed_memory()
    found = trim_heap(readings(100.0, 100.0))  # type: ignore[arg-type]
    assert not found.available and found.given_mb == 0


STORM = """
import json, threading
from core.memory.giving_back import give_back
from core.memory.readings import rss_mb

def work():
    kept = [bytearray(600 + number % 900) for number in range(20_000)]
    survivors.append(kept[-1])

survivors = []
before = rss_mb()
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
grown = rss_mb()
collected, trimmed = give_back()
print(json.dumps([before, grown, trimmed.given_mb, rss_mb()]))
"""


@pytest.mark.skipif(not hasattr(psutil, "heap_trim"), reason="this C library cannot be trimmed")
def test_what_threads_freed_comes_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STORM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    before, grown, given, after = json.loads(done.stdout)

    assert grown - before > 40
    assert given > 0.9 * (grown - before)
    assert after < before + 8
