"""The photos of one session: a queue with a state each, and what is kept of those that are done.

A photo that waits keeps its encoded bytes; once it is done only a bounded JPEG for display and the
review remain, never pixels. A photo that failed keeps nothing but why; one that was stopped, or
that the service could not take, keeps its bytes so that it can be tried again. The number of photos
is bounded, and so are the bytes that wait: more are refused with a sentence rather than pushing out
what somebody has worked on.

Nothing is analysed here (:mod:`core.service` does) and nothing is shown.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from core.errors import ClimbMateError, PhotoError, QueueFullError
from core.review import Review
from core.wall_picture import WallPicture

PhotoState = Literal["waiting", "analysing", "done", "failed", "stopped"]

MAX_PHOTOS = 12
"""Photos of one session at a time: reviewed, waiting and failed together."""

MAX_WAITING_MB = 60.0
"""Encoded photos that wait for their analysis, together in MiB."""


@dataclass(slots=True)
class QueuedPhoto:
    """One photo. ``error`` is message and hint where the state is ``failed``; ``picture`` and
    ``review`` are there when it is ``done``, ``data`` as long as it may still be analysed."""

    number: int
    name: str
    sha256: str
    data: bytes = b""
    state: PhotoState = "waiting"
    error: tuple[str, str] = ("", "")
    picture: WallPicture | None = None
    review: Review | None = None
    seconds: float = 0.0

    @property
    def can_retry(self) -> bool:
        """Whether it may be analysed (again) without a new upload."""
        return bool(self.data) and self.state in ("failed", "stopped")

    def nbytes(self) -> int:
        """About how many bytes of memory it holds."""
        kept = len(self.picture.jpeg) if self.picture is not None else 0
        wall = self.review.nbytes() if self.review is not None else 0
        return len(self.data) + kept + wall + sys.getsizeof(self)


@dataclass(slots=True)
class PhotoQueue:
    """The photos in the order in which they came. ``current`` is the number of the one that is
    looked at; None while none is done."""

    photos: list[QueuedPhoto] = field(default_factory=list)
    current: int | None = None
    next_number: int = 1
    _fate: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, name: str, data: bytes) -> QueuedPhoto:
        """Put a photo at the end; where the same bytes are there already, that one becomes the one
        to look at, or waits again.

        Raises :class:`core.errors.QueueFullError` (``too_many_photos``) where it does not fit.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        known = next((photo for photo in self.photos if photo.sha256 == sha256), None)
        if known is not None:
            if known.state == "done":
                self.current = known.number
                return known
            if known.state in ("waiting", "analysing"):
                return known
            self.photos.remove(known)
        self._check_room(name, len(data))
        photo = QueuedPhoto(self.next_number, name, sha256, data)
        self.next_number += 1
        self.photos.append(photo)
        return photo

    def add_each(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Put photos, names with bytes, at the end as :meth:`add` does: as many as fit.

        Raises one :class:`core.errors.QueueFullError` for all that did not, after the others.
        """
        refused: list[tuple[str, QueueFullError]] = []
        for name, data in files:
            try:
                self.add(name, data)
            except QueueFullError as error:
                refused.append((name, error))
        if len(refused) == 1:
            raise refused[0][1]
        if refused:
            first, last = refused[0][0], refused[-1][0]
            raise QueueFullError(
                "too_many_photos",
                f"{len(refused)} photos were not taken, from {first} to {last}: "
                f"at most {MAX_PHOTOS} are open at a time, and {MAX_WAITING_MB:.0f} MiB wait.",
                "Save the reviews you want to keep, remove photos, and add these again.",
            )

    def refuse(self, name: str, error: ClimbMateError) -> None:
        """Put a photo at the end that was too large to come in: it failed from the start. One that
        is told already is not told twice.

        Raises :class:`core.errors.QueueFullError` (``too_many_photos``) where it does not fit.
        """
        why = (error.message, error.hint)
        if any(photo.name == name and photo.error == why for photo in self.photos):
            return
        self._check_room(name, 0)
        self.photos.append(QueuedPhoto(self.next_number, name, "", state="failed", error=why))
        self.next_number += 1

    def _check_room(self, name: str, size: int) -> None:
        if len(self.photos) >= MAX_PHOTOS:
            raise QueueFullError(
                "too_many_photos",
                f"{name} was not taken: {MAX_PHOTOS} photos are open, and more do not fit.",
                "Save the reviews you want to keep, remove a photo, and add it again.",
            )
        waiting = sum(len(photo.data) for photo in self.photos)
        if waiting and waiting + size > MAX_WAITING_MB * 2**20:
            raise QueueFullError(
                "too_many_photos",
                f"{name} was not taken: the photos that wait already fill "
                f"{MAX_WAITING_MB:.0f} MiB.",
                "Add it again when some of them are done.",
            )

    @property
    def free(self) -> int:
        """How many more photos may be open."""
        return max(0, MAX_PHOTOS - len(self.photos))

    def adopt(self, photo: QueuedPhoto, review: Review) -> None:
        """Look at an opened review of a photo that is done."""
        photo.review = review
        self.current = photo.number

    @property
    def shown(self) -> QueuedPhoto | None:
        """The photo to look at: the chosen one, else the first that is done."""
        done = [photo for photo in self.photos if photo.state == "done"]
        return next((p for p in done if p.number == self.current), done[0] if done else None)

    def titles(self) -> dict[int, str]:
        """What tells the photos apart for a person, by number: the name, and from the second photo
        of that name on a count. A phone's camera calls every photo ``image.jpg``.
        """
        titles: dict[int, str] = {}
        for photo in self.photos:
            title, count = photo.name, 1
            while title in titles.values():
                count += 1
                title = f"{photo.name} ({count})"
            titles[photo.number] = title
        return titles

    @property
    def next_up(self) -> QueuedPhoto | None:
        """The photo to analyse now."""
        going = (photo for photo in self.photos if photo.state == "analysing")
        waiting = (photo for photo in self.photos if photo.state == "waiting")
        return next(going, None) or next(waiting, None)

    def find(self, number: int) -> QueuedPhoto:
        """The photo with that number. Raises ``KeyError`` where it is gone."""
        for photo in self.photos:
            if photo.number == number:
                return photo
        raise KeyError(number)

    def finish(
        self, photo: QueuedPhoto, review: Review, picture: WallPicture, seconds: float
    ) -> None:
        """The analysis of ``photo`` ended; its bytes are let go. It is shown where nothing else
        is."""
        photo.review, photo.picture, photo.seconds = review, picture, seconds
        photo.state = "done"  # last: another run of the page may look at it meanwhile
        photo.data = b""
        if self.shown is photo:
            self.current = photo.number

    def fail(self, photo: QueuedPhoto, error: ClimbMateError) -> None:
        """The analysis of ``photo`` failed. A broken photo is let go; where only the service could
        not take it, it can be tried again."""
        photo.state, photo.error = "failed", (error.message, error.hint)
        if isinstance(error, PhotoError):
            photo.data = b""

    def begin(self, photo: QueuedPhoto) -> bool:
        """``photo`` is analysed from now on; False where it was stopped or removed meanwhile."""
        with self._fate:
            listed = any(other is photo for other in self.photos)
            if not listed or photo.state not in ("waiting", "analysing"):
                return False
            photo.state = "analysing"
        return True

    def stop(self, *, spare: int | None = None) -> None:
        """Give up everything that is not done yet; it can be tried again. The photo ``spare`` is
        left alone: what came of it is being kept.
        """
        with self._fate:
            for photo in self.photos:
                if photo.state in ("waiting", "analysing") and photo.number != spare:
                    photo.state = "stopped"

    def retry(self, number: int) -> None:
        """Let a failed or stopped photo wait again."""
        photo = self.find(number)
        if photo.can_retry:
            photo.state, photo.error = "waiting", ("", "")

    def remove(self, number: int) -> None:
        """Take a photo off the list, with its review."""
        self.photos.remove(self.find(number))

    def nbytes(self) -> int:
        """About how many bytes of memory all photos hold."""
        return sum(photo.nbytes() for photo in self.photos)
