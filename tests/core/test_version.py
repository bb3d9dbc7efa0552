"""One version, wherever it is written down."""

from __future__ import annotations

import tomllib
from pathlib import Path

from core.version import VERSION


def test_the_package_and_the_image_have_it(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    compose = (repository / "docker-compose.yml").read_text()

    assert project["version"] == VERSION
    assert f"image: climbmate:{VERSION}\n" in compose
