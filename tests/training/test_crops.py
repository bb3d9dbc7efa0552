"""Crops with a name: the right hold, the right mask, the right paint."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.colour_statistics import AROUND, Light
from core.settings import DEFAULT_PALETTE
from training.crops import (
    NAMED,
    NAMED_VOLUMES,
    SIDE,
    Crop,
    cut,
    named_crops,
    photographed,
    read_rgb,
    rendered_crops,
    repaint,
    repainted_crops,
)
from training.render.colours import PIGMENTS, pigment, srgb_to_lab, to_linear, to_srgb
from training.truth import Truth
from training.walls import write_dataset

LIGHT = Light(55.0, 75.0)
RED = (200, 40, 40)


def outline(box: tuple[int, int, int, int]) -> np.ndarray:
    x1, y1, x2, y2 = box
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)


def wall() -> np.ndarray:
    pixels = np.full((200, 300, 3), 150, np.uint8)
    pixels[60:100, 80:140] = RED
    return pixels


def test_a_cut_holds_the_object_and_a_margin() -> None:
    crop = cut(wall(), outline((80, 60, 140, 100)), "red", LIGHT, "p")

    margin = int(60 * AROUND) + 1
    assert crop.pixels.shape == (40 + 2 * margin, 60 + 2 * margin, 3)
    assert crop.mask.sum() == 60 * 40
    assert (crop.pixels[crop.mask > 0] == RED).all() and (crop.pixels[crop.mask == 0] == 150).all()
    assert (crop.name, crop.light, crop.photo, crop.pigment) == ("red", LIGHT, "p", None)


@pytest.mark.parametrize("box", [(-20, -20, 30, 30), (270, 180, 330, 230), (0, 0, 300, 200)])
def test_a_cut_at_the_border_stays_on_the_photo(box: tuple[int, int, int, int]) -> None:
    crop = cut(wall(), outline(box), "red", LIGHT, "p")

    assert crop.pixels.shape[:2] == crop.mask.shape and crop.mask.any()
    assert max(crop.mask.shape) <= SIDE


def test_a_large_hold_is_reduced_with_its_mask() -> None:
    pixels = np.full((900, 900, 3), 150, np.uint8)
    pixels[100:800, 200:600] = RED

    crop = cut(pixels, outline((200, 100, 600, 800)), "red", LIGHT, "p")

    assert max(crop.mask.shape) == SIDE and set(np.unique(crop.mask)) == {0, 1}
    assert crop.mask.mean() == pytest.approx(
        400 * 700 / ((400 + 2 * 85) * (700 + 2 * 85)), abs=0.03
    )
    inner = cv2.erode(crop.mask, np.ones((3, 3), np.uint8)) > 0
    assert np.abs(crop.pixels[inner].astype(int) - RED).max() <= 2


def test_crops_do_not_keep_the_photo_alive() -> None:
    assert cut(wall(), outline((80, 60, 140, 100)), "red", LIGHT, "p").pixels.base is None


def real_hold(seed: int = 0) -> Crop:
    """A blue hold with shading, chalk and a highlight."""
    random = np.random.default_rng(seed)
    mask = np.zeros((60, 60), np.uint8)
    cv2.circle(mask, (30, 30), 24, 1, -1)
    ramp = np.linspace(0.5, 1.4, 60)[:, None, None]
    linear = np.where(mask[..., None] > 0, np.array([0.03, 0.08, 0.4]) * ramp, 0.4)
    linear[25:30, 25:32] = 0.9
    pixels = to_srgb(linear) * 255 + random.normal(0, 1, (60, 60, 3))
    return Crop(np.clip(pixels, 0, 255).astype(np.uint8), mask, "blue", LIGHT, "p")


@pytest.mark.parametrize("name", sorted(PIGMENTS))
def test_a_repainted_hold_has_its_pigments_hue_and_its_own_shading(name: str) -> None:
    random = np.random.default_rng(3)
    crop = real_hold()
    colour = pigment(random, name)

    painted = repaint(replace(crop, name=name), colour, random)

    assert painted.name == name and painted.mask is crop.mask
    outside = crop.mask == 0
    assert np.abs(painted.pixels[outside].astype(int) - crop.pixels[outside]).max() <= 1
    assert np.abs(np.subtract(painted.pigment, to_srgb(colour) * 255)).max() <= 0.51
    matt = (crop.mask > 0) & (crop.pixels.max(-1) < 230)
    mean = to_linear(painted.pixels[matt] / 255.0).mean(0)
    # The same direction in linear light: paint changes brightness, not chromaticity.
    assert np.abs(mean / mean.sum() - colour / np.sum(colour)).max() < 0.06
    rows = painted.pixels[:, 30].astype(int).sum(-1)
    assert rows[50] > rows[12]  # still lighter below
    assert painted.pixels[27, 28].astype(int).sum() > rows[20]  # the highlight is one still


def test_green_as_deep_as_the_sea_is_painted_but_not_rendered() -> None:
    def deep(rendered: bool) -> float:
        random = np.random.default_rng(5)
        drawn = [pigment(random, "green", rendered=rendered) for _ in range(200)]
        lab = srgb_to_lab(np.stack([to_srgb(colour) * 255 for colour in drawn]))
        hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
        return float(((hue > 165) & (lab[:, 0] > 36)).mean())

    assert deep(rendered=False) > 0.05 and deep(rendered=True) == 0


def photo_truth(folder: Path, count: int = 6) -> Truth:
    pixels = np.full((300, 400, 3), 150, np.uint8)
    boxes = [(20 + 60 * i, 100, 60 + 60 * i, 150) for i in range(count)]
    for x1, y1, x2, y2 in boxes:
        pixels[y1:y2, x1:x2] = (40, 40, 200)
    image = folder / "wall.png"
    cv2.imwrite(str(image), pixels)
    shares = np.array(boxes, np.float32) / [400, 300, 400, 300]
    outlines = [outline(box) / np.float32([400, 300]) for box in boxes]
    known = np.ones(count, bool)
    known[0] = False
    return Truth(image, np.zeros(count, np.int64), shares.astype(np.float32), outlines, known)


def test_repainted_crops_are_real_holds_with_palette_names(tmp_path: Path) -> None:
    truth = photo_truth(tmp_path)

    crops = list(repainted_crops([truth], 40, seed=1))

    assert 40 <= len(crops) <= 52 and {crop.photo for crop in crops} == {"wall.png"}
    assert {crop.name for crop in crops} <= set(DEFAULT_PALETTE)
    assert len({crop.name for crop in crops}) > 5
    assert all(crop.pigment is not None and min(crop.mask.shape) >= 10 for crop in crops)
    again = list(repainted_crops([truth], 40, seed=1))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(crops, again, strict=True))


def test_named_holds_are_found_by_their_box(tmp_path: Path) -> None:
    truth = photo_truth(tmp_path)
    table = tmp_path / "names.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "kind", "x1", "y1", "x2", "y2", "colour"])
        writer.writerow(["wall.png", "volume", *(truth.boxes[2] + 0.004), "red"])
        writer.writerow(["other.png", "hold", 0, 0, 1, 1, "blue"])

    (crop,) = named_crops([truth], table)

    assert (crop.name, crop.kind, crop.photo) == ("red", "volume", "wall.png")
    assert crop.mask.sum() == 40 * 50
    assert (crop.pixels[crop.mask > 0] == (200, 40, 40)).all()  # RGB, not the file's BGR


@pytest.mark.parametrize(("table", "least"), [(NAMED, 600), (NAMED_VOLUMES, 50)])
def test_the_names_given_by_eye_are_palette_names_of_training_photos(
    table: Path, least: int
) -> None:
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert len(rows) > least and {row["kind"] for row in rows} <= {"hold", "volume"}
    assert {row["colour"] for row in rows} <= set(DEFAULT_PALETTE)
    for row in rows:
        x1, y1, x2, y2 = (float(row[key]) for key in ("x1", "y1", "x2", "y2"))
        assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1


def test_rendered_crops_carry_name_and_pigment(tmp_path: Path) -> None:
    write_dataset(tmp_path, 1, 11)
    with (tmp_path / "colours.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    crops = list(rendered_crops(tmp_path))

    assert 0 < len(crops) <= len(rows)
    pairs = {(row["colour"], row["red"], row["green"], row["blue"]) for row in rows}
    for crop in crops:
        assert crop.pigment is not None
        assert (crop.name, *map(str, crop.pigment)) in pairs
    near = [
        np.linalg.norm(
            srgb_to_lab(np.median(c.pixels[c.mask > 0], 0)) - srgb_to_lab(np.array(c.pigment))
        )
        for c in crops
    ]
    assert np.median(near) < 40  # light and shadow move it, another hold's paint would more


@pytest.mark.parametrize("seed", range(10))
def test_another_camera_changes_a_little(seed: int) -> None:
    crop = real_hold()

    shot = photographed(crop, np.random.default_rng(seed))

    assert shot.pixels.shape == crop.pixels.shape and shot.pixels.dtype == np.uint8
    assert shot.mask.any() and abs(int(shot.mask.sum()) - int(crop.mask.sum())) < 400
    assert (shot.name, shot.photo) == (crop.name, crop.photo)
    inside = crop.mask > 0
    moved = np.abs(shot.pixels[inside].mean(0) - crop.pixels[inside].mean(0))
    assert moved.max() < 60
    assert 0 <= shot.light.median <= 100 and 0 <= shot.light.bright <= 100


def test_exposure_moves_the_light_with_the_crop() -> None:
    brighter = []
    for seed in range(40):
        crop = real_hold()
        shot = photographed(crop, np.random.default_rng(seed))
        brighter.append(
            (shot.pixels.mean() > crop.pixels.mean(), shot.light.bright > crop.light.bright)
        )
    agree = np.mean([a == b for a, b in brighter])
    assert agree > 0.9


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.jpg"):
        read_rgb(tmp_path / "none.jpg")
