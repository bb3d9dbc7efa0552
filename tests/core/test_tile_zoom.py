"""How near the tiles look: on holds of known sizes, and counted in tiles."""

from __future__ import annotations

import pytest

from core.merge import Detection
from core.tile_zoom import (
    CLOSER,
    COMFORTABLE_PX,
    LEGIBLE_PX,
    SMALL_PX,
    is_close_up,
    largest_zoom,
    needed_zoom,
    thrifty_zoom,
)
from core.views import View, lay_out
from core.wall import Kind
from tests.core.fakes import found


@pytest.mark.parametrize(
    ("width", "height", "zoom"),
    [(640, 480, 2.0), (320, 100, 2.0), (1000, 400, 1.28), (1280, 900, 1.0), (9000, 300, 1.0)],
)
def test_small_pictures_are_enlarged(width: int, height: int, zoom: float) -> None:
    assert largest_zoom(width, height) == pytest.approx(zoom)


def boxes(*sides: float, kind: Kind = "hold") -> list[Detection]:
    return [found((10, 10, 10 + side, 10 + side / 2), kind=kind) for side in sides]


@pytest.mark.parametrize(
    ("sides", "zoom"),
    [
        ([], 1.0),  # nothing is known: look closely
        ([60, 60, 60], 1.0),
        ([80.0] * 8, COMFORTABLE_PX / 80),
        ([50.0] * 8, 1.0),  # well seen at the photo's own size
        ([SMALL_PX / 1.2] * 8, 1.2),  # small ones are looked at more closely
        ([8.0] * 8, CLOSER),  # but not as closely as one likes: every tile takes its time
        ([20.0] * 4 + [400.0] * 4, CLOSER),  # the small ones count
        ([400.0] * 8, 0.3125),  # large enough in the whole view, whose zoom this is
        ([160.0] * 8, 0.3125),
        ([95.0] * 8, COMFORTABLE_PX / 95),
    ],
)
def test_tiles_are_as_near_as_the_holds_need(sides: list[float], zoom: float) -> None:
    whole = View(0, 0, 2048, 1500, 0.3125)

    assert needed_zoom(boxes(*sides), whole) == pytest.approx(zoom)


@pytest.mark.parametrize(
    ("volume", "zoom"),
    [
        (900.0, 0.3125),  # it fills the photo: tiles would cut it up
        (500.0, 1.0),  # it is one of many things
    ],
)
def test_a_close_up_of_a_volume_gets_no_tiles(volume: float, zoom: float) -> None:
    whole = View(0, 0, 2048, 1500, 0.3125)
    few = [*boxes(60.0), *boxes(volume, kind="volume")]

    assert is_close_up(few) and needed_zoom(few, whole) == zoom
    many = [*boxes(*[50.0] * 4), *boxes(volume, kind="volume")]
    assert not is_close_up(many) and needed_zoom(many, whole) == 1.0


@pytest.mark.parametrize(
    ("zoom", "size", "tiles"),
    [
        (1.0, 40.0, 4),  # a quarter less saves two of six tiles
        (1.0, 0.0, 6),  # nothing is known of the holds: nothing is given up
        (1.0, 24.0, 6),  # the small ones would no longer be legible
        (1.0, 30.0, 6),
    ],
)
def test_magnification_is_given_up_only_where_it_saves_tiles(
    zoom: float, size: float, tiles: int
) -> None:
    whole = View(0, 0, 1200, 1600, 0.4)

    thrifty = thrifty_zoom(zoom, size, whole, 640)

    assert 0.75 * zoom <= thrifty <= zoom
    assert thrifty * size >= min(LEGIBLE_PX, zoom * size) - 1e-9
    assert len(lay_out(1200, 1600, 640, zoom=thrifty)) - 1 == tiles


def test_the_whole_view_is_never_undercut() -> None:
    whole = View(0, 0, 2000, 2000, 0.32)

    assert thrifty_zoom(0.34, 500.0, whole, 640) >= whole.zoom


def test_volumes_say_nothing_about_the_size_of_holds() -> None:
    whole = View(0, 0, 2048, 1500, 0.3125)

    assert needed_zoom(boxes(*[400.0] * 8, kind="volume"), whole) == 1.0
