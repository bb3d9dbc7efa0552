"""What a browser keeps of a review comes back whole; anything else that it may send is told."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from core import review_kept
from core.errors import ReviewFileError
from core.review import Review
from core.review_file import save_review
from core.review_kept import (
    MAX_DOCUMENT_BYTES,
    MAX_NAMES,
    MAX_TEXT,
    Kept,
    KeptReport,
    pack_review,
    unpack_review,
)
from core.review_text import ReviewText
from tests.core.test_review import wall
from tests.core.test_review_file import edited

SHA256 = "ab" * 32


def packed(text: str) -> str:
    """``text`` in the form that a browser keeps, made without :mod:`core.review_kept`."""
    return base64.b64encode(zlib.compress(text.encode())).decode()


def test_a_kept_review_comes_back_with_its_history() -> None:
    review = edited()

    back = unpack_review(pack_review(review), SHA256)

    assert back.document() == review.document()
    assert back.undo_what == review.undo_what and back.redo_what == review.redo_what


def test_what_is_kept_is_the_saved_review_and_nothing_else() -> None:
    """Read by zlib and json alone: no photo can be in it."""
    text = zlib.decompress(base64.b64decode(pack_review(edited())))

    assert json.loads(text) == json.loads(save_review(edited()))


def test_a_file_that_was_saved_could_be_kept() -> None:
    assert unpack_review(packed(save_review(edited())), SHA256).holds == edited_and_read().holds


def edited_and_read() -> Review:
    return Review.from_document(json.loads(save_review(edited())))


def test_a_review_too_long_is_kept_without_its_history(monkeypatch: pytest.MonkeyPatch) -> None:
    review = edited()
    monkeypatch.setattr(review_kept, "MAX_TEXT", len(pack_review(review)) - 1)

    back = unpack_review(pack_review(review), SHA256)

    assert back.undo_what is None and back.analysis().document() == review.analysis().document()
    monkeypatch.setattr(review_kept, "MAX_TEXT", 100)
    assert pack_review(review) == ""


def with_other_letter(text: str, place: int) -> str:
    """``text`` with another letter at ``place``; zlib's checksum tells."""
    return text[:place] + ("B" if text[place] == "A" else "A") + text[place + 1 :]


def test_a_document_that_would_not_be_read_again_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = len(ReviewText().write(edited(), history=False))
    monkeypatch.setattr(review_kept, "MAX_DOCUMENT_BYTES", bare)
    assert unpack_review(pack_review(edited()), SHA256).undo_what is None

    monkeypatch.setattr(review_kept, "MAX_DOCUMENT_BYTES", bare - 1)
    assert pack_review(edited()) == ""


BROKEN: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "other letters": lambda: "corrections?",
    "no compressed text": lambda: base64.b64encode(b"corrections").decode(),
    "cut off": lambda: pack_review(wall())[:-8],
    "one letter changed": lambda: with_other_letter(pack_review(wall()), 400),
    "compressed twice": lambda: packed(pack_review(wall())),
    "no review": lambda: packed('{"schema": "climbmate.wall/1"}'),
    "not JSON": lambda: packed("{"),
    "a bomb": lambda: packed(" " * (MAX_DOCUMENT_BYTES + 1)),
    "too long": lambda: "A" * (MAX_TEXT + 4),
    "something behind it": lambda: base64.b64encode(zlib.compress(b"{}") + b"x" * 9).decode(),
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_read_is_told(make: Callable[[], str]) -> None:
    with pytest.raises(ReviewFileError) as caught:
        unpack_review(make(), SHA256)

    assert caught.value.code == "kept_damaged" and caught.value.hint


def test_corrections_of_another_photo_are_refused() -> None:
    with pytest.raises(ReviewFileError):
        unpack_review(pack_review(wall()), "cd" * 32)


def plain_report(**changes: Any) -> dict[str, Any]:
    """A report as the browser writes it, with fields of the kept corrections changed."""
    kept = {
        "photo": SHA256,
        "line": "1f577b5fe19b5971",
        "stamp": 1795252990127,
        "text": "eAEDAAAAAAE=",
        "at": "2026-11-21T10:32",
        "today": "2026-11-22",
    }
    return {
        "kept": kept | changes,
        "names": ["wall.jpg", "슬랩 벽.jpg"],
        "trouble": "",
        "ended": False,
    }


def test_a_report_is_read() -> None:
    report = KeptReport.of_plain(plain_report())

    assert report == KeptReport(
        Kept(
            SHA256,
            "1f577b5fe19b5971",
            1795252990127,
            "eAEDAAAAAAE=",
            datetime(2026, 11, 21, 10, 32),
            date(2026, 11, 22),
        ),
        ("wall.jpg", "슬랩 벽.jpg"),
    )
    assert KeptReport.of_plain(plain_report() | {"ended": True}).ended
    assert (
        KeptReport.of_plain({"kept": None, "names": [], "trouble": "full", "ended": False}).trouble
        == "full"
    )


@pytest.mark.parametrize(
    ("today", "days"),
    [("2026-11-21", 0), ("2026-11-22", 1), ("2026-12-21", 30), ("2026-11-20", None)],
)
def test_how_long_ago_it_was(today: str, days: int | None) -> None:
    report = KeptReport.of_plain(plain_report(today=today))

    assert report.kept is not None and report.kept.days_ago == days


def test_a_moment_that_the_browser_does_not_know() -> None:
    report = KeptReport.of_plain(plain_report(at="", stamp=0))

    assert report.kept is not None and (report.kept.at, report.kept.days_ago) == (None, None)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "full",
        {},
        {"kept": None, "names": [], "trouble": "other", "ended": False},
        {"kept": None, "names": "wall.jpg", "trouble": "", "ended": False},
        {"kept": None, "names": [1], "trouble": "", "ended": False},
        {"kept": None, "names": ["x"] * (MAX_NAMES + 1), "trouble": "", "ended": False},
        {"kept": [], "names": [], "trouble": "", "ended": False},
        {"kept": None, "names": [], "trouble": ""},
        {"kept": None, "names": [], "trouble": "", "ended": 1},
        plain_report(photo=None),
        plain_report(line="../other"),
        plain_report(line="a" * 65),
        plain_report(stamp=1.5),
        plain_report(stamp="1795252990127"),
        plain_report(text=None),
        plain_report(text="A" * (MAX_TEXT + 1)),
        plain_report(at="half past ten"),
        plain_report(at=5),
        plain_report(today=""),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_anything_else_is_no_report(value: object) -> None:
    with pytest.raises(ValueError, match=r"expected|Invalid|isoformat"):
        KeptReport.of_plain(value)
