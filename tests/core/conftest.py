"""What the tests of the command line ask for: models that are not loaded, and a photo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import analysis, opening
from tests.core.commands import make_photo
from tests.core.fakes import fake_models, found


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line with models that find five holds, without loading any."""
    models = fake_models([found((50, 20 + 40 * i, 80, 45 + 40 * i)) for i in range(5)])
    monkeypatch.setattr(opening, "Opening", lambda *_: None)
    monkeypatch.setattr(analysis, "load_models", lambda *_: models)
    return models


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo's file, ``wall.jpg``."""
    return make_photo(tmp_path / "wall.jpg")
