"""A command in a fresh process, and what it cost: seconds, processor time, peak memory.

The peak is the kernel's own high-water mark of the process and its children (``ru_maxrss`` of
``wait4``), so nothing is sampled and nothing missed. On Linux a new process starts as a copy of
the one that started it, and that copy counts: whoever measures must stay smaller than what is
measured, which :func:`run_child` checks. So this module imports nothing but the standard library.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

KIB_PER_UNIT = 1 / 1024 if sys.platform == "darwin" else 1
"""Linux tells ``ru_maxrss`` in KiB, macOS in bytes."""

INHERITED = ("PATH", "HOME", "USER", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""What a measured process sees of this one's environment: none of the product's settings."""


class ChildError(RuntimeError):
    """The command failed, so there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds from start to exit, processor seconds of all threads, peak resident MiB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def clean_environment(**variables: str) -> dict[str, str]:
    """:data:`INHERITED` and ``variables``, nothing else."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return kept | variables


def run_child(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[str, Cost]:
    """Run ``python`` with ``arguments`` from the repository's root; its stdout and its cost.

    Raises :class:`ChildError` when it does not exit with 0, or when it stayed smaller than this
    process is.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
        )
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:  # also an interrupt: the child must not outlive its purpose
            child.kill()
            child.wait()
            raise
        wall_s = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)  # it is reaped already
        if child.returncode:
            log.seek(0)
            last = log.read().decode(errors="replace").strip()[-600:]
            raise ChildError(f"{' '.join(arguments)} ended with {child.returncode}: {last}")
        out.seek(0)
        text = out.read().decode()
    peak_mb = usage.ru_maxrss * KIB_PER_UNIT / 1024
    own_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB_PER_UNIT / 1024
    if own_mb >= peak_mb:
        raise ChildError(f"expected a peak above this process's {own_mb:.0f} MiB, got {peak_mb}")
    return text, Cost(wall_s, usage.ru_utime + usage.ru_stime, peak_mb)
