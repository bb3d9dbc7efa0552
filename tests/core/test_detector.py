"""The detector on planted network answers, at full scale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import detector as module
from core.analysis import load_models
from core.detector import CANDIDATES, Detector, drawn, fills
from core.generators import result_of
from core.judgement import FEATURES, JUDGE_FILE
from core.merge import Detection
from core.outline import STRIDE
from core.settings import load_settings
from core.views import View, cut_view
from core.weights import ModelFiles
from tests.core.fakes import FakeSession, oval
from tests.core.outlines import outline_iou

SIDE = 640
CELLS = SIDE // STRIDE
Box = tuple[float, float, float, float]


class Planted:
    """Answers as a perfect network would for elliptical objects, view by view.

    Object k has prototype k: a paraboloid that is 0 on the ellipse, so that mask logits are
    exact in every cell. The answer is given at the resolution that a view has, no finer.
    """

    def __init__(self, objects: list[tuple[Box, int, float]]) -> None:
        self.objects = objects
        self.views: list[View] = []

    def cut_view(self, pixels: np.ndarray, view: View, side: int) -> Any:
        """The real one; the view is noted, since a tensor does not tell where it is from."""
        self.views.append(view)
        return cut_view(pixels, view, side)

    def __call__(self, _tensor: np.ndarray) -> list[np.ndarray]:
        view = self.views[-1]
        zoom_x = max(1, round(view.width * view.zoom)) / view.width
        zoom_y = max(1, round(view.height * view.zoom)) / view.height
        prototypes = np.full((32, CELLS, CELLS), -1.0, np.float32)
        columns: list[np.ndarray] = []
        middles = (np.arange(CELLS) + 0.5) * STRIDE
        for index, (box, kind, score) in enumerate(self.objects):
            x1, x2 = ((x - view.x) * zoom_x for x in (box[0], box[2]))
            y1, y2 = ((y - view.y) * zoom_y for y in (box[1], box[3]))
            dx = (middles - (x1 + x2) / 2) / ((x2 - x1) / 2)
            dy = (middles - (y1 + y2) / 2) / ((y2 - y1) / 2)
            prototypes[index] = 5 * (1 - dx[None] ** 2 - dy[:, None] ** 2)
            # What reaches over the view is seen up to its edge.
            left, right = max(x1, 0.0), min(x2, view.width * zoom_x)
            top, bottom = max(y1, 0.0), min(y2, view.height * zoom_y)
            if right - left < 4 or bottom - top < 4:
                continue
            row = np.zeros(4 + 2 + 32, np.float32)
            row[:4] = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
            # Nearer views are surer, as of a real network.
            row[4 + kind] = score * min(1.0, 0.8 + 0.2 * view.zoom)
            row[6 + index] = 1
            columns.append(row)
        answer = np.zeros((1, 38, 40), np.float32)
        if columns:
            answer[0, :, : len(columns)] = np.stack(columns, 1)
        return [answer, prototypes[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    card = {"names": ["hold", "volume"], "name": "planted", "imgsz": SIDE}
    (tmp_path / "model.json").write_text(json.dumps(card), encoding="utf-8")
    return tmp_path


def make_detector(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, **settings: object
) -> tuple[Detector, FakeSession]:
    session = FakeSession(answer)
    monkeypatch.setattr(module, "open_session", lambda *_, **__: session)
    if isinstance(answer, Planted):
        monkeypatch.setattr(module, "cut_view", answer.cut_view)
    files = ModelFiles(folder, "planted", "abcdef012345", SIDE)
    return Detector(files, load_settings(**settings)), session


def run(detector: Detector, width: int, height: int) -> tuple[list[Detection], list[float]]:
    return run_on(detector, np.zeros((height, width, 3), np.uint8))


def run_on(detector: Detector, pixels: np.ndarray) -> tuple[list[Detection], list[float]]:
    """Detections, and the shares that were told on the way."""
    work, shares = detector.detect(pixels), []
    while True:
        try:
            shares.append(next(work))
        except StopIteration as ended:
            return ended.value, shares


PHOTOS = [
    pytest.param(600, 450, [(40.3, 60.7, 75.1, 90.2), (300.0, 200.0, 420.0, 300.0)], id="enlarged"),
    pytest.param(300, 200, [(40.3, 60.7, 75.1, 90.2), (120.5, 20.5, 220.0, 150.0)], id="one_tile"),
    pytest.param(
        1500,
        1100,
        [
            (100.4, 80.6, 150.9, 120.2),
            (610.0, 500.0, 680.0, 560.0),  # over the seam between two tiles
            (1300.5, 900.5, 1390.0, 1040.0),
            (500.0, 20.0, 900.0, 260.0),  # larger than the overlap
        ],
        id="larger_than_a_tile",
    ),
    pytest.param(2048, 400, [(2000.5, 300.5, 2040.0, 350.0), (900, 100, 960, 180)], id="wide"),
]


@pytest.mark.parametrize(("width", "height", "boxes"), PHOTOS)
def test_planted_holds_come_back_at_full_scale(
    width: int, height: int, boxes: list[Box], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = Planted([(box, 0, 0.9 - index / 20) for index, box in enumerate(boxes)])
    detector, session = make_detector(folder, monkeypatch, planted)

    holds, shares = run(detector, width, height)

    assert session.shapes == [(1, 3, SIDE, SIDE)] * len(planted.views)
    assert shares == [pytest.approx((i + 1) / len(shares)) for i in range(len(shares))]
    assert len(holds) == len(boxes)
    for box in boxes:
        nearest = min(holds, key=lambda d, box=box: float(np.abs(d.box - np.array(box)).sum()))
        assert np.abs(nearest.box - np.array(box)).max() < 1.0
        assert outline_iou(nearest.outline, oval(box, 200)) > 0.95
        assert nearest.outline.dtype == np.float32 and nearest.box.dtype == np.float32
        bounds = [*nearest.outline.min(0), *nearest.outline.max(0)]
        assert nearest.box == pytest.approx(bounds, abs=0.01)
    assert [d.score for d in holds] == sorted((d.score for d in holds), reverse=True)


def test_a_hold_on_a_volume_comes_back_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume, hold = (600.0, 300.0, 900.0, 600.0), (700.0, 400.0, 760.0, 450.0)
    planted = Planted([(volume, 1, 0.8), (hold, 0, 0.6)])
    detector, _ = make_detector(folder, monkeypatch, planted)

    holds, _ = run(detector, 1500, 1100)

    assert sorted(d.kind for d in holds) == ["hold", "volume"]


@pytest.mark.parametrize(("limit", "count"), [(0.5, 2), (0.25, 3), (0.8, 1), (0.95, 0)])
def test_the_confidence_limit_is_that_of_the_settings(
    limit: float, count: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = (0.9, 0.5, 0.3)
    planted = Planted(
        [((100.0 * i + 20, 50, 100.0 * i + 80, 100), 0, s) for i, s in enumerate(scores)]
    )
    detector, _ = make_detector(folder, monkeypatch, planted, yolo_conf=limit)

    assert len(run(detector, 310, 200)[0]) == count
    assert not any(any(view.cuts) for view in planted.views)


@pytest.mark.parametrize(("verdict", "kinds"), [(9.0, ["hold", "hold"]), (-9.0, [])])
def test_a_judge_beside_the_model_decides_about_weak_and_sure_holds(
    verdict: float, kinds: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = len(FEATURES)
    np.savez(
        folder / JUDGE_FILE,
        mean=np.zeros(count, "f4"),
        spread=np.ones(count, "f4"),
        hidden=np.zeros((count, 1), "f4"),
        hidden_bias=np.zeros(1, "f4"),
        output=np.zeros(1, "f4"),
        output_bias=np.array(verdict, "f4"),
    )
    weak, sure, hopeless = (
        ((20.0, 50, 80, 100), 0, 0.15),
        ((120.0, 50, 180, 100), 0, 0.9),
        ((220.0, 50, 280, 100), 0, 0.07),
    )
    planted = Planted([weak, sure, hopeless])
    detector, _ = make_detector(folder, monkeypatch, planted, yolo_conf=0.35)

    found, _ = run(detector, 310, 200)

    assert [d.kind for d in found] == kinds
    assert all(len(d.outline) >= 3 for d in found)
    assert len(detector.look(np.zeros((200, 310, 3), np.uint8), planted.views[0])) == 1


class OnlyFromAfar(Planted):
    """What fills the photo is recognised in no view that is nearer than ``ZOOM``."""

    ZOOM = 0.2

    def __call__(self, tensor: np.ndarray) -> list[np.ndarray]:
        near = self.views[-1].zoom > self.ZOOM
        blind = Planted([])
        blind.views = self.views
        return Planted.__call__(blind if near else self, tensor)


def test_one_volume_that_fills_the_photo_is_recognised_from_farther_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = (80.0, 60.0, 1400.0, 1050.0)
    planted = OnlyFromAfar([(volume, 1, 0.9)])
    detector, _ = make_detector(folder, monkeypatch, planted)

    found, shares = run(detector, 1500, 1100)

    assert [d.kind for d in found] == ["volume"]
    assert np.abs(found[0].box - np.array(volume)).max() < 1.0
    # The whole, and the whole once more; tiles would show faces and bolt holes.
    assert [view.width for view in planted.views] == [1500, 1500] and shares == [1.0]


def test_a_photo_with_little_on_it_is_still_read_closely(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = Planted([((100.0, 80, 150, 120), 0, 0.9)])
    detector, _ = make_detector(folder, monkeypatch, planted)

    run(detector, 1500, 1100)

    assert len([view for view in planted.views if any(view.cuts)]) >= 4


def test_nothing_found_is_an_empty_list(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Planted([])
    detector, _ = make_detector(folder, monkeypatch, planted)

    holds, shares = run(detector, 1500, 1100)

    assert holds == [] and shares[-1] == 1.0


def test_every_anchor_above_the_limit_is_bounded_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    answer = np.zeros((1, 38, 8400), np.float32)
    answer[0, :2] = random.uniform(50, 590, (2, 8400))
    answer[0, 2:4] = 40
    answer[0, 4] = random.uniform(0.3, 1, 8400)
    detector, _ = make_detector(
        folder, monkeypatch, lambda _: [answer, np.zeros((1, 32, CELLS, CELLS), np.float32)]
    )
    kept: list[int] = []
    real = module.suppress
    monkeypatch.setattr(module, "suppress", lambda *rows: kept.append(len(rows[0])) or real(*rows))

    holds, _ = run(detector, 300, 300)

    assert kept == [CANDIDATES] and 0 < len(holds) < CANDIDATES
    assert max(d.score for d in holds) == answer[0, 4].max()


def test_specks_are_noise(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Planted([((50.0, 50.0, 51.2, 90.0), 0, 0.9)])
    detector, _ = make_detector(folder, monkeypatch, planted)

    assert run(detector, 640, 640)[0] == []


def test_the_name_tells_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector, session = make_detector(folder, monkeypatch, Planted([]))
    assert detector.name == "planted@abcdef012345" and session.shapes == []


def test_close_ups_are_looked_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = [(20.0 + 300 * i, 40.0 + 60 * i, 260.0 + 300 * i, 300.0 + 60 * i) for i in range(5)]
    planted = Planted([(box, 0, 0.9) for box in large])
    detector, session = make_detector(folder, monkeypatch, planted)

    holds, shares = run(detector, 1540, 1100)

    assert len(session.shapes) == 1 and shares == [1.0]
    assert len(holds) == 5


def test_the_embedded_detector_finds_the_demo_wall(repository: Path) -> None:
    from core.photo import open_photo
    from core.weights import resolve_detector
    from training.walls import render_demo

    settings = load_settings()
    detector = Detector(resolve_detector(settings), settings)
    data = (repository / "assets" / "demo_wall.jpg").read_bytes()
    photo = open_photo(data, name="demo", settings=settings)
    truth = [item.box for item in render_demo().objects]

    found_here, _ = run_on(detector, photo.pixels)

    corners = np.array(truth, np.float64)
    corners[:, 2:] += corners[:, :2]
    hit = sum(any(box_iou(d.box, box) > 0.5 for d in found_here) for box in corners)
    right = sum(any(box_iou(d.box, box) > 0.5 for box in corners) for d in found_here)
    assert hit / len(corners) > 0.75
    assert right / len(found_here) > 0.75


def box_iou(a: np.ndarray, b: np.ndarray) -> float:
    width, height = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    shared = width * height
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))


@pytest.mark.parametrize("colour", [(220, 210, 200), (20, 20, 20), (200, 30, 30), (30, 60, 120)])
@pytest.mark.parametrize("size", [(320, 260), (800, 600)])
def test_on_a_bare_wall_the_shipped_detector_finds_nothing(
    colour: tuple[int, int, int], size: tuple[int, int]
) -> None:
    bare = np.full((size[1], size[0], 3), colour, np.uint8)

    assert result_of(load_models(load_settings()).detector.detect(bare)) == []


def test_box_and_outline_meet_half_way() -> None:
    diamond = np.array([[14, 20], [20, 12], [26, 20], [20, 32]], np.float32)
    found = Detection("hold", 0.9, np.array([10, 10, 30, 30], np.float32), diamond)

    both = drawn(found)

    assert both.box.tolist() == [12, 11, 28, 31]
    assert [*both.outline.min(0), *both.outline.max(0)] == [12, 11, 28, 31]
    assert both.outline.dtype == both.box.dtype == np.float32


@pytest.mark.parametrize(
    "box, whole",
    [
        ((0, 0, 400, 300), True),
        ((-3, 2, 404, 301), True),
        ((0, 0, 400, 280), False),
        ((30, 0, 400, 300), False),
    ],
)
def test_what_fills_the_picture_has_no_edge(box: Box, whole: bool) -> None:
    assert fills(np.array(box, np.float32), 400, 300) == whole
