"""The black box of a server process: what it was doing, and with how much memory, when it ended.

While a process records (:func:`start_recording`), operations and their stages go into a small
memory-mapped file (:mod:`core.memory.ring_file`), and so does the resident set size every few
milliseconds while an operation runs. The next start finds a run that did not end in an orderly way
and tells what it was at: SIGKILL, by which the kernel ends what uses too much memory, cannot be
caught, so nothing can be told before.

It is always on while serving, whether or not memory is debugged: who needs it did not know so
before. A record costs a few microseconds, and an analysis makes six.

What cannot be known: which signal ended a run. The kernel's own count of such kills, where the
next start is in the same control group, makes it certain; without it, a run that ended close to its
limit was *probably* killed for want of memory. Readings between operations are as old as the last
operation. Nothing survives a power loss but what the system happened to write.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from core.memory.readings import PROC, limit_mb, oom_kills, rss_mb
from core.memory.ring_file import FILE_BYTES, Contents, Header, Kind, Record, RingWriter, parse

try:
    import fcntl
except ImportError:  # Windows: no lock that a process's end lets go
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

FILES = 8
"""Processes that can record in one folder at a time."""

NEAR_LIMIT = 0.85
"""From this share of the limit on, an end without notice was probably for want of memory: the rest
of the limit goes to other processes of the group, to kernel memory, and to what was asked for."""

Ending = Literal["out of memory", "probably out of memory", "crashed", "restarted", "killed"]


@dataclass(frozen=True, slots=True)
class LastRun:
    """A run that did not end in an orderly way; memory in MiB, times in seconds since the epoch.

    ``label``, ``subject``, ``megapixels`` and ``stage`` are of the operation that was running,
    empty where none was. ``rss_mb`` is the last reading, taken at ``seen_s``. ``reason`` is the
    exception's name and text where the ending is ``crashed``. ``records`` are the last things that
    happened, oldest first; ``torn`` tells how many more could not be read.
    """

    ending: Ending
    pid: int
    started_s: float
    seen_s: float
    rss_mb: float
    limit_mb: float
    label: str = ""
    subject: str = ""
    megapixels: float = 0.0
    stage: str = ""
    reason: str = ""
    records: tuple[Record, ...] = ()
    torn: int = 0

    def sentence(self) -> str:
        """The run's end in one line, for a log or a page."""
        how = {
            "out of memory": "killed by the kernel for want of memory",
            "probably out of memory": "killed, probably for want of memory,",
            "crashed": f"crashed ({self.reason})",
            "restarted": "ended when the machine was restarted or lost its power,",
            "killed": "killed, or crashed in native code,",
        }[self.ending]
        text = f"{how} at {self.rss_mb:.0f} MiB of {self.limit_mb:.0f} MiB"
        if not self.label:
            return f"{text}, while nothing was being analysed"
        size = f" ({self.megapixels:.1f} MP)" if self.megapixels else ""
        stage = f", stage {self.stage}" if self.stage else ""
        return f"{text} while {self.label} {self.subject}{size}{stage}"


class Recorder:
    """The black box of this process, in a file of ``folder`` that no living process writes.

    ``last_runs`` are the runs of dead processes that were found there. Raises ``OSError`` when no
    file can be made or all FILES are taken.
    """

    def __init__(self, folder: Path) -> None:
        if fcntl is None:
            raise OSError("this system has no locks that end with their process")
        folder.mkdir(parents=True, exist_ok=True)
        self._limit_mb = limit_mb()
        self._operation = 0
        self._lock = threading.Lock()
        self._ended = False
        self._descriptor = -1
        found: list[LastRun] = []
        for number in range(FILES):
            path = folder / f"black_box_{number}.ring"
            if self._descriptor >= 0 and not path.exists():
                continue
            if (descriptor := _lock(path)) is None:
                continue
            found += _told(descriptor, path)
            if self._descriptor < 0:
                self._descriptor, self.path = descriptor, path
            else:
                path.unlink(missing_ok=True)
                os.close(descriptor)
        if self._descriptor < 0:
            raise OSError(f"all {FILES} files in {folder} are taken")
        self.last_runs = tuple(sorted(found, key=lambda run: run.seen_s))
        kills = oom_kills()
        header = Header(
            os.getpid(), start_ticks(), boot_identity(), time.time(), self._limit_mb,
            -1 if kills is None else kills,
        )  # fmt: skip
        try:
            self._writer = RingWriter(self._descriptor, header)
        except OSError:
            os.close(self._descriptor)
            raise
        self.live_rss_mb()

    def live_rss_mb(self) -> float:
        """The resident set size now, in MiB, kept as the last reading: for a sampler."""
        now_mb = rss_mb()
        self._writer.live(now_mb)
        return now_mb

    @contextlib.contextmanager
    def operation(self, label: str, subject: str, megapixels: float) -> Iterator[Note]:
        """Record what is done inside as ``label`` (a verb: "analysing") ``subject``."""
        with self._lock:
            self._operation += 1
            note = Note(self, self._operation, label, subject, megapixels)
        note.write(Kind.BEGIN)
        try:
            yield note
        except BaseException as error:
            note.stage_name = type(error).__name__
            raise
        finally:  # a killed process never comes here, which is the point
            note.write(Kind.END)

    def write(self, kind: Kind, note: Note) -> None:
        """Append a record of ``note`` with the memory of this moment."""
        self._writer.write(
            Record(
                kind, note.number, note.label, note.subject, note.stage_name, note.megapixels,
                self.live_rss_mb(), self._limit_mb,
            )
        )  # fmt: skip

    def end(self, error: BaseException | None = None) -> None:
        """Mark the run as ended: in good order, or by ``error``. Only the first call counts."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        reason = "" if error is None else f"{type(error).__name__}: {error}"
        self.write(
            Kind.CLOSED if error is None else Kind.CRASHED, Note(self, 0, "process", reason, 0.0)
        )
        self._writer.close()
        os.close(self._descriptor)


@dataclass(slots=True)
class Note:
    """A running operation of a recorder."""

    recorder: Recorder | None
    number: int = 0
    label: str = ""
    subject: str = ""
    megapixels: float = 0.0
    stage_name: str = ""

    def stage(self, name: str) -> None:
        """Record that the operation has come to the stage ``name``."""
        self.stage_name = name
        self.write(Kind.STAGE)

    def write(self, kind: Kind) -> None:
        """Append a record; nothing where this process does not record."""
        if self.recorder is not None:
            self.recorder.write(kind, self)


def judge(contents: Contents, *, boot: bytes, kills: int | None) -> LastRun | None:
    """How the run of ``contents`` ended, as far as can be known; None when it was in good order.

    ``boot`` and ``kills`` are today's :func:`boot_identity` and the control group's count.
    """
    header, records = contents.header, contents.records
    last = records[-1] if records else None
    if last is not None and last.kind is Kind.CLOSED:
        return None
    running = _running(records)
    rss = contents.live_rss_mb
    seen = max(contents.live_at_s, last.at_s if last else 0.0, header.started_s)
    ending: Ending = "killed"
    reason = ""
    if last is not None and last.kind is Kind.CRASHED:
        ending, reason = "crashed", last.subject
    elif boot != header.boot:
        ending = "restarted"
    elif kills is not None and 0 <= header.oom_kills < kills:
        ending = "out of memory"
    elif header.limit_mb and rss >= NEAR_LIMIT * header.limit_mb:
        ending = "probably out of memory"
    common = (ending, header.pid, header.started_s, seen, rss, header.limit_mb)
    if running is None:
        return LastRun(*common, reason=reason, records=records, torn=contents.torn)
    return LastRun(
        *common, running.label, running.subject, running.megapixels, running.stage, reason,
        records, contents.torn,
    )  # fmt: skip


def _running(records: tuple[Record, ...]) -> Record | None:
    """The newest record of the newest operation that has begun and not ended."""
    ended = {record.operation for record in records if record.kind is Kind.END}
    open_ = [r for r in records if r.kind in (Kind.BEGIN, Kind.STAGE) and r.operation not in ended]
    return open_[-1] if open_ else None


def _lock(path: Path) -> int | None:
    """An open descriptor of ``path`` that no other process has locked; None when one has.

    The kernel lets the lock go with its process, so a dead one's file is told from a living one's
    without asking whether some process happens to bear its number.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _told(descriptor: int, path: Path) -> list[LastRun]:
    """What the run that left ``path`` tells; nothing when it was new, or ended well."""
    content = os.pread(descriptor, FILE_BYTES + 1, 0)
    if not content:
        return []
    try:
        contents = parse(content)
    except ValueError as error:
        logger.warning("black_box=%s outcome=replaced reason=%r", path, str(error))
        return []
    run = judge(contents, boot=boot_identity(), kills=oom_kills())
    return [run] if run is not None else []


def start_ticks(proc: Path = PROC) -> int:
    """When this process began, in the kernel's clock ticks since the boot (proc_pid_stat(5), field
    22); 0 where it is not told."""
    try:
        text = (proc / "self" / "stat").read_text()
    except FileNotFoundError:
        return 0
    return int(text.rpartition(")")[2].split()[19])


def boot_identity(proc: Path = PROC) -> bytes:
    """16 bytes that change with every boot of the system; zeros where it is not told."""
    try:
        text = (proc / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
        return bytes.fromhex(text.replace("-", ""))[:16].ljust(16, b"\0")
    except (FileNotFoundError, ValueError):
        return bytes(16)


# The recorder of this process

_recorder: Recorder | None = None
_last_runs: tuple[LastRun, ...] = ()
_start_lock = threading.Lock()


def start_recording(folder: Path) -> tuple[LastRun, ...]:
    """Record this process from now on, in ``folder``; what earlier runs tell that ended badly.

    A second call does nothing and tells the same. Where recording is not possible, that is logged
    and the process goes on without.
    """
    global _recorder, _last_runs
    with _start_lock:
        if _recorder is not None:
            return _last_runs
        try:
            recorder = Recorder(folder)
        except OSError as error:
            logger.warning("black_box=off folder=%s reason=%r", folder, str(error))
            return ()
        for run in recorder.last_runs:
            logger.warning("last_run=%r pid=%d", run.sentence(), run.pid)
        _recorder, _last_runs = recorder, recorder.last_runs
        _watch_the_end()
        return _last_runs


def stop_recording(error: BaseException | None = None) -> None:
    """End this process's record: in good order, or by ``error``."""
    global _recorder
    with _start_lock:
        recorder, _recorder = _recorder, None
        if recorder is not None:
            recorder.end(error)


def last_runs() -> tuple[LastRun, ...]:
    """What :func:`start_recording` told."""
    return _last_runs


@contextlib.contextmanager
def operation(label: str, subject: str, megapixels: float = 0.0) -> Iterator[Note]:
    """Record what is done inside; nothing where this process does not record."""
    recorder = _recorder
    if recorder is None:
        yield Note(None)
        return
    with recorder.operation(label, subject, megapixels) as note:
        yield note


def live_reading() -> Callable[[], float]:
    """What a sampler is to read: the resident set size, also into the black box if there is one."""
    recorder = _recorder
    return rss_mb if recorder is None else recorder.live_rss_mb


_watching = False


def _watch_the_end() -> None:
    """Once for the process: its orderly end and its crash are recorded, a forked child records
    nothing."""
    global _watching
    if _watching:
        return
    _watching = True
    atexit.register(stop_recording)
    os.register_at_fork(after_in_child=_forget)
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, KeyboardInterrupt):
            stop_recording(error)
        before(kind, error, trace)

    sys.excepthook = hook


def _forget() -> None:
    """In a forked child: the record is the parent's."""
    global _recorder
    _recorder = None
