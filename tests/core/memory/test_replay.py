"""The leak replay: its slope against numpy's line and planted numbers, and real leaks of a known
size."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from core.memory.replay import (
    ROUNDS,
    Replay,
    Slope,
    assert_no_leak,
    judge,
    judged,
    replay,
    replaying,
    rounds_of,
    slope_of,
    trend,
)

LEAK_KIB = 50


def readings(kib_per_run: float, runs: int, noise_kib: float = 0.0, seed: int = 1) -> list[float]:
    """MiB after each run of an operation that keeps ``kib_per_run``."""
    random = np.random.default_rng(seed)
    return [
        200.0 + (index * kib_per_run + random.normal(0, noise_kib)) / 1024 for index in range(runs)
    ]


@pytest.mark.parametrize("kib", [0.0, 4.0, 50.0, -3.0])
def test_a_straight_line_has_its_slope_and_no_doubt(kib: float) -> None:
    slope = slope_of(readings(kib, 12))

    assert (slope.kib, slope.low_kib, slope.high_kib) == pytest.approx((kib, kib, kib), abs=1e-6)


def test_the_slope_is_near_the_least_squares_line_where_noise_is_even() -> None:
    values = readings(20.0, 60, noise_kib=40.0)

    slope = slope_of(values)

    line = np.polyfit(np.arange(60), np.array(values) * 1024, 1)[0]
    assert slope.kib == pytest.approx(line, abs=1.5)
    assert slope.low_kib < 20.0 < slope.high_kib


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(300):
        slope = slope_of(readings(12.0, 20, noise_kib=30.0, seed=seed))
        held += slope.low_kib <= 12.0 <= slope.high_kib

    assert 0.92 <= held / 300 <= 0.99


def test_one_step_is_no_slope_while_it_tilts_the_least_squares_line() -> None:
    values = [200.0] * 8 + [230.0] * 32

    slope = slope_of(values)

    assert np.polyfit(np.arange(40), np.array(values) * 1024, 1)[0] > 300
    assert slope.kib == 0


def test_two_readings_have_no_slope() -> None:
    with pytest.raises(ValueError, match="at least 3 readings, got 2"):
        slope_of([1.0, 2.0])


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [
        (8.0, 60.0, "leak"),
        (7.9, 60.0, "not sure"),
        (-20.0, 8.0, "not sure"),
        (-20.0, 7.9, "no leak"),
        (-60.0, -50.0, "no leak"),
    ],
)
def test_the_finding_is_the_whole_interval_against_the_threshold(
    low: float, high: float, finding: str
) -> None:
    assert judge(Slope((low + high) / 2, low, high), 8.0) == finding


def hand_fed(values: list[float], warm_up: int = 0) -> Callable[[], float]:
    """Readings in order, after those that are thrown away: one, and one for each warm-up run."""
    left: Iterator[float] = iter([values[0]] * (1 + warm_up) + values)
    return lambda: next(left)


def test_a_clear_case_ends_after_the_first_round() -> None:
    calls = []

    found = replay(
        lambda: calls.append(1),
        warm_up=2,
        rounds=(5, 100),
        read=hand_fed(readings(30.0, 5), warm_up=2),
    )

    assert (found.finding, found.runs, len(calls)) == ("leak", 5, 7)
    assert found.sentence().startswith("leak: +30.0 KiB per run")


def test_what_the_reading_itself_takes_at_first_is_no_growth() -> None:
    taken: list[float] = []

    def read() -> float:
        taken.append(200.0 + 40 / 1024 * min(len(taken), 4))  # its own pools, for four readings
        return taken[-1]

    found = replay(lambda: None, warm_up=3, rounds=(10,), read=read)

    assert (found.finding, found.slope.high_kib, len(taken)) == ("no leak", 0.0, 14)


def test_doubt_takes_more_runs() -> None:
    step = [200.0] * 3 + [210.0] * 27

    found = replay(lambda: None, warm_up=0, rounds=(5, 10, 15), read=hand_fed(step))

    assert (found.finding, found.runs) == ("no leak", 15)


def test_doubt_that_stays_is_said() -> None:
    sawtooth = [200.0 + (index % 2) for index in range(10)]

    found = replay(lambda: None, warm_up=0, rounds=(5, 5), read=hand_fed(sawtooth))

    assert (found.finding, found.runs) == ("not sure", 10)


def test_growth_that_ends_is_no_leak_however_steep_it_was() -> None:
    doubling = [200.0] * 3 + [200.9] * 3 + [202.1] * 14 + [202.2] * 60

    early = judged(doubling[:10], 8.0, 3)
    found = replay(lambda: None, warm_up=0, rounds=(10, 10, 60), read=hand_fed(doubling))

    assert judge(early.slope, 8.0) == "leak" and early.finding == "not sure"
    assert (found.finding, found.runs) == ("no leak", 80)


def test_what_the_operation_raises_is_raised() -> None:
    def broken() -> None:
        raise KeyError("wall")

    with pytest.raises(KeyError, match="wall"):
        replay(broken)


@pytest.mark.parametrize("rounds", [(), (2,)])
def test_rounds_are_long_enough(rounds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least 3 runs"):
        replay(lambda: None, rounds=rounds)


@pytest.fixture
def native() -> Iterator[Callable[[int], None]]:
    """A function that takes so many KiB from the C library, writes on them, and keeps them."""
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    held: list[int] = []

    def take(kib: int) -> None:
        address = library.malloc(kib * 1024)
        ctypes.memset(address, 1, kib * 1024)
        held.append(address)

    yield take
    for address in held:
        library.free(address)


def test_a_native_leak_is_found_with_its_size(native: Callable[[int], None]) -> None:
    found = replay(lambda: native(LEAK_KIB))

    assert found.finding == "leak"
    assert found.slope.kib == pytest.approx(LEAK_KIB, rel=0.1)
    with pytest.raises(AssertionError, match="leak: "):
        assert_no_leak(lambda: native(LEAK_KIB))


def test_a_leak_of_python_objects_is_found_with_its_size() -> None:
    kept: list[bytearray] = []

    found = replay(lambda: kept.append(bytearray(b"x" * (LEAK_KIB * 1024))))

    assert found.finding == "leak"
    assert found.slope.kib == pytest.approx(LEAK_KIB, rel=0.1)


def test_a_leak_into_free_memory_that_stays_resident_is_found(
    native: Callable[[int], None],
) -> None:
    found: list[Replay] = []

    def work() -> None:
        # A thread has a heap of its own; what is freed at the end of it no trim gives back.
        parts = [bytearray(b"x" * 100_000) for _ in range(300)]
        parts.clear()
        found.append(replay(lambda: native(LEAK_KIB)))

    # Once a large block was freed, glibc lets a heap keep twice as much.
    block = bytearray(30 * 2**20)
    del block
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert found[0].finding == "leak"
    assert found[0].slope.kib == pytest.approx(LEAK_KIB, rel=0.1)


def test_a_storm_of_arrays_is_not_accused() -> None:
    random = np.random.default_rng(2)

    def storm() -> None:
        parts = [np.ones(int(size), np.uint8) for size in random.integers(1, 400_000, 60)]
        np.concatenate(parts).sort()

    assert assert_no_leak(storm).finding == "no leak"


def test_cycles_that_the_collector_finds_are_no_leak() -> None:
    def cycle() -> None:
        ring: list[object] = [bytearray(LEAK_KIB * 1024)]
        ring.append(ring)

    assert_no_leak(cycle)


@pytest.mark.parametrize("runs", [3, 9, 10, 12, 13, 20, 25, 40, 80, 100])
def test_rounds_grow_and_add_up(runs: int) -> None:
    rounds = rounds_of(runs)

    assert sum(rounds) == runs and min(rounds) >= 3 and rounds[0] in (min(runs, 10), runs)
    assert all(later <= 12 + sum(rounds[:index]) for index, later in enumerate(rounds) if index)


def test_the_usual_rounds_are_those_of_eighty_runs() -> None:
    assert rounds_of(80) == ROUNDS
    with pytest.raises(ValueError, match="got 2"):
        rounds_of(2)


def test_run_by_run_the_readings_grow_by_one() -> None:
    steps = replaying(lambda: None, warm_up=2, rounds=(3,), read=hand_fed(readings(0.0, 3), 2))

    assert [len(seen) for seen in steps] == [0, 0, 1, 2, 3]


def test_the_trend_of_a_straight_line_is_that_line() -> None:
    values = readings(30.0, 9)

    points = trend(judged(values, 8.0, 3))

    assert [point.run for point in points] == list(range(1, 10))
    for name in ("mb", "low_mb", "high_mb"):
        assert [getattr(point, name) for point in points] == pytest.approx(values, abs=1e-6)


def test_the_trend_has_the_slopes_of_the_interval_and_crosses_in_the_middle() -> None:
    found = judged(readings(12.0, 21, noise_kib=30.0), 8.0, 3)

    points = trend(found)

    first, last = points[0], points[-1]
    steps = len(points) - 1
    assert (last.mb - first.mb) * 1024 / steps == pytest.approx(found.slope.kib)
    assert (last.low_mb - first.high_mb) * 1024 / steps == pytest.approx(found.slope.low_kib)
    assert (last.high_mb - first.low_mb) * 1024 / steps == pytest.approx(found.slope.high_kib)
    assert points[10].low_mb == points[10].mb == points[10].high_mb
    assert all(point.low_mb <= point.mb <= point.high_mb for point in points)
    over = sum(mb > point.mb for mb, point in zip(found.readings_mb, points, strict=True))
    assert over == 10  # half of the 21 readings are above the line, one is on it
