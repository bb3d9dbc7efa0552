"""Readings of a running server, over HTTP and from ``/proc``, and the loop that shows them.

/metrics is parsed with Prometheus' own parser. Where the server is on this machine, its process is
found by the port it listens on; the system lets one see one's own processes only, unless one is
root. What the readings mean is :mod:`core.monitor`.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from core.errors import ClimbMateError
from core.memory.readings import PROC
from core.monitor import Level, ProcessMemory, Reading, document, level, lines

_MIB = 2**20
TIMEOUT_S = 5.0
CLEAR = "\033[H\033[J"

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A server of one's own is asked directly, whatever proxy the environment names."""


class UnreachableError(ClimbMateError):
    """The server could not be read: nobody answers there, or not as ClimbMate does."""

    status = 503


def take_reading(url: str, pid: int | None = None, key: str = "", proc: Path = PROC) -> Reading:
    """One reading of the server at ``url``; ``key`` is sent where the server asks for one.

    Raises :class:`UnreachableError`.
    """
    status, metrics = _ask(f"{url}/metrics", key)
    if status in (401, 403):
        raise UnreachableError(
            "key_needed",
            f"The server at {url} tells its metrics only to those who have a key.",
            "Set API_KEYS as for the server, or name a file with one key: --key-file FILE.",
        )
    if status != 200 or "climbmate_" not in metrics:
        raise _stranger(url, status)
    status, ready = _ask(f"{url}/api/ready", key)
    number = listening_pid(url) if pid is None else pid
    process = None if number is None else process_memory(number, proc)
    if pid is not None and process is None:
        raise UnreachableError(
            "no_process", f"There is no process {pid} that could be read.", "Check --pid."
        )
    return reading_of(url, metrics, "" if status == 200 else _sentence(ready), process)


def reading_of(url: str, metrics: str, not_ready: str, process: ProcessMemory | None) -> Reading:
    """The reading in the text of /metrics. Raises :class:`UnreachableError` for other texts."""
    values: dict[str, float] = {}
    try:
        for family in text_string_to_metric_families(metrics):
            for sample in family.samples:
                values[sample.name + "".join(sorted(sample.labels.values()))] = sample.value
    except ValueError as error:  # such as a page about ClimbMate
        raise _stranger(url, 200) from error

    def told(name: str) -> float:
        return values[f"climbmate_{name}"]

    def event(kind: str) -> int:
        return int(values.get(f"climbmate_events_total{kind}", 0))

    try:
        return Reading(
            url=url,
            not_ready=not_ready,
            rss_mb=told("resident_bytes") / _MIB,
            limit_mb=told("memory_limit_bytes") / _MIB,
            headroom_mb=told("memory_headroom_bytes") / _MIB,
            model_mb=told("model_bytes") / _MIB,
            queued=int(told("queue_depth")),
            queue_size=int(told("queue_size")),
            running=bool(told("running")),
            cache_entries=int(told("cache_entries")),
            cache_mb=told("cache_bytes") / _MIB,
            cache_limit_mb=told("cache_limit_bytes") / _MIB,
            cache_hits=int(told("cache_hits_total")),
            cache_misses=int(told("cache_misses_total")),
            answered=event("answered"),
            refused=event("refused"),
            failed=event("failed"),
            process=process,
        )
    except KeyError as error:
        raise UnreachableError(
            "other_version",
            f"The server at {url} does not tell {error.args[0]}.",
            "Use the monitor of the same version as the server.",
        ) from error


def _stranger(url: str, status: int) -> UnreachableError:
    return UnreachableError(
        "not_climbmate",
        f"At {url} something answers with status {status}, but without ClimbMate's metrics.",
        "A dashboard that was started with `make run` has none: start it with `make serve`, or "
        "check the address and the port in --url.",
    )


def process_memory(pid: int, proc: Path = PROC) -> ProcessMemory | None:
    """Memory of a process; None where it is gone or the system does not tell (not Linux)."""
    try:
        rows = (proc / str(pid) / "status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    pairs = (row.partition(":") for row in rows)
    kib = {name: value.split()[0] for name, _, value in pairs if value.strip().endswith("kB")}
    if "VmRSS" not in kib:  # a kernel thread, or a process that has just ended
        return None
    megabytes = {name: int(value) / 1024 for name, value in kib.items()}
    rss_mb = megabytes["VmRSS"]
    return ProcessMemory(pid, rss_mb, megabytes.get("VmHWM", rss_mb), megabytes.get("VmSwap", 0.0))


def listening_pid(url: str) -> int | None:
    """The process of this machine that listens on ``url``; None where that cannot be told."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local or port is None:
        return None
    import psutil

    try:
        found = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):  # macOS lets only root look
        return None
    pids = [row.pid for row in found if row.status == psutil.CONN_LISTEN and row.laddr.port == port]
    return next((pid for pid in pids if pid), None)


def watch(
    take: Callable[[], Reading],
    write: Callable[[str], None],
    *,
    every_s: float,
    once: bool = False,
    as_json: bool = False,
    terminal: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Level:
    """Show a reading every ``every_s`` seconds until it is interrupted; the level of the last.

    Once: raises what ``take`` raises. Otherwise a server that cannot be read is told in place of
    its reading, and asked again.
    """
    while True:
        when = datetime.now().isoformat(sep=" ", timespec="seconds")
        try:
            reading = take()
        except UnreachableError as error:
            if once:
                raise
            problem = {"time": when, "level": "unknown", **error.document()}
            text = json.dumps(problem) if as_json else f"{when}  {error}"
        else:
            if as_json:
                text = json.dumps(document(reading, when=when))
            else:
                text = "\n".join(lines(reading, when=when, coloured=terminal))
            if once:
                write(f"{text}\n")
                return level(reading)
        gap = "" if as_json or terminal else "\n"
        write(f"{CLEAR if terminal and not as_json else ''}{text}\n{gap}")
        sleep(every_s)


def _ask(url: str, key: str) -> tuple[int, str]:
    try:
        request = urllib.request.Request(url, headers={"X-API-Key": key} if key else {})
        with _OPENER.open(request, timeout=TIMEOUT_S) as reply:
            return reply.status, reply.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8", "replace")
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        server = "/".join(url.split("/")[:3])
        raise UnreachableError(
            "unreachable",
            f"No server answers at {server}: {getattr(reason, 'strerror', None) or reason}.",
            "Start one with `python server.py`, or name its address with --url.",
        ) from error


def _sentence(ready: str) -> str:
    try:
        return str(json.loads(ready)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "The server is not ready, and does not say why."
