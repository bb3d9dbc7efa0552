"""The composition: mappings by kind from hand-written smaps, and parts that add up to RSS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.memory.composition import (
    ARENA_BYTES,
    STACK_BYTES,
    Composition,
    Mapping,
    NativeHeap,
    compose,
    parse_mappings,
    read_composition,
)
from core.memory.python_heap import PythonHeap

ROOT = Path(__file__).resolve().parents[3]
MIB = 2**20

SMAPS = """\
55d0c0000000-55d0c0400000 r-xp 00000000 fe:00 131                        /usr/bin/python3.11
Size:               4096 kB
Rss:                2048 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
55d0c1000000-55d0c1800000 rw-p 00000000 00:00 0                          [heap]
Rss:                8192 kB
7f0000000000-7f0002000000 rw-p 00000000 00:00 0
Rss:               16384 kB
7f0002000000-7f0004000000 ---p 00000000 00:00 0
Rss:                   0 kB
7f1000000000-7f1000001000 ---p 00000000 00:00 0
Rss:                   0 kB
7f1000001000-7f1000801000 rw-p 00000000 00:00 0
Rss:                  64 kB
7f2000300000-7f2002300000 rw-p 00000000 00:00 0                          [anon: numpy]
Rss:               30720 kB
7f3000000000-7f3000100000 rw-s 00000000 00:05 77                         /dev/shm/a file (deleted)
Rss:                1024 kB
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]
Rss:                 128 kB
7ffd00100000-7ffd00102000 r-xp 00000000 00:00 0                          [vdso]
Rss:                   8 kB
"""


def test_mappings_are_read_with_all_their_fields() -> None:
    found = list(parse_mappings(SMAPS.splitlines()))

    assert len(found) == 10
    assert found[0] == Mapping(
        0x55D0C0000000, 0x55D0C0400000, "r-xp", 131, "/usr/bin/python3.11", 2048 * 1024
    )
    assert found[7].name == "/dev/shm/a file (deleted)" and found[6].name == "[anon: numpy]"


def test_every_mapping_goes_to_its_part() -> None:
    found = compose(
        parse_mappings(SMAPS.splitlines()),
        NativeHeap(heap_bytes=20 * MIB, mapped_bytes=12 * MIB),
        PythonHeap(arena_bytes=10 * MIB, in_use_bytes=7 * MIB),
        models_mb=9,
    )

    assert found == Composition(
        python_objects_mb=7,
        python_free_mb=3,
        models_mb=9,
        native_mb=20 + 12 - 9,
        retained_mb=8 + 16 - 20,  # [heap] and the thread arena, less what is in use
        other_anonymous_mb=30 - 10 - 12,
        stacks_mb=(64 + 128) / 1024,
        file_mapped_mb=2 + 1 + 8 / 1024,
    )


def test_without_allocators_nothing_is_called_retained_or_pythons() -> None:
    found = compose(parse_mappings(SMAPS.splitlines()), None, None)

    assert (found.native_mb, found.retained_mb) == (24, 0)
    assert (found.python_objects_mb, found.other_anonymous_mb) == (0, 30)


def stack(size: int, gap: int = 0) -> list[Mapping]:
    guard = Mapping(0x1000_0000, 0x1000_1000, "---p", 0, "", 0)
    start = guard.end + gap
    return [guard, Mapping(start, start + size, "rw-p", 0, "", 4096)]


@pytest.mark.parametrize(
    ("mappings", "stacks"),
    [
        (stack(STACK_BYTES), True),
        (stack(STACK_BYTES - 4096), True),
        (stack(STACK_BYTES, gap=4096), False),
        (stack(STACK_BYTES // 2), False),
        (stack(STACK_BYTES * 2), False),
    ],
    ids=["exact", "guard inside", "not above the guard", "too small", "too large"],
)
def test_a_thread_stack_is_told_by_its_guard_and_size(
    mappings: list[Mapping], stacks: bool
) -> None:
    assert (compose(mappings, None, None).stacks_mb > 0) is stacks


@pytest.mark.parametrize(
    ("start", "used", "reserve", "permissions", "arena"),
    [
        (ARENA_BYTES * 9, MIB, ARENA_BYTES - MIB, "rw-p", True),
        (ARENA_BYTES * 9, ARENA_BYTES, 0, "rw-p", True),
        (ARENA_BYTES * 9, 2 * ARENA_BYTES, 0, "rw-p", True),
        (ARENA_BYTES * 9, MIB, 0, "rw-p", False),
        (ARENA_BYTES * 9 + MIB, MIB, ARENA_BYTES - 2 * MIB, "rw-p", False),
        (ARENA_BYTES * 9, MIB, ARENA_BYTES - MIB, "r--p", False),
    ],
    ids=["reserve", "full", "two joined", "no reserve", "not aligned", "read only"],
)
def test_a_thread_arena_is_told_by_its_place(
    start: int, used: int, reserve: int, permissions: str, arena: bool
) -> None:
    end = start + used
    mappings = [Mapping(start, end, permissions, 0, "", MIB)]
    if reserve:
        mappings.append(Mapping(end, end + reserve, "---p", 0, "", 0))

    found = compose(mappings, NativeHeap(0, 0), None)

    assert found.retained_mb == (1 if arena else 0)
    assert found.other_anonymous_mb == (0 if arena else 1)


@given(
    heap=st.integers(0, 10**9),
    anonymous=st.integers(0, 10**9),
    native=st.tuples(st.integers(0, 2 * 10**9), st.integers(0, 2 * 10**9)),
    arena=st.integers(0, 2 * 10**9),
    models_mb=st.floats(-100, 5000),
)
def test_whatever_the_allocators_say_the_parts_add_up(
    heap: int, anonymous: int, native: tuple[int, int], arena: int, models_mb: float
) -> None:
    mappings = [
        Mapping(0, 1, "rw-p", 0, "[heap]", heap),
        Mapping(1, 2, "rw-p", 0, "", anonymous),
    ]

    found = compose(mappings, NativeHeap(*native), PythonHeap(arena, arena // 2), models_mb)

    assert found.total_mb == pytest.approx((heap + anonymous) / MIB)
    assert all(part_mb >= 0 for part_mb in found.parts().values())


def test_an_arena_in_several_pieces_is_one_and_what_touches_it_is_not_part_of_it() -> None:
    begin, size = ARENA_BYTES * 9, ARENA_BYTES
    pieces = [
        Mapping(begin - 4096, begin, "rw-p", 0, "", MIB),  # belongs to a library before it
        Mapping(begin, begin + 8 * MIB, "rw-p", 0, "", 2 * MIB),
        Mapping(begin + 8 * MIB, begin + 9 * MIB, "rw-p", 0, "", 3 * MIB),
        Mapping(begin + 9 * MIB, begin + size, "---p", 0, "", 0),
        Mapping(begin + size, begin + size + 5 * MIB, "rw-p", 0, "", 5 * MIB),
        Mapping(begin + size + 5 * MIB, begin + size + 6 * MIB, "r--p", 7, "/lib/a.so", MIB),
    ]

    found = compose(pieces, NativeHeap(0, 0), None)

    assert (found.retained_mb, found.other_anonymous_mb, found.file_mapped_mb) == (5, 6, 1)


def test_stacks_that_follow_an_aligned_block_do_not_make_it_an_arena() -> None:
    begin = ARENA_BYTES * 9
    guard = begin + 4 * MIB
    pieces = [
        Mapping(begin, guard, "rw-p", 0, "", 4 * MIB),
        Mapping(guard, guard + 4096, "---p", 0, "", 0),
        Mapping(guard + 4096, begin + ARENA_BYTES, "rw-p", 0, "", MIB),
    ]

    found = compose(pieces, NativeHeap(0, 0), None)

    assert (found.retained_mb, found.other_anonymous_mb) == (0, 5)


def test_a_part_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="stacks_mb=-1"):
        Composition(stacks_mb=-1)


def test_without_smaps_all_is_one_part(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "statm").write_text("1000 512 1 1 0 1 0")

    assert read_composition(proc=tmp_path) == Composition(other_anonymous_mb=2)


STATES = """
import ctypes, json, mmap, sys, threading
from core.memory.composition import read_composition
from core.memory.giving_back import give_back
from core.memory.readings import rss_mb

rows = []
def state(name):
    parts = read_composition()
    rows.append((name, rss_mb(), parts.total_mb, parts.parts()))

state("start")
objects = [float(number) for number in range(500_000)]
state("small objects")
objects = None
state("small objects freed")
import numpy
state("an import")
pixels = numpy.ones(40 * 2**20, numpy.uint8)
state("a numpy array")
direct = mmap.mmap(-1, 25 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
direct.write(b"1" * len(direct))
state("memory straight from the system")
untouched = numpy.zeros(400 * 2**20, numpy.uint8)
state("an untouched numpy array")
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
for _ in range(30):
    ctypes.memset(library.malloc(2**20), 1, 2**20)
state("native blocks")
def work():
    kept = [bytearray(600 + number % 900) for number in range(20_000)]
    survivors.append(kept[-1])
survivors = []
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
state("a storm of threads")
give_back()
state("given back")
done = threading.Event()
threads = [threading.Thread(target=done.wait, daemon=True) for _ in range(40)]
[t.start() for t in threads]
state("forty threads")
done.set()
json.dump(rows, sys.stdout)
"""


@pytest.fixture(scope="module")
def states() -> dict[str, tuple[float, float, dict[str, float]]]:
    """RSS, sum of the parts and parts in states of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", STATES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name: (rss, total, parts) for name, rss, total, parts in json.loads(done.stdout)}


@pytest.mark.skipif(sys.platform != "linux", reason="reads smaps, which only Linux has")
class TestStates:
    def test_the_parts_add_up_to_rss_in_every_state(
        self, states: dict[str, tuple[float, float, dict[str, float]]]
    ) -> None:
        assert len(states) >= 6
        for name, (rss, total, _) in states.items():
            assert total == pytest.approx(rss, rel=0.05), name

    @pytest.mark.parametrize(
        ("before", "after", "part", "grown_mb"),
        [
            ("start", "small objects", "python_objects_mb", 32 * 500_000 / MIB),
            ("small objects", "small objects freed", "python_objects_mb", -32 * 500_000 / MIB),
            ("an import", "a numpy array", "native_mb", 40),
            ("an untouched numpy array", "native blocks", "native_mb", 30),
            ("a numpy array", "memory straight from the system", "other_anonymous_mb", 25),
        ],
    )
    def test_what_was_done_shows_in_its_part(
        self,
        before: str,
        after: str,
        part: str,
        grown_mb: float,
        states: dict[str, tuple[float, float, dict[str, float]]],
    ) -> None:
        grown = states[after][2][part] - states[before][2][part]

        assert grown == pytest.approx(grown_mb, abs=max(1.5, abs(grown_mb) * 0.1))

    def test_a_storm_is_retained_until_it_is_given_back(
        self, states: dict[str, tuple[float, float, dict[str, float]]]
    ) -> None:
        (_, _, before), (rss, _, storm), (rss_after, _, after) = (
            states[name] for name in ("native blocks", "a storm of threads", "given back")
        )

        assert storm["retained_mb"] - before["retained_mb"] > 20
        assert storm["retained_mb"] - after["retained_mb"] == pytest.approx(
            rss - rss_after, rel=0.1, abs=3
        )
