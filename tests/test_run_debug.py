"""``run_debug.sh``: the variables it sets, from any folder, and what it passes on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "run_debug.sh"

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENBLAS_NUM_THREADS")
ALL = ("DEBUG_MEMORY", "MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", *THREADS)

FAKE_PYTHON = '#!/bin/sh\necho "called: $*"\nenv\n'


def run(
    script: Path, *arguments: str, cwd: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in (*ALL, "VENV", "MAKEFLAGS")}
    return subprocess.run(
        [str(script), *arguments],
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
    )


def shown(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_it_explains_itself_and_every_variable(tmp_path: Path) -> None:
    done = run(SCRIPT, "--help", cwd=tmp_path)

    assert done.returncode == 0 and done.stderr == ""
    assert "Usage: ./run_debug.sh" in done.stdout
    assert all(
        name in done.stdout.replace("MKL_, NUMEXPR_ and OPENBLAS_NUM_THREADS", str(ALL))
        for name in ALL
    )


def test_it_sets_what_it_says(tmp_path: Path) -> None:
    found = shown(run(SCRIPT, "--show", cwd=tmp_path))

    assert tuple(found) == ALL
    assert found["DEBUG_MEMORY"] == "true" and found["MALLOC_ARENA_MAX"] == "2"
    assert found["MALLOC_TRIM_THRESHOLD_"] == "65536"
    assert {found[name] for name in THREADS} == {str(min(4, len(os.sched_getaffinity(0))))}


def test_what_is_set_already_wins(tmp_path: Path) -> None:
    found = shown(run(SCRIPT, "--show", cwd=tmp_path, MALLOC_ARENA_MAX="7", OMP_NUM_THREADS="3"))

    assert found["MALLOC_ARENA_MAX"] == "7"
    assert {found[name] for name in THREADS} == {"3"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The script in a folder of its own, with an environment whose Python only tells its call."""
    folder = tmp_path / "a checkout"
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    shutil.copy(SCRIPT, folder)
    (folder / "Makefile").write_text(".venv/.serve:\n\t@touch $@\n\t@echo made $@\n")
    return folder


def test_it_makes_the_environment_and_passes_arguments_on(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout / "run_debug.sh", "--server.port", "9000", cwd=tmp_path)

    lines = done.stdout.splitlines()
    assert lines[0] == "made .venv/.serve", done.stderr
    assert lines[1].startswith("called: -m streamlit run streamlit_app.py ")
    assert lines[1].endswith(" --server.port 9000")
    assert "DEBUG_MEMORY=true" in lines and "MALLOC_ARENA_MAX=2" in lines
    assert f"PWD={checkout}" in lines


def test_it_works_through_a_link(checkout: Path, tmp_path: Path) -> None:
    link = tmp_path / "debug"
    link.symlink_to("a checkout/run_debug.sh")

    done = run(link, cwd=Path("/"))

    assert f"PWD={checkout}" in done.stdout.splitlines(), done.stderr


def test_the_makefile_makes_that_environment() -> None:
    text = (ROOT / "Makefile").read_text()

    assert "SERVE := $(VENV)/.serve" in text and "run: $(SERVE)" in text
