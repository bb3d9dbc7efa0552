"""The folder that holds one converted model: written whole or not at all, and verified by checksum.

A folder contains the model's files and ``checksums.json``, the SHA-256 of every other file in it,
sorted by name. It is filled under a temporary name and renamed when complete, so a reader never
meets a half-written model and two processes that convert the same model do not disturb each other.
This module knows nothing about what the files mean.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKSUMS = "checksums.json"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file directly in ``folder`` except ``checksums.json``, sorted by name."""
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != CHECKSUMS)
    return {name: file_sha256(folder / name) for name in names}


def seal(folder: Path) -> None:
    """Write ``checksums.json`` for the files that are in ``folder`` now."""
    text = json.dumps(checksums(folder), indent=1, sort_keys=True) + "\n"
    (folder / CHECKSUMS).write_text(text, encoding="utf-8")


def damage(folder: Path, only: str = "", besides: str = "") -> str:
    """What is wrong with a sealed folder, as a clause of a sentence; empty when it is sound.

    ``only`` names one file to check instead of all; ``besides`` one whose content is not read,
    though it has to be there.
    """
    if not folder.is_dir():
        return "the folder is missing"
    try:
        expected = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"{CHECKSUMS} is missing"
    except (OSError, ValueError):
        return f"{CHECKSUMS} cannot be read"
    if not isinstance(expected, dict) or not expected:
        return f"{CHECKSUMS} lists no files"
    if only:
        expected = {only: expected.get(only, "")}
    for name, wanted in expected.items():
        path = folder / Path(name).name
        if not path.is_file():
            return f"{name} is missing"
        if name != besides and file_sha256(path) != wanted:
            return f"{name} differs from its checksum"
    return ""


def digest(folder: Path) -> str:
    """First 12 hex digits of the SHA-256 of ``checksums.json``: a short name of the content."""
    return file_sha256(folder / CHECKSUMS)[:12]


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder to fill, which is sealed and renamed to ``folder`` when the block ends well.

    An existing ``folder`` is replaced. When the block raises, nothing of it remains and ``folder``
    is as before.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield fresh
        seal(fresh)
        fresh.chmod(0o755)
        _put_in_place(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Rename ``fresh`` to ``folder``; an older one moves aside, as a rename cannot replace it."""
    aside = fresh.with_name(fresh.name + "-old")
    try:
        if folder.exists():
            os.rename(folder, aside)
        os.rename(fresh, folder)
    except OSError:
        # Another process was faster, or the place is not writable. What it put there counts if it
        # is sound.
        if damage(folder):
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
