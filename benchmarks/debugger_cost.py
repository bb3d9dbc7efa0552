"""What the memory debugger costs: ``python -m benchmarks.debugger_cost``.

Four kinds of processes analyse the demo wall again and again:

- *never*: the debugger is not imported at all;
- *never, again*: the same once more; its difference to the first is the noise of the measurement;
- *off*: it is imported, a function decorated, every analysis tracked, but DEBUG_MEMORY is not set;
- *on*: the same with DEBUG_MEMORY set, the readings of the panel every two seconds beside it, and
  the composition and the owners measured once at the end.

The four of a group live at the same time and take turns analysis by analysis, in another order each
round, while the others wait: what slows the machine for more than a second then slows all four,
and the four of one round are compared. Several groups, since no two processes lie in memory alike.
Prints Markdown. The panel's drawing itself is Streamlit's work and is not in here.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import ChildError, clean_environment
from benchmarks.machine import QUIET_LOAD, machine_facts

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "assets" / "demo_wall.jpg"

MODES = ("never", "never, again", "off", "on")
PANEL_S = 2.0

MOST_TIME = 0.03
MOST_MB = 15.0

Track = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Group:
    """What one process of each kind told: seconds by kind for every round, and MiB at the end."""

    seconds: list[dict[str, float]]
    rss_mb: dict[str, float]


def child(mode: str) -> None:
    """Analyse once for each line of stdin and print its seconds; the MiB when stdin ends."""
    from core.analysis import WallAnalysis, analyze, finish, load_models
    from core.memory.readings import rss_mb
    from core.settings import load_settings

    settings = load_settings()
    models = load_models(settings)
    models.warm_up()
    data = PHOTO.read_bytes()
    track, ended = _debugger(mode)

    def once() -> WallAnalysis:
        with track():
            return finish(analyze(data, models, settings, name=PHOTO.name))

    once()
    for _ in sys.stdin:
        begun = time.perf_counter()
        once()
        print(time.perf_counter() - begun, flush=True)
    ended()
    imported = "debug_memory" in sys.modules
    if imported is mode.startswith("never"):
        raise RuntimeError(f"debug_memory imported={imported} in a process that is {mode!r}")
    print(rss_mb())


def _debugger(mode: str) -> tuple[Track, Callable[[], None]]:
    """What goes around an analysis, and what is done at the end."""
    if mode.startswith("never"):
        return contextlib.nullcontext, lambda: None
    import debug_memory

    decorated = debug_memory.memory_profiler(len)
    if debug_memory.enabled() is not (mode == "on") or (decorated is len) is (mode == "on"):
        raise RuntimeError(f"expected the debugger {mode}, got enabled={debug_memory.enabled()}")
    if mode == "off":
        return lambda: debug_memory.track("analyse"), lambda: None
    stop = threading.Event()
    threading.Thread(target=_as_the_panel_does, args=(stop,), daemon=True).start()

    def ended() -> None:
        stop.set()
        debug_memory.workbench().report()

    return lambda: debug_memory.track("analyse"), ended


def _as_the_panel_does(stop: threading.Event) -> None:
    """The readings of the panel, as often as it takes them."""
    import debug_memory
    from core.memory.readings import headroom_mb, limit_mb

    while not stop.wait(PANEL_S):
        ledger = debug_memory.workbench().ledger
        ledger.note()
        ledger.moments(), ledger.operations(), headroom_mb(), limit_mb()


@contextlib.contextmanager
def _process(mode: str, threads: int) -> Iterator[subprocess.Popen[str]]:
    """A child that waits for lines; killed when the measurement ends early."""
    settings = {"OMP_NUM_THREADS": str(threads)}
    settings |= {"DEBUG_MEMORY": "true"} if mode == "on" else {}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.debugger_cost", "--child", mode],
        cwd=ROOT,
        env=clean_environment(**settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _told(process: subprocess.Popen[str]) -> float:
    """The next number of a child; :class:`ChildError` when it ended instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ChildError(f"a child ended with {process.wait()}; what it said stands above")
    return float(line)


def measure_group(rounds: int, threads: int) -> Group:
    """One process of each kind, and ``rounds`` analyses of each in turns."""
    with contextlib.ExitStack() as stack:
        processes = {mode: stack.enter_context(_process(mode, threads)) for mode in MODES}
        seconds = []
        order, turns = list(MODES), random.Random(rounds)
        for _ in range(rounds):
            row = {}
            turns.shuffle(order)
            for mode in order:
                stdin = processes[mode].stdin
                assert stdin is not None
                stdin.write("once\n")
                stdin.flush()
                row[mode] = _told(processes[mode])
            seconds.append(row)
        memory = {}
        for mode, process in processes.items():
            assert process.stdin is not None
            process.stdin.close()
            memory[mode] = _told(process)
    return Group(seconds, memory)


def table(groups: Sequence[Group]) -> list[str]:
    """Each kind against *never*: of the same round in time, of the same group in memory."""
    rows = [
        "| debugger | analysis, ms | against never | memory, MiB | against never |",
        "| --- | --- | --- | --- | --- |",
    ]
    for mode in MODES:
        seconds = statistics.median(row[mode] for group in groups for row in group.seconds)
        rss_mb = statistics.median(group.rss_mb[mode] for group in groups)
        more_mb = _more_mb(groups, mode)
        rows.append(
            f"| {mode} | {1000 * seconds:.0f} | {_told_median(_ratios(groups, mode))} "
            f"| {rss_mb:.0f} | {statistics.median(more_mb):+.1f} MiB "
            f"({min(more_mb):+.1f} to {max(more_mb):+.1f}) |"
        )
    return rows


def _ratios(groups: Sequence[Group], mode: str) -> list[float]:
    """Percent more time than *never* took in the same round, sorted."""
    return sorted(100 * (row[mode] / row["never"] - 1) for group in groups for row in group.seconds)


def _more_mb(groups: Sequence[Group], mode: str) -> list[float]:
    return [group.rss_mb[mode] - group.rss_mb["never"] for group in groups]


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % confidence interval of the median of sorted ``values``, for any distribution:
    between the order statistics n/2 -+ 1.96 sqrt(n)/2 (Conover, Practical Nonparametric
    Statistics, 3.2).
    """
    reach = 1.96 * math.sqrt(len(values)) / 2
    low = math.floor(len(values) / 2 - reach)
    high = math.ceil(len(values) / 2 + reach)
    return values[max(0, low)], values[min(len(values) - 1, high)]


def _told_median(values: Sequence[float]) -> str:
    low, high = median_interval(values)
    return f"{statistics.median(values):+.1f}% ({low:+.1f} to {high:+.1f})"


def targets(groups: Sequence[Group]) -> list[str]:
    """Whether what was promised was kept, in sentences."""
    on = statistics.median(_ratios(groups, "on")) / 100
    more_mb = statistics.median(_more_mb(groups, "on"))
    kept = {True: "kept", False: "missed"}
    return [
        f"- On: {100 * on:+.1f}% time, promised below {100 * MOST_TIME:.0f}%: "
        f"{kept[on < MOST_TIME]}.",
        f"- On: {more_mb:+.1f} MiB, promised below {MOST_MB:.0f}: {kept[more_mb < MOST_MB]}.",
        f"- Off: {_told_median(_ratios(groups, 'off'))}, where two processes without it differ by "
        f"{_told_median(_ratios(groups, 'never, again'))}.",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.debugger_cost")
    parser.add_argument("--groups", type=int, default=3, help="of four processes each")
    parser.add_argument("--rounds", type=int, default=30, help="in each group, four analyses each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", choices=MODES, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.child:
        child(arguments.child)
        return 0
    load = os.getloadavg()[0]
    try:
        groups = [
            measure_group(arguments.rounds, arguments.threads) for _ in range(arguments.groups)
        ]
    except ChildError as error:
        print(error, file=sys.stderr)
        return 1
    facts = machine_facts()
    print(
        f"{facts['cpu']}, {facts['cores']} cores, {arguments.threads} threads, Python "
        f"{facts['python']}; {arguments.groups} groups of four processes, {arguments.rounds} "
        "analyses of the demo wall in each; medians, in brackets the 95 % interval of the median "
        "time and the range of the memory."
    )
    if load > QUIET_LOAD:
        print(f"The machine was not quiet (load {load:.1f}): differences are what counts here.")
    print("\n" + "\n".join(table(groups)) + "\n\n" + "\n".join(targets(groups)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
