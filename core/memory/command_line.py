"""``python -m debug_memory``: native flame graphs with memray, and baselines of a version.

memray sees every allocation with its native stack, which no reading of this package does; it costs
too much for a server, so it runs in a process of its own, on one photo or one script.

Nothing is measured here.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from core.memory.baseline import Baseline, Change, difference, load_baselines

ROOT = Path(__file__).resolve().parents[2]

USER_ERROR = 2

NO_MEMRAY = (
    "memray is not installed here. Install it with `pip install memray` (Linux and macOS), "
    "or everything with `make install`, and try again."
)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m debug_memory",
        description="Where the memory goes, outside of the running app. In the app, set "
        "DEBUG_MEMORY=true: a panel appears in the sidebar, and a Memory page.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="run an analysis of a photo, or a script, under memray and write a flame graph",
        description="Runs `python -m core analyze PHOTO`, or the Python script that is given, "
        "under memray with native stacks, and writes an HTML flame graph that opens offline in "
        "any browser.",
    )
    run.add_argument("target", type=Path, metavar="PHOTO", help="a photo, or a script (.py)")
    run.add_argument(
        "--out", type=Path, metavar="FILE", help="the flame graph (default: PHOTO.memory.html)"
    )
    run.add_argument(
        "--leaks",
        action="store_true",
        help="what was not freed at the end, not what was there at the peak",
    )
    compare = commands.add_parser("compare", help="put two saved baselines side by side")
    compare.add_argument("folder", type=Path, help="folder of the baselines")
    compare.add_argument("before", nargs="?", help="version (default: the one before the last)")
    compare.add_argument("now", nargs="?", help="version (default: the last)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    arguments = parse_arguments(argv)
    if arguments.command == "run":
        return run_under_memray(arguments.target, arguments.out, arguments.leaks)
    return compare_baselines(arguments.folder, arguments.before, arguments.now)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def run_under_memray(target: Path, out: Path | None, leaks: bool = False) -> int:
    """Run ``target`` under memray and write the flame graph; 0, or 2 with a sentence on stderr."""
    if importlib.util.find_spec("memray") is None:
        _say(NO_MEMRAY)
        return USER_ERROR
    if not target.is_file():
        _say(f"{target} is no file. Give the path of a photo or of a Python script.")
        return USER_ERROR
    out = out or target.with_name(f"{target.stem}.memory.html")
    records = out.with_suffix(".memray")
    if not out.parent.is_dir():
        _say(f"The folder {out.parent} does not exist. Make it, or choose another with --out.")
        return USER_ERROR
    if target.resolve() in (out.resolve(), records.resolve()):
        _say(f"{target} is what is to be run, and would be lost. Choose another file with --out.")
        return USER_ERROR
    script = target.suffix == ".py"
    work = [str(target)] if script else ["-m", "core", "analyze", str(target.resolve())]
    memray = [sys.executable, "-m", "memray"]
    record = [*memray, "run", "--native", "--force", "--output", str(records.resolve())]
    draw = [*memray, "flamegraph", "--force", "--output", str(out.resolve())]
    draw += ["--leaks"] if leaks else []
    try:
        for command in ([*record, *work], [*draw, str(records.resolve())]):
            done = subprocess.run(command, cwd=None if script else ROOT, check=False)
            if done.returncode:
                _say(f"It ended with {done.returncode}; no flame graph was written.")
                return USER_ERROR
    finally:
        records.unlink(missing_ok=True)
    _say(f"Written: {out}")
    return 0


def compare_baselines(folder: Path, before: str | None, now: str | None) -> int:
    """Print the difference of two baselines; 0, or 2 with a sentence on stderr."""
    try:
        found = load_baselines(folder)
    except (OSError, ValueError) as error:
        _say(str(error))
        return USER_ERROR
    pair = _chosen(found, before, now)
    if pair is None:
        known = ", ".join(baseline.version for baseline in found) or "none"
        _say(f"Two baselines are needed; {folder} has {known}. Save one on the Memory page.")
        return USER_ERROR
    older, newer = pair
    sys.stdout.write(f"MiB, {older.version} -> {newer.version}\n")
    for change in difference(older.figures, newer.figures):
        sys.stdout.write(f"{described(change)}\n")
    return 0


def _chosen(
    found: list[Baseline], before: str | None, now: str | None
) -> tuple[Baseline, Baseline] | None:
    """The two baselines that are asked for; None where one is missing."""
    newer = next((b for b in found if now in (None, b.version)), None)
    if newer is None:
        return None
    rest = [baseline for baseline in found if baseline is not newer]
    older = next((b for b in rest if before in (None, b.version)), None)
    return (older, newer) if older is not None else None


def described(change: Change) -> str:
    """One row: name, before, now, and the change where there is one."""
    values = ("-" if mb is None else f"{mb:.1f}" for mb in (change.before_mb, change.now_mb))
    more = "" if change.more_mb is None else f" ({change.more_mb:+.1f})"
    return f"{change.name}: {' -> '.join(values)}{more}"
