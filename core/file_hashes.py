"""The SHA-256 of a large file, remembered from one start to the next.

A checkpoint of 600 MB takes a third of a second to hash, and a command that names it hashes it at
every start, only to find the conversion it made long ago. What is remembered counts as long as the
file has the same size, inode and time of change. It saves time and is no protection: what is
served is checked by :mod:`core.model_folder` at every start.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from pathlib import Path

from core.model_folder import file_sha256

log = logging.getLogger(__name__)

SETTLED_NS = 2_000_000_000
"""A file that was written less than this before may be written again within the same tick of its
clock, so its hash is not remembered yet.
"""


def remembered_sha256(path: Path, memory: Path) -> str:
    """SHA-256 of ``path`` as 64 hex digits; read only when it has changed since it was last asked.

    ``memory`` is the folder of the notes, made when needed; where it cannot be written, every call
    reads the file. Raises ``OSError`` when the file itself cannot be read.
    """
    state = _state(path)
    note = memory / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:24]}.json"
    known = _read(note)
    if known.get("state") == state and isinstance(known.get("sha256"), str):
        return str(known["sha256"])
    found = file_sha256(path)
    if _state(path) == state and max(state[2:]) + SETTLED_NS < time.time_ns():
        _write(note, {"state": state, "sha256": found})
    return found


def _state(path: Path) -> list[int]:
    """Size, inode, and the times of the last change of the content and of the inode, in ns."""
    facts = path.stat()
    return [facts.st_size, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns]


def _read(note: Path) -> dict[str, object]:
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or a damaged one: it is made anew
        return {}
    return content if isinstance(content, dict) else {}


def _write(note: Path, content: dict[str, object]) -> None:
    fresh = note.with_suffix(f".{os.getpid()}")
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(content), encoding="utf-8")
        fresh.replace(note)
    except OSError as error:
        log.debug("hash_not_remembered file=%s reason=%r", note, error)
