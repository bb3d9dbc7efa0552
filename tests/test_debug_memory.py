"""The debugger's public face: off it costs nothing, on it measures; without the rest of the
project it works as well."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

import debug_memory
from core.memory import owners
from core.memory.giving_back import give_back
from core.memory.ledger import install, installed
from core.memory.owners import measure_owners

ROOT = Path(__file__).resolve().parent.parent
MIB = 2**20


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No workbench, no ledger and no probes of another test."""
    monkeypatch.setattr(debug_memory, "_workbench", None)
    monkeypatch.setattr(owners, "_probes", {})
    before = install(None)
    yield
    debug_memory.stop_memory_tracking()
    install(before)
    assert not tracemalloc.is_tracing()


@pytest.fixture
def off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEBUG_MEMORY", raising=False)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG_MEMORY", "true")


def take() -> np.ndarray:
    """Take 80 MiB, keep 40: sizes that malloc always takes from the system, never from what it
    retained (above 32 MiB)."""
    freed = np.ones(80 * MIB, np.uint8)
    time.sleep(0.05)  # the sampler looks every 5 ms
    del freed
    return np.ones(40 * MIB, np.uint8)


WORDS = ["true", "1", "YES", " on ", "t", "y", "false", "0", "no", "off", "f", "n", "", "perhaps"]


@pytest.mark.parametrize("word", WORDS)
def test_it_is_on_for_the_words_of_the_settings(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        expected = TypeAdapter(bool).validate_python(word.strip())
    except ValidationError:
        expected = False
    monkeypatch.setenv("DEBUG_MEMORY", word)

    assert debug_memory.enabled() is expected


OFF = """
import sys, threading, tracemalloc
before = set(sys.modules)
import debug_memory

def work():
    return 1

assert debug_memory.memory_profiler(work) is work
assert debug_memory.memory_profiler(name="x")(work) is work
with debug_memory.track("work") as tracked:
    assert tracked is None
debug_memory.print_memory_usage("here")
assert debug_memory.start_memory_tracking() is False
debug_memory.show_top_memory_usage()
debug_memory.register_owner("x", lambda: 1)
debug_memory.memory_panel()
assert not tracemalloc.is_tracing() and threading.active_count() == 1
found = set(sys.modules) - before
print(sorted(name for name in found if name in HEAVY or name.startswith("core")))
"""


def test_off_nothing_is_imported_traced_started_or_printed() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "DEBUG_MEMORY"}
    program = f"HEAVY = {{'psutil', 'ctypes', 'numpy', 'streamlit', 'logging', 'inspect'}}\n{OFF}"

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (done.stderr, done.stdout) == ("", "[]\n")


@pytest.mark.usefixtures("on")
def test_a_profiled_call_is_measured_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    give_back()  # what other tests left would go while this one measures
    profiled = debug_memory.memory_profiler(take)
    with caplog.at_level(logging.INFO, "debug_memory"):
        kept = profiled()

    (operation,) = debug_memory.workbench().ledger.operations()
    assert operation.name == "take" and profiled.__name__ == "take" and kept.size
    assert operation.rise_mb == pytest.approx(80, abs=5)
    assert operation.kept_mb == pytest.approx(40, abs=3)
    (trace,) = debug_memory.workbench().traces
    assert trace.peak_mb == pytest.approx(80, abs=1)  # which are freed before 40 are taken
    assert trace.lines[0].nbytes == pytest.approx(40 * MIB, rel=0.01)
    (message,) = [record.getMessage() for record in caplog.records]
    assert "operation='take'" in message and "test_debug_memory.py:" in message


@pytest.mark.usefixtures("on")
def test_generators_and_coroutines_are_measured_to_their_end() -> None:
    @debug_memory.memory_profiler(name="count")
    def count() -> Iterator[int]:
        kept = np.ones(40 * MIB, np.uint8)
        time.sleep(0.05)  # the sampler looks every 5 ms
        yield int(kept[0])
        yield 2

    @debug_memory.memory_profiler
    async def wait() -> int:
        await asyncio.sleep(0)
        return 3

    assert list(count()) == [1, 2] and asyncio.run(wait()) == 3

    first, second = debug_memory.workbench().ledger.operations()
    assert first.name == "count" and first.rise_mb > 35
    assert second.name.endswith("wait")


@pytest.mark.usefixtures("on")
def test_a_failing_call_raises_and_is_kept() -> None:
    @debug_memory.memory_profiler
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        fail()

    assert debug_memory.workbench().ledger.operations()[0].failed == "KeyError"


@pytest.mark.usefixtures("on")
def test_a_tracked_block_becomes_an_operation() -> None:
    with debug_memory.track("load") as tracked:
        pass

    assert tracked is not None and tracked.operation is not None and tracked.trace is None
    with debug_memory.track("load", trace=True) as tracked:
        pass
    assert tracked is not None and tracked.trace is not None
    assert installed() is debug_memory.workbench()


@pytest.mark.usefixtures("on")
def test_memory_usage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    debug_memory.print_memory_usage("before")
    kept = np.ones(40 * MIB, np.uint8)
    debug_memory.print_memory_usage("after")

    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"before: [\d.]+ MiB resident, \d+ MiB free", first)
    found = re.fullmatch(
        r"after: [\d.]+ MiB resident, \+([\d.]+) since the reading before, \d+ MiB free", second
    )
    assert found and float(found[1]) == pytest.approx(40, abs=2) and kept.size


@pytest.mark.usefixtures("on")
def test_tracking_shows_the_top_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert debug_memory.start_memory_tracking() is True
    kept = [bytearray(MIB) for _ in range(5)]
    debug_memory.show_top_memory_usage(limit=3)

    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"tests/test_debug_memory\.py:\d+ 5\.00 MiB in \d+ blocks", lines[0]), lines
    assert lines[-1].startswith("Tracing cost ") and len(lines) <= 4 and kept


@pytest.mark.usefixtures("on")
def test_nothing_tracked_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    debug_memory.show_top_memory_usage()

    assert "Call start_memory_tracking() first" in capsys.readouterr().out


@pytest.mark.usefixtures("on")
def test_tracking_that_would_not_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("core.memory.tracing.SHARE_OF_HEADROOM", 0.0)

    assert debug_memory.start_memory_tracking() is False
    assert "Not traced: it would take about" in capsys.readouterr().err


@pytest.mark.usefixtures("on")
def test_owners_can_be_registered_by_size_or_by_value() -> None:
    pixels = np.ones(5 * MIB, np.uint8)
    debug_memory.register_owner("models", lambda: 7 * MIB, holding=lambda: [pixels])
    debug_memory.register_owner("cache", lambda: {"a": pixels, "b": bytes(MIB)}, note="forever")

    models, cache = measure_owners()
    assert (models.kind, models.nbytes) == ("models", 7 * MIB)
    # The pixels belong to the models.
    assert cache.nbytes == pytest.approx(MIB, rel=0.01) and cache.note == "forever"


@pytest.mark.usefixtures("off")
def test_turned_off_again_it_is_off() -> None:
    assert debug_memory.memory_profiler(take) is take
    assert isinstance(debug_memory.track("x").__enter__(), type(None))
    assert all(thread.name != "peak-sampler" for thread in threading.enumerate())


STRANGER = """
import streamlit as st
import debug_memory

debug_memory.memory_panel()
with debug_memory.track("table"):
    st.write("a stranger's app")
"""


def test_it_works_in_another_app_with_nothing_but_core_memory(tmp_path: Path) -> None:
    for name in ("debug_memory.py", "debug_memory_panel.py", "debug_memory_streamlit.py"):
        shutil.copy(ROOT / name, tmp_path)
    ours = ("bare_object", "baseline", "command_line", "composition", "giving_back", "ledger")
    ours += ("objects", "owners", "python_heap", "readings", "tracing", "verdicts", "workbench")
    folder = tmp_path / "core" / "memory"
    folder.mkdir(parents=True)
    for name in ours:
        shutil.copy(ROOT / "core" / "memory" / f"{name}.py", folder)
    (tmp_path / "app.py").write_text(STRANGER)
    program = (
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=60).run().run()\n"
        "assert not app.exception, app.exception\n"
        "print(app.sidebar.metric[0].label, [b.label for b in app.sidebar.button])\n"
        "print(app.sidebar.caption[-2].value.split(':')[0])\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=tmp_path,
        env=os.environ | {"DEBUG_MEMORY": "true"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    panel, operation = done.stdout.splitlines()
    assert panel.startswith("Memory of this server ['Collect garbage', 'Give back to the system'")
    assert operation == "table"
