"""The server under load: the real ``server.py`` in a process of its own, in a memory group."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.cgroup import NOT_MOVED, GroupUnavailableError, MemoryGroup, status
from benchmarks.child import ROOT, clean_environment

READY_S = 90.0
STOP_S = 30.0

SMALL_SERVER = {
    "HOST": "127.0.0.1",
    # All clients have one address here; the limit per address has tests of its own.
    "RATE_LIMIT": "off",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUNBUFFERED": "1",
}
"""As the Dockerfile and the service of systemd start it, but for addresses and limits."""


@dataclass(frozen=True, slots=True)
class LoadServer:
    """A server that is ready."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def rss_peak_mb(self) -> float:
        """The high-water mark of its resident set in MiB; 0 once it is gone."""
        rows = [row for row in status(self.process.pid) if row.startswith("VmHWM:")]
        return int(rows[0].split()[1]) / 1024 if rows else 0.0

    def cpu_ms(self) -> float:
        """Processor time of all its threads since its start."""
        told = psutil.Process(self.process.pid).cpu_times()
        return float(told.user + told.system) * 1000

    def stop(self) -> int:
        """Ask it to end, and wait; its exit code, negative for a signal."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


@contextmanager
def serve(folder: Path, group: MemoryGroup | None, **variables: str) -> Iterator[LoadServer]:
    """A server with its files in ``folder``, in ``group`` where there is one, with ``variables`` in
    its environment; ended on leaving.

    Raises ``RuntimeError`` with what it said when it does not become ready, and
    :class:`GroupUnavailableError` when it cannot be moved into the group.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = clean_environment(
        **SMALL_SERVER, CLIMBMATE_CACHE_DIR=str(folder / "cache"), PORT=str(port), **variables
    )
    log = folder / f"server-{port}.log"
    command = [sys.executable, str(ROOT / "server.py")]
    with log.open("wb") as sink:
        if group is not None:
            process = group.start(command, environment, ROOT, sink)
        else:
            process = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=sink, stderr=subprocess.STDOUT
            )
    server = LoadServer(process, f"http://127.0.0.1:{port}", log)
    try:
        wait_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_ready(server: LoadServer) -> None:
    """Wait until its models are warm. Raises as :func:`serve`."""
    ends = time.monotonic() + READY_S
    while time.monotonic() < ends:
        if server.process.poll() is not None:
            said = server.log.read_text(errors="replace")[-2000:]
            if server.process.returncode == NOT_MOVED:
                raise GroupUnavailableError(f"the server cannot be moved into the group: {said}")
            raise RuntimeError(f"the server ended with {server.process.returncode}: {said}")
        try:
            if httpx.get(f"{server.url}/api/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(0.1)
    raise RuntimeError(f"not ready after {READY_S:.0f} s: {server.log.read_text()[-2000:]}")
