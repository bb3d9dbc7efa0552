"""The debugger's cost: how rounds become a table, and a child of each kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.debugger_cost import MODES, table, targets

ROOT = Path(__file__).resolve().parents[2]

Round = dict[str, tuple[float, float]]


def rounds(on_s: float = 0.102, on_mb: float = 207.0) -> list[Round]:
    """Three rounds on a machine that gets slower: only what is compared in a round is true."""
    return [
        {
            "never": (0.1 * slow, 200.0),
            "never, again": (0.101 * slow, 200.0),
            "off": (0.1 * slow, 200.5),
            "on": (on_s * slow, on_mb),
        }
        for slow in (1.0, 2.0, 4.0)
    ]


def test_kinds_are_compared_within_a_round() -> None:
    rows = table(rounds())

    assert "| on | 204 | +2.0% (+2.0 to +2.0) | 207 | +7.0 MiB (+7.0 to +7.0) |" in rows
    assert "| never, again | 202 | +1.0% (+1.0 to +1.0) | 200 | +0.0 MiB (+0.0 to +0.0) |" in rows


@pytest.mark.parametrize(
    ("on_s", "on_mb", "kept"),
    [(0.102, 207.0, ["kept", "kept"]), (0.104, 216.0, ["missed", "missed"])],
)
def test_promises_are_kept_or_missed(on_s: float, on_mb: float, kept: list[str]) -> None:
    found = targets(rounds(on_s, on_mb))

    assert [line.split()[-1].rstrip(".") for line in found[:2]] == kept
    assert found[2] == "- Off: +0.0%, where two runs without it differ by 1.0%."


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_each_kind_of_process_is_what_it_says(mode: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "DEBUG_MEMORY"}
    if mode == "on":
        environment["DEBUG_MEMORY"] = "true"

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.debugger_cost", "--child", mode, "--analyses", "1"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr[-1500:]
    told = json.loads(done.stdout)
    assert told["seconds"] > 0 and told["rss_mb"] > 50
