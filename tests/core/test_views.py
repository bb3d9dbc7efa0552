"""The layout of views, checked by counting what they cover; their pixels, by reading tensors."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.views import GROUND, View, cut_view, lay_out

SIDES = st.integers(10, 40).map(lambda count: 32 * count)
LENGTHS = st.one_of(st.integers(1, 40), st.integers(1, 9000))
ZOOMS = st.floats(0.3, 2.0)


def covered(views: list[View], length: int, axis: str) -> np.ndarray:
    """How many different windows along one axis show each pixel of it."""
    count = np.zeros(length, int)
    windows = {(view.x, view.width) if axis == "x" else (view.y, view.height) for view in views[1:]}
    for start, size in windows:
        count[start : start + size] += 1
    return count


@given(LENGTHS, LENGTHS, SIDES, ZOOMS)
@settings(max_examples=150, deadline=None)
def test_the_first_view_is_everything_and_fits(w: int, h: int, side: int, zoom: float) -> None:
    whole = lay_out(w, h, side, zoom=zoom)[0]

    assert (whole.x, whole.y, whole.width, whole.height) == (0, 0, w, h)
    assert whole.zoom <= zoom and max(w, h) * whole.zoom <= side + 1e-6
    assert whole.cuts == (False,) * 4


@given(LENGTHS, LENGTHS, SIDES, ZOOMS)
@settings(max_examples=150, deadline=None)
def test_tiles_cover_every_pixel_inside_the_picture(w: int, h: int, side: int, zoom: float) -> None:
    views = lay_out(w, h, side, zoom=zoom)

    for view in views:
        assert view.x >= 0 and view.y >= 0 and view.width >= 1 and view.height >= 1
        assert view.x + view.width <= w and view.y + view.height <= h
        assert round(view.width * view.zoom) <= side and round(view.height * view.zoom) <= side
    if len(views) > 1:  # tiles are a grid, so covering each axis covers the picture
        columns = {(view.x, view.width) for view in views[1:]}
        rows = {(view.y, view.height) for view in views[1:]}
        assert len(views) - 1 == len(columns) * len(rows)
        assert covered(views, w, "x").min() >= 1
        assert covered(views, h, "y").min() >= 1


@given(LENGTHS, LENGTHS, SIDES, ZOOMS)
@settings(max_examples=150, deadline=None)
def test_neighbours_share_at_least_an_eighth(w: int, h: int, side: int, zoom: float) -> None:
    tiles = lay_out(w, h, side, zoom=zoom)[1:]
    window = math.floor(side / zoom + 1e-6)

    for windows in (
        sorted({(tile.x, tile.width) for tile in tiles}),
        sorted({(tile.y, tile.height) for tile in tiles}),
    ):
        for (start, size), (following, _) in pairwise(windows):
            assert start + size - following >= window // 8


@given(LENGTHS, LENGTHS, SIDES, ZOOMS)
@settings(max_examples=150, deadline=None)
def test_cuts_are_the_sides_inside_the_picture(w: int, h: int, side: int, zoom: float) -> None:
    for view in lay_out(w, h, side, zoom=zoom):
        inside = (view.x > 0, view.y > 0, view.x + view.width < w, view.y + view.height < h)
        assert view.cuts == inside


@pytest.mark.parametrize(
    ("width", "height", "side", "count"),
    [
        (640, 640, 640, 1),
        (1, 1, 320, 1),
        (641, 640, 640, 1 + 2),
        (641, 641, 640, 1 + 4),
        (1200, 560, 640, 1 + 2),
        (1201, 560, 640, 1 + 3),  # two tiles of 640 that share 80 reach 1200
        (9000, 300, 320, 1 + 32),
    ],
)
def test_as_few_tiles_as_the_overlap_allows(width: int, height: int, side: int, count: int) -> None:
    assert len(lay_out(width, height, side)) == count


@pytest.mark.parametrize("side", [320, 640, 1280])
def test_at_the_zoom_of_the_whole_the_whole_is_enough(side: int) -> None:
    # side / length is rarely exact in binary: nothing may be left over for a tile.
    for length in range(side, 9001, 7):
        assert len(lay_out(length, length // 2 + 1, side, zoom=side / length)) == 1


SIZES = [(1, 1), (2, 700), (300, 9), (640, 640), (641, 639), (900, 40), (1333, 777)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("zoom", [1.0, 1.37, 2.0])
def test_one_tensor_shape_and_true_zoom(width: int, height: int, zoom: float) -> None:
    pixels = np.full((height, width, 3), 255, np.uint8)

    for view in lay_out(width, height, 320, zoom=zoom):
        tensor, (zoom_x, zoom_y) = cut_view(pixels, view, 320)

        assert tensor.shape == (1, 3, 320, 320) and tensor.dtype == np.float32
        white = tensor[0].min(0) > 0.9
        shown_x, shown_y = white.any(0).sum(), white.any(1).sum()
        assert white[:shown_y, :shown_x].all() and white.sum() == shown_x * shown_y
        assert (zoom_x, zoom_y) == (shown_x / view.width, shown_y / view.height)
        assert np.allclose(tensor[0][:, ~white], GROUND / 255)
        # Both axes as much as whole pixels allow.
        assert abs(zoom_x - view.zoom) <= max(0.5, 1 - view.width * view.zoom) / view.width + 1e-9
        assert abs(zoom_y - view.zoom) <= max(0.5, 1 - view.height * view.zoom) / view.height + 1e-9


def test_a_tile_at_full_size_shows_the_pixels_themselves() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (700, 900, 3), np.uint8)

    for view in lay_out(900, 700, 640)[1:]:
        tensor, zoom = cut_view(pixels, view, 640)
        part = pixels[view.y : view.y + view.height, view.x : view.x + view.width]

        assert zoom == (1.0, 1.0)
        shown = tensor[0, :, : view.height, : view.width].transpose(1, 2, 0)
        assert np.allclose(shown, part / 255.0, atol=1e-6)


def test_a_reduced_view_averages_and_does_not_alias() -> None:
    stripes = np.zeros((1280, 1280, 3), np.uint8)
    stripes[:, ::2] = 255

    tensor, zoom = cut_view(stripes, lay_out(1280, 1280, 320)[0], 320)

    assert zoom == (0.25, 0.25)
    assert np.allclose(tensor, 0.5, atol=0.01)


@pytest.mark.parametrize("zoom", [0.5, 0.8, 1.25])
def test_a_point_lands_where_the_zoom_says(zoom: float) -> None:
    pixels = np.zeros((1000, 1500, 3), np.uint8)
    pixels[600:640, 900:960] = 255

    for view in lay_out(1500, 1000, 640, zoom=zoom):
        tensor, (zoom_x, zoom_y) = cut_view(pixels, view, 640)
        right, bottom = view.x + view.width, view.y + view.height
        if view.x <= 900 and right >= 960 and view.y <= 600 and bottom >= 640:
            shown = tensor[0, 0, : round(view.height * zoom_y), : round(view.width * zoom_x)]
            y, x = (axis.mean() + 0.5 for axis in np.nonzero(shown > 0.5))
            assert x / zoom_x + view.x == pytest.approx(930, abs=1 / zoom_x)
            assert y / zoom_y + view.y == pytest.approx(620, abs=1 / zoom_y)
