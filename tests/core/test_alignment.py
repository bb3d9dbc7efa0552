"""The alignment against homographies that are known because the test made the second photo."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.alignment import Alignment, AlignmentError, align

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def wall(repository: Path) -> Pixels:
    with Image.open(repository / "assets" / "demo_wall.jpg") as picture:
        return np.asarray(picture.convert("RGB").resize((750, 1000)), np.uint8)


@pytest.fixture(scope="module")
def reset_wall(repository: Path) -> Pixels:
    with Image.open(repository / "assets" / "demo_wall_after.jpg") as picture:
        return np.asarray(picture.convert("RGB").resize((750, 1000)), np.uint8)


def view(pixels: Pixels, corners: list[list[float]]) -> tuple[Pixels, NDArray[np.float64]]:
    """The picture with its corners moved there, and the homography in continuous coordinates, in
    which the middle of the first pixel is (0.5, 0.5)."""
    height, width = pixels.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    by_index = np.linalg.inv(half) @ matrix @ half
    return np.asarray(cv2.warpPerspective(pixels, by_index, (width, height)), np.uint8), matrix


CORNERS = [[30.0, -40.0], [720.0, 25.0], [790.0, 1010.0], [-30.0, 960.0]]
GRID = np.stack(np.meshgrid(np.linspace(50, 700, 6), np.linspace(50, 950, 6)), -1).reshape(-1, 2)


def miss(found: Alignment, matrix: NDArray[np.float64], points: NDArray[np.float64]) -> float:
    true = cv2.perspectiveTransform(points[None], matrix)[0]
    return float(np.linalg.norm(found.to_after(points) - true, axis=1).max())


def test_a_known_view_is_found_to_a_fraction_of_a_pixel(wall: Pixels) -> None:
    after, matrix = view(wall, CORNERS)

    found = align(wall, after)

    assert miss(found, matrix, GRID) < 0.5
    assert found.error_px < 1 and found.inliers > 200 and found.coverage > 0.5
    np.testing.assert_allclose(found.to_before(found.to_after(GRID)), GRID, atol=1e-6)


def test_other_light_noise_and_holds_that_went_do_not_matter(wall: Pixels) -> None:
    rng = np.random.default_rng(0)
    after, matrix = view(wall, CORNERS)
    dim = (after / 255.0) ** 1.4 * np.linspace(0.6, 1.0, 750)[None, :, None]
    after = np.clip(dim * 255 + rng.normal(0, 4, after.shape), 0, 255).astype(np.uint8)
    for x, y in rng.integers(60, 700, (25, 2)).tolist():
        cv2.circle(after, (x, y), 24, rng.integers(0, 255, 3).tolist(), cv2.FILLED)

    assert miss(align(wall, after), matrix, GRID) < 1.5


def test_the_matrix_is_in_pixels_of_the_full_photos(wall: Pixels) -> None:
    after, matrix = view(wall, CORNERS)

    found = align(wall, after, (1500, 2000), (2250, 3000))

    true = cv2.perspectiveTransform(GRID[None], matrix)[0] * 3
    assert np.linalg.norm(found.to_after(GRID * 2) - true, axis=1).max() < 1.5
    around = found.around(np.array([200.0, 300.0]), np.array([400.0, 500.0]))
    again = cv2.perspectiveTransform(2 * GRID[None], around)[0]
    np.testing.assert_allclose(again, found.to_after(GRID * 2), atol=1e-6)


def test_a_reset_wall_from_another_place(wall: Pixels, reset_wall: Pixels) -> None:
    found = align(wall, reset_wall)

    assert found.overlap > 0.85 and found.coverage > 0.5 and found.error_px < 2
    # The hue of the green hold that stayed: read by eye off both pictures.
    x, y = found.to_after([(578.0, 351.0)])[0]
    red, green, blue = (int(v) for v in reset_wall[round(y), round(x)])
    assert green > 1.3 * max(red, blue)


def folded(
    pixels: Pixels, corner: tuple[float, float], off: tuple[float, float]
) -> tuple[Pixels, NDArray[np.float64], NDArray[np.float64]]:
    """The wall as if folded along the line through its middle that is square to ``corner`` -
    middle: the panel with ``corner``, which goes ``off`` pixels away. With the seam (3,), positive
    on that panel, and its homography: the identity plus a direction times the seam."""
    height, width = pixels.shape[:2]
    middle = np.array([width, height]) / 2
    normal = (np.array(corner) - middle) / np.linalg.norm(np.array(corner) - middle)
    seam = np.array([*normal, -normal @ middle])
    matrix = np.eye(3) + np.outer([*off, 0.0], seam) / (seam @ [*corner, 1.0])
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    by_index = np.linalg.inv(half) @ matrix @ half
    other = cv2.warpPerspective(pixels, by_index, (width, height))
    y, x = np.mgrid[0:height, 0:width] + 0.5
    beyond = seam[0] * x + seam[1] * y + seam[2] > 0
    return np.where(beyond[..., None], other, pixels), seam, matrix


@pytest.mark.parametrize("off", [(55.0, 0.0), (-30.0, 35.0)], ids=["stretched", "sheared"])
def test_both_panels_of_a_folded_wall_are_laid(wall: Pixels, off: tuple[float, float]) -> None:
    after, seam, matrix = folded(wall, (750.0, 800.0), off)
    beyond = GRID @ seam[:2] + seam[2] > 0
    true = np.where(beyond[:, None], cv2.perspectiveTransform(GRID[None], matrix)[0], GRID)

    found = align(wall, after)

    assert found.panels == 2 and found.document()["panels"] == 2
    one = replace(found, bend=None)
    assert np.linalg.norm(one.to_after(GRID) - true, axis=1).max() > 20  # one is not enough
    there = ((true > 0) & (true < [750, 1000])).all(1)
    off_px = np.linalg.norm(found.to_after(GRID) - true, axis=1)[there]
    assert off_px.max() < 10 and np.median(off_px) < 1  # a hold is about 50 pixels long
    np.testing.assert_allclose(found.to_before(found.to_after(GRID)), GRID, atol=1e-3)


def test_a_flat_wall_has_one_panel(wall: Pixels, reset_wall: Pixels) -> None:
    assert align(wall, reset_wall).panels == 1
    assert align(wall, view(wall, CORNERS)[0]).panels == 1


def test_it_is_deterministic(wall: Pixels, reset_wall: Pixels) -> None:
    assert align(wall, reset_wall) == align(wall, reset_wall)


def test_another_wall_is_refused(wall: Pixels) -> None:
    from training.walls import render_wall

    with pytest.raises(AlignmentError) as caught:
        align(wall, render_wall(12, (750, 1000)).image)

    assert caught.value.code == "photos_do_not_align" and caught.value.status == 422
    assert caught.value.hint


def test_a_mirrored_photo_is_refused(wall: Pixels) -> None:
    with pytest.raises(AlignmentError, match="same wall"):
        align(wall, np.ascontiguousarray(wall[:, ::-1]))


def test_photos_that_share_one_spot_are_refused(wall: Pixels) -> None:
    other = np.random.default_rng(3).integers(90, 110, wall.shape).astype(np.uint8)
    other[450:620, 450:620] = wall[450:620, 450:620]

    with pytest.raises(AlignmentError) as caught:
        align(wall, other)

    assert caught.value.code in ("photos_agree_in_one_spot", "photos_do_not_align")


def test_a_blank_photo_is_refused(wall: Pixels) -> None:
    with pytest.raises(AlignmentError) as caught:
        align(wall, np.full_like(wall, 128))

    assert caught.value.code == "photos_without_detail"


def test_other_pixels_are_a_mistake(wall: Pixels) -> None:
    with pytest.raises(ValueError, match="uint8"):
        align(wall, wall[..., 0])


@pytest.mark.real
def test_real_photos_of_different_walls_are_refused(real_data: Path) -> None:
    images = sorted((real_data / "valid" / "images").glob("*"))[::53]
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in images]

    for first, second in pairwise(pictures):
        with pytest.raises(AlignmentError):
            align(first, second)


SET_ANEW = (
    ("26Eg5faqGdxFnpbAt", "Bww5yquozeYnjkhrS"),
    ("4fAjCqBtygfSLDv5P", "AYo5LrAFu7KFKrzDL"),
)
"""Beginnings of file names: one wall each, between the photos all its holds and volumes were
replaced (found by their likeness, looked at one by one)."""


@pytest.mark.real
@pytest.mark.parametrize("names", SET_ANEW, ids=[first for first, _ in SET_ANEW])
def test_a_real_wall_that_was_set_anew_is_laid_by_what_is_left(
    real_data: Path, names: tuple[str, str]
) -> None:
    folder = real_data / "valid" / "images"
    found = [sorted(folder.glob(f"{name}*")) for name in names]
    assert all(found), "these photos are not in this copy of the data"
    before, after = (np.asarray(Image.open(paths[0]).convert("RGB")) for paths in found)
    there, back = align(before, after), align(after, before)

    assert there.coverage > 0.2 and there.overlap > 0.5
    # Both ways are estimated apart; a place that goes there and back comes home.
    height, width = before.shape[:2]
    places = np.array([[x, y] for x in (0.4, 0.6, 0.8) for y in (0.25, 0.5, 0.7)])
    home = back.to_after(there.to_after(places * [width, height]))
    gaps = np.linalg.norm(home - places * [width, height], axis=1)
    assert np.median(gaps) < 0.01 * max(width, height)
