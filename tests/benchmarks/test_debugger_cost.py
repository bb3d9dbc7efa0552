"""The debugger's cost: how rounds become a table, and a child of each kind."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks.debugger_cost import MODES, Group, median_interval, table, targets

ROOT = Path(__file__).resolve().parents[2]


def group(on_s: float = 0.102, on_mb: float = 207.0) -> Group:
    """Nine rounds on a machine that gets slower: only what is compared in a round is true."""
    return Group(
        [
            {
                "never": 0.1 * slow,
                "never, again": 0.101 * slow,
                "off": 0.1 * slow,
                "on": on_s * slow,
            }
            for slow in range(1, 10)
        ],
        {"never": 200.0, "never, again": 200.0, "off": 200.5, "on": on_mb},
    )


def test_kinds_are_compared_within_a_round_and_a_group() -> None:
    rows = table([group(), group(on_mb=209.0)])

    assert "| on | 510 | +2.0% (+2.0 to +2.0) | 208 | +8.0 MiB (+7.0 to +9.0) |" in rows
    assert "| never, again | 505 | +1.0% (+1.0 to +1.0) | 200 | +0.0 MiB (+0.0 to +0.0) |" in rows


@pytest.mark.parametrize(
    ("on_s", "on_mb", "kept"),
    [(0.102, 207.0, ["kept", "kept"]), (0.104, 216.0, ["missed", "missed"])],
)
def test_promises_are_kept_or_missed(on_s: float, on_mb: float, kept: list[str]) -> None:
    found = targets([group(on_s, on_mb)])

    assert [line.split()[-1].rstrip(".") for line in found[:2]] == kept
    assert found[2].startswith("- Off: +0.0% (+0.0 to +0.0)")
    assert found[2].endswith("differ by +1.0% (+1.0 to +1.0).")


def test_the_interval_covers_the_median_as_often_as_it_says() -> None:
    random = Random(5)
    covered = 0
    for _ in range(2000):
        low, high = median_interval(sorted(random.expovariate(1.0) for _ in range(40)))
        covered += low <= math.log(2) <= high  # the median of that distribution

    assert 0.94 <= covered / 2000 <= 0.985


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_each_kind_of_process_is_what_it_says(mode: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "DEBUG_MEMORY"}
    if mode == "on":
        environment["DEBUG_MEMORY"] = "true"

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.debugger_cost", "--child", mode],
        cwd=ROOT,
        env=environment,
        input="once\nonce\n",
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr[-1500:]
    *seconds, rss_mb = map(float, done.stdout.split())
    assert len(seconds) == 2 and min(seconds) > 0 and rss_mb > 50
