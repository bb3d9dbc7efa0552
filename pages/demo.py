"""The demo walls, which ClimbMate drew: for a first look, and for measuring."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "assets"

DEMO_WALL = ASSETS / "demo_wall.jpg"
DEMO_WALL_AFTER = ASSETS / "demo_wall_after.jpg"
"""The same wall after a reset, photographed from another place."""
