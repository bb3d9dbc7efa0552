"""A review saved to a file and opened again later, with the photo it belongs to.

The file is the ``climbmate.review/1`` document (:mod:`core.review_document`) as JSON; the photo is
not in it. Photo and review find each other by the photo's SHA-256. What a person may upload is
checked as strictly as what they may type. Nothing here touches the disk.
"""

from __future__ import annotations

import json
from typing import NoReturn

from core.errors import EditError, ReviewFileError
from core.export import encode_json
from core.review import Review
from core.review_edits import checked_colour, checked_grade, checked_name, checked_outline
from core.review_shape import check_shape
from core.wall import Hold, Problem

MAX_FILE_MB = 16.0
"""Largest file that is read, in MiB: about twenty times that of a wall with 300 holds and a full
history."""


def save_review(review: Review) -> str:
    """The review as JSON text with its history, so that even yesterday's edits can be undone."""
    return encode_json(review.document())


def open_review(data: bytes) -> Review:
    """The review that :func:`save_review` wrote.

    Raises :class:`ReviewFileError`: ``review_too_large`` or ``review_damaged``.
    """
    if len(data) > MAX_FILE_MB * 2**20:
        raise ReviewFileError(
            "review_too_large",
            f"The file has {len(data) / 2**20:.0f} MiB; a saved review has at most "
            f"{MAX_FILE_MB:.0f}.",
            "Choose a file that was saved from a review.",
        )
    try:
        text = data.decode("utf-8-sig")
        check_shape(text)
        document = json.loads(text, parse_constant=_refuse_constant)
        review = Review.from_document(document)
        _check_words(review)
    except (ValueError, RecursionError, OverflowError, EditError) as error:
        raise ReviewFileError(
            "review_damaged",
            "The file is not a saved review, or it is damaged.",
            "Choose the JSON file that was saved with the review's own save button.",
        ) from error
    return review


def check_photo(review: Review, sha256: str) -> None:
    """Raises :class:`ReviewFileError` (``review_other_photo``) when the review is not of the photo
    with that SHA-256 (lower-case hexadecimal).
    """
    if review.photo.sha256 != sha256:
        raise ReviewFileError(
            "review_other_photo",
            f"This review belongs to another photo, {review.photo.name}.",
            "Open that photo first; it must be the same file, not a copy that was saved anew.",
        )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_words(review: Review) -> None:
    """Names, grades, colours and outlines as an edit would take them, in every version kept."""
    steps = (*review.history.past, *review.history.future)
    holds: list[Hold | None] = [*review.holds]
    problems: list[Problem | None] = [*review.problems]
    for step in steps:
        holds += step.holds.values()
        problems += step.problems.values()
    for hold in holds:
        if hold is not None:
            checked_colour(hold.colour.name)
            checked_outline(hold.polygon, review.photo)
    for problem in problems:
        if problem is not None:
            checked_name(problem.name)
            checked_grade(problem.grade)
            checked_colour(problem.colour)
