"""What changed, on walls whose changes the test made; the pairing against all permutations."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.alignment import Alignment
from core.arrays import Doubles, Indices
from core.change_picture import FATE_COLOURS, draw_changes, lay_before
from core.compare import Look, compare
from core.compare_photos import CSV_COLUMNS, compare_photos, comparison_csv
from core.pairing import best_pairs
from core.settings import Settings
from core.wall import Hold, Problem, WallAnalysis
from tests.core.make import make_analysis, make_colour, make_hold
from tests.core.one_at_a_time import assert_one_at_a_time

# The second photo shows everything 1.25 times as large, 20 pixels to the right.
PLACE = np.array([[1.25, 0, 20], [0, 1.25, 0], [0, 0, 1]])
ALIGNED = Alignment(
    tuple(PLACE.ravel().tolist()), (800, 600), (1000, 750), 200, 150, 0.8, 0.97, 1.0
)  # type: ignore[arg-type]


def laid(hold: Hold, number: int, shift: tuple[float, float] = (0, 0)) -> Hold:
    """The hold as the second photo shows it, ``shift`` pixels away."""
    polygon = tuple((1.25 * x + 20 + shift[0], 1.25 * y + shift[1]) for x, y in hold.polygon)
    x, y, w, h = hold.box
    box = (1.25 * x + 20 + shift[0], 1.25 * y + shift[1], 1.25 * w, 1.25 * h)
    return replace(hold, id=number, polygon=polygon, box=box, area_px=hold.area_px * 1.5625)


def walls(
    before: Sequence[Hold], after: Sequence[Hold], old: Sequence[Problem] = (),
    new: Sequence[Problem] = (),
) -> tuple[WallAnalysis, WallAnalysis]:  # fmt: skip
    def owned(holds: Sequence[Hold], problems: Sequence[Problem]) -> list[Hold]:
        owner = {number: p.id for p in problems for number in p.holds}
        return [replace(hold, problem=owner.get(hold.id)) for hold in holds]

    return make_analysis(owned(before, old), old), make_analysis(owned(after, new), new)


def all_alike(_before: Sequence[Doubles], _after: Sequence[Doubles], pairs: Indices) -> Doubles:
    return np.tile([0.95, 0.0], (len(pairs), 1))


EVERY_HOLD_LOOKS_ALIKE = Look(lambda _outline: False, all_alike)


def fates(before: WallAnalysis, after: WallAnalysis) -> set[tuple[str, int | None, int | None]]:
    found = compare(before, after, ALIGNED, EVERY_HOLD_LOOKS_ALIKE)
    return {(c.fate, c.before, c.after) for c in found.holds}


RED = make_hold(1, (100, 100, 40, 30), "red")
BLUE = make_hold(2, (300, 200, 36, 60), make_colour("blue", rgb=(40, 60, 200)))


def test_what_was_not_touched_stayed() -> None:
    assert fates(*walls([RED, BLUE], [laid(BLUE, 1), laid(RED, 2)])) == {
        ("stayed", 1, 2),
        ("stayed", 2, 1),
    }


def test_what_came_and_went() -> None:
    assert fates(*walls([RED], [laid(BLUE, 1)])) == {("went", 1, None), ("came", None, 1)}


def test_a_hold_in_another_place_moved() -> None:
    before, after = walls([RED, BLUE], [laid(RED, 1, (300, 250)), laid(BLUE, 2)])

    assert fates(before, after) == {("moved", 1, 1), ("stayed", 2, 2)}
    found = compare(before, after, ALIGNED, EVERY_HOLD_LOOKS_ALIKE)
    (moved,) = [c for c in found.holds if c.fate == "moved"]
    size = 1.25 * np.sqrt(np.pi / 4 * 40 * 30)
    assert moved.distance == pytest.approx(np.hypot(300, 250) / size, rel=0.05)


@pytest.mark.parametrize(
    "other",
    [
        make_hold(1, (500, 400, 40, 30), make_colour("green", rgb=(30, 160, 60))),
        make_hold(1, (500, 400, 88, 66), "red"),
        make_hold(1, (500, 400, 40, 30), "red", kind="volume"),
    ],
    ids=["colour", "size", "kind"],
)
def test_another_hold_elsewhere_is_not_the_same(other: Hold) -> None:
    assert fates(*walls([RED], [laid(other, 1)])) == {("went", 1, None), ("came", None, 1)}


def test_another_colour_at_the_same_place_is_another_hold() -> None:
    green = replace(RED, colour=make_colour("green", rgb=(30, 160, 60)))

    assert fates(*walls([RED], [laid(green, 1)])) == {("went", 1, None), ("came", None, 1)}


def test_a_colour_that_was_read_otherwise_stayed() -> None:
    purple = make_colour("purple", confidence=0.5, alternatives=(("blue", 0.45),), sure=False)
    sky = make_colour("blue", confidence=0.6, alternatives=(("purple", 0.35),), sure=False)
    hold = replace(RED, colour=purple)

    assert fates(*walls([hold], [laid(replace(hold, colour=sky), 1)])) == {("stayed", 1, 1)}


def test_what_the_other_photo_cannot_show_is_unseen() -> None:
    right = make_hold(1, (770, 100, 25, 25), "red")  # 982 to 1013 of 1000 pixels
    left = make_hold(1, (5, 300, 15, 15), "red")  # 5 pixels are 12 before the first photo

    assert fates(*walls([right], [left])) == {("unseen", 1, None), ("unseen", None, 1)}


def test_pairs_are_one_to_one_and_the_best_in_all() -> None:
    twins = [make_hold(n, (100.0 + 14 * n, 100, 40, 30), "red") for n in (1, 2)]
    after = [laid(twins[0], 1, (9, 0)), laid(twins[1], 2, (9, 0))]

    assert fates(*walls(twins, after)) == {("stayed", 1, 1), ("stayed", 2, 2)}


def test_problems_are_kept_changed_gone_and_new() -> None:
    rows = {
        name: [
            make_hold(10 * row + k, (80.0 + 90 * k, 40.0 + 110 * row, 34, 30), colour)
            for k in range(1, 6)
        ]
        for row, (name, colour) in enumerate(
            [("kept", make_colour("red")), ("changed", make_colour("blue", rgb=(30, 60, 200))),
             ("gone", make_colour("yellow", rgb=(230, 210, 40)))]
        )
    }  # fmt: skip
    fresh = [
        make_hold(90 + k, (90.0 + 90 * k, 480, 50, 22), make_colour("green", rgb=(20, 150, 50)))
        for k in range(4)
    ]
    old = [
        Problem(n, name, tuple(h.id for h in hs)) for n, (name, hs) in enumerate(rows.items(), 1)
    ]
    stay = [*rows["kept"], *rows["changed"][:3]]
    after = [laid(hold, hold.id) for hold in [*stay, *fresh]]
    new = [
        Problem(1, "green", tuple(h.id for h in fresh)),
        Problem(2, "blue", tuple(h.id for h in rows["changed"][:3])),
        Problem(3, "red", tuple(h.id for h in rows["kept"])),
    ]
    before_wall, after_wall = walls([h for hs in rows.values() for h in hs], after, old, new)

    found = compare(before_wall, after_wall, ALIGNED)

    assert {(p.fate, p.before, p.after): p.share for p in found.problems} == {
        ("kept", 1, 3): 1.0,
        ("changed", 2, 2): pytest.approx(3 / 5),
        ("gone", 3, None): 0.0,
        ("new", None, 1): 0.0,
    }
    (changed,) = [p for p in found.problems if p.fate == "changed"]
    assert (changed.stayed, changed.went, changed.came, changed.moved) == (3, 2, 0, 0)
    document = found.document()
    assert document["counts"]["problems"] == {
        "new": 1, "gone": 1, "changed": 1, "kept": 1, "unseen": 0,
    }  # fmt: skip
    assert sum(document["counts"]["holds"].values()) == len(document["holds"])
    table = comparison_csv(document).splitlines()
    assert table[0] == ",".join(CSV_COLUMNS) and len(table) == 1 + len(found.holds)


def test_a_colours_name_is_no_formula_in_the_table() -> None:
    holds = [{"change": "went", "kind": "hold", "colour": '=HYPERLINK("x")', "before": 1,
              "after": None, "distance": 0.0}]  # fmt: skip

    (row,) = csv.DictReader(io.StringIO(comparison_csv({"holds": holds})))

    assert row["colour"] == '\'=HYPERLINK("x")'
    assert (row["change"], row["before"], row["after"]) == ("went", "1", "")


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(0, 9), min_size=n, max_size=n), min_size=1, max_size=5
        )
    )
)
@settings(max_examples=150, deadline=None)
def test_the_pairing_is_as_good_as_the_best_permutation(rows: list[list[int]]) -> None:
    gain = np.array(rows, np.float64)
    wide = gain if gain.shape[0] <= gain.shape[1] else gain.T
    best = max(
        sum(wide[row, column] for row, column in enumerate(chosen))
        for chosen in permutations(range(wide.shape[1]), wide.shape[0])
    )

    pairs = best_pairs(gain)

    assert sum(gain[pair] for pair in pairs) == best
    assert all(gain[pair] > 0 for pair in pairs)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)


def test_a_hold_that_was_overlooked_is_seen_by_its_place() -> None:
    rng = np.random.default_rng(2)
    before = rng.integers(120, 140, (600, 800, 3)).astype(np.uint8)
    before[100:130, 100:140] = (200, 40, 40)
    before[110:120, 105:120] = (90, 10, 10)
    after = lay_before(before, ALIGNED, (750, 1000))
    bare = after.copy()
    bare[120:170, 140:200] = rng.integers(120, 140, (50, 60, 3))
    hold = make_hold(1, (100, 100, 40, 30), "red")
    first, second = walls([hold], [])

    seen = compare(first, second, ALIGNED, Look.at(before, after, ALIGNED))
    gone = compare(first, second, ALIGNED, Look.at(before, bare, ALIGNED))

    assert [c.fate for c in seen.holds] == ["stayed"]
    assert [c.fate for c in gone.holds] == ["went"]


def test_each_fate_is_drawn_in_its_colour_and_line() -> None:
    moved = make_hold(3, (500, 400, 40, 40), make_colour("yellow", rgb=(220, 210, 30)))
    before, after = walls(
        [RED, BLUE, moved], [laid(RED, 1), laid(moved, 2, (0, -300)),
                             make_hold(3, (800, 600, 60, 50), "green")]
    )  # fmt: skip
    grey = np.full((750, 1000, 3), 128, np.uint8)

    found = compare(before, after, ALIGNED, EVERY_HOLD_LOOKS_ALIKE)
    drawn = draw_changes(grey, before, after, found)

    shades = {tuple(pixel) for pixel in drawn.reshape(-1, 3).tolist()}
    assert {FATE_COLOURS[fate] for fate in ("came", "went", "moved", "stayed")} <= shades
    assert (grey == 128).all()  # a copy was drawn on


def test_two_comparisons_do_not_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = (b"", make_analysis()), (b"", make_analysis())

    assert_one_at_a_time(
        monkeypatch, "core.compare_photos.reopen_photo", lambda: compare_photos(*pair, Settings())
    )


def test_the_whole_way_from_bytes_to_bytes(repository: Path) -> None:
    names = ("demo_wall.jpg", "demo_wall_after.jpg")
    data = [(repository / "assets" / name).read_bytes() for name in names]
    found = compare_photos((data[0], make_analysis()), (data[1], make_analysis()), Settings())

    assert found.comparison.holds == () and found.comparison.alignment.overlap > 0.85
    for jpeg in (found.changes, found.before, found.after):
        with Image.open(io.BytesIO(jpeg)) as picture:
            assert picture.size == (1200, 1600) and picture.format == "JPEG"
    laid_over, after = (
        np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), float)[400:1200, 200:1000]
        for jpeg in (found.before, found.after)
    )
    plain = np.asarray(Image.open(io.BytesIO(data[0])).convert("L"), float)[400:1200, 200:1000]
    assert np.corrcoef(laid_over.ravel(), after.ravel())[0, 1] > 0.75
    assert np.corrcoef(plain.ravel(), after.ravel())[0, 1] < 0.5
