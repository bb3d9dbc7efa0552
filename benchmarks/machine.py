"""What a measurement ran on, in a few words: processor, cores, versions, load.

Standard library alone (see :mod:`benchmarks.child` for why); Linux tells the processor, elsewhere
it is left to :mod:`platform`.
"""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")

FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp")
"""Instruction sets that change how fast a network runs."""

PACKAGES = ("onnxruntime", "numpy", "opencv-python-headless", "pillow", "torch", "open_clip_torch")

QUIET_LOAD = 0.5
"""Runnable processes before the first measurement from which figures are not to be trusted."""


def cpu_facts(cpuinfo: Path = CPUINFO) -> tuple[str, list[str]]:
    """The processor's name, and which of :data:`FLAGS` it has."""
    try:
        rows = cpuinfo.read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine(), []
    pairs = (row.partition(":") for row in rows)
    table = {key.strip(): value.strip() for key, _, value in pairs}
    has = set((table.get("flags") or table.get("Features", "")).split())
    return table.get("model name", platform.machine()), [flag for flag in FLAGS if flag in has]


def cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_mb(meminfo: Path = MEMINFO) -> float:
    """RAM that can still be taken, in MiB; infinite where the system does not say."""
    try:
        rows = meminfo.read_text().splitlines()
    except OSError:
        return float("inf")
    found = [row.split()[1] for row in rows if row.startswith("MemAvailable:")]
    return int(found[0]) / 1024 if found else float("inf")


def installed(package: str) -> str:
    """Its version, or a dash."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def machine_facts() -> dict[str, object]:
    """Processor, cores, versions and the load average of the last minute, for a report."""
    name, flags = cpu_facts()
    return {
        "cpu": name,
        "flags": flags,
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {package: installed(package) for package in PACKAGES},
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
    }
