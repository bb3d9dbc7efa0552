"""The command line as a person and a script meet it: what is on stdout, on stderr and on disk, and
the exit code.

What goes wrong is in test_command_failures.py; the program in a process of its own, with streams
that are closed or full, is in test_command_process.py.
"""

from __future__ import annotations

import csv
import gc
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import analysis
from core.command_line import main
from core.settings_table import markdown_table
from tests.core.commands import document, make_photo
from tests.core.fakes import fake_models

Captured = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("clean_environment", "fakes")


def refused(arguments: list[str]) -> int:
    """The exit code of arguments that argparse turns down."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


def test_json_on_stdout_is_one_document_and_nothing_else(photo: Path, capsys: Captured) -> None:
    assert main(["analyze", str(photo), "--json", "-"]) == 0

    out, err = capsys.readouterr()
    assert len(document(out).holds) == 5 and document(out).photo.name == "wall.jpg"
    assert out.endswith("}\n") and not out.endswith("\n\n")
    assert err == ""


def test_a_summary_is_all_that_a_plain_call_prints(photo: Path, capsys: Captured) -> None:
    assert main(["analyze", str(photo)]) == 0

    out, err = capsys.readouterr()
    assert out.startswith(f"{photo}: 5 holds, 0 volumes, 1 problem, 0 unsure colours, ")
    assert out.count("\n") == 1 and err == ""


def test_every_file_that_was_asked_for_is_written(photo: Path, tmp_path: Path) -> None:
    targets = {
        name: tmp_path / "deep" / f"result.{name}" for name in ("json", "csv", "coco", "jpg")
    }
    options = ["--json", str(targets["json"]), "--csv", str(targets["csv"]),
               "--coco", str(targets["coco"]), "--overlay", str(targets["jpg"]),
               "--out", str(tmp_path / "out")]  # fmt: skip

    assert main(["analyze", str(photo), *options]) == 0

    wall = document(targets["json"].read_text(encoding="utf-8"))
    rows = list(csv.DictReader(io.StringIO(targets["csv"].read_text(encoding="utf-8"))))
    assert [row["hold"] for row in rows] == [str(hold.id) for hold in wall.holds]
    coco = json.loads(targets["coco"].read_text(encoding="utf-8"))
    assert [a["hold"] for a in coco["annotations"]] == [hold.id for hold in wall.holds]
    with Image.open(targets["jpg"]) as picture:
        assert picture.size == (320, 260)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"wall.json", "wall.overlay.jpg"}
    assert document((tmp_path / "out" / "wall.json").read_text()).holds == wall.holds
    assert (tmp_path / "out" / "wall.overlay.jpg").read_bytes() == targets["jpg"].read_bytes()


def test_the_overlay_shows_the_holds(photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "o.jpg"

    assert main(["analyze", str(photo), "--overlay", str(target)]) == 0

    with Image.open(target) as picture:
        drawn = np.asarray(picture.convert("RGB")).astype(int)
    changed = np.abs(drawn - drawn[-1, -1]).max(-1) > 60
    assert changed[20:225, 45:85].mean() > 0.1 and changed[:, 160:].mean() < 0.01


def test_tables_can_go_to_stdout(photo: Path, capsys: Captured) -> None:
    assert main(["analyze", str(photo), "--csv", "-"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["photo"] for row in rows] == ["wall.jpg"] * 5

    assert main(["analyze", str(photo), "--coco", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)["annotations"]) == 5


def test_a_photo_from_a_pipe(photo: Path, capsys: Captured) -> None:
    reading, writing = os.pipe()
    os.write(writing, photo.read_bytes())
    os.close(writing)

    code = main(["analyze", f"/proc/self/fd/{reading}", "--json", "-"])

    os.close(reading)
    assert code == 0 and len(document(capsys.readouterr().out).holds) == 5


NAMES = [
    "Wände über 5a.jpg", "壁 日本語.jpg", "two\nlines.jpg", "\x1b[31mred.jpg", "=formula.jpg",
    "'quotes\" & $HOME.jpg", " blank .jpg", "no_suffix", ".hidden",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_a_file_can_have(name: str, tmp_path: Path, capsys: Captured) -> None:
    path = make_photo(tmp_path / name)

    assert main(["analyze", str(path), "--json", "-", "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert document(out).photo.name == name and err == ""
    written = {p.name for p in (tmp_path / "out").iterdir()}
    assert written == {f"{path.stem}.json", f"{path.stem}.overlay.jpg"}

    assert main(["analyze", str(path)]) == 0
    assert capsys.readouterr().out.count("\n") == 1  # on one line, whatever the name


def test_a_leading_dash_works_as_programs_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    make_photo(tmp_path / "-wall.jpg")
    monkeypatch.chdir(tmp_path)

    assert refused(["analyze", "-wall.jpg"]) == 2
    capsys.readouterr()
    for arguments in (["--json", "-", "--", "-wall.jpg"], ["./-wall.jpg", "--json", "-"]):
        assert main(["analyze", *arguments]) == 0
        assert document(capsys.readouterr().out).photo.name == "-wall.jpg"


def test_a_warning_is_told_once_on_stderr(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    models = fake_models(warnings=("YOLO_WEIGHTS=x does not exist.",))
    monkeypatch.setattr(analysis, "load_models", lambda *_: models)

    other = make_photo(tmp_path / "other.jpg")

    assert main(["analyze", str(photo), str(other)]) == 0

    of_models, *of_photos = capsys.readouterr().err.splitlines()
    assert of_models == "warning: YOLO_WEIGHTS=x does not exist."
    starts = [f"{path}: warning: No holds were found" for path in (photo, other)]
    assert len(of_photos) == 2 and all(map(str.startswith, of_photos, starts))

    assert main(["analyze", str(photo), "--json", "-"]) == 0
    assert len(document(capsys.readouterr().out).warnings) == 2


@pytest.mark.parametrize("command", ["analyze", "monitor"])
def test_garbage_is_collected_again_when_the_imports_are_over(photo: Path, command: str) -> None:
    port = ["--once", "--url", "http://127.0.0.1:9"]  # nobody listens there
    gc.disable()
    try:
        assert main([command, *(port if command == "monitor" else [str(photo)])]) in (0, 3)
        assert gc.isenabled()
        assert (gc.get_freeze_count() > 0) == (command == "analyze")
    finally:
        gc.unfreeze()
        gc.enable()


def test_ctrl_c_ends_quietly(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(analysis, "load_models", stop)

    assert main(["analyze", str(photo)]) == 130
    assert capsys.readouterr() == ("", "")


def test_the_settings_are_the_table(capsys: Captured) -> None:
    assert main(["settings", "--markdown"]) == 0

    assert capsys.readouterr().out == markdown_table() + "\n"


@pytest.mark.parametrize("arguments", [[], ["analyze"], ["fly"], ["analyze", "--json"]])
def test_wrong_arguments_answer_with_the_usage(arguments: list[str], capsys: Captured) -> None:
    assert refused(arguments) == 2

    assert "usage: python -m core" in capsys.readouterr().err
