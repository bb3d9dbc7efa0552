"""Whatever stands in a file that is opened as a review, it is a review that works, or it is refused
in a sentence."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import ReviewFileError
from core.export import encode_json, to_coco, to_csv, to_json
from core.history import MAX_STEPS
from core.numbers import wall_numbers
from core.review import Review
from core.review_file import open_review, save_review
from core.review_shape import check_shape
from core.wall_picture import wall_drawing
from tests.core.test_review import wall
from tests.core.test_review_file import edited

NONSENSE: list[Any] = [
    *(None, True, 0, -1, 1.5, 1e308, -1e308, 10**30, 10**400, "", "x", "1", "한" * 1000),
    *([], {}, [1], {"a": 1}, [[0, 0], [1, 1]], ["red", 0.5], [255.5, 0, 0]),
]


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside ``value``; of a long list, to its first two and its last."""
    if before:
        yield before
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*before, key))
    elif isinstance(value, list):
        for index in sorted({0, 1, len(value) - 1} & set(range(len(value)))):
            yield from places(value[index], (*before, index))


def put(document: dict[str, Any], place: tuple[Any, ...], value: Any) -> None:
    inner: Any = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value


def use(review: Review) -> None:
    """What pages do with a review, at each step of its history."""
    for _ in range(100):
        analysis = review.analysis()
        texts = (to_json(analysis), to_csv(analysis), encode_json(to_coco([analysis])))
        assert all(text.encode() for text in texts)
        assert wall_drawing(analysis, 1.0)["holds"] is not None
        wall_numbers(analysis)
        assert all(warning.split() for warning in analysis.warnings if warning)
        assert analysis.photo.name.strip() is not None
        if review.undo_what is None:
            return
        review = review.undo()


def test_nonsense_in_any_place_is_refused_or_does_no_harm() -> None:
    document = json.loads(save_review(edited()))
    document["wall"]["warnings"] = ["One", "Two"]
    pairs = [(place, value) for place in places(document) for value in NONSENSE]
    refused = 0
    for place, value in random.Random(4).sample(pairs, 700):
        damaged = copy.deepcopy(document)
        put(damaged, place, value)
        try:
            review = open_review(json.dumps(damaged).encode())
        except ReviewFileError as error:
            assert error.code == "review_damaged"
            refused += 1
        else:
            use(review)
    assert 300 < refused < 700  # the others were harmless, such as another name of the photo


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("wall", "holds", 0, "colour", "name"), 5),
        (("wall", "holds", 0, "colour", "rgb", 1), 1.5),
        (("wall", "holds", 0, "box", 0), 1e308),
        (("wall", "photo", "name"), ["wall.jpg"]),
        (("wall", "photo", "width"), 10**30),
        (("wall", "timings_ms", "total"), "soon"),
        (("wall", "memory_mb", "peak"), {}),
        (("wall", "warnings"), [5]),
        (("next", "hold"), True),
        (("past", 0, "what"), None),
    ],
)
def test_a_value_of_another_type_is_found(place: tuple[Any, ...], value: Any) -> None:
    document = json.loads(save_review(edited()))
    check_shape(json.dumps(document))
    put(document, place, value)

    with pytest.raises(ValueError, match=str(place[-1])):
        check_shape(json.dumps(document))
    with pytest.raises(ReviewFileError):
        open_review(json.dumps(document).encode())


@pytest.mark.parametrize("side", ["past", "future"])
def test_more_steps_than_a_review_keeps_are_refused(side: str) -> None:
    document = json.loads(save_review(edited()))
    nothing = {"what": "add", "holds": [], "problems": [], "changed": [], "placed": []}
    document[side] = [nothing] * MAX_STEPS
    assert len(getattr(open_review(json.dumps(document).encode()).history, side)) == MAX_STEPS

    document[side].append(nothing)
    with pytest.raises(ReviewFileError):
        open_review(json.dumps(document).encode())


def test_fields_that_a_later_version_adds_are_no_damage() -> None:
    document = wall().document()
    document["wall"]["holds"][0]["note"] = "crimp"
    document["by"] = "a setter"

    check_shape(json.dumps(document))
