"""The load test: photos that differ in bytes and not in pixels, how answers and runs are judged,
and a short run against a real server under a real limit.
"""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import load
from benchmarks.cgroup import GroupUnavailableError, MemoryGroup
from benchmarks.load import Probe
from benchmarks.load_photos import make_photos, pixels_of, with_other_bytes
from benchmarks.load_rows import LoadResult, core_of, failures, percentile, report
from core.photo import open_photo
from core.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIC"])
def test_other_bytes_are_the_same_picture(kind: str, tmp_path: Path) -> None:
    made = make_photos(tmp_path, ((kind, 0.1),))
    if not made:
        pytest.skip("HEIC cannot be encoded here")
    data = made[0].path.read_bytes()

    first, second = (with_other_bytes(data, kind, number) for number in (1, 2))

    assert len({data, first, second}) == 3
    assert pixels_of(first) == pixels_of(second) == pixels_of(data)
    settings = load_settings()
    opened = [open_photo(each, name="a", settings=settings).pixels for each in (data, first)]
    assert np.array_equal(*opened)


def test_photos_have_the_size_and_format_they_promise(tmp_path: Path) -> None:
    for photo in make_photos(tmp_path, (("JPEG", 0.5), ("PNG", 0.5), ("JPEG", 2.0))):
        with Image.open(photo.path) as picture:
            assert picture.format == photo.format
            assert picture.width * picture.height == pytest.approx(photo.megapixels * 1e6, rel=0.01)
        assert photo.size_bytes == photo.path.stat().st_size


DOCUMENT: dict[str, Any] = {
    "schema": "climbmate.wall/1",
    "photo": {"name": "a.jpg", "sha256": "0" * 64, "width": 30, "height": 40},
    "holds": [{"id": 1, "box": [1.0, 2.0, 3.0, 4.0]}],
    "timings_ms": {"total": 1.0},
    "memory_mb": {"peak": 1.0},
}


def test_the_reference_is_of_what_was_found() -> None:
    other = {"timings_ms": {"total": 9.0}, "memory_mb": {"peak": 9.0}}
    renamed = {**DOCUMENT["photo"], "name": "b.jpg", "sha256": "1" * 64}

    assert core_of({**DOCUMENT, **other, "photo": renamed}) == core_of(DOCUMENT)
    for change in (
        {"holds": []},
        {"holds": [{"id": 1, "box": [1.0, 2.0, 3.0, 4.1]}]},
        {"photo": {**DOCUMENT["photo"], "width": 31}},
        {"schema": "climbmate.wall/2"},
    ):
        assert core_of({**DOCUMENT, **change}) != core_of(DOCUMENT)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.99, 1.0])
def test_percentiles_are_those_of_numpy(share: float) -> None:
    values = list(np.random.default_rng(7).normal(size=173))

    expected = np.quantile(values, share, method="inverted_cdf")
    assert percentile(values, share) == pytest.approx(expected)
    assert math.isnan(percentile([], share))


def row(verdict: str = "right", **changes: Any) -> dict[str, Any]:
    return {
        "ms": 100.0,
        "status": 200,
        "verdict": verdict,
        "told": "",
        "from_cache": False,
    } | changes


GOOD = LoadResult(
    clients=3,
    seconds=10.0,
    limit_mb=957,
    rows=[row() for _ in range(20)] + [row("refused", status=503, told="queue_full")],
    health_ms=[2.0] * 99 + [400.0],
    first_ms=[500.0, 400.0, 450.0],
    first_cpu_ms=[410.0, 400.0, 405.0],
    again_ms=2.0,
    again_identical=True,
    again_from_cache=True,
    group_peak_mb=400.0,
    rss_peak_mb=300.0,
    kills=0,
    exit_code=0,
)


def test_a_good_run_has_no_failures_and_its_report_has_the_figures() -> None:
    assert failures(GOOD) == []
    assert failures(replace(GOOD, exit_code=-15, kills=None)) == []

    text = report(GOOD)
    assert "| answered | 20 (2.00 a second) |" in text
    assert "| refused, all with Retry-After | 1 x 503 queue_full |" in text
    assert "300 MiB; 400 MiB" in text


BAD = [
    ({"rows": [row(), row("wrong", told="the answer differs")]}, "1 wrong answers"),
    ({"rows": [row("refused", status=503)]}, "no photo was answered"),
    ({"kills": 1}, "killed 1"),
    ({"exit_code": -9}, "ended with -9"),
    ({"exit_code": None}, "ended with None"),
    ({"health_failures": 2}, "2 health probes"),
    ({"health_ms": [2.0] * 97 + [51.0] * 3}, "health took 51 ms"),
    ({"health_ms": []}, "health took nan"),
    ({"again_ms": 5.0}, "the same photo again took"),
    ({"again_from_cache": False}, "the same photo again took"),
    ({"again_identical": False}, "another answer"),
    ({"first_cpu_ms": [900.0, 400.0, 405.0]}, "the first request took more"),
    ({"first_cpu_ms": []}, "the first request took more"),
]


@pytest.mark.parametrize(("changes", "sentence"), BAD)
def test_each_thing_that_is_wrong_is_told(changes: dict[str, Any], sentence: str) -> None:
    (told,) = failures(replace(GOOD, **changes))

    assert sentence in told


JUDGE = """
import json, sys
from benchmarks.load_clients import judged
class Reply:
    error = None
    def __init__(self, told):
        self.status_code, self.headers, self.text = told["status"], told["headers"], told["text"]
    def json(self):
        return json.loads(self.text)
photo = {"reference": sys.argv[1], "short_of_memory": "Memory was short"}
print(json.dumps([judged(Reply(told), photo, b"photo") for told in json.load(sys.stdin)]))
"""


def test_how_one_answer_is_judged() -> None:
    """In a process of its own: gevent replaces what this one works with."""
    sha256 = hashlib.sha256(b"photo").hexdigest()
    right = {**DOCUMENT, "warnings": [], "photo": {**DOCUMENT["photo"], "sha256": sha256}}
    smaller = {**right, "holds": [], "warnings": ["Memory was short: it was seen smaller."]}
    refusal = json.dumps({"ok": False, "error": {"code": "queue_full", "message": "", "hint": ""}})
    replies = [
        (200, {}, json.dumps(right), "right"),
        (200, {}, json.dumps(smaller), "smaller"),
        (200, {}, json.dumps({**right, "holds": []}), "wrong"),
        (200, {}, json.dumps({**right, "photo": DOCUMENT["photo"]}), "wrong"),
        (200, {}, "<html>", "wrong"),
        (503, {"Retry-After": "3"}, refusal, "refused"),
        (429, {"Retry-After": "1"}, refusal, "refused"),
        (503, {}, refusal, "wrong"),
        (500, {"Retry-After": "3"}, refusal, "wrong"),
        (0, {}, "", "wrong"),
    ]
    sent = [{"status": s, "headers": h, "text": t} for s, h, t, _ in replies]

    done = subprocess.run(
        [sys.executable, "-c", JUDGE, core_of(right)],
        cwd=ROOT,
        input=json.dumps(sent),
        capture_output=True,
        text=True,
        check=True,
    )

    told = json.loads(done.stdout)
    assert [verdict for verdict, _ in told] == [expected for *_, expected in replies]


def test_probes_that_nobody_answers_are_failures() -> None:
    with Probe("http://127.0.0.1:9") as probe:
        time.sleep(0.35)

    assert probe.failures == len(probe.times_ms) >= 1


@pytest.mark.slow
def test_a_group_tells_its_peak_and_its_kills(tmp_path: Path) -> None:
    fill = "block = b'x' * (int(__import__('sys').argv[1]) << 20)"
    try:
        with MemoryGroup(128) as group, (tmp_path / "log").open("wb") as log:
            small = group.start([sys.executable, "-c", fill, "60"], None, None, log)
            assert small.wait(30) == 0
            peak = group.peak_mb()
            assert peak is None or 60 < peak < 128
            assert group.kills() in (0, None)
            large = group.start([sys.executable, "-c", fill, "300"], None, None, log)
            assert large.wait(30) == -9
            assert group.kills() in (1, None)
    except GroupUnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_a_short_run_of_real_clients_gets_right_answers(tmp_path: Path) -> None:
    out = tmp_path / "run.json"

    # How fast is not asked of a machine that runs tests; what is right, is.
    load.main(["--seconds", "8", "--clients", "3", "--health-ms", "1000", "--json", str(out)])

    told = json.loads(out.read_text())
    timing = ("the first request", "health took", "the same photo again took")
    assert [text for text in told["failures"] if not text.startswith(timing)] == []
    assert {row["verdict"] for row in told["rows"]} <= {"right", "smaller", "refused"}
    assert len([row for row in told["rows"] if row["verdict"] == "right"]) >= 3
    assert told["again_from_cache"] and told["again_identical"]
    assert told["limit_mb"] == 957 or told["without_limit"]
    assert 50 < told["rss_peak_mb"] < 957
    assert len(told["health_ms"]) > 20 and told["health_failures"] == 0
    assert len(told["first_ms"]) == len(told["first_cpu_ms"]) == 10
