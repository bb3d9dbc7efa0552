"""Verdicts: from hand-fed readings, and on planted growth in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.memory.composition import Composition
from core.memory.owners import Owner
from core.memory.verdicts import Reading, Share, Verdict, judge

ROOT = Path(__file__).resolve().parents[3]
MIB = 2**20


def reading(in_use_mb: float = 100.0, owners: tuple[Owner, ...] = (), **parts: float) -> Reading:
    """100 MiB of native memory and 50 MiB of files, changed by ``parts``."""
    values = {"native_mb": 100.0, "file_mapped_mb": 50.0}
    for name, more_mb in parts.items():
        values[f"{name}_mb"] = values.get(f"{name}_mb", 0.0) + more_mb
    return Reading(Composition(**values), in_use_mb, owners)


def held(name: str, size_mb: float, small_mb: float = 0.0) -> Owner:
    return Owner("session", name, round(size_mb * MIB), round(small_mb * MIB))


GROWTH = [
    pytest.param(
        reading(),
        reading(140, native=40),
        reading(140, native=40),
        reading(140, native=40),
        {("native", ""): 40},
        id="native memory nobody named",
    ),
    pytest.param(
        reading(),
        reading(140, native=40),
        reading(140, native=40),
        reading(140, (held("anna", 40),), native=40),
        {("owner", "session: anna"): 40},
        id="held by a session",
    ),
    pytest.param(
        reading(),
        reading(130, python_objects=30),
        reading(130, python_objects=30),
        reading(130, (held("anna", 10, 10),), python_objects=30),
        {("python", ""): 20, ("owner", "session: anna"): 10},
        id="small objects, a third of them a session's",
    ),
    pytest.param(
        reading(),
        reading(140, native=40),
        reading(100, native=0),
        reading(100),
        {("garbage", ""): 40},
        id="garbage that went at once",
    ),
    pytest.param(
        reading(),
        reading(140, python_objects=40),
        reading(100, python_free=40),
        reading(100, python_free=10),
        {("garbage", ""): 40},
        id="garbage of which a part stays in Python's arenas",
    ),
    pytest.param(
        reading(),
        reading(100, retained=60),
        reading(100, retained=60),
        reading(100, retained=2),
        {("retained", ""): 60},
        id="kept by the allocator",
    ),
    pytest.param(
        reading(retained=25),
        reading(100, retained=60),
        reading(100, retained=60),
        reading(100),
        {("retained", ""): 35},
        id="kept by the allocator, some of it before",
    ),
    pytest.param(
        reading(),
        reading(100, file_mapped=12),
        reading(100, file_mapped=12),
        reading(100, file_mapped=12),
        {("mapped", ""): 12},
        id="an import",
    ),
    pytest.param(
        reading(115, native=15),
        reading(120, native=20),
        reading(100, native=0),
        reading(100),
        {("garbage", ""): 5},
        id="garbage, some of it before",
    ),
    pytest.param(
        reading(140, (held("anna", 40),), native=40),
        reading(100),
        reading(100),
        reading(100),
        {("owner", "session: anna"): -40},
        id="an owner that let go",
    ),
    pytest.param(
        reading(130, (held("anna", 30),), native=30),
        reading(180, native=80),
        reading(180, native=80),
        reading(180, (held("anna", 10), held("ben", 70)), native=80),
        {("owner", "session: anna"): -20, ("owner", "session: ben"): 70},
        id="one owner lets go, another takes",
    ),
]


@pytest.mark.parametrize(("before", "grown", "collected", "trimmed", "expected"), GROWTH)
def test_growth_is_divided(
    before: Reading,
    grown: Reading,
    collected: Reading,
    trimmed: Reading,
    expected: dict[tuple[str, str], float],
) -> None:
    verdict = judge(before, grown, collected, trimmed)

    found = {(s.reason, s.owner): s.size_mb for s in verdict.shares if abs(s.size_mb) > 1e-6}
    assert found == pytest.approx(expected)
    assert verdict.given_back_mb == pytest.approx(grown.rss_mb - trimmed.rss_mb)


SIZES = st.floats(0, 2000)
READINGS = st.builds(
    lambda parts, in_use, owner: Reading(
        Composition(*parts), in_use, (Owner("session", "anna", owner, owner // 3),)
    ),
    st.tuples(*[SIZES] * 8),
    SIZES,
    st.integers(0, 2 * 10**9),
)


@given(READINGS, READINGS, READINGS, READINGS)
def test_the_shares_always_add_up_to_the_growth(
    before: Reading, grown: Reading, collected: Reading, trimmed: Reading
) -> None:
    verdict = judge(before, grown, collected, trimmed)

    assert verdict.growth_mb == pytest.approx(grown.rss_mb - before.rss_mb)
    assert sum(share.size_mb for share in verdict.shares) == pytest.approx(
        verdict.growth_mb, abs=1e-6
    )
    assert verdict.size_mb("garbage") >= 0


def test_the_main_share_is_the_largest_that_is_worth_speaking_of() -> None:
    shares = (Share("owner", -30, "session: anna"), Share("native", 20), Share("garbage", 0.1))

    assert Verdict(-9.9, shares, 0).main == Share("native", 20)
    assert Verdict(0.1, (Share("garbage", 0.1),), 0).main is None
    assert Verdict(0, (), 0).main is None


def test_shares_are_found_by_reason_and_owner() -> None:
    shares = (Share("owner", 5, "session: anna"), Share("owner", 7, "session: ben"))
    verdict = Verdict(12, shares, 0)

    assert verdict.size_mb("owner") == 12
    assert verdict.size_mb("owner", "session: ben") == 7
    assert verdict.size_mb("native") == 0


PLANT = """
import ctypes, gc, json, sys, threading
import numpy
from core.memory.owners import Owner, register_probe
from core.memory.verdicts import explain_growth, take_mark

held = {}

def probe(walk):
    for (kind, name), value in held.items():
        size = walk.size(value)
        yield Owner(kind, name, size.nbytes, size.small_bytes, size.complete)

register_probe("planted", probe)
take_mark()  # once before: modules that are imported late are no growth
mark = take_mark()
%s
verdict = explain_growth(mark).verdict
print(json.dumps([verdict.growth_mb, [[s.reason, s.owner, s.size_mb] for s in verdict.shares]]))
"""

MALLOC = """
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
for _ in range({count}):
    ctypes.memset(library.malloc({size}), 1, {size})
"""

CYCLE = """
class Node: pass
gc.disable()
for _ in range(40):
    node = Node()
    node.itself, node.data = node, {data}
del node
"""

STORM = """
survivors = []
def work():
    kept = [bytearray(600 + number % 900) for number in range(20_000)]
    survivors.append(kept[-1])
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
"""

PLANTED = [
    pytest.param(MALLOC.format(count=40, size=MIB), "native", "", 40, id="malloc, large blocks"),
    pytest.param(MALLOC.format(count=40_960, size=1000), "native", "", 39.7, id="malloc, small"),
    pytest.param(
        "held['session', 'anna'] = [f'{n:0990d}' for n in range(40_000)]",
        "owner",
        "session: anna",
        40_000 * (1039 + 8) / MIB,
        id="a list of a session",
    ),
    pytest.param(
        "held['session', 'anna'] = [(f'{n:090d}', n * 1.5) for n in range(100_000)]",
        "owner",
        "session: anna",
        100_000 * (144 + 32 + 64 + 8) / MIB,
        id="a list of small objects of a session",
    ),
    pytest.param(CYCLE.format(data="bytearray(2**20)"), "garbage", "", 40, id="a large cycle"),
    pytest.param(
        CYCLE.format(data="[float(n) for n in range(26_000)]"),
        "garbage",
        "",
        40 * 26_000 * (32 + 8) / MIB,
        id="a cycle of small objects",
    ),
    pytest.param(
        "held['cache', 'photo'] = numpy.ones(40 * 2**20, numpy.uint8)",
        "owner",
        "cache: photo",
        40,
        id="an array of a cache",
    ),
    pytest.param(
        "rest = [float(n) for n in range(1_000_000)]", "python", "", 30.5, id="nobody's objects"
    ),
    pytest.param(STORM, "retained", "", None, id="a storm of threads"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="needs smaps and glibc's heap figures")
@pytest.mark.parametrize(("plant", "reason", "owner", "size_mb"), PLANTED)
def test_planted_growth_gets_the_right_verdict(
    plant: str, reason: str, owner: str, size_mb: float | None
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLANT % plant], cwd=ROOT, capture_output=True, text=True, check=True
    )
    growth_mb, shares = json.loads(done.stdout)

    main = max(shares, key=lambda share: share[2])
    assert main[:2] == [reason, owner], shares
    # What a storm leaves behind depends on the machine: then it has to be all of the growth.
    assert growth_mb > 20
    assert main[2] == pytest.approx(growth_mb if size_mb is None else size_mb, rel=0.1), shares
