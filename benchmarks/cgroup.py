"""A memory control group of one's own, in which a command runs under a real limit.

Over the limit the kernel kills the command (exit code 137), as it does on a machine that has no
more than that. Works with version 1 and version 2 of Linux's control groups, where the hierarchy
may be written: as root, or in a container that hands its own groups over. Swap does not help a
process over the limit: it is counted into the same limit (version 1), or its share is zero (2).

Sources: the kernel's documents cgroup-v1/memory and cgroup-v2.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

MIB = 2**20
KILLED = 137
NOT_MOVED = 125
POLL_S = 0.005

MOVE_AND_RUN = f'echo $$ > "$0/cgroup.procs" || exit {NOT_MOVED}; exec "$@"'
"""The shell moves itself into the group and becomes the command: all of its memory counts."""


class GroupUnavailableError(Exception):
    """No limited group can be made here; the message says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended in the group.

    ``code`` is its exit code as a shell tells it: 137 when the kernel killed it. ``group_peak_mb``
    is the group's highest use in MiB, with the file pages that were read on its behalf (the kernel
    drops those when they are in the way); None where the kernel does not keep it. ``rss_peak_mb``
    is the high-water mark of the process's resident set (VmHWM), last seen at most 5 ms before its
    end.
    """

    code: int
    seconds: float
    group_peak_mb: float | None
    rss_peak_mb: float
    output: str
    errors: str


class MemoryGroup:
    """A control group limited to ``limit_mb`` MiB, removed on leaving the ``with`` block.

    Raises :class:`GroupUnavailableError` on entering when there is no memory controller or its
    hierarchy may not be written.
    """

    def __init__(self, limit_mb: int) -> None:
        if limit_mb < 1:
            raise ValueError(f"expected a limit of at least 1 MiB, got {limit_mb}")
        self.limit_mb = limit_mb
        self.folder = Path()
        self.version = 0
        self._enabled_in: Path | None = None

    def __enter__(self) -> Self:
        name = f"climbmate-{os.getpid()}-{time.monotonic_ns()}"
        reasons = []
        for version, parent in candidates():
            self.version, self.folder = version, parent / name
            try:
                self._make(parent)
                return self
            except OSError as error:
                self._remove()
                reasons.append(f"{parent}: {error.strerror or error}")
        raise GroupUnavailableError(
            "no memory control group can be made here: "
            + ("; ".join(reasons) or "no memory controller is mounted")
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Outcome:
        """Run ``command`` in the group and wait for its end.

        Raises :class:`GroupUnavailableError` when a process cannot be moved into the group.
        """
        self._reset_peak()
        started = time.perf_counter()
        with subprocess.Popen(
            ["sh", "-c", MOVE_AND_RUN, str(self.folder), *command],
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            try:
                output, errors, rss_peak_mb = watch(process)
            except BaseException:  # also an interrupt: the command must not outlive the group
                process.kill()
                raise
        seconds = time.perf_counter() - started
        if process.returncode == NOT_MOVED:
            raise GroupUnavailableError(f"no process can be moved into {self.folder}: {errors}")
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        return Outcome(code, seconds, self._peak_mb(), rss_peak_mb, output, errors)

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None,
        cwd: Path | None,
        output: IO[bytes],
    ) -> subprocess.Popen[bytes]:
        """Start ``command`` in the group without waiting; both its streams go to ``output``.

        The caller has to end it before the group is left. Its exit code is :data:`NOT_MOVED` when
        it could not be moved into the group.
        """
        self._reset_peak()
        return subprocess.Popen(
            ["sh", "-c", MOVE_AND_RUN, str(self.folder), *command],
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def peak_mb(self) -> float | None:
        """The group's highest use so far in MiB, as in :class:`Outcome`."""
        return self._peak_mb()

    def kills(self) -> int | None:
        """How many of its processes the kernel has killed; None where it does not tell."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        rows = [row.split() for row in lines(self.folder / name)]
        return next((int(row[1]) for row in rows if row[0] == "oom_kill"), None)

    def _make(self, parent: Path) -> None:
        self.folder.mkdir()
        limit = str(self.limit_mb * MIB)
        if self.version == 1:
            (self.folder / "memory.limit_in_bytes").write_text(limit)
            with_swap = self.folder / "memory.memsw.limit_in_bytes"
            if with_swap.exists():
                with_swap.write_text(limit)
            elif swap_in_use():
                raise OSError(errno.ENOTSUP, "its swap cannot be limited")
            return
        if not (self.folder / "memory.max").exists():
            (parent / "cgroup.subtree_control").write_text("+memory")
            self._enabled_in = parent
        (self.folder / "memory.max").write_text(limit)
        swap = self.folder / "memory.swap.max"
        if swap.exists():
            swap.write_text("0")
        elif swap_in_use():
            raise OSError(errno.ENOTSUP, "its swap cannot be limited")

    def _remove(self) -> None:
        # The kernel empties a group a moment after its last process has been waited for.
        for _ in range(100):
            try:
                self.folder.rmdir()
            except FileNotFoundError:
                break
            except OSError as error:
                if error.errno != errno.EBUSY:
                    break  # it was never ours to make
                time.sleep(0.02)
            else:
                break
        if self._enabled_in is not None:
            with contextlib.suppress(OSError):  # another group has come to need it
                (self._enabled_in / "cgroup.subtree_control").write_text("-memory")
            self._enabled_in = None

    def _reset_peak(self) -> None:
        if self.version == 1:
            (self.folder / "memory.max_usage_in_bytes").write_text("0")

    def _peak_mb(self) -> float | None:
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        path = self.folder / name
        return int(path.read_text()) / MIB if path.exists() else None  # memory.peak: Linux 5.19


def candidates() -> list[tuple[int, Path]]:
    """Where a group may be made: (version, parent folder), in the order to try."""
    found = []
    for line in lines(Path("/proc/mounts")):
        _, mount, kind, options, *_ = line.split()
        if kind == "cgroup" and "memory" in options.split(","):
            found.append((1, Path(mount)))
        elif kind == "cgroup2" and "memory" in controllers(Path(mount)):
            own = [row[3:] for row in lines(Path("/proc/self/cgroup")) if row.startswith("0::")]
            found += [(2, Path(mount))]
            found += [(2, Path(mount) / path.lstrip("/")) for path in own if path != "/"]
    return found


def controllers(mount: Path) -> list[str]:
    """The controllers of a version 2 hierarchy."""
    return " ".join(lines(mount / "cgroup.controllers")).split()


def swap_in_use() -> bool:
    """Whether this machine swaps at all. The first line of the table is its header."""
    return len(lines(Path("/proc/swaps"))) > 1


def lines(path: Path) -> list[str]:
    """The lines of a small kernel file, none where it is absent."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def watch(process: subprocess.Popen[str]) -> tuple[str, str, float]:
    """Follow ``process`` to its end: its output, its errors, the highest VmHWM seen, in MiB."""
    peak_kib = 0
    while True:
        for line in status(process.pid):
            if line.startswith("VmHWM:"):
                peak_kib = max(peak_kib, int(line.split()[1]))
        try:
            output, errors = process.communicate(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            continue
        return output, errors, peak_kib / 1024


def status(pid: int) -> list[str]:
    """The status lines of a process; none once it is gone."""
    try:
        return Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
