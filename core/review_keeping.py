"""Which corrections a session gives its browser to keep, and which the browser offers it.

Each session works at a photo on a *line* of its own, a random id, and writes to that line alone.
So what an earlier session left (its page was reloaded, its server restarted, it expired) stays as
it is until the setter restores or discards it, whatever is edited meanwhile; and two tabs of one
browser never write over each other's corrections. Within a line, the last write wins.

The rules:

* A line is kept while the wall differs from what was found; where everything was undone there is
  nothing to keep.
* Saving the review to a file does not remove it. A download may be cancelled or lost, which no page
  learns; a line too many costs a click, one too few the work.
* Restoring is like opening a saved review, history included, and begins a new line; the restored
  one goes once the new one is kept. What had been corrected before stays on its own line and is
  offered in turn, so restoring destroys nothing and needs no undo.
* Discarding removes exactly the version that was offered: where another tab has gone on with it
  since, it stays.

Nothing here speaks to a browser (``pages/review_keeper.py`` does); what the texts are is in
:mod:`core.review_kept`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from core.errors import ReviewFileError
from core.photo_queue import QueuedPhoto
from core.review import Review
from core.review_kept import Kept, KeptReport, Trouble, pack_review, unpack_review
from core.review_text import ReviewText

MAX_GONE = 50
"""Lines of one photo that were restored or discarded and are still told to the browser."""


def new_line() -> str:
    """An id that no other session has."""
    return secrets.token_hex(8)


@dataclass(slots=True)
class Work:
    """The work at one photo. ``fresh`` is its review before any edit, ``text`` what is kept of
    ``packed``, and ``too_long`` whether that is an older one, since the newest is too long to be
    kept. ``gone`` are lines, with their stamps, that the browser removes. ``readable`` says whether
    the corrections in ``offer`` can be restored."""

    fresh: Review
    line: str = field(default_factory=new_line)
    packed: Review | None = None
    text: str = ""
    too_long: bool = False
    gone: list[tuple[str, int]] = field(default_factory=list)
    offer: Kept | None = None
    readable: bool = True

    def keep(self, review: Review, writer: ReviewText) -> None:
        """Bring ``text`` in line with ``review``; cheap where it did not change."""
        if review is self.packed:
            return
        self.packed, self.too_long = review, False
        if review.state == self.fresh.state:
            self.text = ""
        elif text := pack_review(review, writer):
            self.text = text
        else:
            self.too_long = True

    def knows(self, kept: Kept) -> bool:
        """Whether these corrections are this work's own, or were restored or discarded."""
        return kept.line == self.line or (kept.line, kept.stamp) in self.gone

    def remove(self, kept: Kept) -> None:
        """Let the browser remove these corrections."""
        self.gone = [*self.gone, (kept.line, kept.stamp)][-MAX_GONE:]
        if self.offer == kept:
            self.offer = None


@dataclass(slots=True)
class Keeping:
    """A session's side of what its browser keeps. ``session`` tells the browser one session from
    another; ``forget`` is empty until everything is to be removed; ``names`` are the photos that
    the browser said it keeps corrections of, ``heard`` why it said that it keeps nothing, and
    ``ended`` whether an earlier session ended under its page, until a photo is shown again.
    ``writer`` is for the photo ``writing`` alone: what it holds is as large as the text."""

    session: str = field(default_factory=new_line)
    works: dict[int, Work] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    heard: Trouble = ""
    ended: bool = False
    forget: str = ""
    writing: int = 0
    writer: ReviewText = field(default_factory=ReviewText)

    @property
    def trouble(self) -> Trouble:
        """Why corrections are not kept; empty where they are."""
        return self.heard or ("full" if any(w.too_long for w in self.works.values()) else "")

    def plain(self, photo: QueuedPhoto | None, queue: Iterable[QueuedPhoto]) -> dict[str, Any]:
        """What the browser has to know while ``photo`` is shown (None: none is), as plain values;
        ``queue`` are all photos that are still there."""
        numbers = {other.number for other in queue}
        self.works = {n: work for n, work in self.works.items() if n in numbers}
        told: dict[str, Any] = {"session": self.session, "forget": self.forget, "photo": ""}
        if photo is None or photo.review is None:
            return told
        self.ended = False
        work = self.works.setdefault(photo.number, Work(photo.review))
        if self.writing != photo.number:
            self.writing, self.writer = photo.number, ReviewText()
        work.keep(photo.review, self.writer)
        return told | {
            "photo": photo.sha256,
            "name": photo.name,
            "line": work.line,
            "text": work.text,
            "gone": [list(pair) for pair in work.gone],
        }

    def offer_for(self, photo: QueuedPhoto) -> tuple[Kept, bool] | None:
        """The corrections that the browser offers for ``photo``, and whether they can be read."""
        work = self.works.get(photo.number)
        return None if work is None or work.offer is None else (work.offer, work.readable)

    def take(self, report: KeptReport) -> None:
        """Take in what the browser told. Corrections that differ in nothing from what was found are
        removed without a word, since restoring them would change nothing."""
        self.names, self.heard, self.ended = report.names, report.trouble, report.ended
        kept = report.kept
        mine = (w for w in self.works.values() if kept and w.fresh.photo.sha256 == kept.sha256)
        work = next(mine, None)
        if kept is None or work is None or work.knows(kept):
            return
        work.offer, work.readable = kept, True
        try:
            if _same_wall(unpack_review(kept.text, kept.sha256), work.fresh):
                work.remove(kept)
        except ReviewFileError:
            work.readable = False

    def restored(self, photo: QueuedPhoto) -> Review:
        """The review that is offered for ``photo``, which is worked on from now on.

        Raises :class:`ReviewFileError`: ``kept_damaged``, or ``kept_gone`` where nothing is offered
        any more.
        """
        work = self.works.get(photo.number)
        if work is None or work.offer is None:
            raise ReviewFileError(
                "kept_gone",
                "These corrections are not offered any more.",
                "Open the photo again to see what this browser keeps of it.",
            )
        review = unpack_review(work.offer.text, photo.sha256)
        work.remove(work.offer)
        self.begin_line(photo)
        return review

    def discard(self, photo: QueuedPhoto) -> None:
        """Let the browser remove what it offers for ``photo``."""
        work = self.works.get(photo.number)
        if work is not None and work.offer is not None:
            work.remove(work.offer)

    def begin_line(self, photo: QueuedPhoto) -> None:
        """Another review is about to take the place of the one of ``photo``: what was kept of that
        stays."""
        if photo.review is not None:
            work = self.works.setdefault(photo.number, Work(photo.review))
            work.line, work.packed, work.text = new_line(), None, ""

    def forget_all(self, queue: Iterable[QueuedPhoto]) -> None:
        """Let the browser remove everything; what is on the wall now is kept again from the next
        edit on."""
        self.forget, self.names = new_line(), ()
        for photo in queue:
            if (work := self.works.get(photo.number)) is not None:
                work.offer, work.packed, work.text = None, photo.review, ""


def _same_wall(kept: Review, fresh: Review) -> bool:
    """Whether both are the same wall, numbers rounded as they are when they are kept."""
    one, other = (review.document(history=False) for review in (kept, fresh))
    return all(one[key] == other[key] for key in ("changed", "placed")) and all(
        one["wall"][key] == other["wall"][key] for key in ("holds", "problems")
    )
