"""Label files as they are found in the world, read into one record."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from training.truth import TruthError, data_root, ellipse, main, photo_of, polygon_split, read_truth


def picture(folder: Path, name: str, label: str) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    image = folder / "images" / f"{name}.jpg"
    image.write_bytes(b"")
    (folder / "labels" / f"{name}.txt").write_text(label)
    return image


def test_boxes_and_polygons_side_by_side(tmp_path: Path) -> None:
    label = "0 0.5 0.4 0.2 0.1\n1 0.1 0.1 0.3 0.1 0.2 0.3\n"

    truth = read_truth(picture(tmp_path, "a", label))

    assert truth.classes.tolist() == [0, 1] and truth.outline_known.tolist() == [False, True]
    assert np.allclose(truth.boxes, [[0.4, 0.35, 0.6, 0.45], [0.1, 0.1, 0.3, 0.3]])
    assert np.allclose(truth.outlines[1], [[0.1, 0.1], [0.3, 0.1], [0.2, 0.3]])
    # The stand-in of a box is the ellipse inscribed in it.
    x, y = ((truth.outlines[0] - [0.5, 0.4]) / [0.1, 0.05]).T
    assert np.allclose(np.hypot(x, y), 1, atol=1e-5)
    assert (truth.boxes.dtype, truth.classes.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize(
    "label",
    ["", "\n\n", "0 0.5 0.5 0 0.1\n", "0 1.4 0.5 0.2 0.1\n", "0 0.1 0.1 0.2 0.1 0.3 0.1\n"],
    ids=["empty", "blank", "no_width", "outside", "flat_polygon"],
)  # fmt: skip
def test_rows_that_show_nothing_are_left_out(label: str, tmp_path: Path) -> None:
    truth = read_truth(picture(tmp_path, "a", label))

    assert truth.boxes.shape == (0, 4) and truth.classes.shape == (0,)
    assert truth.outlines == [] and truth.outline_known.shape == (0,)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("hold 0.5 0.5 0.1 0.1", "expected a class and numbers"),
        ("2 0.5 0.5 0.1 0.1", "class 2; expected one of 0 (hold), 1 (volume)"),
        ("-1 0.5 0.5 0.1 0.1", "class -1"),
        ("0", "expected x y w h"),
        ("0 0.1 0.1 0.2 0.2 0.3", "three corners or more"),
        ("0 0.1 nan 0.2 0.2", "0 0.1 nan"),
    ],
)
def test_a_row_that_is_no_truth_is_named(row: str, says: str, tmp_path: Path) -> None:
    image = picture(tmp_path, "a", f"0 0.5 0.4 0.2 0.1\n{row}\n")

    with pytest.raises(TruthError, match=re.escape(says)) as caught:
        read_truth(image)

    assert f"{tmp_path / 'labels' / 'a.txt'}, row 2" in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_label_file_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    image = picture(tmp_path, "a", "")
    label = tmp_path / "labels" / "a.txt"
    label.unlink()
    if content:
        label.write_bytes(content)

    with pytest.raises(TruthError, match=re.escape(str(label))):
        read_truth(image)


def test_what_reaches_over_the_picture_is_clipped(tmp_path: Path) -> None:
    label = "0 0.05 0.5 0.3 0.2\n0 -0.2 0.2 0.4 0.2 0.1 1.3\n"

    truth = read_truth(picture(tmp_path, "a", label))

    assert np.allclose(truth.boxes, [[0, 0.4, 0.2, 0.6], [0, 0.2, 0.4, 1.0]])
    assert all(0 <= outline.min() and outline.max() <= 1 for outline in truth.outlines)


def test_an_ellipse_has_the_area_of_one() -> None:
    x, y = ellipse(np.array([10, 20, 50, 40], np.float32), 200).T

    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert area == pytest.approx(np.pi * 20 * 10, rel=1e-3)


def test_copies_of_a_photo_are_known_by_its_name() -> None:
    assert photo_of("training_10_jpg_2") == "training_10_jpg"
    assert photo_of("wall") == "wall" and photo_of("wall_7") == "wall"


def test_no_photo_is_on_both_sides_of_the_split(tmp_path: Path) -> None:
    for photo in range(10):
        for copy in range(3):
            picture(tmp_path, f"photo{photo}_jpg_{copy}", "")

    training, test = (polygon_split(tmp_path, test=side) for side in (False, True))

    sides = [{photo_of(image.stem) for image in images} for images in (training, test)]
    assert not sides[0] & sides[1] and len(sides[0] | sides[1]) == 10
    assert len(test) == len(sides[1]) == 3  # one copy each
    assert len(training) == 3 * 7
    assert polygon_split(tmp_path, test=True) == test


def test_the_folder_of_photos_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIMBMATE_DATA", "/photos")
    assert data_root() == Path("/photos")
    monkeypatch.setenv("CLIMBMATE_DATA", "")
    assert data_root().parts[-3:] == ("shared", "data", "holds")


def test_the_command_says_how_much_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "polygons"):
        (tmp_path / part).mkdir()
        picture(tmp_path / part, "a", "0 0.5 0.4 0.2 0.1\n0 0.5 0.6 0.2 0.1\n")

    main(["--data", str(tmp_path)])

    assert capsys.readouterr().out.count("1 photos to train with, 2 outlines or boxes") == 2


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (None, "there is no folder"),
        ({}, "no photos (*.jpg) in"),
        ({"train": "0 0.5 0.4 0.2 0.1"}, "polygons"),
        ({"train": "0 0.5", "polygons": ""}, "a.txt, row 1"),
    ],
    ids=["no_folder", "empty", "no_polygons", "broken_row"],
)
def test_the_command_says_what_is_missing_and_what_to_do(
    labels: dict[str, str] | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "photos"
    if labels is not None:
        data.mkdir()
    for part, label in (labels or {}).items():
        (data / part).mkdir()
        picture(data / part, "a", label)

    with pytest.raises(SystemExit) as ended:
        main(["--data", str(data)])

    told = capsys.readouterr().err
    assert ended.value.code == 2 and says in told
    assert "row" in told or "CLIMBMATE_DATA" in told
