"""Owners: sizes of values held against what is known of them, nothing counted twice, bounded."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from core.memory import owners
from core.memory.owners import (
    Owner,
    SizeWalk,
    block_bytes,
    forget_probes,
    measure_owners,
    register_probe,
)

MIB = 2**20


@pytest.fixture(autouse=True)
def only_our_probes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(owners, "_probes", {})
    yield
    forget_probes()


class Plain:
    def __init__(self, value: object) -> None:
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


@dataclass(frozen=True, slots=True)
class Record:
    value: object


PIXELS = 8 * MIB


def base() -> np.ndarray:
    return np.ones(PIXELS, np.uint8)


@pytest.mark.parametrize(
    "value",
    [
        base(),
        base()[::2],
        base().reshape(1024, -1)[:, 3:],
        [base()],
        (base(),),
        {"a": base()},
        {1: {2: [base()]}},
        Plain(base()),
        Slotted(base()),
        Record(base()),
        bytes(PIXELS),
        bytearray(PIXELS),
        memoryview(bytes(PIXELS)),
        io.BytesIO(bytes(PIXELS)),
        "x" * PIXELS,
        pd.DataFrame({"a": np.ones(PIXELS // 8)}),
        pd.Series(["x" * 1000] * 10 + ["y" * (PIXELS - 10_000)]),
        np.array([base(), None], dtype=object),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_large_part_of_a_value_is_found(value: object) -> None:
    size = SizeWalk().size(value)

    assert size.complete and size.nbytes == pytest.approx(PIXELS, rel=0.01)


def test_small_objects_are_told_apart() -> None:
    size = SizeWalk().size([float(number) for number in range(1000)])

    assert size.small_bytes == 32 * 1000  # 24 bytes in blocks of 16
    assert size.nbytes - size.small_bytes == pytest.approx(8 * 1000, rel=0.2)  # the list


@pytest.mark.parametrize(("asked", "taken"), [(1, 16), (16, 16), (512, 512), (513, 528)])
def test_allocators_round_up(asked: int, taken: int) -> None:
    assert block_bytes(asked) == taken


def test_a_value_is_counted_once() -> None:
    pixels = base()
    walk = SizeWalk()

    first = walk.size([pixels, pixels, pixels[10:]])
    second = walk.size({"again": pixels})

    assert first.nbytes == pytest.approx(PIXELS, rel=0.01) and second.nbytes < 2000


def test_what_is_skipped_is_counted_for_nobody() -> None:
    pixels = base()
    walk = SizeWalk()
    walk.skip([pixels])

    assert walk.size([pixels]).nbytes < 2000


def test_a_circle_ends() -> None:
    one: list[object] = [bytes(1000)]
    one.append(one)

    assert 1000 < SizeWalk().size(one).nbytes < 2000


def test_the_program_is_no_value() -> None:
    assert SizeWalk().size([np, Plain, test_a_circle_ends, len]).nbytes < 500


@pytest.mark.parametrize(
    "items",
    [
        [f"{number:0990d}" for number in range(40_000)],
        {number: f"{number:0990d}" for number in range(40_000)},
        tuple(f"{number:0990d}" for number in range(40_000)),
    ],
    ids=["list", "dict", "tuple"],
)
def test_a_long_container_is_estimated_with_little_work(items: Iterable[str]) -> None:
    size = SizeWalk(max_objects=20_000).size(items)

    assert size.complete and size.nbytes == pytest.approx(40_000 * 1048, rel=0.05)


def test_the_same_few_objects_in_a_long_list_are_few() -> None:
    text = "x" * 10_000

    assert SizeWalk().size([text] * 50_000).nbytes == pytest.approx(8 * 50_000 + 10_000, rel=0.05)


def test_too_much_is_said_to_be_at_least() -> None:
    nested = [[[str(i) * 40] for i in range(90)] for _ in range(90)]

    assert not SizeWalk(max_objects=1000).size(nested).complete
    assert not SizeWalk(budget_ms=0).size(nested).complete


def test_a_busy_server_does_not_cut_a_walk_short() -> None:
    """Four threads that never rest leave this one a fifth of a processor at most."""
    value = [Plain([number]) for number in range(6_000)]
    began = time.thread_time()
    alone = SizeWalk(budget_ms=60_000).size(value)
    took_ms = (time.thread_time() - began) * 1000
    over = threading.Event()

    def busy() -> None:
        while not over.is_set():
            sum(range(1_000))

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        # A value gets a quarter of the budget: three times what it needs by itself.
        beset = SizeWalk(budget_ms=12 * took_ms).size(value)
    finally:
        over.set()
        for thread in threads:
            thread.join()

    assert alone.complete and beset == alone


def test_one_owner_leaves_work_for_the_next() -> None:
    walk = SizeWalk(max_objects=4000)
    nested = [[[str(i) * 40] for i in range(90)] for _ in range(90)]

    assert not walk.size(nested).complete
    assert walk.size(base()) == owners.Size(block_bytes(PIXELS + 112), 0, True)


def test_owners_are_added_up_by_kind_and_name_and_sorted() -> None:
    register_probe("one", lambda _: [Owner("session", "a", 10), Owner("upload", "x", 500)])
    register_probe("two", lambda _: [Owner("session", "a", 30, 5, complete=False, note="soon")])

    assert measure_owners() == (
        Owner("upload", "x", 500),
        Owner("session", "a", 40, 5, complete=False, note="soon"),
    )


def test_a_probe_of_the_same_name_is_replaced() -> None:
    register_probe("one", lambda _: [Owner("a", "", 1)])
    register_probe("one", lambda _: [Owner("b", "", 2)])

    assert [owner.kind for owner in measure_owners()] == ["b"]


def test_all_probes_share_one_walk() -> None:
    pixels = base()

    def probe(name: str) -> owners.Probe:
        def ask(walk: SizeWalk) -> Iterable[Owner]:
            size = walk.size([pixels])
            yield Owner("cache", name, size.nbytes, size.small_bytes)

        return ask

    register_probe("first", probe("first"))
    register_probe("second", probe("second"))
    first, second = measure_owners()

    assert first.name == "first" and first.held_mb == pytest.approx(8, rel=0.01)
    assert second.nbytes < 500


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="0 to 5 bytes of small objects, got 6"):
        Owner("a", "", 5, 6)
