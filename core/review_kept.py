"""What a browser keeps of a review, so that a lost page loses no corrections.

The browser's own storage holds, for each line of work on a photo, the moment of its last change,
the photo's name and one text. The text is the ``climbmate.review/1`` document with its whole
history, as a saved review is, compressed (zlib) and written in base64: about a quarter of the file,
since a browser keeps a few million characters in all. The photo is not in it.

What comes back is a stranger's word: its size is bounded before and while it is unpacked, and it is
read by the same road as a file that somebody uploads (:func:`core.review_file.open_review`).

Which texts are kept and offered is decided in :mod:`core.review_keeping`; nothing is stored here.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from core.errors import ReviewFileError
from core.review import Review
from core.review_file import check_photo, open_review
from core.review_text import ReviewText

MAX_TEXT = 1_000_000
"""Characters of one kept review, at most: ten times those of a wall with 260 holds and a full
history."""

MAX_DOCUMENT_BYTES = 4 * 2**20
"""The same of the document itself: what a browser sends is not unpacked further."""

MAX_NAMES = 24
"""Photos whose names a browser tells, at most: as many as it keeps reviews."""

MAX_NAME_LENGTH = 300
"""Characters of a photo's name that are read, at most."""

LEVEL = 1
"""Of zlib: the fastest, which is within a tenth of the smallest on these documents."""

Trouble = Literal["", "denied", "full"]
"""Why a browser keeps nothing: its storage is closed to pages, or has no room."""

_LINE = re.compile(r"[0-9a-f]{1,64}")


def pack_review(review: Review, writer: ReviewText | None = None) -> str:
    """The text that a browser keeps of ``review``; without its history where it would be longer
    than is read again, and empty where even that is too long. ``writer`` has written an earlier
    version of it, or nothing yet."""
    writer = writer or ReviewText()
    for history in (True, False):
        document = writer.write(review, history=history).encode()
        text = base64.b64encode(zlib.compress(document, LEVEL)).decode("ascii")
        if len(document) <= MAX_DOCUMENT_BYTES and len(text) <= MAX_TEXT:
            return text
    return ""


def unpack_review(text: str, sha256: str) -> Review:
    """The review that :func:`pack_review` wrote, of the photo with that SHA-256.

    Raises :class:`ReviewFileError` (``kept_damaged``) for anything else.
    """
    try:
        if len(text) > MAX_TEXT:
            raise ValueError(f"expected at most {MAX_TEXT} characters, got {len(text)}")
        packed = base64.b64decode(text, validate=True)
        opener = zlib.decompressobj()
        document = opener.decompress(packed, MAX_DOCUMENT_BYTES)
        if not opener.eof:
            raise ValueError("expected one whole compressed document")
        review = open_review(document)
        check_photo(review, sha256)
    except (ValueError, zlib.error, ReviewFileError) as error:
        raise ReviewFileError(
            "kept_damaged",
            "The corrections that this browser keeps of this photo cannot be read.",
            "Discard them, then open a saved review or correct the wall anew.",
        ) from error
    return review


@dataclass(frozen=True, slots=True)
class Kept:
    """Corrections that a browser keeps from another line of work on the photo ``sha256``.

    ``line`` and ``stamp`` (milliseconds) say which version it is. ``at`` is when it was made and
    ``today`` the day on which it was told, both by the reader's own clock and place; None where the
    browser does not know.
    """

    sha256: str
    line: str
    stamp: int
    text: str
    at: datetime | None = None
    today: date | None = None

    @property
    def days_ago(self) -> int | None:
        """0 for today, 1 for yesterday; None where nobody knows, or for a day to come."""
        if self.at is None or self.today is None:
            return None
        days = (self.today - self.at.date()).days
        return days if days >= 0 else None


@dataclass(frozen=True, slots=True)
class KeptReport:
    """What a browser tells of its storage: the newest corrections of the shown photo that belong to
    another line of work, the names of the photos that it keeps corrections of (the newest first),
    and why it keeps nothing. ``ended``: the page it runs in showed a photo of another session, of
    which the server knows nothing any more."""

    kept: Kept | None = None
    names: tuple[str, ...] = ()
    trouble: Trouble = ""
    ended: bool = False

    @classmethod
    def of_plain(cls, value: object) -> KeptReport:
        """The report as a browser sent it. Raises ``ValueError`` for anything else; a text that
        cannot be a review is not looked at here."""
        match value:
            case {
                "kept": kept,
                "names": list(names),
                "trouble": "" | "denied" | "full" as trouble,
                "ended": bool(ended),
            }:
                if len(names) <= MAX_NAMES and all(isinstance(name, str) for name in names):
                    short = tuple(name[:MAX_NAME_LENGTH] for name in names)
                    mine = None if kept is None else _kept_of(kept)
                    return cls(mine, short, trouble, bool(ended))
        kind = sorted(map(str, value)) if isinstance(value, Mapping) else type(value).__name__
        raise ValueError(f"expected kept, names, trouble and ended, got {kind}")


def _kept_of(value: object) -> Kept:
    match value:
        case {
            "photo": str(photo),
            "line": str(line),
            "stamp": int(stamp),
            "text": str(text),
            "at": str(at),
            "today": str(today),
        } if _LINE.fullmatch(line) and len(text) <= MAX_TEXT:
            # Numbers in JSON may be true and false, which are whole numbers to Python.
            moment = datetime.fromisoformat(at) if at else None
            return Kept(photo, line, int(stamp), text, moment, date.fromisoformat(today))
    raise ValueError("expected photo, line, stamp, text, at and today of kept corrections")
