"""The overlay: what is drawn can be seen, on any wall, and nothing else changes."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.overlay import (
    DARK,
    DISPLAY_COLOURS,
    LIGHT,
    WALL_BRIGHTNESS,
    contrasting,
    display_colour,
    draw_overlay,
    encode_jpeg,
    grade_marks,
    line_width,
)
from core.settings import DEFAULT_PALETTE
from core.wall import Problem
from tests.core.make import column, make_analysis, make_colour, make_hold


def plain(colour: tuple[int, int, int] = (128, 128, 128), side: int = 400) -> np.ndarray:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def near(picture: np.ndarray, colour: tuple[int, int, int], tolerance: int = 12) -> np.ndarray:
    return (np.abs(picture.astype(int) - colour) <= tolerance).all(axis=2)


BOX = (100.0, 120.0, 200.0, 160.0)


@pytest.mark.parametrize("name", DEFAULT_PALETTE)
@pytest.mark.parametrize("brightness", [0, 128, 255])
def test_every_colour_shows_on_every_wall(name: str, brightness: int) -> None:
    picture = draw_overlay(
        plain((brightness,) * 3), make_analysis([make_hold(1, BOX, name)]), scale=1.0
    )

    colour = DISPLAY_COLOURS[name]
    assert near(picture, colour).sum() > 300
    assert near(picture, contrasting(colour), tolerance=40).sum() > 300


def test_every_palette_name_has_a_look_of_its_own() -> None:
    assert set(DEFAULT_PALETTE) <= set(DISPLAY_COLOURS)
    assert len(set(DISPLAY_COLOURS.values())) == len(DISPLAY_COLOURS)


def test_a_name_of_the_gyms_own_is_shown_in_the_holds_colour() -> None:
    assert display_colour(make_colour("petrol", rgb=(1, 90, 99))) == (1, 90, 99)


def test_contrast_agrees_with_the_ratio_it_cites() -> None:
    def luminance(colour: tuple[int, int, int]) -> float:
        shares = [c / 255 for c in colour]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def ratio(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    for colour in DISPLAY_COLOURS.values():
        assert ratio(colour, contrasting(colour)) >= 4.3
        assert contrasting(colour) in (DARK, LIGHT)


def test_the_pixels_given_are_left_alone_and_may_be_read_only() -> None:
    pixels = plain()
    pixels.flags.writeable = False
    before = pixels.copy()

    picture = draw_overlay(pixels, make_analysis([make_hold(1, BOX)]), 1.0)

    assert (pixels == before).all()
    assert (picture.shape, picture.dtype) == (pixels.shape, np.uint8)
    assert picture.flags.writeable


def test_the_wall_is_dimmed_and_the_hold_is_not() -> None:
    picture = draw_overlay(plain(), make_analysis([make_hold(1, BOX)]), 1.0)

    assert picture[200, 200].tolist() == [128] * 3
    assert picture[10, 10].tolist() == [round(128 * WALL_BRIGHTNESS)] * 3


def test_outlines_follow_the_scale() -> None:
    hold = make_hold(1, BOX, "yellow")
    whole = draw_overlay(plain(), make_analysis([hold]), 1.0)
    half = draw_overlay(plain(side=200), make_analysis([hold]), 2.0)

    for picture, factor in ((whole, 1.0), (half, 0.5)):
        ys, xs = np.nonzero(near(picture, DISPLAY_COLOURS["yellow"]))
        box = np.array([xs.min(), ys.min(), xs.max(), ys.max()]) + 0.5
        assert box == pytest.approx(np.array([100, 120, 300, 280]) * factor, abs=3)


def test_a_volume_is_dashed() -> None:
    def coloured(kind: str) -> int:
        hold = make_hold(1, BOX, "yellow", kind=kind)  # type: ignore[arg-type]
        return int(
            near(draw_overlay(plain(), make_analysis([hold]), 1.0), DISPLAY_COLOURS["yellow"]).sum()
        )

    assert 0.3 < coloured("volume") / coloured("hold") < 0.85


def test_numbers_and_question_marks_are_drawn() -> None:
    bare = make_analysis([make_hold(1, BOX, "yellow")])
    unsure = make_analysis([make_hold(1, BOX, make_colour("yellow", sure=False))])
    numbered = make_analysis([make_hold(1, BOX, "yellow", problem=1)], [Problem(1, "yellow", (1,))])
    pictures = [draw_overlay(plain(), analysis, 1.0) for analysis in (bare, unsure, numbered)]

    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (pictures[one] != pictures[other]).any(axis=2).sum() > 20


def test_holds_at_and_beyond_the_rim_are_drawn_as_far_as_they_are_seen() -> None:
    boxes = [
        (-20.0, -20.0, 40.0, 40.0),
        (380.0, 380.0, 60.0, 60.0),
        (-90.0, 200.0, 50.0, 50.0),
        (200.0, 200.0, 0.5, 0.5),
    ]
    holds = [make_hold(k, box, problem=1) for k, box in enumerate(boxes, start=1)]

    picture = draw_overlay(plain(), make_analysis(holds, [Problem(1, "red", (1, 2, 3, 4))]), 1.0)

    assert near(picture, DISPLAY_COLOURS["red"]).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (8, 8)])
def test_tiny_pictures_are_no_trouble(size: tuple[int, int]) -> None:
    hold = make_hold(1, (0.0, 0.0, 8.0, 8.0), problem=1)
    pixels = np.zeros((*size, 3), dtype=np.uint8)

    picture = draw_overlay(pixels, make_analysis([hold], [Problem(1, "red", (1,))]), 1.0)

    assert picture.shape == pixels.shape


def test_no_holds_leave_a_dimmed_photo() -> None:
    assert (draw_overlay(plain(), make_analysis(), 1.0) == round(128 * WALL_BRIGHTNESS)).all()


def test_lines_follow_the_picture_and_spare_small_holds() -> None:
    large = tuple(column(1, 0, "red", size=200))
    small = tuple(column(1, 0, "red", size=20))

    assert line_width(large, 1.0, (1000, 2000)) == 2 * line_width(large, 1.0, (500, 1000))
    assert line_width(small, 1.0, (1000, 2000)) < line_width(large, 1.0, (1000, 2000))


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
)
def test_other_pixels_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        draw_overlay(pixels, make_analysis(), 1.0)
    with pytest.raises(ValueError, match="expected uint8"):
        encode_jpeg(pixels)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_a_scale_is_positive(scale: float) -> None:
    with pytest.raises(ValueError, match="expected a positive scale"):
        draw_overlay(plain(), make_analysis(), scale)


def test_a_jpeg_is_read_by_another_library_with_its_colours() -> None:
    pixels = plain((200, 60, 20), side=64)

    data = encode_jpeg(pixels)

    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 64))
        assert np.abs(np.asarray(image).astype(int) - pixels).max() <= 4


@pytest.mark.parametrize("quality", [0, 101])
def test_a_quality_out_of_range_is_refused(quality: int) -> None:
    with pytest.raises(ValueError, match="quality from 1 to 100"):
        encode_jpeg(plain(side=8), quality)


def test_a_lower_quality_is_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)

    assert len(encode_jpeg(noise, 30)) < len(encode_jpeg(noise, 95))


def test_an_empty_picture_is_no_jpeg() -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        encode_jpeg(np.zeros((0, 5, 3), np.uint8))


@pytest.mark.parametrize(
    ("grade", "shown"), [("V4", True), ("", False), ("파랑", False), ("x" * 9, False)]
)
def test_a_grade_is_written_once_on_the_lowest_hold(grade: str, shown: bool) -> None:
    holds = [replace(hold, problem=1) for hold in column(1, 100, "red", count=4)]
    problem = Problem(1, "red", (1, 2, 3, 4), grade=grade)
    analysis = make_analysis(holds, [problem])
    ungraded = make_analysis(holds, [replace(problem, grade="")])

    assert grade_marks(analysis) == ({4: grade} if shown else {})
    changed = draw_overlay(plain(), analysis, 1.0) != draw_overlay(plain(), ungraded, 1.0)
    assert changed.any() == shown
    if shown:
        rows, _ = np.nonzero(changed.any(axis=2))
        assert rows.min() > holds[2].box[1]
