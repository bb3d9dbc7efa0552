"""Synthetic walls: their truth is checked against the id maps, OpenCV's rasteriser and colour
distances.
"""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.settings import DEFAULT_PALETTE
from training.render.colours import PIGMENTS, pigment, srgb_to_lab, to_linear, to_srgb, triple
from training.render.outlines import boxes_of, outline
from training.render.recipe import Reset
from training.render.scene import Scene
from training.render.shading import Light, Material, hold_patch
from training.render.shapes import FAMILIES, relief
from training.walls import (
    CLASSES,
    LEAST_VISIBLE,
    SyntheticWall,
    TruthObject,
    main,
    render_demo_after,
    render_scene,
    render_wall,
    truth_of,
)

SIZE = (512, 640)
NEUTRAL = Light((0.0, -0.4, 0.917), 0.5, 0.3)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(seed, SIZE) for seed in range(40, 50)]


@pytest.fixture(scope="module")
def walls(scenes: list[Scene]) -> list[SyntheticWall]:
    return [SyntheticWall(scene.image, truth_of(scene)) for scene in scenes]


def _filled(mask: np.ndarray) -> np.ndarray:
    """A mask without its holes, by flooding the outside: independent of contours."""
    padded = np.pad(mask.astype(np.uint8), 1)
    cv2.floodFill(padded, None, (0, 0), 2)
    return (padded != 2)[1:-1, 1:-1]


def _rasterised(item: TruthObject, shape: tuple[int, int]) -> np.ndarray:
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.rint(item.polygon).astype(np.int32)], 1)
    return canvas > 0


def test_the_same_seed_gives_the_same_wall() -> None:
    first, second = render_wall(5, SIZE), render_wall(5, SIZE)
    assert np.array_equal(first.image, second.image)
    assert [o.box for o in first.objects] == [o.box for o in second.objects]
    assert all(
        np.array_equal(a.polygon, b.polygon)
        for a, b in zip(first.objects, second.objects, strict=True)
    )
    assert not np.array_equal(first.image, render_wall(6, SIZE).image)


def test_size_and_type_of_the_picture() -> None:
    wall = render_wall(1, (400, 300), holds=10)
    assert wall.image.shape == (300, 400, 3)
    assert wall.image.dtype == np.uint8


@pytest.mark.parametrize(("size", "holds"), [((63, 400), None), ((400, 400), -1)])
def test_impossible_wishes_are_refused(size: tuple[int, int], holds: int | None) -> None:
    with pytest.raises(ValueError, match="expected sides of at least 64 px"):
        render_wall(0, size, holds)


def test_outlines_lie_inside_the_frame(walls: list[SyntheticWall]) -> None:
    for wall in walls:
        height, width = wall.image.shape[:2]
        for item in wall.objects:
            assert item.polygon.dtype == np.float32
            assert item.polygon.ndim == 2 and item.polygon.shape[1] == 2 and len(item.polygon) >= 3
            assert (item.polygon >= 0).all()
            assert (item.polygon <= [width - 1, height - 1]).all()
            x, y, w, h = item.box
            assert np.allclose(item.polygon.min(0), (x, y))
            assert np.allclose(item.polygon.max(0) + 1, (x + w, y + h))


def test_outlines_match_the_id_maps(scenes: list[Scene], walls: list[SyntheticWall]) -> None:
    """Every outline, painted by OpenCV, is the flood-filled region of exactly one id (IoU above
    0.97).
    """
    checked = 0
    for scene, wall in zip(scenes, walls, strict=True):
        for item in wall.objects:
            ids = np.where(
                scene.front, 0, scene.volumes if item.kind == "volume" else scene.objects
            )
            painted = _rasterised(item, ids.shape)
            values, counts = np.unique(ids[painted], return_counts=True)
            values, counts = values[values > 0], counts[values > 0]
            region = _filled(ids == values[counts.argmax()])
            # Of what an arm or a neighbour cut apart, crumbs are left out and a bridge is added.
            whole = cv2.connectedComponents(region.astype(np.uint8))[0] == 2
            overlap = (painted & region).sum() / (painted | region).sum()
            assert overlap > (0.97 if whole else 0.88), (item.box, overlap)
            checked += 1
    assert checked > 150


def test_truth_leaves_out_what_is_hidden(scenes: list[Scene], walls: list[SyntheticWall]) -> None:
    for scene, wall in zip(scenes, walls, strict=True):
        assert all(LEAST_VISIBLE <= item.visible <= 1 for item in wall.objects)
        assert len(wall.objects) <= len(scene.things)


def test_a_person_in_front_takes_objects_out_of_the_truth(scenes: list[Scene]) -> None:
    scene = scenes[0]
    before = truth_of(scene)
    everywhere = np.ones_like(scene.front)
    covered = Scene(
        scene.image, scene.objects, scene.volumes, everywhere, scene.things, scene.full_px
    )
    assert before
    assert truth_of(covered) == ()


def test_visible_share_is_one_for_holds_alone_in_the_frame() -> None:
    """The expected area (canvas area times magnification) agrees with counted pixels to a few per
    cent.
    """
    shares = []
    for seed in range(3):
        scene = render_scene(900 + seed, (640, 640), holds=15)
        shown = boxes_of(scene.objects)
        for ident, (x0, y0, x1, y1, count) in shown.items():
            inner = x0 > 2 and y0 > 2 and x1 < 638 and y1 < 638
            around = scene.objects[y0 - 1 : y1 + 1, x0 - 1 : x1 + 1] if inner else np.empty(0)
            if inner and count > 150 and set(np.unique(around)) <= {0, ident}:
                shares.append(count / scene.full_px[ident])
    assert len(shares) > 10
    assert 0.95 < np.median(shares) < 1.05
    assert np.percentile(shares, 10) > 0.85


def test_colours_kinds_and_problems(walls: list[SyntheticWall]) -> None:
    assert set(PIGMENTS) == set(DEFAULT_PALETTE)
    problems = 0
    for wall in walls:
        routes: dict[int, set[str]] = {}
        for item in wall.objects:
            assert item.kind in CLASSES
            assert item.colour in DEFAULT_PALETTE
            assert len(item.rgb) == 3 and all(0 <= c <= 255 for c in item.rgb)
            if item.kind == "volume":
                assert item.problem is None
            elif item.problem is not None:
                routes.setdefault(item.problem, set()).add(item.colour)
        assert all(len(names) == 1 for names in routes.values())
        problems += len(routes)
    assert problems > 20


def test_sizes_and_counts_vary(walls: list[SyntheticWall]) -> None:
    counts = [len(wall.objects) for wall in walls]
    sides = [max(item.box[2:]) for wall in walls for item in wall.objects]
    assert max(counts) > 60
    assert min(counts) < 40
    assert min(sides) < 12
    assert max(sides) > 75
    assert {item.kind for wall in walls for item in wall.objects} == set(CLASSES)


@pytest.mark.parametrize("name", DEFAULT_PALETTE)
def test_a_hold_keeps_its_pigment_in_neutral_light(name: str) -> None:
    """The mean of a hold's core, lit evenly, is close to the pigment (CIE76, lightness counted
    half).
    """
    distances = []
    for seed, family in enumerate(FAMILIES):
        rng = np.random.default_rng([seed, 77])
        colour = pigment(rng, name)
        shape = relief(rng, family, 64)
        patch = hold_patch(rng, shape, Material(colour, gloss=0.1, chalk=0.0), NEUTRAL, 64, 2.0)
        core = cv2.erode((patch.alpha > 0.99).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        if core.sum() < 40:
            continue
        seen = srgb_to_lab(to_srgb(np.median(patch.rgb[core], 0)) * 255)
        difference = (seen - srgb_to_lab(np.array(triple(colour)))) * [0.5, 1, 1]
        distances.append(float(np.linalg.norm(difference)))
    assert len(distances) > 8
    assert np.median(distances) < 6
    assert max(distances) < 22


def test_pigments_of_different_names_stay_apart() -> None:
    """Neutrals by lightness and chroma: black is dark, white is light, grey lies between."""
    rng = np.random.default_rng(0)
    lab = {
        n: np.array([srgb_to_lab(np.array(triple(pigment(rng, n)))) for _ in range(60)])
        for n in PIGMENTS
    }
    chroma = {n: np.hypot(values[:, 1], values[:, 2]) for n, values in lab.items()}
    assert lab["black"][:, 0].max() < 27
    assert lab["white"][:, 0].min() > 83
    assert 33 < lab["grey"][:, 0].min() and lab["grey"][:, 0].max() < 77
    assert chroma["grey"].max() < 11
    for name in ("red", "orange", "yellow", "green", "blue", "pink"):
        assert chroma[name].min() > 12, name


def test_transfer_curve_and_its_inverse() -> None:
    values = np.linspace(0, 1, 101, dtype=np.float32)
    assert np.allclose(to_linear(to_srgb(values)), values, atol=1e-5)
    assert np.isclose(to_srgb(0.214041), 0.5, atol=1e-4)  # IEC 61966-2-1


def test_outline_joins_parts_and_fills_holes() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[5:30, 5:25] = 1
    mask[12:18, 10:16] = 0
    mask[8:28, 35:55] = 1
    polygon = outline(mask, (100, 200))
    assert polygon is not None
    painted = np.zeros((260, 200), np.uint8)
    cv2.fillPoly(painted, [polygon.astype(np.int32)], 1)
    expected = _filled(mask > 0)
    extra = painted[200:240, 100:160].astype(bool) ^ expected
    assert extra.sum() <= 12  # the bridge is one pixel thin
    assert outline(np.zeros((5, 5), np.uint8), (0, 0)) is None


def test_the_dataset_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(seed: int) -> SyntheticWall:
        return render_wall(seed, SIZE, holds=12)

    monkeypatch.setattr("training.walls.render_wall", small)
    main(["--out", str(tmp_path), "--count", "2", "--seed", "70"])
    rows = list(csv.DictReader((tmp_path / "colours.csv").read_text().splitlines()))
    for seed in (70, 71):
        name = f"wall_{seed:06d}"
        wall = small(seed)
        picture = cv2.imread(str(tmp_path / "images" / f"{name}.jpg"))
        assert picture is not None and picture.shape == wall.image.shape
        assert np.abs(picture[..., ::-1].astype(int) - wall.image).mean() < 6
        lines = (tmp_path / "labels" / f"{name}.txt").read_text().split("\n")[:-1]
        mine = [row for row in rows if row["image"] == name]
        assert len(lines) == len(mine) == len(wall.objects)
        for line, row, item in zip(lines, mine, wall.objects, strict=True):
            kind, *numbers = line.split()
            points = np.array(numbers, float).reshape(-1, 2) * SIZE
            x, y, w, h = item.box
            assert CLASSES[int(kind)] == item.kind == row["class"]
            # Edges of pixels, so that the outline's bounds are the box and not a pixel less.
            assert np.abs(points.min(0) - [x, y]).max() < 0.02
            assert np.abs(points.max(0) - [x + w, y + h]).max() < 0.02
            assert np.abs(points - 0.5 - item.polygon).max() < 0.52
            assert row["colour"] == item.colour
            assert float(row["x"]) == item.box[0]


def test_the_command_line_wants_something_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--count", "3"])
    assert "--sheet" in capsys.readouterr().err


def test_sheet_with_outlines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.walls.render_wall", lambda seed: render_wall(seed, (200, 260), 8))
    main(["--sheet", str(tmp_path / "sheet.png"), "--count", "3", "--outlines"])
    picture = cv2.imread(str(tmp_path / "sheet.png"))
    assert picture is not None and picture.shape == (480, 1440, 3)


def test_a_reset_wall_keeps_what_was_not_touched() -> None:
    before = render_scene(3, (400, 500), 30)
    problems = {thing.problem for thing in before.things.values()} - {None}
    stripped = frozenset({min(problems)})
    after = render_scene(3, (400, 500), 30, Reset(5, stripped, fresh=6, moved=2))

    old = {t.serial: t for t in before.things.values() if t.kind == "hold"}
    new = {t.serial: t for t in after.things.values() if t.kind == "hold"}
    gone = {serial for serial, thing in old.items() if thing.problem in stripped}
    assert gone and not gone & set(new)
    assert set(old) - gone <= set(new)
    for serial in set(old) - gone:
        assert new[serial].colour == old[serial].colour
        np.testing.assert_array_equal(new[serial].pigment, old[serial].pigment)
    assert {t.problem for s, t in new.items() if s not in old} == {
        t.problem for t in new.values() if (t.problem or 0) > 1000
    }
    assert before.image.shape == after.image.shape
    assert np.mean(np.abs(before.image.astype(float) - after.image)) > 5  # another place


def test_moved_holds_may_be_turned() -> None:
    plain, turned = (
        render_scene(3, (400, 500), 30, Reset(5, frozenset(), fresh=0, moved=3, turned=turned))
        for turned in (False, True)
    )

    places = [{t.serial: i for i, t in scene.things.items()} for scene in (plain, turned)]
    assert places[0].keys() == places[1].keys()
    differ = 0
    scenes = list(zip((plain, turned), places, strict=True))
    for serial in places[0]:
        masks = [scene.objects == at[serial] for scene, at in scenes]
        middles = [np.argwhere(mask).mean(0) for mask in masks if mask.any()]
        if len(middles) == 2:
            assert np.abs(middles[0] - middles[1]).max() < 25  # in one place
            differ += (masks[0] != masks[1]).mean() > 0.15 * masks[0].mean()
    assert 1 <= differ <= 8  # those that moved, and what lies under them


def test_the_demo_after_the_reset_is_the_one_that_ships(repository: Path) -> None:
    with Image.open(repository / "assets" / "demo_wall_after.jpg") as shipped:
        picture = np.asarray(shipped.convert("RGB"), float)

    # Not to the byte: JPEG encoders differ.
    assert np.abs(picture - render_demo_after().image).mean() < 4
    assert (repository / "assets" / "demo_wall_after.jpg").stat().st_size < 500_000
