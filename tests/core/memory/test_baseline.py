"""Reports as JSON and CSV, baselines per version, and the difference of two."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from core.memory.baseline import (
    Baseline,
    Change,
    Report,
    difference,
    encode_csv,
    encode_json,
    last_of_another_version,
    load_baselines,
    save_baseline,
)
from core.memory.composition import Composition
from core.memory.ledger import Moment, Operation
from core.memory.owners import Owner

MIB = 2**20


def report(version: str = "1.0", at_s: float = 1000.0, rss_mb: float = 150.0) -> Report:
    return Report(
        at_s=at_s,
        version=version,
        rss_mb=rss_mb,
        headroom_mb=700.0,
        composition=Composition(native_mb=100.0, file_mapped_mb=50.0),
        owners=(
            Owner("session", "a", 2 * MIB),
            Owner("session", "b", 3 * MIB),
            Owner("upload", "=cmd", MIB),
        ),
        operations=tuple(
            Operation("analyse", 900.0 + n, 500.0, 100.0, peak, 110.0)
            for n, peak in enumerate((150.0, 130.0, 200.0))
        ),
        moments=(Moment(900.0, 100.0),),
    )


def test_the_json_has_everything() -> None:
    found = json.loads(encode_json(report()))

    assert found["schema"] == "debug_memory.readings/1" and found["version"] == "1.0"
    assert found["composition"]["native_mb"] == 100 and len(found["composition"]) == 8
    assert found["owners"][0] == {
        "kind": "session",
        "name": "a",
        "nbytes": 2 * MIB,
        "small_bytes": 0,
        "complete": True,
        "note": "",
    }
    assert found["operations"][2]["peak_mb"] == 200
    assert found["moments"] == [{"at_s": 900.0, "rss_mb": 100.0}]


def test_the_csv_has_the_same_numbers() -> None:
    rows = list(csv.DictReader(io.StringIO(encode_csv(report()).decode())))

    def values(what: str, figure: str) -> list[float]:
        return [float(r["value"]) for r in rows if (r["what"], r["figure"]) == (what, figure)]

    assert values("process", "rss_mb") == [150]
    assert sum(float(r["value"]) for r in rows if r["what"] == "composition") == 150
    assert values("owner", "nbytes") == [2 * MIB, 3 * MIB, MIB]
    assert values("operation", "peak_mb") == [150, 130, 200]
    assert values("moment", "rss_mb") == [100]


def test_no_cell_is_a_formula() -> None:
    evil = Operation("=HYPERLINK(1)", 1.0, 1.0, 1.0, 1.0, 1.0)
    text = encode_csv(Report(0, "", 1, 1, Composition(), (), (evil,), ())).decode()

    names = {row["name"] for row in csv.DictReader(io.StringIO(text))}
    assert "'=HYPERLINK(1)" in names and not any(name.startswith("=") for name in names)


def test_figures_are_medians_and_sums() -> None:
    found = report().figures()

    assert found["rss"] == 150 and found["part native"] == 100
    assert found["owner session"] == 5 and found["owner upload"] == 1
    assert found["rise analyse"] == 50 and found["kept analyse"] == 10


def test_a_baseline_is_kept_per_version(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "baselines"
    save_baseline(folder, report("1.0", 1000))
    save_baseline(folder, report("1.1 ../../x", 2000))
    save_baseline(folder, report("1.0", 3000, rss_mb=160))

    found = load_baselines(folder)

    assert [(b.version, b.at_s, b.figures["rss"]) for b in found] == [
        ("1.0", 3000, 160),
        ("1.1 ../../x", 2000, 150),
    ]
    assert all(path.parent == folder for path in tmp_path.rglob("*.json"))
    assert not list(folder.glob("*.tmp"))


def test_an_absent_folder_has_none(tmp_path: Path) -> None:
    assert load_baselines(tmp_path / "nothing") == []


@pytest.mark.parametrize("text", ["", "[]", '{"version": "1"}', '{"figures": {"rss": "x"}}'])
def test_a_damaged_baseline_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "1.0.json").write_text(text)

    with pytest.raises(ValueError, match=r"1\.0\.json is not a memory baseline"):
        load_baselines(tmp_path)


def test_the_last_of_another_version_is_compared_with() -> None:
    old, new, newer = (Baseline(v, t, {}) for v, t in (("1", 1), ("2", 2), ("2", 3)))

    assert last_of_another_version([newer, new, old], "2") is old
    assert last_of_another_version([new, old], "3") is new
    assert last_of_another_version([new], "2") is new
    assert last_of_another_version([], "2") is None


def test_the_largest_change_comes_first() -> None:
    rows = difference({"a": 1.0, "b": 100.0, "gone": 5.0}, {"a": 3.0, "b": 60.0, "new": 7.0})

    assert rows == [
        Change("b", 100.0, 60.0),
        Change("a", 1.0, 3.0),
        Change("gone", 5.0, None),
        Change("new", None, 7.0),
    ]
    assert [row.more_mb for row in rows] == [-40, 2, None, None]
