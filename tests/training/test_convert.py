"""The command line of the conversion, and what it writes into ``weights/``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.colour import Calibration
from core.model_folder import damage
from training import convert, quantise

ROOT = Path(__file__).resolve().parents[2]


def test_a_calibration_is_laid_into_a_converted_colour_model(colour: Path, tmp_path: Path) -> None:
    folder = tmp_path / "colour"
    shutil.copytree(colour, folder)
    fitted = tmp_path / "calibration.json"
    fitted.write_text('{"clip": 0.2, "statistics": 1.1, "sure": 0.9}')

    convert.put_calibration(fitted, folder)

    assert damage(folder) == ""
    before, after = (json.loads((f / "config.json").read_text()) for f in (colour, folder))
    assert Calibration.from_config(after) == Calibration(0.2, 1.1, 0.9)
    assert {**after, "calibration": before["calibration"]} == before
    for name in ("image.onnx", "text.onnx", "prompts.npz"):
        assert (folder / name).read_bytes() == (colour / name).read_bytes()


def test_command_line_tells_its_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert.main(["detector", str(tmp_path / "no.pt"), str(tmp_path / "b")]) == 1
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert json.loads(told.removeprefix("failed "))["code"] == "weights_missing"


def test_embedded_writes_both_folders(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(convert, "EMBEDDED", tmp_path)
    for name, count in (("PHOTOS", 1), ("WALLS", 2), ("TRIALS", 1)):
        monkeypatch.setattr(quantise, name, count)
    photos = tmp_path / "data" / "train" / "images"
    photos.mkdir(parents=True)
    shutil.copy(ROOT / "assets" / "demo_wall.jpg", photos)
    start = ROOT / "training" / "start" / "holds-yolo11n-seg.pt"
    arguments = ["embedded", "--detector", str(start), "--data", str(tmp_path / "data")]
    assert convert.main([*arguments, "--colour", str(clip), "--imgsz", "320"]) == 0
    assert capsys.readouterr().err.count("progress 1.00 done") == 2
    assert damage(tmp_path / "detector") == damage(tmp_path / "colour") == ""
    assert json.loads((tmp_path / "detector" / "model.json").read_text())["imgsz"] == 320
