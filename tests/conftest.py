"""What every test may ask for: the repository's root, the real photos, a clean environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.settings import ROWS, THREAD_VARIABLES

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photos (``holds``); the test is skipped, and says why, without it."""
    asked = os.environ.get("CLIMBMATE_DATA")
    folder = Path(asked) if asked else ROOT.parent / "shared" / "data" / "holds"
    if not folder.is_dir():
        pytest.skip(f"no real photos: {folder} is missing; set CLIMBMATE_DATA to their folder")
    return folder


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment without any of the product's variables, to be set in the test."""
    names = {row.variable for row in ROWS.values()} | set(THREAD_VARIABLES)
    for name in [key for key in os.environ if key.upper() in names]:
        monkeypatch.delenv(name)
    return monkeypatch
