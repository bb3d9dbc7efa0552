"""The review: edits that say what they do, undo that brings everything back, and its bounds."""

from __future__ import annotations

import json
import math
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import EditError
from core.history import MAX_BYTES, MAX_STEPS
from core.problems import group_problems
from core.review import Review
from core.review_edits import (
    AddHold,
    ChangeKind,
    DeleteHolds,
    DescribeProblem,
    Edit,
    FormProblem,
    MergeProblems,
    MoveHolds,
    Recolour,
    SplitProblem,
    chosen_colour,
)
from core.wall import Hold, PhotoInfo, WallAnalysis
from tests.core.make import column, make_analysis, make_hold

WIDTH, HEIGHT = 1600, 700


def review_of(holds: list[Hold], width: int = WIDTH, height: int = HEIGHT) -> Review:
    """A review of what the grouping rules make of ``holds``."""
    grouped, problems = group_problems(holds, width, height)
    photo = PhotoInfo("wall.jpg", "ab" * 32, width, height)
    return Review.of(make_analysis(grouped, problems, photo=photo))


def wall() -> Review:
    """Three problems of six: red 1 to 6, blue 11 to 16, green 21 to 26 far to the right."""
    return review_of([*column(1, 100, "red"), *column(11, 260, "blue"), *column(21, 1300, "green")])


def large() -> Review:
    """300 holds in 30 problems, outlines of 30 points."""
    colours = ["red", "blue", "green", "yellow", "pink", "black"]
    holds = []
    for index in range(30):
        holds += column(1 + 10 * index, 60 + 90 * index, colours[index % 6], count=10, step=80)
    return review_of(holds, 2800, 900)


def sets(review: Review) -> dict[int, tuple[str, set[int]]]:
    return {p.id: (p.colour, set(p.holds)) for p in review.problems}


def test_a_review_starts_as_what_was_found() -> None:
    analysis = wall().analysis()
    review = Review.of(analysis)

    assert review.analysis() == analysis
    assert (review.undo_what, review.redo_what) == (None, None)
    assert review.changed == review.placed == frozenset()


def test_a_review_cannot_be_changed_in_place() -> None:
    review = wall()
    before = review.document()

    with pytest.raises(FrozenInstanceError):
        review.next_hold = 5  # type: ignore[misc]
    review.apply(DeleteHolds((1,)))

    assert review.document() == before


def test_undo_and_redo_walk_the_whole_way() -> None:
    edits: list[Edit] = [
        Recolour((1,), "blue"),
        DeleteHolds((2, 12)),
        AddHold.in_box((150, 300, 40, 30), chosen_colour("red")),
        FormProblem((3, 13), "Mix", "V4"),
        MergeProblems((2, 3)),
        DescribeProblem(2, "Long", "6A+"),
        ChangeKind((4,), "volume"),
    ]
    states = [wall()]
    for edit in edits:
        states.append(states[-1].apply(edit))
    review = states[-1]
    for index in range(len(edits) - 1, -1, -1):
        assert review.undo_what == edits[index].what
        review = review.undo()
        assert review.state == states[index].state
        assert review.redo_what == edits[index].what
    for state in states[1:]:
        review = review.redo()
        assert review.state == state.state

    assert review.redo_what is None


@pytest.mark.parametrize("walk", ["undo", "redo"])
def test_there_may_be_nothing_to_take_back(walk: str) -> None:
    with pytest.raises(EditError) as caught:
        getattr(wall(), walk)()

    assert caught.value.code == f"nothing_to_{walk}"


def test_a_new_edit_ends_what_could_be_redone() -> None:
    review = wall().apply(DeleteHolds((1,))).undo().apply(DeleteHolds((2,)))

    assert review.redo_what is None and review.undo_what == "delete"
    assert review.undo().state == wall().state


def test_an_edit_that_changes_nothing_leaves_no_step() -> None:
    review = wall().apply(Recolour((1,), "red"))

    assert review.apply(Recolour((1,), "red")) is review
    assert review.apply(MoveHolds((1,), review.hold(1).problem)).placed == {1}
    assert review.apply(ChangeKind((1,), "hold")) is review
    assert review.apply(DescribeProblem(1)) is review


def test_ids_are_never_given_twice() -> None:
    review = wall()
    added = AddHold.in_box((700, 300, 40, 30), chosen_colour("red"))

    review = review.apply(added)
    assert review.holds[-1].id == 27
    review = review.undo().apply(added)
    assert review.holds[-1].id == 28
    review = review.apply(DeleteHolds((28,))).apply(added)
    assert review.holds[-1].id == 29
    review = review.apply(FormProblem((1,)))
    assert review.hold(1).problem == 4
    review = review.undo().apply(FormProblem((1,)))
    assert review.hold(1).problem == 5


@pytest.mark.parametrize("what", ["hold", "problem"])
def test_what_is_not_there_is_told(what: str) -> None:
    with pytest.raises(EditError) as caught:
        getattr(wall(), what)(77)

    error = caught.value
    assert (error.code, error.status) == (f"unknown_{what}", 422)
    assert "77" in error.message and error.hint


def random_edit(review: Review, draw: Callable[[int], int]) -> Edit:
    """Any edit that can be tried on this wall; some will be refused."""
    ids = [hold.id for hold in review.holds] or [1]
    some = tuple({ids[draw(len(ids))] for _ in range(1 + draw(4))})
    numbers = [problem.id for problem in review.problems] or [1]
    number = numbers[draw(len(numbers))]
    edits: list[Edit] = [
        Recolour(some, ["red", "blue", "green", "mint"][draw(4)]),
        ChangeKind(some, "volume" if draw(2) else "hold"),
        DeleteHolds(some[:1]),
        AddHold.in_box((draw(WIDTH), draw(HEIGHT), 30, 30), chosen_colour("blue")),
        MoveHolds(some, number if draw(3) else None),
        FormProblem(some, "x" * draw(3)),
        SplitProblem(number, some),
        MergeProblems((number, numbers[draw(len(numbers))])),
        DescribeProblem(number, "N" * draw(4), "V5"),
    ]
    return edits[draw(len(edits))]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=200, max_size=200))
def test_whatever_is_done_can_be_undone_exported_and_read_back(numbers: list[int]) -> None:
    dice = iter(numbers * 2)
    first = review = wall()
    seen_holds: set[int] = {hold.id for hold in review.holds}
    for _ in range(20):
        edit = random_edit(review, lambda below: next(dice) % below)
        try:
            after = review.apply(edit)
        except EditError as error:
            assert error.message
            continue
        new = {hold.id for hold in after.holds} - {hold.id for hold in review.holds}
        assert not new & seen_holds
        seen_holds |= new
        review = after
        # The constructor checks that holds and problems tell the same.
        analysis = review.analysis()
        assert WallAnalysis.from_document(json.loads(json.dumps(analysis.document())))
    document = review.document()
    assert Review.from_document(json.loads(json.dumps(document))).document() == document
    while review.undo_what:
        review = review.undo()

    assert review.state == first.state


def test_a_hundred_steps_on_300_holds_take_less_than_a_mebibyte() -> None:
    review = large()
    assert len(review.holds) == 300
    for number in range(1, 101):
        review = review.apply(Recolour((number,), "mint"))

    assert len(review.history.past) == 100
    assert review.history.nbytes() < 2**20
    assert measured_bytes(review.history, shared_with=review.state) < 2**20


def measured_bytes(thing: Any, shared_with: Any) -> int:
    """Bytes of everything reachable from ``thing`` and not from ``shared_with``."""
    seen: set[int] = set()

    def walk(item: Any) -> int:
        if id(item) in seen or item is None or isinstance(item, (bool, type)):
            return 0
        seen.add(id(item))
        size = sys.getsizeof(item)
        if isinstance(item, dict):
            return size + sum(walk(key) + walk(value) for key, value in item.items())
        if isinstance(item, (tuple, frozenset)):
            return size + sum(map(walk, item))
        names = getattr(type(item), "__slots__", ())
        return size + sum(walk(getattr(item, n)) for n in names) if not _plain(item) else size

    walk(shared_with)
    return walk(thing)


def _plain(item: Any) -> bool:
    return isinstance(item, (str, int, float))


@pytest.mark.parametrize("edits", [60, 200])
def test_the_history_counts_its_bytes_and_keeps_to_its_bounds(edits: int) -> None:
    review = large()
    everything = tuple(hold.id for hold in review.holds)
    for turn in range(edits):
        wanted = everything if edits == 60 else (1,)
        review = review.apply(Recolour(wanted, f"shade {turn}"))

    history = review.history
    real = measured_bytes(history, shared_with=review.state)
    assert history.nbytes() == pytest.approx(real, rel=0.35)
    assert history.nbytes() <= MAX_BYTES and len(history.past) <= MAX_STEPS
    # One of the bounds is what stopped it.
    assert len(history.past) == MAX_STEPS or history.nbytes() > 0.8 * MAX_BYTES
    assert review.undo().hold(1).colour.name == f"shade {edits - 2}"


def test_the_last_step_can_always_be_undone() -> None:
    review = review_of(
        [make_hold(k, (10.0 + 40 * (k % 30), 10.0 + 40 * (k // 30), 30, 30)) for k in range(1, 900)]
    )
    empty = review.apply(DeleteHolds(tuple(range(1, 900))))

    assert empty.holds == () and empty.problems == ()
    assert empty.history.nbytes() > MAX_BYTES
    assert empty.undo().state == review.state


def test_an_edit_of_300_holds_is_quick() -> None:
    review = large()
    best = math.inf
    for _ in range(20):
        start = time.perf_counter()
        review.apply(Recolour((5,), "blue"))
        best = min(best, time.perf_counter() - start)

    assert best < 0.1  # 3 ms on an idle core; the rest is for a busy machine


def test_nbytes_counts_the_wall_too() -> None:
    review = large()

    real = measured_bytes(review.state, shared_with=SimpleNamespace())
    assert review.nbytes() == pytest.approx(real, rel=0.35)


def test_a_review_survives_pickling() -> None:
    review = wall().apply(Recolour((1,), "blue"))

    back = pickle.loads(pickle.dumps(review))

    assert back == review and back.undo().state == wall().state


def test_the_exported_wall_is_the_edited_one() -> None:
    review = wall().apply(DescribeProblem(1, "Slab", "V2")).apply(DeleteHolds((11,)))
    document = review.analysis().document()

    assert document["schema"] == "climbmate.wall/1"
    assert 11 not in {hold["id"] for hold in document["holds"]}
    first, *others = document["problems"]
    assert (first["name"], first["grade"]) == ("Slab", "V2")
    assert all(problem.keys() == {"id", "colour", "holds"} for problem in others)


def test_a_point_of_the_plane_counts_in_no_other_unit() -> None:
    """The pictured area of an added hold agrees with the shoelace formula."""
    outline = ((100.0, 100.0), (140.0, 110.0), (150.0, 160.0), (90.0, 150.0))
    hold = wall().apply(AddHold(outline, chosen_colour("red"))).holds[-1]
    xs, ys = np.array(outline).T

    area = abs(np.dot(xs, np.roll(ys, -1)) - np.dot(ys, np.roll(xs, -1))) / 2
    assert hold.area_px == pytest.approx(area, rel=1e-5)
    assert hold.box == (90, 100, 60, 60)
