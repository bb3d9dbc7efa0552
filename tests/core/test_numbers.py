"""The numbers of walls made by hand, small enough to work them out on paper."""

from __future__ import annotations

from dataclasses import replace
from math import pi, sqrt

import numpy as np
import pytest

from core.numbers import (
    DENSITY_CELLS,
    ColourNumbers,
    density_rows,
    size_rows,
    spread_rows,
    wall_numbers,
)
from core.wall import Box, Hold, PhotoInfo, Problem, WallAnalysis
from tests.core.make import make_analysis, make_colour, make_hold


def square(number: int, x: float, y: float, side: float, colour: str = "red") -> Hold:
    """A hold whose box is centred on (x, y) and whose area is that of its box."""
    hold = make_hold(number, (x - side / 2, y - side / 2, side, side), colour)
    return replace(hold, area_px=side * side)


def owned(hold: Hold, problem: int) -> Hold:
    return replace(hold, problem=problem)


@pytest.fixture
def wall() -> WallAnalysis:
    """Four red holds of one problem up the left side, two blue strays, one blue volume."""
    holds = [
        owned(square(1, 100, 500, 20), 1),
        owned(square(2, 100, 400, 20), 1),
        owned(square(3, 130, 360, 20), 1),
        owned(square(4, 100, 100, 40), 1),
        square(5, 700, 500, 10, "blue"),
        make_hold(6, (695, 95, 10, 10), make_colour("blue", sure=False, confidence=0.3)),
        replace(square(7, 400, 300, 200, "blue"), kind="volume"),
    ]
    return make_analysis(holds, [Problem(1, "red", (1, 2, 3, 4))])


def test_an_empty_wall_has_empty_numbers() -> None:
    numbers = wall_numbers(make_analysis())

    assert (numbers.holds, numbers.volumes, numbers.problems, numbers.unsure) == (0, 0, 0, 0)
    assert numbers.unsure_share == numbers.in_problems_share == 0
    assert numbers.colours == () and numbers.spreads == ()
    assert numbers.density is None and numbers.sizes is None
    assert spread_rows(numbers) == density_rows(numbers) == []
    assert size_rows(numbers, make_analysis()) == []


def test_counts_and_shares(wall: WallAnalysis) -> None:
    numbers = wall_numbers(wall)

    assert (numbers.holds, numbers.volumes, numbers.problems) == (6, 1, 1)
    assert numbers.unsure == 1
    assert numbers.unsure_share == pytest.approx(1 / 7)
    assert numbers.in_problems_share == pytest.approx(4 / 7)


def test_per_colour_the_commonest_first(wall: WallAnalysis) -> None:
    red, blue = wall_numbers(wall).colours

    assert red == ColourNumbers("red", holds=4, volumes=0, problems=1, unsure=0, unsure_share=0.0)
    assert blue == ColourNumbers("blue", 2, 1, 0, 1, pytest.approx(1 / 3))


def test_a_problem_in_a_colour_that_no_hold_is_named_still_counts() -> None:
    analysis = make_analysis([owned(square(1, 50, 50, 10), 1)], [Problem(1, "pink", (1,))])

    pink = next(row for row in wall_numbers(analysis).colours if row.colour == "pink")

    assert (pink.holds, pink.problems, pink.unsure_share) == (0, 1, 0.0)


def test_how_a_problem_lies(wall: WallAnalysis) -> None:
    (spread,) = wall_numbers(wall, {1: ("Left rib", "6B"), 9: ("Gone", "")}).spreads

    assert (spread.name, spread.grade, spread.colour) == ("Left rib", "6B", "red")
    # Its boxes reach from x 80 to 140 and from y 80 to 510; all boxes from 80 to 705 and 80 to 510.
    assert (spread.width_px, spread.height_px) == (60, 430)
    assert spread.width_share == pytest.approx(60 / 625)
    assert spread.height_share == 1
    # Sizes are 20, 20, 20, 40, 10 and that of an ellipse; their median is 20.
    assert (spread.width_sizes, spread.height_sizes) == (3, 21.5)
    # Tree: 1-2 (100), 2-3 (50), 3-4 (sqrt(30^2 + 260^2)).
    assert spread.longest_gap_sizes == pytest.approx(sqrt(30**2 + 260**2) / 20)
    assert (spread.holds, spread.volumes, spread.moves_estimate) == (4, 0, 3)
    assert spread_rows(wall_numbers(wall))[0]["height_px"] == 430


def test_a_problem_without_a_name_has_none(wall: WallAnalysis) -> None:
    (spread,) = wall_numbers(wall).spreads

    assert (spread.name, spread.grade) == ("", "")


def test_volumes_widen_a_problem_but_are_no_moves() -> None:
    holds = [owned(square(1, 100, 100, 20), 1), owned(square(2, 100, 200, 20), 1)]
    volume = replace(owned(square(3, 300, 150, 100), 1), kind="volume")
    analysis = make_analysis([*holds, volume], [Problem(1, "red", (1, 2, 3))])

    (spread,) = wall_numbers(analysis).spreads

    assert (spread.width_px, spread.height_px) == (260, 120)
    assert (spread.holds, spread.volumes, spread.moves_estimate) == (2, 1, 1)
    assert spread.longest_gap_sizes == 5


def test_a_wall_of_volumes_alone_has_no_sizes_and_no_division_by_zero() -> None:
    volume = replace(owned(square(1, 300, 150, 100), 1), kind="volume")
    numbers = wall_numbers(make_analysis([volume], [Problem(1, "red", (1,))]))

    assert numbers.sizes is None and numbers.density is None
    (spread,) = numbers.spreads
    assert (spread.width_share, spread.width_sizes, spread.moves_estimate) == (1, 0, 0)


def test_sizes_are_roots_of_areas_and_leave_volumes_out(wall: WallAnalysis) -> None:
    sizes = wall_numbers(wall).sizes

    assert sizes is not None
    assert sizes.hold_ids == (1, 2, 3, 4, 5, 6)
    assert sizes.sizes_px == pytest.approx((20, 20, 20, 40, 10, sqrt(pi / 4 * 100)), rel=1e-3)
    assert (sizes.smallest_px, sizes.median_px, sizes.largest_px) == pytest.approx(
        (sqrt(78.5), 20, 40)
    )
    # Sorted 8.86, 10, 20, 20, 20, 40: the quartiles lie a quarter from 10 to 20, and on the fifth.
    assert (sizes.lower_quartile_px, sizes.upper_quartile_px) == pytest.approx((12.5, 20))
    rows = size_rows(wall_numbers(wall), wall)
    assert [row["size"] for row in rows][:5] == [1, 1, 1, 2, 0.5]
    assert [row["problem"] for row in rows] == [1, 1, 1, 1, None, None]


def density_of(holds: list[Hold], width: int = 800, height: int = 600) -> np.ndarray:
    photo = PhotoInfo("wall.jpg", "0" * 64, width, height)
    density = wall_numbers(make_analysis(holds, photo=photo)).density
    assert density is not None
    return density.holds_per_cell


def test_the_density_map_covers_the_photo_and_adds_up_to_the_holds(wall: WallAnalysis) -> None:
    density = wall_numbers(wall).density

    assert density is not None
    assert density.holds_per_cell.shape == (18, DENSITY_CELLS)
    assert density.cell_px == pytest.approx(800 / DENSITY_CELLS)
    assert density.holds_per_cell.sum() == pytest.approx(6)
    assert (density.holds_per_cell >= 0).all()


def test_density_against_a_sum_of_gaussians_on_a_fine_grid() -> None:
    holds = [square(1, 300, 200, 20), square(2, 500, 260, 20), square(3, 420, 330, 20)]
    density = wall_numbers(make_analysis(holds)).density
    assert density is not None
    # WITHIN each cell 20 x 20 samples of the same kernels, all well inside the photo.
    step = density.cell_px / 20
    xs, ys = np.arange(24 * 20) * step + step / 2, np.arange(18 * 20) * step + step / 2
    total = np.zeros((len(ys), len(xs)))
    for hold in holds:
        x, y = hold.centre
        bell = np.exp(
            -((xs[None] - x) ** 2 + (ys[:, None] - y) ** 2) / (2 * density.bandwidth_px**2)
        )
        total += bell / bell.sum()
    cells = total.reshape(18, 20, 24, 20).sum(axis=(1, 3))

    np.testing.assert_allclose(density.holds_per_cell, cells, atol=2e-4)


def test_the_kernel_is_as_wide_as_the_third_neighbour_is_far() -> None:
    # A row with 100 px between: the third neighbour of the ends is 300 away, of the next two 200.
    holds = [square(number, 100 * number, 300, 20) for number in range(1, 6)]

    density = wall_numbers(make_analysis(holds)).density

    assert density is not None
    assert density.bandwidth_px == 200  # median of 300, 200, 200, 200, 300


def test_density_is_highest_where_the_holds_are() -> None:
    cluster = [square(number, 100 + 5 * number, 510, 10) for number in range(1, 8)]
    cells = density_of([*cluster, square(9, 700, 100, 10)])

    row, column = np.unravel_index(np.argmax(cells), cells.shape)
    assert (row, column) == (510 * 18 // 600, 120 * 24 // 800)
    rows = density_rows(wall_numbers(make_analysis(cluster)))
    top = max(rows, key=lambda row: float(row["holds"] or 0))
    assert (top["row"], top["column"]) == (row, column)
    assert top["times_mean"] == pytest.approx(float(top["holds"] or 0) / (7 / (18 * 24)))


def test_one_hold_in_a_corner_is_one_hold() -> None:
    cells = density_of([square(1, 0, 0, 10)])

    assert cells.sum() == pytest.approx(1)
    assert cells.argmax() == 0


def test_a_hold_beyond_the_rim_does_not_break_the_map() -> None:
    assert density_of([square(1, 805, 610, 30)]).sum() == pytest.approx(1)


@pytest.mark.parametrize(("width", "height"), [(801, 333), (50, 4000), (4000, 50), (64, 64)])
def test_cells_are_square_on_photos_of_any_shape(width: int, height: int) -> None:
    cells = density_of([square(1, width / 2, height / 2, 10)], width, height)

    assert max(cells.shape) == DENSITY_CELLS
    side = max(width, height) / DENSITY_CELLS
    assert min(cells.shape) * side >= min(width, height) > (min(cells.shape) - 1) * side
    np.testing.assert_allclose(cells, cells[::-1] if width >= height else cells, atol=1)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_the_photo_s_resolution_does_not_matter(wall: WallAnalysis, factor: float) -> None:
    def scaled(box: Box) -> Box:
        x, y, width, height = box
        return x * factor, y * factor, width * factor, height * factor

    holds = [
        replace(hold, box=scaled(hold.box), area_px=hold.area_px * factor**2) for hold in wall.holds
    ]
    photo = PhotoInfo("wall.jpg", "0" * 64, round(800 * factor), round(600 * factor))
    one = wall_numbers(wall)
    other = wall_numbers(make_analysis(holds, wall.problems, photo=photo))

    assert one.density is not None and other.density is not None
    np.testing.assert_allclose(other.density.holds_per_cell, one.density.holds_per_cell)
    for name in ("width_share", "height_share", "width_sizes", "height_sizes", "longest_gap_sizes"):
        assert getattr(other.spreads[0], name) == pytest.approx(getattr(one.spreads[0], name))
