"""Training tiles: truth and pixels move together."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training import distractors, tiles
from training.sprites import Sprite
from training.tiles import (
    GROUND,
    TileStream,
    collate,
    make_tile,
    photograph,
    random_view,
    read_picture,
    seen_through,
    uneven_light,
)
from training.truth import Truth, read_truth

SIDE = 160


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    """A grey wall with white squares as polygons, a volume under one of them, and one box."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    pixels = np.full((300, 400, 3), 60, np.uint8)
    rows = []
    squares = [(0, 40, 40, 40), (0, 180, 60, 50), (0, 320, 200, 60), (0, 100, 200, 40)]
    for kind, x, y, size in [(1, 160, 40, 100), *squares]:
        if kind == 0:
            cv2.rectangle(pixels, (x, y), (x + size - 1, y + size - 1), (255, 255, 255), -1)
        corners = np.array([[x, y], [x + size, y], [x + size, y + size], [x, y + size]])
        rows.append(f"{kind} " + " ".join(str(v) for v in (corners / [400, 300]).ravel()))
    rows.append("0 0.1 0.9 0.1 0.1")
    cv2.imwrite(str(tmp_path / "images" / "w.png"), pixels)
    (tmp_path / "labels" / "w.txt").write_text("\n".join(rows))
    return read_truth(tmp_path / "images" / "w.png")


@pytest.fixture
def no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the view: no light, no prints, no people."""
    monkeypatch.setattr(tiles, "photograph", lambda tile, _: tile)
    stay = lambda _tile, _ids, boxes, *_: (boxes, np.ones(len(boxes), bool))  # noqa: E731
    monkeypatch.setattr(tiles, "distract", stay)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.usefixtures("no_camera")
def test_ids_lie_on_the_pixels_of_their_objects(truth: Truth, seed: int) -> None:
    tile = make_tile(truth, SIDE, np.random.default_rng(seed))

    white = cv2.erode((tile["image"][0] > 200).astype(np.uint8), np.ones((5, 5))) > 0
    dark = cv2.erode((tile["image"][0] < 120).astype(np.uint8), np.ones((5, 5))) > 0
    holds = np.isin(tile["ids"], 1 + np.flatnonzero((tile["classes"] == 0) & tile["known"]))
    # Slivers of objects that are mostly outside the tile are not taught.
    if white.sum() > 400:
        assert holds[white].mean() > 0.8
    assert holds[dark].mean() < 0.02 if dark.any() else True


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("scale", [0.4, 0.8, 1.0, 2.5])
def test_a_view_shows_a_place_where_it_says(scale: float, flip: bool) -> None:
    pixels = np.full((100, 120, 3), GROUND, np.uint8)
    pixels[40:60, 30:60] = 255
    across = -scale if flip else scale
    view = np.array([[across, 0, SIDE / 2 - across * 45], [0, scale, SIDE / 2 - scale * 50]])

    tile = seen_through(pixels, np.vstack([view, [0, 0, 1]]), SIDE)[..., 0].astype(float) - GROUND

    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    middle = [(tile * columns).sum() / tile.sum(), (tile * rows).sum() / tile.sum()]
    assert middle == pytest.approx([SIDE / 2, SIDE / 2], abs=0.05)


@pytest.mark.usefixtures("no_camera")
def test_small_holds_are_painted_no_larger_than_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "wall.png"
    cv2.imwrite(str(image), np.full((SIDE, SIDE, 3), 60, np.uint8))
    random = np.random.default_rng(3)
    middles = 16 + 32 * np.stack(np.meshgrid(range(5), range(5)), -1).reshape(-1, 2)
    circle = np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 64)), np.sin(t)], 1)
    outlines = [
        ((middle + random.uniform(-1, 1, 2) + 6 * circle) / SIDE).astype(np.float32)
        for middle in middles
    ]
    boxes = np.stack([np.concatenate([o.min(0), o.max(0)]) for o in outlines])
    kinds, known = np.zeros(len(boxes), np.int64), np.ones(len(boxes), bool)
    monkeypatch.setattr(tiles, "random_view", lambda *_: np.eye(3))

    tile = make_tile(Truth(image, kinds, boxes, outlines, known), SIDE, random)

    painted = np.count_nonzero(tile["ids"]) / len(outlines)
    assert painted == pytest.approx(np.pi * 6**2, rel=0.08)  # fillPoly at tile scale: 20 % more
    places = [np.argwhere(tile["ids"] == index + 1).mean(0) + 0.5 for index in range(len(boxes))]
    off = np.array(places)[:, ::-1] - boxes.reshape(-1, 2, 2).mean(1) * SIDE
    assert np.abs(off.mean(0)).max() < 0.1


@pytest.mark.parametrize("seed", range(8))
def test_boxes_are_the_bounds_of_their_ids(truth: Truth, seed: int) -> None:
    tile = make_tile(truth, SIDE, np.random.default_rng(seed))

    assert tile["image"].shape == (3, SIDE, SIDE) and tile["image"].dtype == np.uint8
    assert tile["boxes"].shape == (len(tile["classes"]), 4) == (len(tile["known"]), 4)
    assert tile["ids"].max() <= len(tile["classes"])
    for index, (x, y, w, h) in enumerate(tile["boxes"] * SIDE):
        assert 0 <= x - w / 2 + 1e-3 and x + w / 2 <= SIDE + 1e-3
        ys, xs = np.nonzero(tile["ids"] == index + 1)
        if tile["classes"][index] == 1 or not len(xs):
            continue  # a volume may be covered by its holds
        assert abs(xs.min() - (x - w / 2)) < 2.5 and abs(xs.max() - (x + w / 2)) < 2.5
        assert abs(ys.min() - (y - h / 2)) < 2.5 and abs(ys.max() - (y + h / 2)) < 2.5


@pytest.mark.usefixtures("no_camera")
def test_holds_lie_on_their_volume(truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "random_view", lambda *_: np.diag([0.4, 0.4, 1.0]))

    tile = make_tile(truth, SIDE, np.random.default_rng(0))

    volume = 1 + int(np.flatnonzero(tile["classes"] == 1)[0])
    assert tile["classes"][tile["ids"][34, 82] - 1] == 0  # middle of the hold on it
    assert tile["ids"][20, 68] == volume  # beside that hold
    assert tile["known"].tolist() == [True] * 5 + [False]
    assert (tile["image"][:, 125:, :] == GROUND).all()  # below the photo


@pytest.mark.parametrize("seed", range(8))
def test_a_close_up_shows_its_subject(seed: int) -> None:
    corners = np.array([[[300, 250], [500, 250], [500, 350], [300, 350]]], np.float64)

    view = random_view(
        np.random.default_rng(seed), 1200, 900, 448, subject=np.array([300, 250, 500, 350])
    )

    seen = cv2.perspectiveTransform(corners, view)[0]
    assert ((seen.mean(0) > 0.2 * 448) & (seen.mean(0) < 0.8 * 448)).all()
    assert 0.4 * 448 < np.ptp(seen, 0).max() < 2.1 * 448


def test_pictures_with_volumes_are_at_times_seen_from_near(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects: list[np.ndarray | None] = []

    def noted(_random: object, *sizes_and_subject: object) -> np.ndarray:
        subjects.append(sizes_and_subject[-1])  # type: ignore[arg-type]
        return np.eye(3)

    monkeypatch.setattr(tiles, "random_view", noted)
    random = np.random.default_rng(4)
    for _ in range(200):
        make_tile(truth, SIDE, random)

    near = [subject for subject in subjects if subject is not None]
    assert 10 < len(near) < 45
    np.testing.assert_allclose(near[0], [160, 40, 260, 140], atol=0.1)  # the volume, in pixels


def test_views_reach_from_the_whole_wall_to_close_ups() -> None:
    random = np.random.default_rng(1)
    views = [random_view(random, 1200, 900, 448) for _ in range(400)]

    scales = np.array([np.sqrt(abs(np.linalg.det(view[:2, :2]))) for view in views])
    assert scales.min() < 0.45 and scales.max() > 1.1
    mirrored = np.mean([np.linalg.det(view[:2, :2]) < 0 for view in views])
    assert 0.4 < mirrored < 0.6
    # The photo is always in sight: its middle is never far outside the tile.
    middles = np.array([view @ [600, 450, 1] for view in views])
    middles = middles[:, :2] / middles[:, 2:]
    reach = np.maximum(1200 * scales, 448)
    assert (np.abs(middles - 224).max(1) < 0.75 * reach).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_camera_keeps_shape_and_type(seed: int) -> None:
    tile = np.random.default_rng(9).integers(0, 256, (64, 64, 3), np.uint8)

    shot = photograph(tile, np.random.default_rng(seed))

    assert shot.shape == tile.shape and shot.dtype == np.uint8


def test_uneven_light_changes_slowly_over_the_tile() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)

    lit = uneven_light(flat, np.random.default_rng(3)).astype(int)

    assert np.abs(np.diff(lit, axis=0)).max() <= 6 and np.abs(np.diff(lit, axis=1)).max() <= 6
    assert np.ptp(lit) > 5


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.jpg"):
        read_picture(tmp_path / "none.jpg")


def test_objects_behind_people_are_no_truth(truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "random_view", lambda *_: np.diag([0.4, 0.4, 1.0]))
    whole = make_tile(truth, SIDE, np.random.default_rng(0))

    def hide_second(_tile: np.ndarray, ids: np.ndarray, boxes: np.ndarray, *_: object) -> tuple:
        ids[ids == 2] = 0
        return boxes, np.arange(len(boxes)) != 1

    monkeypatch.setattr(tiles, "distract", hide_second)
    tile = make_tile(truth, SIDE, np.random.default_rng(0))

    assert len(tile["boxes"]) == len(tile["classes"]) == len(tile["known"]) == 5
    np.testing.assert_array_equal(tile["boxes"], np.delete(whole["boxes"], 1, 0))
    moved = {1: 1, 3: 2, 4: 3, 5: 4, 6: 5}
    for before, after in moved.items():
        assert ((whole["ids"] == before) == (tile["ids"] == after)).all()
    assert (tile["ids"][whole["ids"] == 2] == 0).all()


def test_a_stream_repeats_with_its_seed_and_follows_its_weights(truth: Truth) -> None:
    empty = Truth(truth.image, truth.classes[:0], truth.boxes[:0], [], truth.outline_known[:0])
    groups = [(3.0, [truth]), (1.0, [empty]), (9.0, []), (0.0, [empty])]

    first, second = (list(islice(TileStream(groups, 64, 5), 40)) for _ in range(2))

    assert all(np.array_equal(a["image"], b["image"]) for a, b in zip(first, second, strict=True))
    taught = np.mean([len(tile["classes"]) > 0 for tile in first])
    assert 0.5 < taught < 0.95
    other = next(iter(TileStream(groups, 64, 6)))
    assert not np.array_equal(first[0]["image"], other["image"])


def test_what_hangs_on_the_walls_is_the_streams(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distractors, "WITH_PRINTS", 1.0)
    monkeypatch.setattr(tiles, "photograph", lambda tile, _: tile)
    asked: list[float] = []

    def card(_random: np.random.Generator, hold: float) -> Sprite:
        asked.append(hold)
        return Sprite(np.full((9, 9, 3), (0.0, 255.0, 0.0)), np.ones((9, 9), np.float32))

    seen = islice(TileStream([(1.0, [truth])], SIDE, 1, {card: 1.0}), 6)

    green = [(tile["image"][1].astype(int) - tile["image"][0] > 60).any() for tile in seen]
    assert sum(green) >= 5 and len(asked) >= 6


def test_a_batch_is_what_the_loss_reads(truth: Truth) -> None:
    made = [make_tile(truth, 64, np.random.default_rng(seed)) for seed in range(3)]

    batch = collate(made)

    total = sum(len(tile["classes"]) for tile in made)
    assert batch["img"].shape == (3, 3, 64, 64) and batch["img"].dtype == torch.uint8
    assert batch["cls"].shape == (total, 1) and batch["bboxes"].shape == (total, 4)
    assert batch["masks"].shape == (3, 64, 64) and batch["masks"].dtype == torch.int32
    assert batch["known"].dtype == torch.bool and len(batch["known"]) == total
    for index, tile in enumerate(made):
        own = batch["batch_idx"] == index
        assert torch.equal(batch["bboxes"][own], torch.from_numpy(tile["boxes"]))
