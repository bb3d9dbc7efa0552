"""Merging, against brute force and against walls whose holds are known."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.merge import (
    DRAWN_PX,
    OTHER_KIND_IOU,
    SAME_KIND_IOU,
    Detection,
    areas,
    intersections,
    join_pieces,
    merge,
    suppress,
)
from core.views import View, lay_out
from core.wall import Kind
from tests.core.fakes import found, oval
from tests.core.outlines import outline_iou

Box = tuple[float, float, float, float]


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, in plain Python."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union


def greedy(boxes: list[Box], scores: list[float], kinds: list[int]) -> list[int]:
    """Non-maximum suppression as its definition reads."""
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(
            iou(boxes[index], boxes[other])
            <= (SAME_KIND_IOU if kinds[index] == kinds[other] else OTHER_KIND_IOU)
            for other in kept
        ):
            kept.append(index)
    return kept


whole_boxes = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 30)] * 2).map(
    lambda row: (row[0], row[1], row[0] + row[2], row[1] + row[3])
)
objects = st.lists(
    st.tuples(whole_boxes, st.integers(1, 20).map(lambda n: n / 20), st.integers(0, 1)),
    max_size=14,
)


@given(objects)
@settings(deadline=None)
def test_suppression_is_the_greedy_one(rows: list[tuple[Box, float, int]]) -> None:
    boxes, scores, kinds = [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]

    kept = suppress(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(kinds, np.intp),
    )

    assert kept.tolist() == greedy(boxes, scores, kinds)


@given(st.lists(whole_boxes, min_size=1, max_size=8))
@settings(deadline=None)
def test_areas_and_intersections_count_pixels(boxes: list[Box]) -> None:
    masks = np.zeros((len(boxes), 80, 80), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[int(y1) : int(y2), int(x1) : int(x2)] = True
    array = np.array(boxes, np.float32)

    assert areas(array).tolist() == masks.sum((1, 2)).tolist()
    both = (masks[:, None] & masks[None]).sum((2, 3))
    assert intersections(array, array).tolist() == both.tolist()
    assert intersections(array, array[:1]).tolist() == both[:, :1].tolist()


def seen(box: Box, view: View, *, score: float = 0.8) -> list[Detection]:
    """What a perfect detector reports of the elliptical hold ``box`` in ``view``."""
    right, bottom = view.x + view.width, view.y + view.height
    x1, y1, x2, y2 = box
    clipped = (max(x1, view.x), max(y1, view.y), min(x2, right), min(y2, bottom))
    if clipped[2] - clipped[0] < 6 or clipped[3] - clipped[1] < 6:
        return []
    cut = clipped != box
    if cut:  # the part of the ellipse inside the view, traced from its pixels
        ground = np.zeros((int(bottom), int(right)), np.uint8)
        cv2.fillPoly(ground, [oval(box, 90).round().astype(np.int32)], 1)
        ground[: view.y] = 0
        ground[:, : view.x] = 0
        contours, _ = cv2.findContours(ground, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        outline = max(contours, key=cv2.contourArea)[:, 0].astype(np.float32)
        low, high = outline.min(0), outline.max(0)
        cuts = (x1 < view.x, y1 < view.y, x2 > right, y2 > bottom)
        return [Detection("hold", score, np.concatenate([low, high]), outline, cuts)]
    return [found(box, score=score)]


@pytest.mark.parametrize("offset", range(-60, 61, 10))
def test_a_hold_on_a_seam_appears_once(offset: int) -> None:
    tiles = lay_out(1200, 560, 640)[1:]
    seam = tiles[1].x + offset  # around the left edge of the second tile
    box = (seam - 30.0, 200.0, seam + 30.0, 250.0)

    pieces = [piece for tile in tiles for piece in seen(box, tile)]
    merged = merge(pieces)

    assert len(merged) == 1
    assert merged[0].box.tolist() == list(box)  # whole in one of the tiles, by their overlap


def test_a_hold_larger_than_the_overlap_is_joined_to_its_union() -> None:
    tiles = lay_out(1200, 560, 640)[1:]  # they share the columns 560 to 640
    box = (440.0, 150.0, 760.0, 400.0)

    pieces = [piece for tile in tiles for piece in seen(box, tile)]
    merged = merge(pieces)

    assert [piece.cut for piece in pieces] == [True, True]
    assert len(merged) == 1
    assert outline_iou(merged[0].outline, oval(box, 90)) > 0.97
    assert np.abs(merged[0].box - np.array(box)).max() <= 2


def test_a_hold_over_four_tiles_is_joined_from_all() -> None:
    tiles = lay_out(1200, 1200, 640)[1:]
    box = (400.0, 420.0, 780.0, 800.0)

    pieces = [
        piece
        for number, tile in enumerate(tiles)
        for piece in seen(box, tile, score=0.5 + number / 10)
    ]
    merged = merge(pieces)

    assert len(pieces) == 4 and len(merged) == 1
    assert outline_iou(merged[0].outline, oval(box, 90)) > 0.97
    assert merged[0].score == pytest.approx(0.8)


def test_a_whole_one_wins_over_its_pieces_whatever_their_scores() -> None:
    whole = found((400, 100, 800, 300), score=0.3)
    pieces = [
        found((400, 100, 640, 300), score=0.9, cut=True),
        found((560, 100, 800, 300), score=0.95, cut=True),
    ]

    assert merge([*pieces, whole]) == [whole]


def test_a_hold_on_a_volume_survives() -> None:
    volume = found((100, 100, 500, 500), kind="volume", score=0.9)
    holds = [found((150, 150, 210, 200)), found((400, 380, 460, 430))]

    assert {id(d) for d in merge([volume, *holds])} == {id(volume), *map(id, holds)}


def test_a_hold_that_covers_most_of_its_volume_survives() -> None:
    volume = found((100, 100, 200, 200), kind="volume", score=0.9)
    hold = found((105, 105, 190, 190), score=0.5)

    assert SAME_KIND_IOU < iou((100, 100, 200, 200), (105, 105, 190, 190)) < OTHER_KIND_IOU
    assert len(merge([volume, hold])) == 2


def test_neighbours_that_a_seam_cuts_are_not_joined() -> None:
    left = found((500, 100, 600, 200), cut=True)
    right = found((602, 100, 700, 200), cut=True)

    assert len(join_pieces([left, right])) == 2


def test_pieces_whose_boxes_touch_but_not_their_outlines_stay_apart() -> None:
    high = found((500, 100, 600, 200), cut=True)
    low = found((585, 185, 700, 300), cut=True)  # ellipses leave the boxes' corners free

    assert len(join_pieces([high, low])) == 2


def test_a_piece_that_nothing_bears_out_is_dropped() -> None:
    lone = found((500, 100, 640, 200), score=0.95, cut=True)
    whole = found((100, 100, 160, 150), score=0.3)

    assert merge([lone, whole]) == [whole]


def test_joined_pieces_that_still_end_at_an_edge_are_dropped() -> None:
    tiles = lay_out(1750, 560, 640)[1:]
    box = (440.0, 150.0, 1400.0, 400.0)
    pieces = [piece for tile in tiles for piece in seen(box, tile)]

    assert len(pieces) == 3 and len(merge(pieces)) == 1
    assert merge(pieces[:2]) == []  # the third tile should have shown how it goes on
    assert merge(pieces[1:]) == []


def test_a_union_is_cut_where_its_outer_piece_is() -> None:
    (joined,) = join_pieces(
        [
            replace(found((100, 100, 300, 200)), cuts=(True, False, True, False)),
            replace(found((160, 101, 400, 201)), cuts=(True, False, False, True)),
        ]
    )

    # The first ends at the left, the second goes on to the right; below, both reach equally far,
    # and one of them ends there by itself.
    assert joined.cuts == (True, False, False, False) and joined.cut


def test_pieces_of_two_kinds_are_not_joined() -> None:
    hold = found((500, 100, 640, 200), cut=True)
    volume = found((560, 100, 700, 200), kind="volume", cut=True)

    assert len(join_pieces([hold, volume])) == 2


def test_the_most_magnified_view_draws_and_the_best_score_counts() -> None:
    far = found((100, 100, 160, 160), score=0.9, zoom=0.5)
    near = found((102, 99, 158, 158), score=0.6, zoom=1.0)

    (merged,) = merge([far, near])

    assert merged.score == 0.9
    assert merged.outline is near.outline and merged.box is near.box


def test_a_view_that_shows_an_object_too_large_does_not_draw_it() -> None:
    side = DRAWN_PX + 20
    far = found((0, 0, side, 100), kind="volume", score=0.9, zoom=0.5)
    near = found((4, 0, side, 101), kind="volume", score=0.6, zoom=1.0)

    assert merge([far, near]) == [far]


def test_views_of_one_magnification_leave_it_to_the_score() -> None:
    better = found((100, 100, 160, 160), score=0.9)

    assert merge([found((102, 99, 158, 158), score=0.6), better]) == [better]


def test_a_double_of_two_objects_replaces_neither() -> None:
    left, right = found((100, 0, 180, 60), score=0.9), found((130, 0, 210, 60), score=0.8)
    between = found((113, 0, 193, 60), score=0.5, zoom=2.0)  # overlaps both by more than 0.6

    assert merge([left, right, between]) == [left, right]


def test_a_hold_does_not_lend_its_outline_to_the_volume_it_covers() -> None:
    volume = found((100, 100, 200, 200), kind="volume", score=0.9, zoom=0.5)
    hold = found((105, 105, 190, 190), score=0.5, zoom=1.0)

    assert {(d.kind, d.zoom) for d in merge([volume, hold])} == {("volume", 0.5), ("hold", 1.0)}


@pytest.mark.parametrize(
    ("box", "score", "kind", "stays"),
    [
        ((105, 105, 200, 150), 0.5, "volume", False),  # a face of the large one
        ((105, 105, 200, 150), 0.7, "volume", True),  # a volume on a volume, well seen
        ((105, 20, 200, 150), 0.5, "volume", True),  # mostly beside it
        ((105, 105, 200, 150), 0.5, "hold", True),
    ],
)
def test_a_face_of_a_volume_is_no_volume(box: Box, score: float, kind: Kind, stays: bool) -> None:
    large = found((100, 100, 300, 300), kind="volume", score=0.9)
    other = found(box, kind=kind, score=score)

    assert merge([large, other]) == [large, *[other] * stays]


def test_nothing_stays_nothing() -> None:
    assert merge([]) == []


@given(st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_views_does_not_matter(random: object) -> None:
    tiles = lay_out(1200, 1200, 640)[1:]
    holds: list[Box] = [
        (30, 40, 90, 100), (590, 300, 650, 360), (400, 700, 780, 790), (545, 560, 655, 650),
        (1000, 900, 1100, 1010),
    ]  # fmt: skip
    # Every view has a score of its own: only equal scores keep the order in which they came.
    pieces = [
        piece
        for i, hold in enumerate(holds)
        for j, tile in enumerate(tiles)
        for piece in seen(hold, tile, score=0.4 + 0.1 * i + 0.02 * j)
    ]
    expected = [d.box.tolist() for d in merge(pieces)]
    random.shuffle(pieces)  # type: ignore[attr-defined]

    assert [d.box.tolist() for d in merge(pieces)] == expected
    assert len(expected) == len(holds)
