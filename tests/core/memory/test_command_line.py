"""``python -m debug_memory``: a real flame graph, sentences where it cannot be, baselines."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from core.memory import command_line
from core.memory.baseline import Report, save_baseline
from core.memory.command_line import main
from core.memory.composition import Composition

ROOT = Path(__file__).resolve().parents[3]


def save(folder: Path, version: str, at_s: float, rss_mb: float) -> None:
    save_baseline(folder, Report(at_s, version, rss_mb, 0, Composition(), (), (), ()))


def test_help_tells_the_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "debug_memory", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "run" in done.stdout and "compare" in done.stdout and "DEBUG_MEMORY" in done.stdout


def test_without_memray_the_next_step_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    assert main(["run", "photo.jpg"]) == 2
    assert "pip install memray" in capsys.readouterr().err


needs_memray = pytest.mark.skipif(
    importlib.util.find_spec("memray") is None, reason="memray is not installed"
)


@needs_memray
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no such photo.jpg"], "no such photo.jpg is no file"),
        ([__file__, "--out", "no such folder/x.html"], "does not exist"),
    ],
)
def test_what_cannot_be_done_is_told(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *arguments]) == 2
    assert sentence in capsys.readouterr().err


@needs_memray
def test_a_script_becomes_a_flame_graph(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "work.py"
    script.write_text("def take_a_lot():\n    return bytearray(50_000_000)\n\ntake_a_lot()\n")

    assert main(["run", str(script)]) == 0

    page = tmp_path / "work.memory.html"
    assert "take_a_lot" in page.read_text() and str(page) in capfd.readouterr().err
    assert not list(tmp_path.glob("*.memray"))


@needs_memray
@pytest.mark.parametrize("out", ["work.py", "work.memray", "link"])
def test_what_is_run_is_not_overwritten(
    out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # memray's own records lie beside the flame graph while it runs.
    work = tmp_path / ("work.memray" if out == "work.memray" else "work.py")
    work.write_text("print(1)\n")
    (tmp_path / "link").symlink_to(work)
    graph = tmp_path / ("work.html" if out == "work.memray" else out)

    assert main(["run", str(work), "--out", str(graph)]) == 2

    assert "would be lost" in capsys.readouterr().err
    assert work.read_text() == "print(1)\n"


@needs_memray
def test_a_script_that_fails_is_told_and_leaves_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "work.py"
    script.write_text("raise SystemExit(3)\n")

    assert main(["run", str(script)]) == 2
    assert "no flame graph was written" in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["work.py"]


@needs_memray
@pytest.mark.slow
def test_a_photo_becomes_a_flame_graph_of_its_analysis(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "flame.html"

    photo = ROOT / "assets" / "demo_wall.jpg"
    assert main(["run", str(photo), "--out", str(out)]) == 0, capfd.readouterr().err
    assert "core/analysis.py" in out.read_text()


def test_baselines_are_put_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, version in enumerate(("1.0", "1.1", "1.2")):
        save(tmp_path, version, number, 100 + 10.0 * number)

    assert main(["compare", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "MiB, 1.1 -> 1.2",
        "rss: 110.0 -> 120.0 (+10.0)",
    ]
    assert main(["compare", str(tmp_path), "1.0", "1.1"]) == 0
    assert "rss: 100.0 -> 110.0 (+10.0)" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [[], ["1.0"], ["1.0", "2.0"]])
def test_fewer_than_two_baselines_are_told(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path, "1.0", 0, 100)

    assert main(["compare", str(tmp_path), *asked]) == 2
    assert "Two baselines are needed" in capsys.readouterr().err


def test_a_damaged_baseline_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text("{")

    assert command_line.compare_baselines(tmp_path, None, None) == 2
    assert "x.json is not a memory baseline" in capsys.readouterr().err
