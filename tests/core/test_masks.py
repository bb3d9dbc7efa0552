"""Masks against the shoelace formula and a test of every pixel's centre; cores against the words of
the design.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.masks import box_mask, mask_core, masks_of
from tests.core.fakes import found, oval

WIDTH, HEIGHT = 120, 90


def star(middle: tuple[float, float], radii: list[float]) -> np.ndarray:
    """A star-shaped polygon, which never crosses itself."""
    turn = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    spokes = np.array(radii)[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    return (np.array(middle) + spokes).astype(np.float32)


def shoelace(points: np.ndarray) -> float:
    x, y = points.astype(np.float64).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def perimeter(points: np.ndarray) -> float:
    return float(np.linalg.norm(points - np.roll(points, -1, 0), axis=1).sum())


def contains(points: np.ndarray, x: float, y: float) -> bool:
    """Ray casting, one point at a time."""
    inside = False
    for (x1, y1), (x2, y2) in zip(
        points.astype(np.float64), np.roll(points.astype(np.float64), -1, 0), strict=True
    ):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


stars = st.builds(
    star,
    st.tuples(st.floats(40, 80), st.floats(35, 55)),
    st.lists(st.floats(2, 33), min_size=3, max_size=16),
)
anywhere = st.builds(
    star,
    st.tuples(st.floats(-60, 180), st.floats(-60, 150)),
    st.lists(st.floats(0, 60), min_size=3, max_size=9),
)


@given(stars)
@settings(max_examples=150, deadline=None)
def test_the_mask_has_the_area_of_the_outline(outline: np.ndarray) -> None:
    # The error of counting centres is a small share of the pixels on the rim.
    area = shoelace(outline)
    assume(area > 12)

    count = int(box_mask(outline, WIDTH, HEIGHT).mask.sum())

    assert abs(count - area) <= 2 + 0.35 * perimeter(outline)


def test_the_area_has_no_bias() -> None:
    random = np.random.default_rng(5)
    for radius in (2.5, 4.0, 9.0, 20.0):
        outlines = [star(tuple(random.uniform(40, 50, 2)), [radius] * 40) for _ in range(60)]
        counts = [box_mask(outline, WIDTH, HEIGHT).mask.sum() for outline in outlines]
        assert np.mean(counts) == pytest.approx(shoelace(outlines[0]), rel=0.03)


@given(anywhere)
@settings(max_examples=20, deadline=None)
def test_a_pixel_is_in_when_its_centre_is(outline: np.ndarray) -> None:
    own = box_mask(outline, WIDTH, HEIGHT)
    expected = np.array(
        [
            [contains(outline, x + own.x + 0.5, y + own.y + 0.5) for x in range(own.mask.shape[1])]
            for y in range(own.mask.shape[0])
        ]
    )

    if expected.any():
        assert np.array_equal(own.mask > 0, expected)
    else:
        assert own.mask.sum() == 1


@given(anywhere)
@settings(max_examples=100, deadline=None)
def test_a_mask_is_never_empty_and_lies_on_the_picture(outline: np.ndarray) -> None:
    own = box_mask(outline, WIDTH, HEIGHT)
    height, width = own.mask.shape

    assert own.mask.dtype == np.uint8 and set(np.unique(own.mask)) <= {0, 1} and own.mask.any()
    assert 0 <= own.x and own.x + width <= WIDTH and 0 <= own.y and own.y + height <= HEIGHT
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert own.cut(picture).shape == (height, width, 3)
    assert np.shares_memory(own.cut(picture), picture)


@pytest.mark.parametrize(
    ("box", "shape", "corner"),
    [
        ((-30, -30, -10, -10), (1, 1), (0, 0)),
        ((200, 200, 230, 230), (1, 1), (WIDTH - 1, HEIGHT - 1)),
        ((5, 200, 15, 230), (1, 10), (5, HEIGHT - 1)),
        ((-500, -500, 800, 800), (HEIGHT, WIDTH), (0, 0)),
        ((3.4, 7.4, 3.6, 7.6), (1, 1), (3, 7)),
    ],
)
def test_outlines_off_the_picture(
    box: tuple[float, ...], shape: tuple[int, int], corner: tuple[int, int]
) -> None:
    own = box_mask(oval(box), WIDTH, HEIGHT)

    assert own.mask.shape == shape and (own.x, own.y) == corner and own.mask.any()


@pytest.mark.parametrize("shape", [(1, 60), (60, 1)])
def test_a_line_of_one_pixel(shape: tuple[int, int]) -> None:
    height, width = shape
    outline = np.array([[10, 10], [10 + width, 10], [10 + width, 10 + height], [10, 10 + height]])

    own = box_mask(outline.astype(np.float32), WIDTH, HEIGHT)

    assert own.mask.shape == shape and own.mask.all()


def test_a_hold_is_taken_out_of_its_volume() -> None:
    volume = found((10, 10, 80, 80), kind="volume")
    hold = found((30, 30, 50, 50))

    volume_mask, hold_mask = masks_of([volume, hold], WIDTH, HEIGHT)

    alone = box_mask(volume.outline, WIDTH, HEIGHT)
    assert volume_mask.mask.sum() == alone.mask.sum() - hold_mask.mask.sum()
    under = volume_mask.mask[20:40, 20:40]  # the hold's box, seen from the volume's corner
    assert not (under & hold_mask.mask).any()
    assert np.array_equal(under | hold_mask.mask, alone.mask[20:40, 20:40])


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_overlapping_holds_does_not_matter(turned: bool) -> None:
    pair = [found((10, 10, 50, 50)), found((40, 20, 60, 40))]
    given_order = pair[::-1] if turned else pair
    masks = dict(zip(map(id, given_order), masks_of(given_order, WIDTH, HEIGHT), strict=True))

    large, small = masks[id(pair[0])], masks[id(pair[1])]
    ground = np.zeros((HEIGHT, WIDTH), int)
    for own in (large, small):
        own.cut(ground)[...] += own.mask  # type: ignore[arg-type]
    assert ground.max() == 1
    assert np.array_equal(small.mask, box_mask(pair[1].outline, WIDTH, HEIGHT).mask)


def test_an_object_that_would_lose_everything_keeps_its_mask() -> None:
    under = found((20, 20, 60, 60), kind="volume")
    cover = [found((20, y, 60, y + 11)) for y in range(15, 60, 6)]
    square = np.array([[18, 13], [62, 13], [62, 67], [18, 67]], np.float32)
    cover = [replace(c, outline=square) for c in cover]

    first = next(iter(masks_of([under, *cover], WIDTH, HEIGHT)))

    assert np.array_equal(first.mask, box_mask(under.outline, WIDTH, HEIGHT).mask)


def test_equal_doubles_keep_their_masks() -> None:
    twins = [found((20, 20, 60, 60)), found((20, 20, 60, 60), kind="volume")]

    assert all(own.mask.any() for own in masks_of(twins, WIDTH, HEIGHT))
    assert list(masks_of([], WIDTH, HEIGHT)) == []


def eroded(mask: np.ndarray, times: int) -> np.ndarray:
    """Erosion as its definition reads: a pixel stays when all under the kernel around it are set,
    and outside the box nothing is.
    """
    side = max(3, min(mask.shape) // 10)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)) > 0
    reach = side // 2  # OpenCV's anchor is the kernel's middle
    for _ in range(times):
        ground = np.pad(mask > 0, side)
        height, width = mask.shape
        mask = np.ones(mask.shape, bool)
        for dy, dx in zip(*np.nonzero(kernel), strict=True):
            top, left = side + dy - reach, side + dx - reach
            mask &= ground[top : top + height, left : left + width]
        mask = mask.astype(np.uint8)
    return mask


def expected_core(mask: np.ndarray) -> np.ndarray:
    for times in (2, 1):
        core = eroded(mask, times)
        if core.any():
            return core
    return mask


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_core_is_what_the_design_says(h: int, w: int, seed: int, solid: bool) -> None:
    random = np.random.default_rng(seed)
    mask = np.zeros((h, w), np.uint8)
    cv2.ellipse(mask, (w // 2, h // 2), (w // 2, h // 2), 0, 0, 360, 1, -1)
    if not solid:
        mask &= (random.random((h, w)) > 0.02).astype(np.uint8)
    assume(mask.any())

    core = mask_core(mask)

    assert np.array_equal(core, expected_core(mask))
    assert core.any() and core.shape == mask.shape and core.dtype == np.uint8
    assert not (core & ~mask & 1).any()


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 50), (50, 1), (2, 40)])
def test_tiny_and_thin_holds_are_their_own_core(shape: tuple[int, int]) -> None:
    mask = np.ones(shape, np.uint8)

    assert np.array_equal(mask_core(mask), mask)


@pytest.mark.parametrize(
    ("side", "left"),
    [(3, 1), (4, 2), (5, 1), (6, 2), (9, 5), (39, 35), (40, 34), (100, 82)],
)
def test_core_of_a_square_that_fills_its_box(side: int, left: int) -> None:
    # A kernel of k pixels takes k - 1 rows per pass: k is 3 up to 39 (twice from 5 pixels on, else
    # once), 4 at 40 and 10 at 100.
    core = mask_core(np.ones((side, side), np.uint8))

    assert core.any(1).sum() == left


def test_a_hold_at_the_border_loses_its_rim_there_too() -> None:
    # Half of a round hold hangs over the left edge of the photo.
    own = box_mask(oval((-20, 20, 20, 60)), WIDTH, HEIGHT)

    core = mask_core(own.mask)

    assert own.x == 0 and own.mask[:, 0].any()
    assert not core[:, :2].any() and core.any()


def test_cores_of_touching_holds_are_apart() -> None:
    pair = [found((10, 20, 50, 60)), found((48, 20, 88, 60))]
    ground = np.zeros((HEIGHT, WIDTH), np.uint8)
    for own in masks_of(pair, WIDTH, HEIGHT):
        own.cut(ground)[...] |= mask_core(own.mask)

    count, _ = cv2.connectedComponents(ground, connectivity=8)

    assert count == 1 + 2
