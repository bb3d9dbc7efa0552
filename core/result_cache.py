"""Results of analysed photos, kept so that the same photo is answered at once.

A result is kept as the compressed text of its document, never as objects: its size is then known to
the byte and some 10 times smaller. The key is everything that makes the answer: the photo's bytes,
the models, the settings, and the release with its code and its statistics network. The name of a
photo is not kept: the same photo comes under many names, and names are private. Only successes are
kept. A store that several servers share (:mod:`core.redis_cache`) can stand behind; what comes from
there is not trusted.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from core.model_folder import CHECKSUMS
from core.settings import Settings
from core.wall import ModelInfo, WallAnalysis
from core.weights import EMBEDDED

ANSWERING = (
    "yolo_conf",
    "palette",
    "max_holds",
    "max_image_size",
    "yolo_img_size",
    "clip_batch_size",
    "max_photo_mb",
    "max_photo_pixels",
)
"""The settings that change an answer or whether there is one; weights are in the models' names."""

MAX_DOCUMENT_BYTES = 64 * 2**20
"""No document of ours is longer; a shared store might hold anything."""

_ENTRY_BYTES = 200
"""What the dictionary takes for an entry besides its key and value."""


@dataclass(frozen=True, slots=True)
class ResultKey:
    """What a result belongs to."""

    sha256: str
    models: ModelInfo
    settings: str

    @classmethod
    def of(cls, sha256: str, models: ModelInfo, settings: Settings) -> ResultKey:
        """The key of the photo with that SHA-256 (64 hex digits) under these settings."""
        values = [[name, getattr(settings, name)] for name in ANSWERING]
        return cls(sha256, models, json.dumps(values))

    def text(self) -> str:
        """The key as 64 hex digits."""
        parts = [self.sha256, self.models.detector, self.models.colour, self.settings, release()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class SharedStore(Protocol):
    """A store behind the cache. Its methods never raise and never block for long."""

    def get(self, key: str) -> bytes | None:
        """The content, or None when there is none or the store is away."""

    def put(self, key: str, content: bytes) -> bool:
        """Keep ``content``; whether that was done."""

    def clear(self) -> int:
        """Drop every result; how many there were."""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """A cache in numbers. ``hits`` and ``misses`` count lookups; ``shared_hits`` are those of the
    hits that the shared store gave. ``bytes`` is what the entries take now."""

    hits: int = 0
    misses: int = 0
    maxsize: int = 0
    currsize: int = 0
    bytes: int = 0
    max_bytes: int = 0
    shared_hits: int = 0


class ResultCache:
    """The results used last, within a bound in entries and one in bytes. Safe to share."""

    def __init__(self, max_entries: int, max_bytes: int, shared: SharedStore | None = None) -> None:
        if max_entries < 1 or max_bytes < 1:
            raise ValueError(f"expected bounds from 1, got {max_entries} and {max_bytes}")
        self._max_entries, self._max_bytes = max_entries, max_bytes
        self._shared = shared
        self._entries: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._hits = self._misses = self._shared_hits = 0
        self._lock = threading.Lock()

    def get(self, key: ResultKey, *, name: str, keep: bool = True) -> WallAnalysis | None:
        """The kept result under the photo's present ``name``.

        ``keep`` allows what the shared store gave to be kept here too.
        """
        analysis = self.peek(key, name=name)
        shared = None if analysis is not None else self._from_shared(key, name, keep)
        with self._lock:
            self._hits += analysis is not None or shared is not None
            self._shared_hits += shared is not None
            self._misses += analysis is None and shared is None
        return analysis if analysis is not None else shared

    def peek(self, key: ResultKey, *, name: str) -> WallAnalysis | None:
        """What :meth:`get` gives, without asking the shared store and without being counted."""
        text = key.text()
        with self._lock:
            content = self._entries.get(text)
            if content is not None:
                self._entries.move_to_end(text)
        return decode_result(content, name) if content is not None else None

    def put(self, key: ResultKey, content: bytes) -> None:
        """Keep ``content`` (:func:`encode_result`) here; what was used longest ago makes room.

        What alone is larger than the bound is not kept.
        """
        self._put(key.text(), content)

    def share(self, key: ResultKey, content: bytes) -> None:
        """Hand ``content`` to the shared store, if there is one."""
        if self._shared is not None:
            self._shared.put(key.text(), content)

    def clear(self, *, shared: bool = False) -> int:
        """Drop all entries, those of the ``shared`` store too where asked; how many there were."""
        with self._lock:
            count = len(self._entries)
            self._entries.clear()
            self._bytes = 0
        return count + (self._shared.clear() if shared and self._shared is not None else 0)

    def info(self) -> CacheInfo:
        """The cache in numbers."""
        with self._lock:
            return CacheInfo(
                hits=self._hits,
                misses=self._misses,
                maxsize=self._max_entries,
                currsize=len(self._entries),
                bytes=self._bytes,
                max_bytes=self._max_bytes,
                shared_hits=self._shared_hits,
            )

    def nbytes(self) -> int:
        """Bytes that the entries take, keys and bookkeeping included."""
        return self._bytes

    def _put(self, text: str, content: bytes) -> None:
        size = _size(text, content)
        if size > self._max_bytes:
            return
        with self._lock:
            if (old := self._entries.pop(text, None)) is not None:
                self._bytes -= _size(text, old)
            self._entries[text] = content
            self._bytes += size
            while self._bytes > self._max_bytes or len(self._entries) > self._max_entries:
                self._bytes -= _size(*self._entries.popitem(last=False))

    def _from_shared(self, key: ResultKey, name: str, keep: bool) -> WallAnalysis | None:
        text = key.text()
        content = self._shared.get(text) if self._shared is not None else None
        if content is None:
            return None
        try:
            analysis = decode_result(content, name)
        except ValueError:
            return None  # damaged, or not ours
        if analysis.photo.sha256 != key.sha256 or analysis.models != key.models:
            return None
        if keep:
            self._put(text, content)
        return analysis


def encode_result(analysis: WallAnalysis) -> bytes:
    """The document without the photo's name, as compressed JSON."""
    nameless = replace(analysis, photo=replace(analysis.photo, name=""))
    document = json.dumps(nameless.document(), allow_nan=False, separators=(",", ":"))
    return zlib.compress(document.encode(), level=1)


def decode_result(content: bytes, name: str) -> WallAnalysis:
    """The analysis in ``content`` of a photo that is now called ``name``.

    Raises ``ValueError`` for anything that :func:`encode_result` did not make.
    """
    try:
        unpacking = zlib.decompressobj()
        document = json.loads(unpacking.decompress(content, MAX_DOCUMENT_BYTES))
        if not unpacking.eof or not isinstance(document, dict):
            raise ValueError("expected one whole document")
        document["photo"]["name"] = name
        return WallAnalysis.from_document(document)
    except (zlib.error, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"expected a kept result: {error!r}") from error
    except RecursionError as error:
        raise ValueError("expected a kept result, got one nested too deeply") from error


@lru_cache(maxsize=1)
def release() -> str:
    """A hash over the modules in ``core/`` and the embedded network that reads colour statistics,
    which no model's name tells of: another release may answer otherwise, and results in a shared
    store outlive a process."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    made_of = [*sources, EMBEDDED / "statistics" / CHECKSUMS]
    return hashlib.sha256(b"".join(path.read_bytes() for path in made_of)).hexdigest()[:16]


def _size(text: str, content: bytes) -> int:
    return sys.getsizeof(text) + sys.getsizeof(content) + _ENTRY_BYTES
