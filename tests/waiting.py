"""Waiting for what other threads and processes do: no longer than it takes, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 20.0
"""How long a machine that is busy with other tests may take."""


def until(
    condition: Callable[[], object], seconds: float = PATIENCE_S, *, what: str = "it"
) -> None:
    """Wait until ``condition`` holds; ``what`` did not come to be where it does not in time."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"{what} did not come to be within {seconds:g} s"
        time.sleep(0.005)
