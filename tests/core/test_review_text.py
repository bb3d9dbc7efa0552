"""The text that grows with the edits says what the whole document says, whatever was edited."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import review_text
from core.errors import EditError
from core.review import Review
from core.review_edits import AddHold, DeleteHolds, DescribeProblem, Recolour, chosen_colour
from core.review_text import ReviewText
from tests.core.test_review import wall
from tests.core.test_review_file import edited

ACTS = {
    "recolour": lambda r, n: r.apply(Recolour((1 + n, 2 + n), ("blue", "pink")[n % 2])),
    "delete": lambda r, n: r.apply(DeleteHolds((1 + n,))),
    "add": lambda r, n: r.apply(AddHold.in_box((30 * n, 60, 20, 20), chosen_colour("red"))),
    "describe": lambda r, n: r.apply(DescribeProblem(1, f"벽 {n}", "V4")),
    "undo": lambda r, _n: r.undo(),
    "redo": lambda r, _n: r.redo(),
}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(0, 24)), max_size=25))
def test_after_every_edit_it_is_the_document(acts: list[tuple[str, int]]) -> None:
    review, writer = wall(), ReviewText()
    for what, number in acts:
        try:
            review = ACTS[what](review, number)
        except EditError:
            continue  # there is nothing to undo, or the hold is gone
        assert json.loads(writer.write(review)) == plain(review.document())


def plain(document: dict[str, Any]) -> Any:
    return json.loads(json.dumps(document))


def test_without_history_and_with_it_again() -> None:
    review, writer = edited(), ReviewText()

    for history in (True, False, True):
        written = json.loads(writer.write(review, history=history))
        assert written == plain(review.document(history=history))


def test_another_review_by_the_same_writer() -> None:
    """Holds of other walls have the same ids."""
    writer = ReviewText()
    writer.write(edited())

    for review in (wall(), Review.from_document(edited().document())):
        assert json.loads(writer.write(review)) == plain(review.document())


def test_an_edit_writes_only_what_it_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    review, writer = edited(), ReviewText()
    writer.write(review)
    written: list[int] = []
    original = review_text.hold_document
    monkeypatch.setattr(
        review_text, "hold_document", lambda hold: written.append(hold.id) or original(hold)
    )

    writer.write(review.apply(Recolour((5,), "grey")))

    assert written == [5]
