"""Where plates go."""

from __future__ import annotations

import numpy as np

from core.labels import Plate, place_plates

SIZE = (24.0, 14.0)


def plate(box: tuple[float, float, float, float]) -> Plate:
    return Plate("7", (0, 0, 0), SIZE, box)


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] - other[0]) < SIZE[0] - 1e-6 and abs(one[1] - other[1]) < SIZE[1] - 1e-6


def test_a_lone_plate_is_above_to_the_right() -> None:
    box = (100.0, 100.0, 40.0, 40.0)

    ((x, y),) = place_plates([plate(box)], np.array([box]), (400, 400))

    assert x > 120
    assert y < 120


def test_plates_stay_in_the_picture() -> None:
    boxes = [(0.0, 0.0, 20.0, 20.0), (380.0, 0.0, 20.0, 20.0), (380.0, 380.0, 20.0, 20.0)]

    for x, y in place_plates([plate(box) for box in boxes], np.array(boxes), (400, 400)):
        assert SIZE[0] / 2 <= x <= 400 - SIZE[0] / 2
        assert SIZE[1] / 2 <= y <= 400 - SIZE[1] / 2


def test_plates_of_a_dense_wall_do_not_cover_each_other() -> None:
    rng = np.random.default_rng(3)
    spots = rng.permutation(15 * 15)[:110]
    boxes = [
        (float(30 + 58 * (k % 15)), float(30 + 58 * (k // 15)), 30.0, 26.0) for k in spots.tolist()
    ]

    centres = place_plates([plate(box) for box in boxes], np.array(boxes), (920, 920))

    pairs = [(a, b) for i, a in enumerate(centres) for b in centres[:i] if overlap(a, b)]
    assert not pairs


def test_plates_keep_off_other_holds_where_there_is_room() -> None:
    box, other = (100.0, 100.0, 40.0, 40.0), (135.0, 70.0, 60.0, 40.0)

    ((x, y),) = place_plates([plate(box)], np.array([box, other]), (400, 400))

    apart_x = abs(x - (135 + 30)) >= (60 + SIZE[0]) / 2
    apart_y = abs(y - (70 + 20)) >= (40 + SIZE[1]) / 2
    assert apart_x or apart_y


def test_no_plates() -> None:
    assert place_plates([], np.zeros((0, 4)), (10, 10)) == []
