"""Proposals: the embedded models on the demo wall; stand-ins where they must not matter."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.analysis import Models, analyze, finish, load_models
from core.errors import EditError
from core.merge import Detection
from core.photo import Photo, open_photo
from core.proposal import (
    CLICK_CONFIDENCE,
    LARGEST_ZOOM,
    Proposal,
    propose_at,
    propose_in,
    typical_size,
    under_point,
    view_around,
)
from core.review import Review
from core.review_edits import AddHold, DeleteHolds
from core.settings import Settings, load_settings
from core.views import View, cut_view
from core.wall import Hold, WallAnalysis
from tests.core.fakes import FakeColours, found
from tests.core.make import make_colour, make_hold

SETTINGS = load_settings()


class Demo:
    """The demo wall, opened and analysed once."""

    def __init__(self, data: bytes) -> None:
        self.settings = load_settings(omp_num_threads=1)
        self.models = load_models(self.settings)
        self.photo = open_photo(data, name="demo", settings=self.settings)
        self.analysis: WallAnalysis = finish(analyze(data, self.models, self.settings))
        self.typical = typical_size(self.analysis.holds)

    def click(self, hold: Hold) -> Proposal:
        return propose_at(
            self.photo, hold.centre, self.models, self.settings, typical_px=self.typical
        )


@pytest.fixture(scope="module")
def demo(repository: Path) -> Demo:
    return Demo((repository / "assets" / "demo_wall.jpg").read_bytes())


def filled(hold: Hold, photo: Photo) -> NDArray[np.uint8]:
    mask = np.zeros((photo.height, photo.width), np.uint8)
    cv2.fillPoly(mask, [np.round(np.array(hold.polygon) - 0.5).astype(np.int32)], 1)
    return mask


def iou(one: Hold, other: Hold, photo: Photo) -> float:
    a, b = filled(one, photo), filled(other, photo)
    return float(np.count_nonzero(a & b) / np.count_nonzero(a | b))


def sample(demo: Demo) -> list[Hold]:
    """Every sixth hold that the detector was sure of."""
    holds = [h for h in demo.analysis.holds if h.kind == "hold" and h.score > 0.6]
    return holds[::6]


def test_a_click_brings_a_deleted_hold_back(demo: Demo) -> None:
    holds = sample(demo)
    assert len(holds) >= 6
    overlaps, same_colour = [], 0
    for hold in holds:
        review = Review.of(demo.analysis).apply(DeleteHolds((hold.id,)))
        proposal = demo.click(hold)
        back = review.apply(AddHold.like(proposal.hold)).holds[-1]
        assert proposal.how == "detected"
        overlaps.append(iou(back, hold, demo.photo))
        same_colour += back.colour.name == hold.colour.name

    assert float(np.median(overlaps)) > 0.8
    assert np.mean(np.array(overlaps) > 0.6) >= 0.8
    assert same_colour >= 0.75 * len(holds)


def test_a_drag_finds_the_hold_inside(demo: Demo) -> None:
    overlaps = []
    for hold in sample(demo):
        x, y, width, height = hold.box
        loose = (x - 0.1 * width, y - 0.1 * height, 1.2 * width, 1.2 * height)
        proposal = propose_in(demo.photo, loose, demo.models, demo.settings)
        overlaps.append(iou(proposal.hold, hold, demo.photo))

    assert float(np.median(overlaps)) > 0.75


def test_clicks_on_bare_wall_are_refused_or_honest(demo: Demo) -> None:
    taken = np.zeros((demo.photo.height, demo.photo.width), np.uint8)
    for hold in demo.analysis.holds:
        taken |= filled(hold, demo.photo)
    distance = cv2.distanceTransform(1 - taken, cv2.DIST_L2, 5)
    places = np.argwhere(distance > 0.6 * demo.typical)
    refused = 0
    chosen = places[np.linspace(0, len(places) - 1, 8).astype(int)]
    for y, x in chosen.tolist():
        try:
            proposal = propose_at(
                demo.photo, (x, y), demo.models, demo.settings, typical_px=demo.typical
            )
        except EditError as error:
            assert error.code == "nothing_here" and error.hint
            refused += 1
        else:
            least = CLICK_CONFIDENCE[proposal.hold.kind]
            assert least <= proposal.hold.score < 0.5 or proposal.how == "segmented"

    assert refused >= 6


class PlantedDetector:
    """Finds ``detections`` wherever it looks, and remembers where that was."""

    name, side = "planted", 640

    def __init__(self, detections: Sequence[Detection] = ()) -> None:
        self.detections = list(detections)
        self.views: list[View] = []
        self.confidences: list[float] = []

    def with_confidence(self, confidence: float) -> PlantedDetector:
        self.confidences.append(confidence)
        return self

    def look(self, _pixels: NDArray[np.uint8], view: View) -> list[Detection]:
        self.views.append(view)
        return [d for d in self.detections if d.score >= self.confidences[-1]]


def models_of(*detections: Detection) -> tuple[Models, PlantedDetector]:
    planted = PlantedDetector(detections)
    detector: Any = planted
    colours: Any = FakeColours(make_colour("mint"))
    return Models(detector, colours), planted


def photo_of(pixels: NDArray[np.uint8], scale: float = 1.0) -> Photo:
    height, width = pixels.shape[:2]
    return Photo("p", "0" * 64, round(width * scale), round(height * scale), pixels, scale)


def plain(width: int = 600, height: int = 400) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 150, np.uint8)


def test_points_are_in_pixels_of_the_full_photo() -> None:
    models, planted = models_of(found((100, 50, 140, 90)))

    proposal = propose_at(photo_of(plain(), 2.5), (300, 175), models, SETTINGS)

    assert proposal.how == "detected"
    assert proposal.hold.box == pytest.approx((250, 125, 100, 100))
    assert proposal.hold.colour.name == "mint" and proposal.hold.score == pytest.approx(0.8)
    assert planted.confidences == [min(CLICK_CONFIDENCE.values())]


def test_a_setting_below_the_clicks_confidence_wins() -> None:
    models, planted = models_of(found((100, 50, 140, 90), score=0.04))
    settings: Settings = load_settings(yolo_conf=0.03)

    assert propose_at(photo_of(plain()), (120, 70), models, settings).hold.score < 0.05
    assert planted.confidences == [0.03]


def test_a_doubtful_volume_is_not_believed() -> None:
    models, planted = models_of(found((50, 50, 400, 300), kind="volume", score=0.1))

    with pytest.raises(EditError) as caught:
        propose_at(photo_of(plain()), (200, 200), models, SETTINGS)

    assert caught.value.code == "nothing_here" and len(planted.views) == 2


def test_of_a_hold_on_a_volume_the_hold_is_meant() -> None:
    point = np.array([120, 70], np.float32)
    hold = found((100, 50, 140, 90), score=0.3)
    volume = found((20, 10, 300, 300), kind="volume", score=0.9)

    assert under_point([volume, hold], point) is hold
    assert under_point([volume, hold], np.array([200, 200], np.float32)) is volume
    assert under_point([volume, hold], np.array([500, 200], np.float32)) is None
    assert under_point([found((100, 50, 140, 90), cut=True)], point) is None


def test_where_the_detector_is_blind_colour_decides() -> None:
    pixels = plain()
    cv2.circle(pixels, (300, 200), 18, (220, 40, 40), -1)
    models, _ = models_of()

    clicked = propose_at(photo_of(pixels, 2.0), (600, 400), models, SETTINGS)
    dragged = propose_in(photo_of(pixels, 2.0), (550, 350, 100, 100), models, SETTINGS)

    for proposal in (clicked, dragged):
        assert (proposal.how, proposal.hold.kind) == ("segmented", "hold")
        assert proposal.hold.area_px == pytest.approx(np.pi * 36.5**2, rel=0.15)
        assert proposal.hold.centre == pytest.approx((601, 401), abs=4)


def test_a_drag_on_bare_wall_gives_its_box() -> None:
    models, _ = models_of()

    proposal = propose_in(photo_of(plain()), (-20, 40, 80, 50), models, SETTINGS)

    assert proposal.how == "box" and proposal.hold.box == pytest.approx((0, 40, 60, 50))
    assert proposal.hold.area_px == pytest.approx(3000)


def test_a_drag_means_the_detection_that_fills_it() -> None:
    fits, small = found((100, 100, 180, 160), score=0.4), found((120, 110, 150, 140), score=0.9)
    models, _ = models_of(small, fits)

    proposal = propose_in(photo_of(plain()), (95, 98, 90, 65), models, SETTINGS)

    assert proposal.hold.box == pytest.approx((100, 100, 80, 60))


@pytest.mark.parametrize("point", [(-1, 5), (5, 401), (601, 5), (nan, 5), (5, inf)])
def test_a_point_outside_is_refused(point: tuple[float, float]) -> None:
    models, planted = models_of()

    with pytest.raises(EditError) as caught:
        propose_at(photo_of(plain()), point, models, SETTINGS)

    assert caught.value.code == "outside_photo" and caught.value.status == 422
    assert planted.views == []


@pytest.mark.parametrize(
    ("box", "code"),
    [
        ((700, 10, 50, 50), "outside_photo"),
        ((10, -60, 50, 50), "outside_photo"),
        ((10, 10, 0, 50), "box_too_small"),
        ((10, 10, 50, -5), "box_too_small"),
        ((10, 10, 2, 50), "box_too_small"),
        ((nan, 10, 50, 50), "box_too_small"),
    ],
)
def test_a_box_without_photo_in_it_is_refused(
    box: tuple[float, float, float, float], code: str
) -> None:
    with pytest.raises(EditError) as caught:
        propose_in(photo_of(plain()), box, models_of()[0], SETTINGS)

    assert caught.value.code == code


@pytest.mark.parametrize("size", [(600, 400), (400, 600), (2048, 1536), (100, 40), (2048, 60)])
@pytest.mark.parametrize("zoom", [0.1, 0.7, 1.0, 2.3, 9.0])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (0.9, 0.1)])
def test_a_view_shows_the_place_and_fits_the_tile(
    size: tuple[int, int], zoom: float, place: tuple[float, float]
) -> None:
    width, height = size
    middle = np.array([place[0] * width, place[1] * height], np.float32)

    view = view_around(width, height, middle, zoom, 640)

    assert view.x <= middle[0] <= view.x + view.width and view.x + view.width <= width
    assert view.y <= middle[1] <= view.y + view.height and view.y + view.height <= height
    assert max(view.width, view.height) * view.zoom <= 640 + 0.5 and view.zoom <= LARGEST_ZOOM
    assert view.cuts == (
        view.x > 0,
        view.y > 0,
        view.x + view.width < width,
        view.y + view.height < height,
    )
    tensor, _ = cut_view(plain(width, height), view, 640)
    assert tensor.shape == (1, 3, 640, 640)


def test_the_typical_size_is_that_of_holds() -> None:
    holds = [make_hold(k, (0.0, 0.0, 10.0 * k, 5.0)) for k in (1, 2, 6)]
    volume = make_hold(9, (0.0, 0.0, 900.0, 900.0), kind="volume")

    assert typical_size([*holds, volume]) == 20
    assert typical_size([volume]) == 0
