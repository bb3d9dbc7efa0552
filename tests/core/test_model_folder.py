"""A model's folder: whole or not there, whoever writes it. (Damage to one: test_weights.py.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model_folder import damage, written_whole


def test_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with written_whole(target) as fresh:
        (fresh / "a").write_text("1")
    with pytest.raises(RuntimeError), written_whole(target) as fresh:
        (fresh / "a").write_text("2")
        raise RuntimeError("power cut")
    assert (target / "a").read_text() == "1"
    assert damage(target) == ""
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_two_writers_leave_one_sound_folder(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with written_whole(target) as one:
        (one / "a").write_text("1")
        with written_whole(target) as two:
            (two / "a").write_text("2")
    assert damage(target) == ""
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
