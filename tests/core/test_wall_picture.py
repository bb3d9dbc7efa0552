"""The wall for a browser: bounds of the picture, and a drawing that says what the analysis says."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from core.settings import DEFAULT_PALETTE
from core.wall import Problem
from core.wall_picture import (
    PATTERNS,
    UNITS_PER_PX,
    outline_path,
    pattern_of,
    wall_drawing,
    wall_picture,
)
from tests.core.make import ellipse, make_analysis, make_colour, make_hold


def noise(height: int, width: int) -> np.ndarray:
    """What compresses worst."""
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def walked(path: str) -> list[tuple[float, float]]:
    """The points of a relative SVG path, as a browser reads it, in pixels of the picture."""
    assert re.fullmatch(r"m-?\d+,-?\d+( -?\d+,-?\d+)+z", path), path
    steps = [tuple(map(int, step.split(","))) for step in path[1:-1].split()]
    return [tuple(p) for p in np.cumsum(steps, axis=0) / UNITS_PER_PX]


@pytest.mark.parametrize("size", [(600, 900), (3000, 1000), (40, 4000), (1, 1)])
def test_a_picture_keeps_its_bounds_and_its_shape(size: tuple[int, int]) -> None:
    picture = wall_picture(noise(*size), 4 * size[1], max_side_px=800, max_bytes=60_000)

    with Image.open(io.BytesIO(picture.jpeg)) as image:
        assert image.size == (picture.width, picture.height)
    assert len(picture.jpeg) <= 60_000 and max(picture.width, picture.height) <= 800
    assert picture.width * picture.scale == pytest.approx(4 * size[1])
    wanted = size[1] / size[0]
    assert abs(picture.width - wanted * picture.height) <= 0.5 * max(1, wanted) + 0.5


def test_a_small_picture_is_not_enlarged_and_stays_true() -> None:
    pixels = np.full((90, 120, 3), (200, 40, 90), np.uint8)

    picture = wall_picture(pixels, 120)

    with Image.open(io.BytesIO(picture.jpeg)) as image:
        shown = np.asarray(image.convert("RGB"))
    assert picture.scale == 1 and shown.shape == pixels.shape
    assert np.abs(shown.astype(int) - pixels).max() <= 4


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_a_path_goes_along_the_outline(scale: float) -> None:
    outline = ellipse((100.0, 50.0, 80.0, 60.0), points=200)

    points = walked(outline_path(outline, scale))

    assert len(points) < 80  # the browser gets fewer, and sees no difference
    for x, y in points:
        away = ((x * scale - 140) / 40) ** 2 + ((y * scale - 80) / 30) ** 2
        assert away == pytest.approx(1, abs=0.06)


def test_a_tiny_outline_stays_one() -> None:
    points = walked(outline_path(((5.0, 5.0), (5.1, 5.0), (5.1, 5.1)), 4.0))

    assert len(points) >= 1 and points[0] == pytest.approx((1.25, 1.25), abs=0.06)


def test_the_drawing_says_what_the_analysis_says() -> None:
    unsure = make_colour("mint", sure=False, confidence=0.554)
    holds = [
        make_hold(1, (10, 20, 30, 40), "red", problem=2),
        make_hold(2, (0, 0, 300, 200), unsure, kind="volume"),
        make_hold(3, (50, 20, 10, 10), "red", problem=2),
    ]

    drawing = wall_drawing(make_analysis(holds, [Problem(2, "red", (1, 3), "Slab", "6a")]), 2.0)

    assert json.loads(json.dumps(drawing)) == drawing
    assert [row["id"] for row in drawing["holds"]] == [2, 1, 3]  # a volume lies below
    rows = {row["id"]: row for row in drawing["holds"]}
    assert rows[1]["box"] == [50, 100, 150, 200]
    assert (rows[2]["sure"], rows[2]["confidence"], rows[2]["volume"]) == (False, 55, True)
    assert rows[2]["problem"] is None and rows[3]["problem"] == 2
    assert [drawing["colours"][rows[i]["colour"]]["name"] for i in (1, 2)] == ["red", "mint"]
    (problem,) = drawing["problems"]
    assert problem["title"] == "Slab 6a" and drawing["colours"][problem["colour"]]["name"] == "red"


def test_outlines_contrast_with_their_halo() -> None:
    holds = [
        make_hold(number, (40.0 * number, 0, 20, 20), name)
        for number, name in enumerate(DEFAULT_PALETTE, start=1)
    ]

    for row in wall_drawing(make_analysis(holds), 1.0)["colours"]:
        line, halo = (
            int(row[part][1:3], 16) + int(row[part][3:5], 16) for part in ("line", "halo")
        )
        assert abs(line - halo) > 60, row


def test_each_colour_of_the_palette_has_its_own_pattern() -> None:
    assert len({pattern_of(name) for name in DEFAULT_PALETTE}) == len(DEFAULT_PALETTE) == PATTERNS
    assert 0 <= pattern_of("salmon") < PATTERNS


def test_gyms_own_colours_are_drawn_in_the_holds_shade() -> None:
    holds = [
        make_hold(1, colour=make_colour("salmon", rgb=(250, 128, 114))),
        make_hold(2, colour=make_colour("salmon", rgb=(240, 120, 110))),
    ]

    colours = wall_drawing(make_analysis(holds), 1.0)["colours"]

    assert [row["line"] for row in colours] == ["#fa8072", "#f0786e"]


def test_300_holds_stay_small() -> None:
    holds = [
        make_hold(i + 1, (90.0 * (i % 20), 90.0 * (i // 20), 50, 40), DEFAULT_PALETTE[i % 13])
        for i in range(300)
    ]

    size = len(json.dumps(wall_drawing(make_analysis(holds), 1.0)))

    assert size < 90_000


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_a_scale_is_positive(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        wall_drawing(make_analysis(), scale)
