"""Does the server hold out? ``python -m benchmarks.load [--seconds S] [--clients N] [--json FILE]``

Starts the real ``server.py`` in a memory control group of 957 MiB without swap (without a limit,
and saying so, where none can be made) and lets clients send photos of mixed size over HTTP on
loopback, while /api/health is asked every 100 ms. Every answer is compared with what the command
line says about the same photo, in a process of its own. Before that, the first ten requests after a
start are timed with the cache off, and the same photo is sent twice with it on.

The clients (:mod:`benchmarks.load_clients`) and this process share the machine's cores with the
server, so the latencies are those of a server with less than the whole machine. Exit code 0 when
all is right, 1 otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from benchmarks.cgroup import GroupUnavailableError, MemoryGroup
from benchmarks.child import ROOT, clean_environment
from benchmarks.load_photos import DEMO, KINDS, SMALL, LoadPhoto, make_photos
from benchmarks.load_rows import HEALTH_MS, LoadResult, core_of, failures, report
from benchmarks.load_server import LoadServer, serve
from benchmarks.machine import machine_facts
from benchmarks.memory_limit import LIMIT_MB
from core.memory.preflight import RUN_SMALLER

PROBE_S = 0.1
FIRST = 10
SHORT_S = 20
"""A run shorter than this sends small photos only, so that each kind is sent at all."""


def references(photos: Sequence[LoadPhoto], folder: Path) -> dict[str, str]:
    """File name to the hash of what the command line finds on it, in a process of its own."""
    out = folder / "references"
    command = [sys.executable, "-m", "core", "analyze", *(str(p.path) for p in photos)]
    subprocess.run(
        [*command, "--out", str(out)],
        cwd=ROOT,
        env=clean_environment(CLIMBMATE_CACHE_DIR=str(folder / "cache")),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    documents = {p.path.name: json.loads((out / f"{p.path.stem}.json").read_text()) for p in photos}
    return {name: core_of(document) for name, document in documents.items()}


class Probe:
    """Asks /api/health every :data:`PROBE_S` seconds in a thread of its own, until closed."""

    def __init__(self, url: str) -> None:
        self.times_ms: list[float] = []
        self.failures = 0
        self._url = f"{url}/api/health"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe")

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self._over.wait(PROBE_S):
                began = time.perf_counter()
                try:
                    right = client.get(self._url).status_code == 200
                except httpx.TransportError:
                    right = False
                self.times_ms.append((time.perf_counter() - began) * 1000)
                self.failures += not right


def send(server: LoadServer, client: httpx.Client) -> httpx.Response:
    """The demo wall, answered."""
    files = {"file": (DEMO.name, DEMO.read_bytes(), "image/jpeg")}
    response = client.post(f"{server.url}/api/analyze", files=files)
    response.raise_for_status()
    return response


def time_first_requests(server: LoadServer, result: LoadResult) -> None:
    """The first requests after the start, one after the other."""
    with httpx.Client(timeout=120) as client:
        for _ in range(FIRST):
            before_ms = server.cpu_ms()
            result.first_ms.append(float(send(server, client).headers["x-processing-ms"]))
            result.first_cpu_ms.append(server.cpu_ms() - before_ms)


def time_same_photo(server: LoadServer, result: LoadResult) -> None:
    """The same photo twice: the second comes from the cache, at once, and is the same."""
    with httpx.Client(timeout=120) as client:
        first, second = send(server, client), send(server, client)
    result.again_ms = float(second.headers["x-processing-ms"])
    result.again_from_cache = second.headers["x-from-cache"] == "true"
    result.again_identical = first.content == second.content


def drive(server: LoadServer, photos: list[dict[str, Any]], result: LoadResult) -> None:
    """Let the clients send for the time of the run, with the probe beside them."""
    plan = {
        "url": server.url,
        "seconds": result.seconds,
        "clients": result.clients,
        "photos": photos,
    }
    command = [sys.executable, "-m", "benchmarks.load_clients"]
    with Probe(server.url) as probe:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=clean_environment(),
            check=True,
            input=json.dumps(plan),
            stdout=subprocess.PIPE,
            text=True,
        )
    told = json.loads(done.stdout)
    result.rows, result.seconds = told["rows"], told["seconds"]
    result.health_ms, result.health_failures = probe.times_ms, probe.failures


def measure(asked: argparse.Namespace, folder: Path) -> LoadResult:
    """The whole run."""
    made = make_photos(folder, SMALL if asked.seconds < SHORT_S else KINDS)
    known = references(made, folder)
    photos = [
        {
            "path": str(photo.path),
            "format": photo.format,
            "reference": known[photo.path.name],
            "short_of_memory": RUN_SMALLER,
        }
        for photo in made
    ]
    result = LoadResult(asked.clients, asked.seconds, asked.limit_mb, machine=machine_facts())
    with contextlib.ExitStack() as stack:
        group = None
        try:
            group = stack.enter_context(MemoryGroup(asked.limit_mb))
        except GroupUnavailableError as error:
            result.limit_mb, result.without_limit = 0, f"none: {error}"
        with serve(folder, group, ENABLE_MODEL_CACHE="false") as server:
            time_first_requests(server, result)
        with serve(folder, group) as server:
            time_same_photo(server, result)
            drive(server, photos, result)
            result.rss_peak_mb = server.rss_peak_mb()
            result.exit_code = server.stop()
        if group is not None:
            result.group_peak_mb, result.kills = group.peak_mb(), group.kills()
    return result


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long clients send")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--limit-mb", type=int, default=LIMIT_MB)
    parser.add_argument(
        "--health-ms", type=float, default=HEALTH_MS, help="most at the 99th percentile"
    )
    parser.add_argument("--json", metavar="FILE", help="every request and probe (- is stdout)")
    asked = parser.parse_args(argv)
    if min(asked.seconds, asked.clients, asked.limit_mb, asked.health_ms) <= 0:
        parser.error("expected numbers above 0")
    return asked


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    asked = parse_arguments(argv)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(asked, Path(folder))
    found = failures(result, asked.health_ms)
    if asked.json:
        text = json.dumps({**asdict(result), "failures": found}, indent=1) + "\n"
        if asked.json == "-":
            sys.stdout.write(text)
        else:
            Path(asked.json).write_text(text, encoding="utf-8")
    if asked.json != "-":
        print(f"{result.machine['cores']} cores of {result.machine['cpu']}, load before: "
              f"{result.machine['load']}\n\n{report(result)}")  # fmt: skip
    for sentence in found:
        print(f"not as it has to be: {sentence}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
