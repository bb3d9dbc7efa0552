"""What every run card says of where its run came from."""

from __future__ import annotations

import subprocess


def commit() -> str:
    """The commit that is checked out, 40 hex digits; empty outside a repository."""
    told = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return told.stdout.strip()
