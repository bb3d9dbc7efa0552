"""The figures of accuracy: what a folder of somebody's photos may look like."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.accuracy import main


@pytest.fixture
def folder(tmp_path: Path, repository: Path) -> Path:
    """The demo wall, with one hold and no volume as its truth, and a file that hides."""
    for part in ("images", "labels"):
        (tmp_path / "gym" / part).mkdir(parents=True)
    shutil.copy(repository / "assets" / "demo_wall.jpg", tmp_path / "gym" / "images" / "wall.jpg")
    (tmp_path / "gym" / "images" / ".thumbs").write_bytes(b"no photo")
    (tmp_path / "gym" / "labels" / "wall.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    return tmp_path / "gym"


def test_a_class_that_the_truth_lacks_has_no_figures(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(folder), "--json", str(tmp_path / "figures.json")])

    rows = [row for row in capsys.readouterr().out.splitlines() if row.startswith("| gym")]
    assert [row.split(" | ")[1:3] for row in rows] == [["1", "hold"], ["1", "volume"]]
    assert rows[1].endswith("volume | - | - | - | - | - |")
    figures = json.loads((tmp_path / "figures.json").read_text())["gym"]
    assert 0 <= figures["hold"]["ap50"] <= 1 and figures["volume"]["ap50"] is None


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: shutil.rmtree(folder), "no photos in"),
        (lambda folder: (folder / "labels" / "wall.txt").unlink(), "wall.txt cannot be read"),
        (lambda folder: (folder / "labels" / "wall.txt").write_text("x"), "wall.txt, row 1"),
        (lambda folder: (folder / "images" / "wall.jpg").write_bytes(b"x"), "wall.jpg"),
    ],
    ids=["no_folder", "no_label", "broken_label", "broken_photo"],
)
def test_what_cannot_be_scored_is_named(
    spoil: object, says: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(spoil)
    spoil(folder)

    with pytest.raises(SystemExit) as ended:
        main([str(folder)])

    assert says in capsys.readouterr().err + str(ended.value.code)
