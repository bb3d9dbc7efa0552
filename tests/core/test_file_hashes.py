"""Hashes are remembered while a file stays as it is, and never longer."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from core import file_hashes
from core.file_hashes import remembered_sha256

OLD_NS = 1_700_000_000_000_000_000


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that was read to be hashed; a file counts as settled at once."""
    seen: list[Path] = []
    real = file_hashes.file_sha256

    def counted(path: Path) -> str:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(file_hashes, "file_sha256", counted)
    monkeypatch.setattr(file_hashes, "SETTLED_NS", -OLD_NS)
    return seen


def a_file(folder: Path, content: bytes = b"weights") -> Path:
    path = folder / "model.pt"
    path.write_bytes(content)
    os.utime(path, ns=(OLD_NS, OLD_NS))
    return path


def test_an_unchanged_file_is_read_once(tmp_path: Path, reads: list[Path]) -> None:
    path = a_file(tmp_path)

    found = [remembered_sha256(path, tmp_path / "notes") for _ in range(3)]

    assert found == [hashlib.sha256(b"weights").hexdigest()] * 3
    assert len(reads) == 1


def test_a_changed_file_is_read_again(tmp_path: Path, reads: list[Path]) -> None:
    # GIVEN a file whose hash is remembered
    remembered_sha256(a_file(tmp_path), tmp_path / "notes")
    # WHEN it gets another content of the same size and pretends to be as old
    path = a_file(tmp_path, b"WEIGHTS")
    # THEN the new content counts, because the inode tells the change
    assert remembered_sha256(path, tmp_path / "notes") == hashlib.sha256(b"WEIGHTS").hexdigest()
    assert len(reads) == 2


def test_a_file_just_written_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"weights")

    remembered_sha256(path, tmp_path / "notes")

    assert not (tmp_path / "notes").exists()


@pytest.mark.parametrize("note", [b"", b"[]", b"{", b'{"state": [1], "sha256": 5}', b"\xff\xfe"])
def test_a_damaged_note_is_made_anew(tmp_path: Path, reads: list[Path], note: bytes) -> None:
    path = a_file(tmp_path)
    remembered_sha256(path, tmp_path / "notes")
    (kept,) = (tmp_path / "notes").iterdir()
    kept.write_bytes(note)

    found = {remembered_sha256(path, tmp_path / "notes") for _ in range(2)}

    assert found == {hashlib.sha256(b"weights").hexdigest()}
    assert len(reads) == 2


def test_where_no_note_can_be_written_the_file_is_read(tmp_path: Path, reads: list[Path]) -> None:
    path = a_file(tmp_path)
    (tmp_path / "notes").write_text("a file where the folder would be")

    assert remembered_sha256(path, tmp_path / "notes") == remembered_sha256(
        path, tmp_path / "notes"
    )
    assert len(reads) == 2


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        remembered_sha256(tmp_path / "none.pt", tmp_path / "notes")
