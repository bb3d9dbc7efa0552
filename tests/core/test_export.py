"""Exports, read back by other programs than the one that wrote them."""

from __future__ import annotations

import codecs
import csv
import errno
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import OutputError
from core.export import (
    CSV_COLUMNS,
    encode_json,
    for_spreadsheet,
    to_coco,
    to_csv,
    to_json,
    write_whole,
)
from core.wall import PhotoInfo, Problem, Timings, WallAnalysis
from tests.core.make import make_analysis, make_colour, make_hold


def wall(name: str = "wall.jpg") -> WallAnalysis:
    unsure = make_colour("red", sure=False, alternatives=(("pink", 0.4), ("brown", 0.1)))
    return make_analysis(
        [make_hold(1, problem=1), make_hold(2, (5.0, 6.0, 70.25, 8.0), unsure, kind="volume")],
        [Problem(1, "red", (1,))],
        photo=PhotoInfo(name, "ab" * 32, 800, 600),
    )


def refuse_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is not JSON")


def test_json_is_the_document_and_ends_its_line() -> None:
    text = to_json(wall("Wände.jpg"))

    assert json.loads(text, parse_constant=refuse_constant) == wall("Wände.jpg").document()
    assert text.endswith("}\n")
    assert "Wände" in text


def test_json_has_a_line_for_each_hold() -> None:
    lines = to_json(wall()).splitlines()

    assert sum('"polygon"' in line for line in lines) == 2
    assert all(line.count('"polygon"') <= 1 for line in lines)
    assert len(lines) == len(wall().document()) + 1  # and the second hold
    assert to_json(make_analysis()).count("[]") == 3  # no holds, no problems, no warnings


def test_json_has_no_word_for_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json(make_analysis(timings_ms=Timings(total=float("nan"))))


@given(st.text(st.characters(exclude_categories=())))
def test_any_file_name_makes_json_that_can_be_encoded(name: str) -> None:
    text = to_json(wall(name)).encode("utf-8").decode("utf-8")

    back = json.loads(text, parse_constant=refuse_constant)["photo"]["name"]
    if not any("\ud800" <= letter <= "\udfff" for letter in name):
        assert back == name


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_csv_has_a_row_for_each_hold() -> None:
    first, second = rows(to_csv(wall()))

    assert tuple(first) == CSV_COLUMNS
    assert (first["hold"], first["problem"], first["colour"], first["sure"]) == (
        "1",
        "1",
        "red",
        "yes",
    )
    assert first["rgb"] == "#c82828"
    assert (second["kind"], second["problem"], second["sure"]) == ("volume", "", "no")
    assert second["alternatives"] == "pink 0.4; brown 0.1"
    assert [float(second[name]) for name in ("x", "y", "width", "height")] == [5, 6, 70.2, 8]


def test_csv_lines_end_as_the_standard_says() -> None:
    text = to_csv(wall())

    assert text.count("\r\n") == text.count("\n") == 3


def test_csv_of_several_walls_has_one_head() -> None:
    found = rows(to_csv(wall("a.jpg"), wall("b.jpg")))

    assert [row["photo"] for row in found] == ["a.jpg", "a.jpg", "b.jpg", "b.jpg"]
    assert rows(to_csv()) == []


@pytest.mark.parametrize("start", [*"=+-@\t\r\n", "\uff1d", "\uff20"])
def test_csv_runs_no_formula(start: str) -> None:
    name = start + 'HYPERLINK("http://x","y")'
    analysis = wall(name)
    hold = replace(analysis.holds[1], colour=make_colour(name))
    found = rows(to_csv(replace(analysis, holds=(analysis.holds[0], hold))))

    assert found[0]["photo"] == "'" + name
    assert found[1]["colour"] == "'" + name


# One that divides lines at semicolons heeds quotes only where a cell begins with one.
@pytest.mark.parametrize("divider", [";", "\t", "; ", ';"', "; '"])
@pytest.mark.parametrize("sign", "=+-@")
def test_csv_runs_no_formula_where_semicolons_divide(divider: str, sign: str) -> None:
    name = f"slab{divider}{sign}1+cmd|'/c calc'!A0"
    named = replace(wall(), problems=(Problem(1, "red", (1,), name, "V4; V5"),))

    table = to_csv(named)

    cells = [cell.strip(' "') for cell in re.split("[;\t]", table.splitlines()[1])]
    assert len(cells) > 2 and not [cell for cell in cells if cell.startswith(tuple("=+-@"))]
    assert rows(table)[0]["grade"] == "V4; V5"


def test_a_table_for_spreadsheets_says_that_it_is_unicode() -> None:
    table = to_csv(replace(wall(), problems=(Problem(1, "red", (1,), "슬랩", "초급"),)))

    data = for_spreadsheet(table)

    assert data[:3] == codecs.BOM_UTF8  # what Excel looks for
    assert data[3:].decode("utf-8") == table


def test_names_and_grades_are_exported_where_they_are_set() -> None:
    named = Problem(1, "red", (1,), "=Slab", "V4")
    analysis = replace(wall(), problems=(named,))

    first, second = rows(to_csv(analysis))
    assert (first["problem_name"], first["grade"]) == ("'=Slab", "V4")
    assert (second["problem_name"], second["grade"]) == ("", "")
    assert json.loads(to_json(analysis))["problems"][0] == {
        "id": 1,
        "colour": "red",
        "holds": [1],
        "name": "=Slab",
        "grade": "V4",
    }
    first, second = to_coco([analysis])["annotations"]
    assert (first["problem_name"], first["grade"]) == ("=Slab", "V4")
    assert not {"problem_name", "grade"} & set(second)
    assert not {"problem_name", "grade"} & set(to_coco([wall()])["annotations"][0])


def test_csv_keeps_negative_numbers_as_numbers() -> None:
    analysis = make_analysis([make_hold(1, (-3.0, 0.0, 10.0, 10.0))])

    assert rows(to_csv(analysis))[0]["x"] == "-3.0"


@example("\r=")
@example("a;=b")
@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_csv_reads_back_any_name(name: str) -> None:
    found = rows(to_csv(wall(name)))

    assert len(found) == 2
    # Apostrophes are added where a formula would begin; nothing else is changed.
    assert found[0]["photo"].replace("'", "") == name.replace("'", "")
    assert found[0]["photo"] in (name, "'" + name) or re.search("[;\t\r\n]", name)


# pycocotools' own mask type does not yet follow numpy 2's protocol.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_is_read_by_pycocotools(tmp_path: Path) -> None:
    coco_module = pytest.importorskip("pycocotools.coco")
    path = tmp_path / "coco.json"
    write_whole(path, encode_json(to_coco([wall("a.jpg"), wall("b.jpg"), make_analysis()])))

    coco = coco_module.COCO(str(path))

    assert coco.getImgIds() == [1, 2, 3]
    assert coco.getCatIds(catNms=["hold"]) == [1]
    assert coco.getCatIds(catNms=["volume"]) == [2]
    assert coco.getAnnIds() == [1, 2, 3, 4]
    volume = coco.loadAnns(coco.getAnnIds(imgIds=[2], catIds=[2]))[0]
    assert volume["bbox"] == [5.0, 6.0, 70.25, 8.0]
    assert volume["attributes"] == {
        "colour": "red",
        "colour_confidence": 0.9,
        "colour_sure": False,
    }
    ys, xs = np.nonzero(coco.annToMask(volume))
    assert (xs.min(), xs.max()) == pytest.approx((5, 75), abs=2.5)
    assert (ys.min(), ys.max()) == pytest.approx((6, 14), abs=1.5)
    assert coco.annToMask(volume).sum() == pytest.approx(volume["area"], rel=0.2)


def test_coco_detections_evaluate_against_themselves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coco_module = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    document = to_coco([wall()])
    path = tmp_path / "coco.json"
    write_whole(path, encode_json(document))
    truth = coco_module.COCO(str(path))
    found = truth.loadRes(
        [
            {key: row[key] for key in ("image_id", "category_id", "bbox", "score")}
            for row in document["annotations"]
        ]
    )
    judge = evaluation.COCOeval(truth, found, "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    capsys.readouterr()

    assert judge.stats[0] == pytest.approx(1.0)


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.json"

    write_whole(path, "grün\r\n")
    assert path.read_bytes() == "grün\r\n".encode()

    for permissions in (0o600, 0o666):  # 666: more than the umask gives to a new file
        path.chmod(permissions)
        write_whole(path, b"\xff")
        assert path.read_bytes() == b"\xff"
        assert path.stat().st_mode & 0o777 == permissions
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002, 0o000])
def test_a_new_file_is_read_by_whom_the_umask_lets(tmp_path: Path, umask: int) -> None:
    ours, plain = tmp_path / "ours", tmp_path / "plain"
    before = os.umask(umask)
    try:
        write_whole(ours, "text")
        plain.write_text("text")
    finally:
        os.umask(before)

    assert ours.stat().st_mode == plain.stat().st_mode


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    file, link = tmp_path / "results" / "a.json", tmp_path / "latest.json"
    file.write_text("older")
    link.symlink_to(Path("results") / "a.json")

    write_whole(link, "newer")

    assert link.is_symlink()
    assert file.read_text() == "newer"
    assert list(file.parent.iterdir()) == [file]


def test_a_link_to_nothing_yet_leads_to_the_new_file(tmp_path: Path) -> None:
    link = tmp_path / "latest.json"
    link.symlink_to(Path("results") / "a.json")

    write_whole(link, "new")

    assert link.is_symlink()
    assert (tmp_path / "results" / "a.json").read_text() == "new"


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    link = tmp_path / "a.json"
    link.symlink_to(link)

    with pytest.raises(OutputError, match="symbolic links"):
        write_whole(link, "text")

    assert link.is_symlink()


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    # It stands for every device: /dev/null itself would be lost if this failed, run by root.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, "text")

        assert pipe.is_fifo()
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)


FAILURES = [
    (errno.ENOSPC, "No space left on device", "Free some disk space"),
    (errno.EACCES, "Permission denied", "Choose a folder that you may write to"),
    (errno.EROFS, "Read-only file system", "Choose a folder that you may write to"),
    (errno.EIO, "Input/output error", "Choose another place."),
]


@pytest.mark.parametrize(("number", "reason", "hint"), FAILURES)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_older_file_and_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    reason: str,
    hint: str,
    step: str,
) -> None:
    path = tmp_path / "a.json"
    path.write_text("older")

    def fail(*_: Any) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OutputError) as caught:
        write_whole(path, "newer")

    assert caught.value.code == "output_failed"
    assert caught.value.message == f"The file {path} cannot be written: {reason}."
    assert caught.value.hint.startswith(hint)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("parts", "reason", "hint"),
    [
        (("folder",), "Is a directory", "That is a folder"),
        (("file", "a.json"), "", "A part of that path is a file"),
        (("x" * 300,), "File name too long", "Choose a shorter file name"),
    ],
)
def test_a_place_that_cannot_be_written(
    tmp_path: Path, parts: tuple[str, ...], reason: str, hint: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError) as caught:
        write_whole(tmp_path.joinpath(*parts), "text")

    assert reason in caught.value.message
    assert caught.value.hint.startswith(hint)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can change its user")
def test_a_folder_of_somebody_else_is_told_before_the_work(
    repository: Path, tmp_path: Path
) -> None:
    # Root may write anywhere, so the question is asked by a user that may not.
    script = (
        "import os, sys; from pathlib import Path; from core.errors import OutputError; "
        "from core.export import prepare_target; os.chdir(sys.argv[1]); os.setuid(54321)\n"
        "try: prepare_target(Path('a.json'))\n"
        "except OutputError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=repository, capture_output=True
    )

    assert done.stdout.decode().strip() == (
        "The file a.json cannot be written: Permission denied. "
        "Choose a folder that you may write to; . is not one."
    ), done.stderr.decode()
    assert not list(tmp_path.iterdir())
