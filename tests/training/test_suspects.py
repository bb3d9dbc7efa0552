"""Places to look at: what is known is left out, and sheets and rows tell the same."""

from __future__ import annotations

import csv
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from core.merge import Detection
from training import suspects as module
from training.checked import COLUMNS, Place, outline_text, read_checked
from training.suspects import CELL_PX, cell, main, sheets, suspects
from training.truth import Truth, ellipse, read_truth

WIDTH, HEIGHT = 300, 200


def seen(x: float, y: float, side: float) -> Detection:
    box = np.array([x, y, x + side, y + side], np.float32)
    return Detection("hold", 0.8, box, ellipse(box))


class Answering:
    """A detector that finds the same on every photo."""

    def __init__(self, found: list[Detection]) -> None:
        self.found = found

    def detect(self, pixels: np.ndarray) -> Generator[float, None, list[Detection]]:
        assert pixels.ndim == 3
        yield 1.0
        return self.found


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    """A volume of 100 px with a hold of 20 px on it."""
    for part in ("images", "labels"):
        (tmp_path / "train" / part).mkdir(parents=True)
    image = tmp_path / "train" / "images" / "a.jpg"
    cv2.imwrite(str(image), np.full((HEIGHT, WIDTH, 3), 120, np.uint8))
    rows = ["1 0.1667 0.25 0.3333 0.5", "0 0.1667 0.25 0.0667 0.1"]
    (tmp_path / "train" / "labels" / "a.txt").write_text("\n".join(rows))
    return read_truth(image)


FOUND = [
    seen(40, 40, 20),  # the hold
    seen(70, 70, 20),  # a logo on the volume: a tenth of it
    seen(200, 20, 30),  # a tag
    seen(240, 120, 30),  # another, checked before
]


def test_what_is_known_is_no_suspect(truth: Truth) -> None:
    box = np.array([0.8, 0.6, 0.9, 0.75], np.float32)
    checked = {"a.jpg": [Place("nothing", box, ellipse(box))]}

    places = suspects(truth, checked, Answering(FOUND))

    assert [place.what for place in places] == ["unclear"] * 2
    corners = np.array([place.box for place in places]) * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    np.testing.assert_allclose(corners, [[70, 70, 90, 90], [200, 20, 230, 50]], atol=1e-3)


def test_a_cell_shows_its_place_in_the_middle() -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    pixels[100:120, 200:220] = (255, 0, 0)
    box = np.array([200, 100, 220, 120], np.float32) / [WIDTH, HEIGHT, WIDTH, HEIGHT]

    drawn = cell(pixels, Place("unclear", box, ellipse(box)), 7)

    assert drawn.shape == (CELL_PX, CELL_PX, 3)
    assert drawn[CELL_PX // 2, CELL_PX // 2].tolist() == [255, 0, 0]
    red = np.argwhere((drawn[..., 0] > 200) & (drawn[..., 1] < 60))
    np.testing.assert_allclose(red.mean(0), CELL_PX / 2, atol=1.5)
    assert np.ptp(red, axis=0) == pytest.approx(CELL_PX / 2.5, abs=3)


def test_sheets_hold_all_cells() -> None:
    cells = [np.full((CELL_PX, CELL_PX, 3), 1 + number, np.uint8) for number in range(75)]

    first, second = sheets(cells)

    assert first.shape == (7 * CELL_PX, 10 * CELL_PX, 3) and second.shape[0] == CELL_PX
    assert first[6 * CELL_PX, 9 * CELL_PX, 0] == 70 and second[0, 4 * CELL_PX, 0] == 75
    assert second[0, 5 * CELL_PX, 0] == 0


@pytest.mark.usefixtures("truth")
def test_rows_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = SimpleNamespace(detector=Answering(FOUND))
    monkeypatch.setattr(module, "load_models", lambda _settings: models)

    main(["--data", str(tmp_path), "--out", str(tmp_path / "out")])

    with (tmp_path / "out" / "rows.csv").open() as file:
        assert tuple(next(csv.reader(file))) == COLUMNS
    (places,) = read_checked(tmp_path / "out" / "rows.csv").values()
    assert [place.what for place in places] == ["unclear"] * 3
    tag = places[1]
    np.testing.assert_allclose(
        tag.box * [WIDTH, HEIGHT, WIDTH, HEIGHT], [200, 20, 230, 50], atol=0.1
    )
    area = cv2.contourArea((tag.outline * [WIDTH, HEIGHT]).astype(np.float32))
    assert area == pytest.approx(np.pi * 15**2, rel=0.1)
    assert len(outline_text(tag).split()) <= 30
    assert (tmp_path / "out" / "sheet_00.png").exists()
