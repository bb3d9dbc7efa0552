"""Does a photo of 12 megapixels fit into a small server? ``python -m benchmarks.memory_limit``

Runs ``python -m core analyze PHOTO`` in a control group that the kernel limits to 957 MiB without
swap, once with the embedded models and once with ViT-B-32 in int8 (random weights, of which neither
speed nor memory depends), on a rendered wall on which at least 160 holds are found. All of them are
analysed: nothing is set but the models. Photo and converted model are made outside the limit and
kept for the next run. Exit code 0 when nothing was killed, 1 otherwise, 3 where no limited group
can be made.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.cgroup import KILLED, GroupUnavailableError, MemoryGroup, Outcome
from benchmarks.child import ROOT, clean_environment

LIMIT_MB = 957
SIZE = "3024x4032"
HOLDS = 160
CLIP = "ViT-B-32"
EMBEDDED = "embedded"
MODELS = (EMBEDDED, CLIP)
UNAVAILABLE = 3

CONVERT = """
from core.settings import load_settings
from core.weights import resolve_colour
resolve_colour(load_settings())
"""


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """None of the caller's settings, and converted models under ``folder``."""
    cache = str(folder / "cache")
    return clean_environment(CLIMBMATE_CACHE_DIR=cache, YOLO_OFFLINE="true", **variables)


def python(*arguments: str, variables: Mapping[str, str] | None = None) -> str:
    """Standard output of this Python with ``arguments``, outside the limit; errors go through.

    Raises ``subprocess.CalledProcessError``.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=clean_environment() if variables is None else dict(variables),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def prepare_photo(holds: int = HOLDS, folder: Path | None = None) -> Path:
    """A rendered photo of 12 megapixels on which at least ``holds`` holds are found.

    Kept in ``folder``, by default where the other benchmarks keep theirs.
    """
    where = [] if folder is None else ["--folder", str(folder)]
    wanted = ["--size", SIZE, "--holds", str(holds)]
    return Path(json.loads(python("-m", "benchmarks.photos", *wanted, *where))["path"])


def prepare(model: str, folder: Path) -> dict[str, str]:
    """The environment in which the command line uses ``model``, which is converted first where it
    has to be.
    """
    if model == EMBEDDED:
        return environment(folder)
    checkpoint = folder / f"{model}.pt"
    if not checkpoint.is_file():
        python("-m", "benchmarks.checkpoint", model, str(checkpoint))
    chosen = environment(folder, CLIP_MODEL=model, CLIP_PRETRAINED=str(checkpoint))
    python("-c", CONVERT, variables=chosen)
    return chosen


def analyse(photo: Path, chosen: dict[str, str], limit_mb: int = LIMIT_MB) -> Outcome:
    """Analyse ``photo`` under a limit of ``limit_mb`` MiB.

    Raises :class:`GroupUnavailableError`.
    """
    command = [sys.executable, "-m", "core", "analyze", str(photo), "--json", "-"]
    with MemoryGroup(limit_mb) as group:
        return group.run(command, chosen, ROOT)


def row(model: str, outcome: Outcome) -> str:
    """One line of the table. Raises ``RuntimeError`` when another colour model was used."""
    holds = ""
    if outcome.code == 0:
        document = json.loads(outcome.output)
        holds = str(len(document["holds"]))
        if document["models"]["colour"].startswith(f"{CLIP}@") != (model == CLIP):
            raise RuntimeError(f"expected {model}, got {document['models']['colour']}")
    peak = f"{outcome.group_peak_mb:.0f}" if outcome.group_peak_mb is not None else "not kept"
    ended = f"{KILLED} (killed)" if outcome.code == KILLED else str(outcome.code)
    seconds, rss = f"{outcome.seconds:.2f}", f"{outcome.rss_peak_mb:.0f}"
    return f"| {model} | {ended} | {holds} | {seconds} | {rss} | {peak} |"


def main(argv: list[str] | None = None) -> int:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit-mb", type=int, default=LIMIT_MB)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--holds", type=int, default=HOLDS)
    parser.add_argument("--folder", type=Path, help="where photos and converted models are kept")
    asked = parser.parse_args(argv)
    try:
        with MemoryGroup(asked.limit_mb) as group:
            place = f"control groups version {group.version}"
    except GroupUnavailableError as error:
        print(f"not measured: {error}. Run it as root on Linux.", file=sys.stderr)
        return UNAVAILABLE
    photo = prepare_photo(asked.holds, asked.folder)
    print(f"{photo.name}, limit {asked.limit_mb} MiB without swap ({place})")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| models | exit code | holds | seconds | peak RSS, MiB | group's peak, MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    right = True
    for model in asked.models:
        outcome = analyse(photo, prepare(model, photo.parent), asked.limit_mb)
        print(row(model, outcome), flush=True)
        if outcome.code != 0:
            print(outcome.errors[-2000:], file=sys.stderr)
            right = False
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
