"""What the memory debugger costs: ``python -m benchmarks.debugger_cost``.

Four kinds of fresh processes analyse the demo wall again and again and tell their median time and
their memory at the end:

- *never*: the debugger is not imported at all;
- *never, again*: the same once more; its difference to the first is the noise of the measurement;
- *off*: it is imported, a function decorated, every analysis tracked, but DEBUG_MEMORY is not set;
- *on*: the same with DEBUG_MEMORY set, the readings of the panel every two seconds beside it, and
  the composition and the owners measured once at the end.

They take turns, in another order each round, so that a machine that gets slower or faster does so
for all of them; compared are the four of one round. Prints Markdown. The panel's drawing itself is
Streamlit's work and is not in here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.child import ChildError, clean_environment, run_child
from benchmarks.machine import QUIET_LOAD, machine_facts

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "assets" / "demo_wall.jpg"

MODES = ("never", "never, again", "off", "on")
PANEL_S = 2.0

MOST_TIME = 0.03
MOST_MB = 15.0

Track = Callable[[], AbstractContextManager[object]]


def child(mode: str, analyses: int) -> None:
    """Analyse, and print median seconds and MiB at the end as JSON."""
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
    spent = []
    for _ in range(analyses):
        begun = time.perf_counter()
        once()
        spent.append(time.perf_counter() - begun)
    ended()
    imported = "debug_memory" in sys.modules
    if imported is mode.startswith("never"):
        raise RuntimeError(f"debug_memory imported={imported} in a process that is {mode!r}")
    print(json.dumps({"seconds": statistics.median(spent), "rss_mb": rss_mb()}))


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


def measure(rounds: int, analyses: int, threads: int) -> list[dict[str, tuple[float, float]]]:
    """Seconds and MiB of each kind, per round."""
    found = []
    for number in range(rounds):
        order = MODES[number % len(MODES) :] + MODES[: number % len(MODES)]
        row = {}
        for mode in order:
            settings = {"OMP_NUM_THREADS": str(threads)}
            settings |= {"DEBUG_MEMORY": "true"} if mode == "on" else {}
            arguments = ["-m", "benchmarks.debugger_cost", "--child", mode]
            text, _ = run_child(
                [*arguments, "--analyses", str(analyses)], clean_environment(**settings)
            )
            told = json.loads(text)
            row[mode] = (told["seconds"], told["rss_mb"])
        found.append(row)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return found


def table(rounds: Sequence[dict[str, tuple[float, float]]]) -> list[str]:
    """Each kind against *never* of the same round: the median and the range over the rounds."""
    rows = [
        "| debugger | analysis, ms | against never | memory, MiB | against never |",
        "| --- | --- | --- | --- | --- |",
    ]
    for mode in MODES:
        seconds = statistics.median(row[mode][0] for row in rounds)
        rss_mb = statistics.median(row[mode][1] for row in rounds)
        rows.append(
            f"| {mode} | {1000 * seconds:.0f} | {_spread(_ratios(rounds, mode), '%')} "
            f"| {rss_mb:.0f} | {_spread(_differences(rounds, mode), ' MiB')} |"
        )
    return rows


def _ratios(rounds: Sequence[dict[str, tuple[float, float]]], mode: str) -> list[float]:
    return [100 * (row[mode][0] / row["never"][0] - 1) for row in rounds]


def _differences(rounds: Sequence[dict[str, tuple[float, float]]], mode: str) -> list[float]:
    return [row[mode][1] - row["never"][1] for row in rounds]


def _spread(values: Sequence[float], unit: str) -> str:
    return f"{statistics.median(values):+.1f}{unit} ({min(values):+.1f} to {max(values):+.1f})"


def targets(rounds: Sequence[dict[str, tuple[float, float]]]) -> list[str]:
    """Whether what was promised was kept, in sentences."""
    on = statistics.median(_ratios(rounds, "on")) / 100
    more_mb = statistics.median(_differences(rounds, "on"))
    noise = statistics.median(map(abs, _ratios(rounds, "never, again")))
    off = statistics.median(_ratios(rounds, "off"))
    kept = {True: "kept", False: "missed"}
    return [
        f"- On: {100 * on:+.1f}% time, promised below {100 * MOST_TIME:.0f}%: "
        f"{kept[on < MOST_TIME]}.",
        f"- On: {more_mb:+.1f} MiB, promised below {MOST_MB:.0f}: {kept[more_mb < MOST_MB]}.",
        f"- Off: {off:+.1f}%, where two runs without it differ by {noise:.1f}%.",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.debugger_cost")
    parser.add_argument("--rounds", type=int, default=8, help="of four processes each")
    parser.add_argument("--analyses", type=int, default=15, help="in each process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", choices=MODES, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.child:
        child(arguments.child, arguments.analyses)
        return 0
    load = os.getloadavg()[0]
    try:
        rounds = measure(arguments.rounds, arguments.analyses, arguments.threads)
    except ChildError as error:
        print(error, file=sys.stderr)
        return 1
    facts = machine_facts()
    print(
        f"{facts['cpu']}, {facts['cores']} cores, {arguments.threads} threads, Python "
        f"{facts['python']}; {arguments.rounds} rounds, {arguments.analyses} analyses of the demo "
        "wall in each process."
    )
    if load > QUIET_LOAD:
        print(f"The machine was not quiet (load {load:.1f}): differences are what counts here.")
    print("\n" + "\n".join(table(rounds)) + "\n\n" + "\n".join(targets(rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
