"""Pictures of the documentation: written where ``CLIMBMATE_SCREENSHOTS`` names a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def save(page: Any, name: str) -> None:
    """Write what ``page`` shows as the PNG file ``name``, where pictures are asked for."""
    if folder := os.environ.get("CLIMBMATE_SCREENSHOTS"):
        page.wait_for_timeout(2500)  # widgets that are loaded late
        page.screenshot(path=str(Path(folder) / name))
