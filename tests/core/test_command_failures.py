"""What goes wrong on the command line: it is told in a sentence on stderr, the exit code is 2, and
other photos are analysed all the same.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from core.command_line import main
from core.errors import MemoryRefusedError
from core.memory import preflight
from tests.core.bad_photos import BAD_PHOTOS, BadPhoto
from tests.core.commands import make_photo

Captured = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("clean_environment", "fakes")


def test_one_broken_photo_does_not_stop_the_others(tmp_path: Path, capsys: Captured) -> None:
    photos = [make_photo(tmp_path / name) for name in ("first.jpg", "broken.jpg", "last.jpg")]
    photos[1].write_bytes(photos[1].read_bytes()[:300])
    out = tmp_path / "out"

    code = main(["analyze", *map(str, photos), "--out", str(out), "--csv", str(out / "all.csv"),
                 "--coco", str(out / "all.coco.json")])  # fmt: skip

    assert code == 2
    assert {p.name for p in out.iterdir()} == {
        "first.json", "first.overlay.jpg", "last.json", "last.overlay.jpg",
        "all.csv", "all.coco.json",
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO((out / "all.csv").read_text())))
    assert {row["photo"] for row in rows} == {"first.jpg", "last.jpg"}
    images = json.loads((out / "all.coco.json").read_text())["images"]
    assert [image["file_name"] for image in images] == ["first.jpg", "last.jpg"]
    stdout, stderr = capsys.readouterr()
    assert stdout.count("\n") == 2
    assert f"{photos[1]}: error: " in stderr and "[photo_truncated]" in stderr


def test_a_photo_that_does_not_fit_does_not_stop_the_others(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    other, table = make_photo(tmp_path / "other.jpg"), tmp_path / "all.csv"
    prepare = preflight.prepare

    def refuse_wall(data: bytes, *, name: str, **more: Any) -> preflight.Plan:
        if name == "wall.jpg":
            raise MemoryRefusedError("memory_refused", "It does not fit.", "Send a smaller one.")
        return prepare(data, name=name, **more)

    monkeypatch.setattr(preflight, "prepare", refuse_wall)

    assert main(["analyze", str(photo), str(other), "--csv", str(table)]) == 2

    out, err = capsys.readouterr()
    assert f"{photo}: error: It does not fit. [memory_refused]" in err
    assert out.startswith(f"{other}: 5 holds")
    assert {row["photo"] for row in csv.DictReader(io.StringIO(table.read_text()))} == {"other.jpg"}


@pytest.mark.parametrize("row", BAD_PHOTOS, ids=lambda row: row.id)
def test_bad_photos_are_told_in_two_lines(
    row: BadPhoto, fakes: Any, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / f"{row.id}.jpg"
    path.write_bytes(row.make())

    code = main(["analyze", str(path), "--json", "-"])

    out, err = capsys.readouterr()
    assert code == 2 and out == ""
    message, hint = err.splitlines()
    assert message.startswith(f"{path}: error: ") and message.endswith(f". [{row.code}]")
    assert hint.startswith("  ") and hint.endswith(".")
    assert "Traceback" not in err
    assert fakes.detector.calls == 0


@pytest.mark.parametrize("what", ["missing", "folder", "name_too_long", "below_a_file"])
def test_paths_that_are_no_files(what: str, photo: Path, capsys: Captured) -> None:
    path = {
        "missing": photo.with_name("none.jpg"),
        "folder": photo.parent,
        "name_too_long": photo.with_name("x" * 300 + ".jpg"),
        "below_a_file": photo / "photo.jpg",
    }[what]

    assert main(["analyze", str(path)]) == 2

    out, err = capsys.readouterr()
    assert out == "" and "[photo_unreadable]" in err and "Traceback" not in err


def test_a_device_without_an_end_is_not_read_to_its_end(capsys: Captured) -> None:
    assert main(["analyze", "/dev/zero"]) == 2

    assert capsys.readouterr().err.startswith(
        "/dev/zero: error: The limit is 20 MiB, and the photo zero has more than that. "
        "[photo_too_large_bytes]"
    )


def test_a_file_over_the_limit_is_not_read(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "long.jpg"
    with path.open("wb") as file:
        file.truncate(3 * 2**40)  # a file with a hole takes no room on the disk

    assert main(["analyze", str(path)]) == 2

    assert "The limit is 20 MiB, and the photo long.jpg has 3145728.0 MiB." in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("option", ["--out", "--json", "--csv", "--coco", "--overlay"])
def test_where_nothing_can_be_written(
    option: str, photo: Path, tmp_path: Path, capsys: Captured
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")

    code = main(["analyze", str(photo), option, str(in_the_way / "below")])

    err = capsys.readouterr().err
    assert code == 2 and "error: " in err and "[output_failed]" in err and "Traceback" not in err
    assert in_the_way.read_text() == "not a folder"


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    photo: Path, tmp_path: Path, fakes: Any, capsys: Captured
) -> None:
    assert main(["analyze", str(photo), "--csv", str(tmp_path)]) == 2

    out, err = capsys.readouterr()
    assert out == "" and "Is a directory. [output_failed]" in err
    assert fakes.detector.calls == 0


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("YOLO_CONF", "high"), ("YOLO_IMG_SIZE", "333"), ("MAX_HOLDS", "-1"), ("PALETTE", "red"),
        ("CLIP_BATCH_SIZE", "0"), ("OMP_NUM_THREADS", "many"), ("LOG_LEVEL", "loud"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_named(
    variable: str, value: str, photo: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:  # fmt: skip
    monkeypatch.setenv(variable, value)

    assert main(["analyze", str(photo), "--json", "-"]) == 2

    out, err = capsys.readouterr()
    assert out == "" and f"{variable} has the value" in err and "[bad_setting]" in err
