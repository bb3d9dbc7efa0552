"""How much memory this process uses, and how much it may use: plain numbers in MiB.

Linux tells everything through small files (``/proc`` and the control groups), which are read here
directly: a reading costs some ten microseconds, and no package has to be imported for it. Elsewhere
psutil answers. Every reading takes the folder it reads from, so that a test can hand it files of
its own.

Not done here: judging the numbers, asking who holds the memory, freeing any of it.

Sources: proc_pid_statm(5), proc_pid_status(5), cgroups(7), the kernel's cgroup-v2 and
cgroup-v1/memory documents.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")

_MIB = 2**20
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def rss_mb(proc: Path = PROC) -> float:
    """Resident set size of this process in MiB, at this moment."""
    try:
        # The sampler calls this all the time: no Path arithmetic, no buffered file.
        statm = os.open(f"{proc}/self/statm", os.O_RDONLY)
        try:
            return int(os.read(statm, 256).split()[1]) * _PAGE_BYTES / _MIB
        finally:
            os.close(statm)
    except FileNotFoundError:
        import psutil

        return float(psutil.Process().memory_info().rss) / _MIB


def peak_rss_mb(proc: Path = PROC) -> float:
    """Highest resident set size of this process since it started, in MiB.

    Where the kernel does not keep it (not Linux), the highest the operating system reports through
    psutil: the peak working set on Windows, the present resident set elsewhere.
    """
    if (kib := _field(proc / "self" / "status", "VmHWM")) is not None:
        return kib / 1024
    import psutil

    info = psutil.Process().memory_info()
    return float(getattr(info, "peak_wset", info.rss)) / _MIB


def total_mb(proc: Path = PROC) -> float:
    """RAM of the machine in MiB."""
    if (kib := _field(proc / "meminfo", "MemTotal")) is not None:
        return kib / 1024
    import psutil

    return float(psutil.virtual_memory().total) / _MIB


def limit_mb(proc: Path = PROC, cgroup: Path = CGROUP) -> float:
    """MiB this process may use: the smallest limit of its control group and all groups around it,
    else all RAM.

    A limit above the RAM is no limit (an unlimited version 1 group shows about 2^63 bytes).
    """
    return min([total_mb(proc), *(group.limit_mb for group in _limited_groups(proc, cgroup))])


def headroom_mb(proc: Path = PROC, cgroup: Path = CGROUP) -> float:
    """MiB that can still be taken before a group's limit or the machine's RAM is reached.

    The smallest over all groups, and never negative: a generous limit does not help on a machine
    that is full, nor in a crowded group around one's own.
    """
    groups = _limited_groups(proc, cgroup)
    left = [_available_mb(proc), *(group.limit_mb - group.used_mb for group in groups)]
    return max(0.0, min(left))


def oom_kills(proc: Path = PROC, cgroup: Path = CGROUP) -> int | None:
    """How often the kernel has killed a process of this control group for want of memory; None
    where it does not tell."""
    for folder, files in _group_folders(proc, cgroup):
        if (count := _field(folder / files.kills, "oom_kill")) is not None:
            return count
    return None


class PeakSampler:
    """The highest resident set size of this process while a block runs.

    ::

        with PeakSampler() as memory:
            work()
        memory.before_mb, memory.peak_mb, memory.after_mb

    A daemon thread reads every ``interval_ms``. A reading costs about ten microseconds and the
    thread's waking up more: at 5 ms, together 1 to 3 % of one core of a virtual machine. What rises
    and falls between two readings would be missed, and so would a native call that never lets the
    thread run; therefore the kernel's own high-water mark is asked too, which is exact whenever the
    block sets a new record for the process.

    All three numbers are MiB and can be read while the block runs; ``after_mb`` is then the latest
    reading. ``read`` and ``read_peak`` stand in for :func:`rss_mb` and :func:`peak_rss_mb` in
    tests.
    """

    def __init__(
        self,
        interval_ms: float = 5.0,
        *,
        read: Callable[[], float] = rss_mb,
        read_peak: Callable[[], float] = peak_rss_mb,
    ) -> None:
        if not interval_ms > 0:
            raise ValueError(f"expected an interval above 0 ms, got {interval_ms}")
        self._interval_s = interval_ms / 1000
        self._read = read
        self._read_peak = read_peak
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._record_mb = 0.0
        self.before_mb = 0.0
        self.peak_mb = 0.0
        self.after_mb = 0.0
        self.samples = 0

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("expected a sampler that was not used before, got one that was")
        self._record_mb = self._read_peak()
        self.before_mb = self.peak_mb = self.after_mb = self._read()
        self._thread = threading.Thread(target=self._run, name="peak-sampler", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._take()
        record_mb = self._read_peak()
        if record_mb > self._record_mb:
            self.peak_mb = max(self.peak_mb, record_mb)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self._take()

    def _take(self) -> None:
        self.after_mb = self._read()
        self.peak_mb = max(self.peak_mb, self.after_mb)
        self.samples += 1


@dataclass(frozen=True, slots=True)
class _Group:
    """A control group with a limit below the machine's RAM; numbers in MiB."""

    limit_mb: float
    used_mb: float


@dataclass(frozen=True, slots=True)
class _Files:
    """How one version of control groups calls its files."""

    limit: str
    usage: str
    inactive_file: str  # the row of memory.stat with the droppable file pages of the whole subtree
    kills: str  # the file with the row oom_kill


_VERSION_2 = _Files("memory.max", "memory.current", "inactive_file", "memory.events")
_VERSION_1 = _Files(
    "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "memory.oom_control"
)


def _limited_groups(proc: Path, cgroup: Path) -> list[_Group]:
    """The limited groups around this process, its own first."""
    total = total_mb(proc)
    groups = []
    for folder, files in _group_folders(proc, cgroup):
        limit = _bytes_in(folder / files.limit)
        if limit is None or limit / _MIB >= total:
            continue
        droppable = _field(folder / "memory.stat", files.inactive_file) or 0
        used = max(0, (_bytes_in(folder / files.usage) or 0) - droppable)
        groups.append(_Group(limit / _MIB, used / _MIB))
    return groups


def _group_folders(proc: Path, cgroup: Path) -> Iterator[tuple[Path, _Files]]:
    """The folders of this process's memory groups, from its own outwards to the mounted root.

    A container often sees a path of the host here that does not exist inside: what is missing
    reads as unlimited, and the mounted root, which is the container's own group, still counts.
    """
    try:
        rows = (proc / "self" / "cgroup").read_text().splitlines()
    except FileNotFoundError:  # not Linux, or a kernel without control groups
        return
    for row in rows:
        number, controllers, path = row.split(":", 2)
        if number == "0" and not controllers:
            root, files = cgroup, _VERSION_2
        elif "memory" in controllers.split(","):
            root, files = cgroup / "memory", _VERSION_1
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            yield root.joinpath(*parts[:depth]), files


def _bytes_in(path: Path) -> int | None:
    """The number in a one-line file; None when there is no such file or it says ``max``."""
    try:
        text = path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    return int(text) if text.isdigit() else None


def _field(path: Path, name: str) -> int | None:
    """The first number of the row ``name`` in a file of ``name value`` or ``name: value kB``
    rows."""
    try:
        text = path.read_text()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    for row in text.splitlines():
        words = row.split()
        if len(words) >= 2 and words[0].removesuffix(":") == name and words[1].isdigit():
            return int(words[1])
    return None


def _available_mb(proc: Path) -> float:
    """RAM that programs can still take without swapping, in MiB, as the kernel estimates it."""
    if (kib := _field(proc / "meminfo", "MemAvailable")) is not None:
        return kib / 1024
    import psutil

    return float(psutil.virtual_memory().available) / _MIB
