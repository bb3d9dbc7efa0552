"""The measuring itself: what a child costs, how rows become tables, that photos hold what they
promise.
"""

from __future__ import annotations

import json
import resource
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import speed
from benchmarks.child import ChildError, Cost, clean_environment, run_child
from benchmarks.machine import available_mb, cpu_facts
from benchmarks.naive_road import crop, full_masks, mean_colours
from benchmarks.photos import make_photo, parse_size, scores_found
from benchmarks.speed import ROADS, Row
from benchmarks.yardstick import IMPORT_S, INFERENCE_S, Pace, inference_s
from core.detector import Detector
from core.settings import load_settings
from core.weights import resolve_detector

EMBEDDED, NAIVE, VIT, VIT_NAIVE = ROADS


def larger_than_this_process_mb() -> int:
    """A child has to outgrow whoever measures it, and this process is large after other tests."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024) + 200


def test_a_childs_memory_is_its_peak_and_not_its_end() -> None:
    size_mb = larger_than_this_process_mb()
    # Written to and given back before the end.
    code = f"b = bytearray({size_mb} << 20); b[::4096] = b'x' * len(b[::4096]); del b; print(5)"

    told, cost = run_child(["-c", code], clean_environment())

    assert told == "5\n"
    assert size_mb < cost.peak_mb < size_mb + 60


def test_a_childs_seconds_are_those_of_the_wall_and_of_the_processor() -> None:
    code = f"import time; b = bytearray({larger_than_this_process_mb()} << 20); time.sleep(0.4)"

    _, cost = run_child(["-c", code + "; b[::4096] = b'x' * len(b[::4096])"], clean_environment())

    assert cost.wall_s > 0.4
    assert 0 < cost.cpu_s < cost.wall_s


def test_a_failed_child_says_why() -> None:
    with pytest.raises(ChildError, match="ended with 3: its last words"):
        run_child(["-c", "import sys; print('its last words', file=sys.stderr); sys.exit(3)"], {})


def test_a_child_smaller_than_its_parent_cannot_be_measured() -> None:
    with pytest.raises(ChildError, match="expected a peak above"):
        run_child(["-c", "pass"], clean_environment())


def test_a_child_sees_no_settings_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLO_CONF", "0.9")

    assert "YOLO_CONF" not in clean_environment()
    assert clean_environment(MAX_HOLDS="7")["MAX_HOLDS"] == "7"


def rows_of(*costs: tuple[speed.Road, list[float], list[float], list[float]]) -> list[Row]:
    """Rows at 1200x1600 with 80 holds from analysis seconds, command seconds, and MiB."""
    rows = []
    for road, analysis, command, peak in costs:
        row = Row(road, "1200x1600", 80)
        for run in zip(analysis, command, peak, strict=True):
            row.add(run[0], Cost(run[1], run[1], run[2]))
        rows.append(row)
    return rows


def test_ratios_are_of_medians_and_of_the_same_models() -> None:
    rows = rows_of(
        (EMBEDDED, [0.5, 0.4, 9.0], [1.0, 1.0, 1.0], [200, 200, 200]),
        (NAIVE, [5.0], [10.0], [800]),
        (VIT_NAIVE, [50.0], [100.0], [1600]),
    )

    first, second, third = speed.results_table(rows).splitlines()[2:]

    assert first.endswith("| 3 | 0.50 (0.40-9.00) | 1.00 (1.00-1.00) | 200 (200-200) "
                          "| x 10.0 | x 10.0 | x 4.0 |")  # fmt: skip
    assert second.endswith("| 1 | 5.00 | 10.00 | 800 |  |  |  |")
    assert third.endswith("| 1 | 50.00 | 100.00 | 1600 |  |  |  |")


def test_targets_are_judged_by_the_median_and_only_where_measured() -> None:
    rows = rows_of((EMBEDDED, [0.4, 0.5, 0.9], [0.51, 0.51, 0.2], [349, 350, 900]))

    lines = speed.targets_table(rows, Pace(IMPORT_S, INFERENCE_S)).splitlines()[2:]

    verdicts = [line.split(" | ")[-1] for line in lines]
    assert verdicts == ["met |", "not met |", "met |"]
    assert all(line.count("not met") in (0, 2) for line in lines)
    assert speed.targets_table([], Pace(1, 1)) == ""


def test_seconds_are_also_told_at_the_pace_of_the_reference() -> None:
    rows = rows_of((EMBEDDED, [0.8], [0.9], [351]))

    lines = speed.targets_table(rows, Pace(3 * IMPORT_S, 2 * INFERENCE_S)).splitlines()[2:]

    assert [line.split(" | ")[2:] for line in lines] == [
        ["0.80 s", "not met", "0.40 s", "met |"],
        ["0.90 s", "not met", "0.45 s", "met |"],
        ["351 MiB", "not met", "351 MiB", "not met |"],
    ]
    assert "2.00 times" in speed.pace_line(Pace(3 * IMPORT_S, 2 * INFERENCE_S))


def test_every_run_is_written_for_programs() -> None:
    rows = rows_of((VIT, [1.0], [2.0], [300]))

    (row,) = json.loads(speed.as_json({"cpu": "x"}, rows, 2))["rows"]

    assert row["costs"] == [{"wall_s": 2.0, "cpu_s": 2.0, "peak_mb": 300}]
    assert row["road"]["key"] == "vit"


def test_naive_masks_that_do_not_fit_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "available_mb", lambda: 2000.0)
    # 160 masks of 1200 x 1600 float32 are 1172 MiB.
    assert "1172 MiB" in speed.reason_to_skip(Row(NAIVE, "1200x1600", 160))
    assert not speed.reason_to_skip(Row(NAIVE, "1200x1600", 80))
    assert not speed.reason_to_skip(Row(EMBEDDED, "1200x1600", 160))


def test_a_busy_machine_is_told() -> None:
    facts = {"cores": 2, "cpu": "x", "flags": ["avx2"], "system": "s", "python": "3", "load": 3.0}

    assert "busy" in speed.machine_line({**facts, "packages": {"numpy": "2"}}, 2)
    assert "busy" not in speed.machine_line({**facts, "packages": {}, "load": 0.1}, 2)


def test_the_yardstick_is_one_inference() -> None:
    assert 1e-3 < inference_s() < 5


def test_the_processor_is_read_from_the_systems_files(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("model name\t: Some CPU\nflags\t: fpu avx2 avx512f other\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   2097152 kB\n")

    assert cpu_facts(tmp_path / "cpuinfo") == ("Some CPU", ["avx2", "avx512f"])
    assert available_mb(tmp_path / "meminfo") == 2048


def test_a_photo_holds_as_many_as_it_promises(tmp_path: Path) -> None:
    facts = make_photo((640, 480), 6, tmp_path)
    path = Path(str(facts["path"]))

    assert cv2.imread(str(path)).shape == (480, 640, 3)
    confidence = float(str(facts["confidence"]))
    settings = load_settings(yolo_weights="", max_holds=0, yolo_conf=confidence)
    detector = Detector(resolve_detector(settings), settings)
    found = scores_found(detector, path.read_bytes(), settings)
    assert len(found) >= 6
    # GIVEN a picture that is there, WHEN it is asked for again, THEN it is not made again.
    before = path.stat().st_mtime_ns
    assert make_photo((640, 480), 6, tmp_path) == facts
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["", "1200", "1200x", "axb"])
def test_a_size_is_two_numbers(text: str) -> None:
    with pytest.raises(ValueError):
        parse_size(text)


def test_the_naive_road_computes_what_it_says() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[10:20, 10:30] = (200, 0, 0)
    square = np.array([[10, 10], [29, 10], [29, 19], [10, 19]], np.float32)

    (mask,) = full_masks([square], 40, 60)
    hsv, lab = mean_colours(pixels, mask)

    assert mask.shape == (40, 60) and mask.dtype == np.float32 and mask.sum() == 200
    assert hsv == pytest.approx([0, 1, 200 / 255], abs=1e-3)
    assert lab[1] > 50
    assert crop(pixels, square).shape[:2] == (11, 23)  # a margin of 6 %, to whole pixels
