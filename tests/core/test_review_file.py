"""A review saved and opened again: nothing is lost, and what is not a review is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from core.errors import ReviewFileError
from core.review import Review
from core.review_edits import (
    AddHold,
    DeleteHolds,
    DescribeProblem,
    MergeProblems,
    Recolour,
    chosen_colour,
)
from core.review_file import MAX_FILE_MB, check_photo, open_review, save_review
from tests.core.test_review import wall


def edited() -> Review:
    """A review with steps of every kind of difference, two of them undone."""
    review = wall()
    for edit in (
        Recolour((3,), "blue"),
        DeleteHolds((1, 12)),
        AddHold.in_box((110, 600, 40, 30), chosen_colour("red")),
        DescribeProblem(1, "슬랩", "V4"),
        MergeProblems((1, 2)),
        DeleteHolds((27,)),
    ):
        review = review.apply(edit)
    return review.undo().undo()


def test_a_saved_review_opens_with_all_its_history() -> None:
    review = edited()

    back = open_review(save_review(review).encode())

    assert back.document() == review.document()
    assert (back.changed, back.placed) == (review.changed, review.placed)
    for _ in range(2):
        review, back = review.redo(), back.redo()
        assert back.analysis().document() == review.analysis().document()
    while review.undo_what:
        assert back.undo_what == review.undo_what
        review, back = review.undo(), back.undo()
        assert back.analysis().document() == review.analysis().document()
    assert back.undo_what is None


def test_ids_go_on_where_they_were() -> None:
    added = AddHold.in_box((700, 300, 40, 30), chosen_colour("mint"))
    review = edited()

    assert open_review(save_review(review).encode()).apply(added).holds[-1].id == 28
    assert review.apply(added).holds[-1].id == 28


def test_reading_shares_outlines_as_editing_does() -> None:
    review = wall()
    for number in range(30):
        review = review.apply(Recolour(tuple(range(1, 7)), f"shade {number}"))
    back = Review.from_document(json.loads(json.dumps(review.document())))

    assert back.history.nbytes() == pytest.approx(review.history.nbytes(), rel=0.05)


def test_the_photo_is_recognised() -> None:
    check_photo(wall(), "ab" * 32)
    with pytest.raises(ReviewFileError) as caught:
        check_photo(wall(), "cd" * 32)

    assert caught.value.code == "review_other_photo" and "wall.jpg" in caught.value.message


def test_a_bom_does_no_harm() -> None:
    assert (
        open_review(b"\xef\xbb\xbf" + save_review(wall()).encode()).holds
        == open_review(save_review(wall()).encode()).holds
    )


DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another schema": lambda d: d.update(schema="climbmate.review/9"),
    "an analysis": lambda d: d.update(d["wall"]),
    "no wall": lambda d: d.pop("wall"),
    "no history": lambda d: d.pop("past"),
    "history of another type": lambda d: d.update(past=5),
    "a step of another type": lambda d: d.update(future=["x"]),
    "marks of unknown holds": lambda d: d["changed"].append(99),
    "marks of another type": lambda d: d.update(placed=[[1]]),
    "an id to come": lambda d: d["next"].update(hold=5),
    "a problem to come": lambda d: d["next"].update(problem=1),
    "ids in words": lambda d: d["next"].update(hold="many"),
    "a problem without its hold": lambda d: d["wall"]["problems"][0]["holds"].pop(),
    "a name that is no text": lambda d: d["wall"]["problems"][0].update(name=["x"]),
    "a name too long": lambda d: d["wall"]["problems"][0].update(name="x" * 500),
    "a grade too long": lambda d: d["wall"]["problems"][0].update(grade="x" * 500),
    "a colour without letters": lambda d: d["wall"]["holds"][0]["colour"].update(name=" "),
    "an outline outside": lambda d: d["wall"]["holds"][0].update(
        polygon=[[9e5, 9e5], [9e5 + 9, 9e5], [9e5, 9e5 + 9]]
    ),
    "a step back to nowhere": lambda d: d["past"][-1]["holds"].append({"id": 2, "problem": 77}),
    "a step with half a hold": lambda d: d["past"][-1]["holds"].append({"id": 500, "score": 1}),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_is_told(damage: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads(save_review(edited()))
    damage(document)

    with pytest.raises(ReviewFileError) as caught:
        open_review(json.dumps(document).encode())

    assert (caught.value.code, caught.value.status) == ("review_damaged", 422)
    assert caught.value.hint


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"schema": NaN}'],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_review_is_told(data: bytes) -> None:
    with pytest.raises(ReviewFileError) as caught:
        open_review(data)

    assert caught.value.code == "review_damaged"


def test_nan_is_refused_wherever_it_stands() -> None:
    document = edited().document()
    document["wall"]["timings_ms"]["total"] = float("nan")

    with pytest.raises(ReviewFileError):
        open_review(json.dumps(document).encode())


def test_a_huge_file_is_not_even_read() -> None:
    with pytest.raises(ReviewFileError) as caught:
        open_review(b" " * (int(MAX_FILE_MB * 2**20) + 1))

    assert caught.value.code == "review_too_large"
