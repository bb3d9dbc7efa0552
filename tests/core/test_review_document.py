"""The review's document: its shape is pinned, and it is plain values all through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.review import Review
from core.review_document import MAX_HOLDS
from core.review_edits import DeleteHolds, MoveHolds, Recolour
from core.wall import PhotoInfo, WallAnalysis
from tests.core.make import make_analysis, make_hold
from tests.core.test_review import large, wall


def plain_values(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain_values(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(plain_values, value))
    return value is None or type(value) in (str, int, float, bool)


def test_the_document_is_as_promised() -> None:
    review = wall().apply(Recolour((1,), "mint")).apply(MoveHolds((2,), None))
    review = review.apply(DeleteHolds((3,))).undo()

    document = review.document()

    assert list(document) == ["schema", "wall", "changed", "placed", "next", "past", "future"]
    assert document["schema"] == "climbmate.review/1"
    assert document["wall"] == review.analysis().document()
    assert (document["changed"], document["placed"]) == ([1], [2])
    assert document["next"] == {"hold": 27, "problem": 4}
    assert [step["what"] for step in document["past"]] == ["recolour", "move"]
    assert document["past"][0]["holds"] == [
        {"id": 1, "colour": wall().document()["wall"]["holds"][0]["colour"], "problem": 1}
    ]
    assert document["past"][0]["changed"] == [1]
    assert document["future"][0]["holds"] == [{"id": 3, "absent": True}]
    assert plain_values(document)


def test_the_wall_inside_can_be_read_by_itself() -> None:
    review = wall().apply(Recolour((1,), "mint"))

    inside = WallAnalysis.from_document(review.document()["wall"])

    assert inside.document() == review.analysis().document()


def test_without_history_nothing_can_be_undone() -> None:
    review = wall().apply(Recolour((1,), "mint"))

    back = Review.from_document(review.document(history=False))

    assert back.undo_what is None and back.changed == {1}
    assert back.analysis().document() == review.analysis().document()


def test_an_outline_is_written_once_however_often_its_hold_is_edited() -> None:
    review = large()
    first = len(json.dumps(review.document()))
    for turn in range(50):
        review = review.apply(Recolour((1, 2, 3), f"shade {turn}"))

    assert len(json.dumps(review.document())) < first + 50 * 3 * 300


@pytest.mark.parametrize("document", [{}, {"schema": "climbmate.wall/1"}])
def test_another_document_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected schema climbmate\.review/1"):
        Review.from_document(document)


@pytest.mark.parametrize("place", ["wall", "past"])
def test_a_wall_of_more_holds_than_any_is_refused(place: str) -> None:
    holds = [make_hold(number, (number, number, 9.0, 9.0)) for number in range(1, MAX_HOLDS + 1)]
    review = Review.of(make_analysis(holds, photo=PhotoInfo("wall.jpg", "0" * 64, 4000, 3000)))
    document = review.apply(Recolour((1,), "mint")).document()
    assert len(Review.from_document(document).holds) == MAX_HOLDS

    more = dict(document["wall"]["holds"][0], id=MAX_HOLDS + 1)
    (document["wall"] if place == "wall" else document["past"][0])["holds"].append(more)
    document["next"]["hold"] += 1

    with pytest.raises(ValueError, match=f"at most {MAX_HOLDS} holds"):
        Review.from_document(document)
