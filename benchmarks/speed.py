"""Seconds and peak memory per photo, in fresh processes: ``python -m benchmarks.speed``.

Three roads over the same photos and the same number of holds: the command line with the embedded
models; the same with ViT-B-32 in 8 bits as colour model (random weights, converted once); and,
for each of the two, the naive road in torch (:mod:`benchmarks.naive_road`). All run on the same
number of threads, one after the other, each run a new process:

- *analysis*: from the encoded photo to the last result, models loaded (``timings_ms.total``);
- *command*: from the start of the process to its exit, imports and loading included;
- *peak*: the highest resident set of the process, by the kernel's own count.

A warm-up run per row fills the system's file cache and is not counted. Prints Markdown: the
machine, the measurements with their ratios, and the targets, also at the pace of the machine that
they were set for (:mod:`benchmarks.yardstick`). What was measured on a busy machine says so. The
files it needs are made on the first call and kept in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.child import ChildError, Cost, clean_environment, run_child
from benchmarks.machine import QUIET_LOAD, available_mb, machine_facts
from benchmarks.yardstick import IMPORT_S, INFERENCE_S, REFERENCE, Pace, measure

CLIP = "ViT-B-32"
SIZES = ("1200x1600", "3024x4032")
HOLDS = (40, 80, 160)
MIB_PER_MASK_PIXEL = 4 / 2**20


@dataclass(frozen=True, slots=True)
class Road:
    """A way from photo to colours: its key on the command line, and its name in the table."""

    key: str
    name: str
    naive: bool
    clip: bool


ROADS = (
    Road("embedded", "embedded models", naive=False, clip=False),
    Road("naive", "the same in torch, naively", naive=True, clip=False),
    Road("vit", f"{CLIP} int8", naive=False, clip=True),
    Road("naive", f"{CLIP} in torch, naively", naive=True, clip=True),
)


@dataclass(frozen=True, slots=True)
class Target:
    """What was promised for one row, for the whole command."""

    key: str
    size: str
    holds: int
    seconds: float
    peak_mb: float


TARGETS = (
    Target("vit", "1200x1600", 80, 1.2, 450),
    Target("embedded", "1200x1600", 80, 0.5, 350),
    Target("embedded", "3024x4032", 160, 1.5, 550),
)


@dataclass(frozen=True, slots=True)
class Wall:
    """A photo, how many holds of it are to be processed, and the threshold that leaves so many."""

    photo: Path
    holds: int
    confidence: float

    def check(self, processed: int) -> None:
        """Raises :class:`ChildError` when another number of holds was processed."""
        if processed != self.holds:
            raise ChildError(f"expected {self.holds} holds on {self.photo}, got {processed}")


@dataclass(slots=True)
class Row:
    """All runs of one road on one photo; ``skipped`` says why there are none."""

    road: Road
    size: str
    holds: int
    analysis_s: list[float] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    skipped: str = ""

    def add(self, analysis_s: float, cost: Cost) -> None:
        """One more run."""
        self.analysis_s.append(analysis_s)
        self.costs.append(cost)

    def columns(self) -> tuple[list[float], list[float], list[float]]:
        """Analysis seconds, command seconds, peak MiB of all runs."""
        return self.analysis_s, [c.wall_s for c in self.costs], [c.peak_mb for c in self.costs]


class Bench:
    """The files and processes of one measurement."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder = folder
        self.threads = threads
        self.checkpoint = folder / f"{CLIP}.pt"
        self._scratch = tempfile.TemporaryDirectory()

    def environment(self, wall: Wall, clip: bool) -> dict[str, str]:
        """The product's settings in a measured process."""
        chosen = {"CLIP_MODEL": CLIP, "CLIP_PRETRAINED": str(self.checkpoint)} if clip else {}
        return clean_environment(
            OMP_NUM_THREADS=str(self.threads),
            MAX_HOLDS=str(wall.holds),
            YOLO_CONF=str(wall.confidence),
            CLIMBMATE_CACHE_DIR=str(self.folder / "cache"),
            YOLO_OFFLINE="true",
            YOLO_CONFIG_DIR=str(self.folder),
            **chosen,
        )

    def prepare(self, clip: bool) -> None:
        """Make ViT-B-32's checkpoint if it is asked for; its conversion happens in the warm-up."""
        if clip and not self.checkpoint.is_file():
            say(f"making {self.checkpoint}")
            arguments = ["-m", "benchmarks.checkpoint", CLIP, str(self.checkpoint)]
            run_child(arguments, clean_environment())

    def wall(self, size: str, holds: int) -> Wall:
        """A photo of that size on which that many holds are found."""
        arguments = ["-m", "benchmarks.photos", "--size", size, "--holds", str(holds)]
        told, _ = run_child([*arguments, "--folder", str(self.folder)], clean_environment())
        facts = json.loads(told)
        return Wall(Path(facts["path"]), holds, facts["confidence"])

    def analyse(self, wall: Wall, clip: bool) -> tuple[float, Cost]:
        """One run of the product's command. The document it printed is kept for the naive road.

        Raises :class:`ChildError` when other models or another number of holds were used.
        """
        arguments = ["-m", "core", "analyze", str(wall.photo), "--json", "-"]
        text, cost = run_child(arguments, self.environment(wall, clip))
        document = json.loads(text)
        wall.check(len(document["holds"]))
        if document["models"]["colour"].startswith(f"{CLIP}@") != clip:
            raise ChildError(f"expected another colour model than {document['models']['colour']}")
        self.document(wall).write_text(text, encoding="utf-8")
        return document["timings_ms"]["total"] / 1000, cost

    def analyse_naively(self, wall: Wall, clip: bool) -> tuple[float, Cost]:
        """One run of the naive road on the holds of the product's last document."""
        arguments = ["-m", "benchmarks.naive_road", str(wall.photo)]
        arguments += ["--document", str(self.document(wall))]
        if clip:
            arguments += ["--clip", CLIP, "--pretrained", str(self.checkpoint)]
        text, cost = run_child(arguments, self.environment(wall, clip=False))
        told = json.loads(text.splitlines()[-1])
        wall.check(told["holds"])
        return told["seconds"], cost

    def document(self, wall: Wall) -> Path:
        """Where the last analysis of ``wall`` is."""
        return Path(self._scratch.name) / f"{wall.photo.stem}.json"


def say(text: str) -> None:
    """Progress, beside the result on stdout."""
    print(text, file=sys.stderr, flush=True)


def measure_photo(
    bench: Bench, roads: Sequence[Road], size: str, holds: int, runs: int, naive_runs: int
) -> list[Row]:
    """All roads on one photo, in turns, so that what else the machine does falls on all alike."""
    wall = bench.wall(size, holds)
    rows = [Row(road, size, holds) for road in roads]
    # Also where only the naive road is asked for: its holds come from this document.
    for clip in {road.clip for road in roads if not road.naive} or {False}:
        bench.analyse(wall, clip)
    for turn in range(max(runs, naive_runs)):
        for row in rows:
            row.skipped = row.skipped or reason_to_skip(row)
            if row.skipped or turn >= (naive_runs if row.road.naive else runs):
                continue
            say(f"{size}, {holds} holds, {row.road.name}: run {turn + 1}")
            run = bench.analyse_naively if row.road.naive else bench.analyse
            row.add(*run(wall, row.road.clip))
    return rows


def reason_to_skip(row: Row) -> str:
    """Why the naive road cannot run here: its masks would not leave half of the memory free."""
    if not row.road.naive:
        return ""
    width, _, height = row.size.partition("x")
    masks_mb = row.holds * int(width) * int(height) * MIB_PER_MASK_PIXEL
    return f"its masks alone are {masks_mb:.0f} MiB" if masks_mb > available_mb() / 2 else ""


def spread(values: Sequence[float], digits: int) -> str:
    """Median, and the range where there are several."""
    middle = f"{statistics.median(values):.{digits}f}"
    if len(values) < 2:
        return middle
    return f"{middle} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def ratio(row: Row, rows: Sequence[Row]) -> list[str]:
    """How many times more the naive road of the same photo and models takes: analysis, command,
    peak.
    """
    for other in rows:
        same = (other.size, other.holds, other.road.clip) == (row.size, row.holds, row.road.clip)
        if same and other.road.naive and other.costs and not row.road.naive:
            pairs = zip(other.columns(), row.columns(), strict=True)
            return [f"{statistics.median(a) / statistics.median(b):.1f}" for a, b in pairs]
    return ["", "", ""]


def results_table(rows: Sequence[Row]) -> str:
    """The measurements, one row each, as Markdown."""
    lines = [
        "| photo | holds | road | runs | analysis, s | command, s | peak, MiB "
        "| naive: analysis | command | peak |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [row.size, str(row.holds), row.road.name, str(len(row.costs))]
        if row.skipped:
            cells += [f"not run: {row.skipped}", "", "", "", "", ""]
        else:
            analysis, command, peak = row.columns()
            cells += [spread(analysis, 2), spread(command, 2), spread(peak, 0)]
            cells += [f"x {times}" if times else "" for times in ratio(row, rows)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def targets_table(rows: Sequence[Row], pace: Pace) -> str:
    """Each target beside what was measured, as Markdown; targets without a measurement are left
    out.

    Seconds are also told at the pace of the machine that they were asked for.
    """
    lines = [
        f"| target | asked | measured | | on {REFERENCE} | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for target in TARGETS:
        for row in rows:
            if (row.road.key, row.size, row.holds) != (target.key, target.size, target.holds):
                continue
            analysis, command, peak = (statistics.median(column) for column in row.columns())
            where = f"{row.road.name}, {row.size}, {row.holds} holds"
            for what, asked, got, unit in (
                ("analysis", target.seconds, analysis, "s"),
                ("whole command", target.seconds, command, "s"),
                ("peak", target.peak_mb, peak, "MiB"),
            ):
                there = got / pace.slowness if unit == "s" else got
                cells = [f"{where}: {what}", f"{asked:g} {unit}"]
                for value in (got, there):
                    shown = f"{value:.2f}" if unit == "s" else f"{value:.0f}"
                    cells += [f"{shown} {unit}", "met" if value <= asked else "not met"]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def pace_line(pace: Pace) -> str:
    """How this machine was compared with the one that the targets were set for."""
    return (
        f"Yardsticks: import torch {pace.import_s:.2f} s ({IMPORT_S} s on {REFERENCE}), an "
        f"inference of YOLO11n-seg {1000 * pace.inference_s:.1f} ms ({1000 * INFERENCE_S:.1f} ms): "
        f"this machine takes {pace.slowness:.2f} times as long, by the lesser of the two."
    )


def machine_line(facts: dict[str, object], threads: int) -> str:
    """The machine in one sentence, and a warning when it was busy."""
    packages = ", ".join(f"{k} {v}" for k, v in dict(facts["packages"]).items())  # type: ignore[call-overload]
    flags = " ".join(facts["flags"]) or "no vector flags told"  # type: ignore[arg-type]
    line = (
        f"{facts['cores']} cores of {facts['cpu']} ({flags}), {threads} threads, "
        f"{facts['system']}, Python {facts['python']}, {packages}; load {facts['load']} at start."
    )
    if float(str(facts["load"])) > QUIET_LOAD:
        line += " **The machine was busy: these figures are too high.**"
    return line


def as_json(facts: dict[str, object], rows: Sequence[Row], threads: int) -> str:
    """Everything that was measured, run by run."""
    content = {
        "machine": facts,
        "threads": threads,
        "rows": [asdict(row) for row in rows],
        "targets": [asdict(target) for target in TARGETS],
    }
    return json.dumps(content, indent=1) + "\n"


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each product row")
    parser.add_argument("--naive-runs", type=int, default=1, help="the same for the naive road")
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WIDTHxHEIGHT")
    parser.add_argument("--holds", nargs="+", type=int, default=HOLDS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--only", action="append", choices=("embedded", "vit", "naive"), help="may be repeated"
    )
    parser.add_argument("--quick", action="store_true", help="the smallest set: 1200x1600, 80, x 2")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every run, for programs")
    parser.add_argument("--folder", type=Path, help="where photos and converted models are kept")
    asked = parser.parse_args(argv)
    if asked.quick:
        asked.sizes, asked.holds = asked.sizes[:1], (80,)
        asked.runs, asked.naive_runs = min(asked.runs, 2), min(asked.naive_runs, 1)
    if min(asked.runs, asked.naive_runs, asked.threads, *asked.holds) < 1:
        parser.error("expected numbers of at least 1")
    return asked


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    asked = parse_arguments(argv)
    facts = machine_facts()
    if float(str(facts["load"])) > QUIET_LOAD:
        say(f"warning: the load is {facts['load']}; wait for a quiet machine to get true figures")
    user = os.environ.get("USER", "user")
    folder = asked.folder or Path(tempfile.gettempdir()) / f"climbmate-benchmarks-{user}"
    bench = Bench(folder.resolve(), asked.threads)
    roads = [road for road in ROADS if not asked.only or road.key in asked.only]
    rows: list[Row] = []
    try:
        pace = measure()
        bench.prepare(any(road.clip for road in roads))
        for size in asked.sizes:
            for holds in asked.holds:
                found = measure_photo(bench, roads, size, holds, asked.runs, asked.naive_runs)
                rows += found
                say(results_table(found))  # what is measured is told, should the rest be stopped
    except ChildError as error:
        say(f"error: {error}")
        return 1
    if asked.json:
        asked.json.write_text(as_json(facts, rows, asked.threads), encoding="utf-8")
    print(machine_line(facts, asked.threads), results_table(rows), sep="\n\n")
    if targets := targets_table(rows, pace):
        print(f"\n{pace_line(pace)}\n\n{targets}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
