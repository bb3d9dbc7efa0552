"""``make clean``: the environment goes, a folder of other files that VENV names is not touched."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """A folder with the Makefile and a tool's cache."""
    place = tmp_path / "climbmate"
    (place / ".ruff_cache").mkdir(parents=True)
    shutil.copy(repository / "Makefile", place)
    return place


def clean(copy: Path, venv: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "clean", f"VENV={venv}"]
    return subprocess.run(command, cwd=copy, capture_output=True, text=True)


def test_the_environment_and_the_caches_go(copy: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / "pyvenv.cfg").touch()

    done = clean(copy, venv)

    assert done.returncode == 0, done.stderr
    assert not venv.exists()
    assert [left.name for left in copy.iterdir()] == ["Makefile"]


def test_a_folder_of_other_files_stays(copy: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "wall.jpg").touch()

    done = clean(copy, photos)

    assert done.returncode != 0
    assert "is no environment" in done.stderr
    assert (photos / "wall.jpg").exists()
    assert (copy / ".ruff_cache").exists()


def test_without_an_environment_the_caches_go(copy: Path, tmp_path: Path) -> None:
    done = clean(copy, tmp_path / "venv")

    assert done.returncode == 0, done.stderr
    assert [left.name for left in copy.iterdir()] == ["Makefile"]
