"""Making the environment: a broken one is made again, a folder of other files is not touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """A file with what the Python was asked to make, which makes nothing."""
    return tmp_path / "asked.txt"


@pytest.fixture
def python(tmp_path: Path, asked: Path) -> Path:
    """A Python that writes down which environments it is to make."""
    path = tmp_path / "python"
    path.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && exec "{sys.executable}" "$@"\necho "$@" >> "{asked}"\n'
    )
    path.chmod(0o755)
    return path


def make(repository: Path, python: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", repository / "scripts" / "make_venv.sh", folder],
        env={**os.environ, "PYTHON": str(python)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("there", ["nothing", "an empty folder", "an environment"])
def test_an_environment_is_made_or_completed(
    repository: Path, python: Path, asked: Path, tmp_path: Path, there: str
) -> None:
    folder = tmp_path / "venv"
    if there != "nothing":
        folder.mkdir()
    if there == "an environment":
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(sys.executable)

    done = make(repository, python, folder)

    assert done.returncode == 0, done.stderr
    assert asked.read_text() == f"-m venv {folder}\n"


def test_an_environment_whose_python_is_gone_is_made_again(
    repository: Path, python: Path, asked: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to("/nowhere/python3.11")
    (folder / "pyvenv.cfg").write_text("home = /nowhere\n")

    done = make(repository, python, folder)

    assert done.returncode == 0 and "made again" in done.stdout
    assert asked.read_text() == f"-m venv --clear {folder}\n"


@pytest.mark.parametrize("what", ["folder", "file"])
def test_other_peoples_files_are_left_alone(
    repository: Path, python: Path, asked: Path, tmp_path: Path, what: str
) -> None:
    place = tmp_path / "thesis"
    if what == "folder":
        place.mkdir()
    (place / "chapter.tex" if what == "folder" else place).write_text("years of work")

    done = make(repository, python, place)

    assert done.returncode == 1
    assert str(place) in done.stderr and "VENV=" in done.stderr
    assert not asked.exists()
