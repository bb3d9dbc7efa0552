"""The format of the black box: a file of fixed size, written through memory, that outlives SIGKILL.

A header tells whose run it was; a ring of records tells what it did; a live reading, rewritten
many times a second, tells how much memory it had. What is stored into the mapping belongs to the
kernel's page cache at once, so it is there when the process is gone, however it went. It is not
there after a power loss: nothing waits for the disk.

Every piece carries a sequence number and a CRC-32, so that one whose writing was cut off is seen
and left out; the live reading has two places, of which the older one is overwritten.

Not done here: where the file lies, who may write it, what a run's end means
(:mod:`core.memory.black_box`).
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

FILE_BYTES = 65536
MAGIC = b"CMBLKBX\x01"

_HEADER = struct.Struct("<8sIQ16sdfq")  # magic, pid, start, boot, started, limit, kills
_LIVE = struct.Struct("<Qdf")  # sequence, time, RSS
_RECORD = struct.Struct("<QdBIfff16s24s168s")
_CRC = struct.Struct("<I")

_LIVE_AT = (512, 576)
_RING_AT = 1024
_SLOT_BYTES = 256
SLOTS = (FILE_BYTES - _RING_AT) // _SLOT_BYTES

assert _RECORD.size + _CRC.size <= _SLOT_BYTES and _HEADER.size + _CRC.size <= _LIVE_AT[0]


class Kind(IntEnum):
    """What a record tells."""

    BEGIN = 1
    STAGE = 2
    END = 3
    CLOSED = 5
    CRASHED = 6


@dataclass(frozen=True, slots=True)
class Header:
    """Whose run it is.

    ``start_ticks`` is when the process began by the kernel's clock (0: unknown), ``boot`` the
    system's boot identity (16 bytes), ``started_s`` seconds since the epoch, ``limit_mb`` what the
    process may use, ``oom_kills`` the control group's count at the start (-1: not told).
    """

    pid: int
    start_ticks: int
    boot: bytes
    started_s: float
    limit_mb: float
    oom_kills: int


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened. ``operation`` numbers what belongs together; memory in MiB.

    ``label`` is what is done (24 bytes at most), ``subject`` to what, such as a photo's name
    (168 bytes), ``stage`` how far it is (16 bytes).
    """

    kind: Kind
    operation: int
    label: str
    subject: str = ""
    stage: str = ""
    megapixels: float = 0.0
    rss_mb: float = 0.0
    limit_mb: float = 0.0
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file tells: its header, its whole records from old to new, how many were torn, and
    the last live reading (seconds since the epoch, MiB; 0 where there was none)."""

    header: Header
    records: tuple[Record, ...]
    torn: int
    live_at_s: float
    live_rss_mb: float


class RingWriter:
    """Writes a black box through a mapping of ``descriptor``, which is emptied first.

    The file's blocks are reserved, since storing into a mapping of a full disk would end the
    process. Raises ``OSError`` when there is no room.
    """

    def __init__(self, descriptor: int, header: Header) -> None:
        os.ftruncate(descriptor, 0)
        written = os.pwrite(descriptor, bytes(FILE_BYTES), 0)
        if written != FILE_BYTES:
            raise OSError(f"expected room for {FILE_BYTES} bytes, got {written}")
        self._map = mmap.mmap(descriptor, FILE_BYTES)
        self._lock = threading.Lock()
        self._sequence = 0
        self._live_sequence = 0
        packed = _HEADER.pack(
            MAGIC, header.pid, header.start_ticks, header.boot, header.started_s,
            header.limit_mb, header.oom_kills,
        )  # fmt: skip
        self._store(0, packed)

    def write(self, record: Record) -> None:
        """Append ``record``; its time is now. The oldest makes room."""
        with self._lock:
            if self._map.closed:
                return
            self._sequence += 1
            packed = _RECORD.pack(
                self._sequence, time.time(), record.kind, record.operation, record.rss_mb,
                record.limit_mb, record.megapixels, _cut(record.stage, 16),
                _cut(record.label, 24), _cut(record.subject, 168),
            )  # fmt: skip
            self._store(_RING_AT + (self._sequence - 1) % SLOTS * _SLOT_BYTES, packed)

    def live(self, rss_mb: float) -> None:
        """Overwrite the older of the two live readings."""
        with self._lock:
            if self._map.closed:
                return
            self._live_sequence += 1
            packed = _LIVE.pack(self._live_sequence, time.time(), rss_mb)
            self._store(_LIVE_AT[self._live_sequence % 2], packed)

    def close(self) -> None:
        """Let the mapping go; what is written stays."""
        with self._lock:
            self._map.close()

    def _store(self, place: int, packed: bytes) -> None:
        whole = packed + _CRC.pack(zlib.crc32(packed))
        self._map[place : place + len(whole)] = whole


def parse(content: bytes) -> Contents:
    """Read the bytes of a file. Raises ``ValueError`` when they are not a black box's."""
    if len(content) != FILE_BYTES:
        raise ValueError(f"expected {FILE_BYTES} bytes, got {len(content)}")
    if (fields := _whole(content, 0, _HEADER)) is None or fields[0] != MAGIC:
        raise ValueError("expected the header of a black box, got something else")
    header = Header(*fields[1:])
    found, torn = [], 0
    for slot in range(SLOTS):
        place = _RING_AT + slot * _SLOT_BYTES
        if not any(content[place : place + _RECORD.size + _CRC.size]):
            continue
        row = _whole(content, place, _RECORD)
        if row is None or row[2] not in Kind.__members__.values():
            torn += 1
            continue
        found.append(row)
    records = tuple(_record(row) for row in sorted(found, key=lambda row: row[0]))
    readings = [row for at in _LIVE_AT if (row := _whole(content, at, _LIVE)) and row[0]]
    _, at_s, rss_mb = max(readings, default=(0, 0.0, 0.0))
    return Contents(header, records, torn, at_s, rss_mb)


def _whole(content: bytes, place: int, form: struct.Struct) -> tuple[Any, ...] | None:
    """The fields at ``place``, None where the check sum is not theirs."""
    packed = content[place : place + form.size]
    (crc,) = _CRC.unpack_from(content, place + form.size)
    return form.unpack(packed) if zlib.crc32(packed) == crc else None


def _record(row: tuple[Any, ...]) -> Record:
    _, at_s, kind, operation, rss_mb, limit_mb, megapixels, stage, label, subject = row
    return Record(
        Kind(kind), operation, _text(label), _text(subject), _text(stage), megapixels, rss_mb,
        limit_mb, at_s,
    )  # fmt: skip


def _cut(text: str, most: int) -> bytes:
    """UTF-8 of ``text``, cut between two characters; what is no text (names of files) is shown."""
    encoded = text.encode("utf-8", "backslashreplace")[:most]
    return encoded.decode("utf-8", "ignore").encode()


def _text(packed: bytes) -> str:
    return packed.rstrip(b"\0").decode("utf-8", "replace")
