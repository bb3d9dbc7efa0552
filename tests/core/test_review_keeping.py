"""What a session gives its browser to keep, and what it makes of what the browser offers.

``Storage`` is a browser's part as its script promises it, over sessions and tabs; the script itself
is proven in tests/browser/test_kept_corrections.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from core import review_kept
from core.errors import ReviewFileError
from core.photo_queue import QueuedPhoto
from core.review import Review
from core.review_edits import AddHold, DeleteHolds, DescribeProblem, Edit, Recolour, chosen_colour
from core.review_file import open_review, save_review
from core.review_keeping import Keeping
from core.review_kept import KeptReport, unpack_review
from tests.core.test_review import wall

SHA256 = "ab" * 32


@dataclass
class Storage:
    """What a browser keeps, by photo and line: moment and text."""

    entries: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    now: int = 1_795_252_000_000

    def serve(self, told: dict[str, Any]) -> dict[str, Any] | None:
        """Do what a session told; what the browser then reports of the shown photo."""
        self.now += 60_000
        own = (told["photo"], told["line"])
        if told["text"] and self.entries.get(own, (0, ""))[1] != told["text"]:
            self.entries[own] = (self.now, told["text"])
        elif not told["text"]:
            self.entries.pop(own, None)
        for line, stamp in told["gone"]:
            if self.entries.get((told["photo"], line), (None,))[0] == stamp:
                del self.entries[told["photo"], line]
        others = [
            (stamp, line, text)
            for (photo, line), (stamp, text) in self.entries.items()
            if photo == told["photo"] and line != told["line"]
        ]
        if not others:
            return None
        stamp, line, text = max(others)
        kept = {"photo": told["photo"], "line": line, "stamp": stamp, "text": text}
        kept |= {"at": "", "today": "2026-11-21"}
        return {"kept": kept, "names": [], "trouble": "", "ended": False}


class Session:
    """One session with one photo open, in the browser with ``storage``."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.keeping = storage, Keeping()
        self.photo = QueuedPhoto(1, "wall.jpg", SHA256, state="done", review=wall())
        self.run()

    def run(self) -> None:
        """One run of the page, and what the browser answers."""
        report = self.storage.serve(self.keeping.plain(self.photo, [self.photo]))
        if report is not None:
            self.keeping.take(KeptReport.of_plain(report))

    def edit(self, *edits: Edit) -> None:
        for edit in edits:
            self.photo.review = self.review.apply(edit)
            self.run()

    def undo(self) -> None:
        self.photo.review = self.review.undo()
        self.run()

    def restore(self) -> None:
        self.photo.review = self.keeping.restored(self.photo)
        self.run()

    def discard(self) -> None:
        self.keeping.discard(self.photo)
        self.run()

    @property
    def review(self) -> Review:
        assert self.photo.review is not None
        return self.photo.review

    @property
    def offered(self) -> Review | None:
        """The review that is offered; None where nothing is."""
        offer = self.keeping.offer_for(self.photo)
        return None if offer is None else unpack_review(offer[0].text, SHA256)

    @property
    def can_be_read(self) -> bool:
        offer = self.keeping.offer_for(self.photo)
        assert offer is not None
        return offer[1]


@pytest.fixture
def storage() -> Storage:
    return Storage()


def colour(review: Review | None, hold: int) -> str:
    assert review is not None
    return review.hold(hold).colour.name


def test_nothing_is_kept_before_an_edit(storage: Storage) -> None:
    session = Session(storage)

    assert not storage.entries and session.offered is None


def test_another_session_is_offered_the_corrections_and_goes_on_with_them(storage: Storage) -> None:
    before = Session(storage)
    before.edit(Recolour((3,), "blue"), DescribeProblem(1, "슬랩", "V4"))

    after = Session(storage)
    assert colour(after.review, 3) != "blue"  # not without being asked
    after.restore()

    assert after.review.document() == open_review(save_review(before.review).encode()).document()
    assert after.offered is None and len(storage.entries) == 1
    after.undo()
    assert after.review.problem(1).name == "" and colour(after.review, 3) == "blue"


def test_an_edit_meanwhile_destroys_nothing(storage: Storage) -> None:
    Session(storage).edit(Recolour((3,), "blue"))
    after = Session(storage)

    after.edit(Recolour((4,), "pink"))
    assert colour(after.offered, 3) == "blue"
    after.restore()
    assert colour(after.review, 3) == "blue" and colour(after.review, 4) != "pink"
    assert colour(after.offered, 4) == "pink"  # in turn

    after.restore()
    assert colour(after.review, 4) == "pink" and colour(after.offered, 3) == "blue"


def test_a_session_that_is_lost_again_leaves_both(storage: Storage) -> None:
    Session(storage).edit(Recolour((3,), "blue"))
    Session(storage).edit(Recolour((4,), "pink"))

    third = Session(storage)
    assert colour(third.offered, 4) == "pink"  # the newest
    third.discard()
    assert colour(third.offered, 3) == "blue"
    third.discard()
    assert third.offered is None and not storage.entries


def test_what_was_undone_to_the_bottom_is_not_kept(storage: Storage) -> None:
    session = Session(storage)
    session.edit(Recolour((3,), "blue"), DeleteHolds((1,)))
    assert storage.entries
    session.undo()
    session.undo()

    assert not storage.entries


def test_more_edits_than_can_be_undone_are_kept(storage: Storage) -> None:
    """Undone as far as it goes, the wall is still another one than was found."""
    session = Session(storage)
    for number in range(110):
        session.photo.review = session.review.apply(DescribeProblem(1, f"number {number}"))
    while session.review.undo_what:
        session.photo.review = session.review.undo()
    session.run()

    assert Session(storage).offered is not None


def test_two_tabs_never_write_over_each_other(storage: Storage) -> None:
    one, other = Session(storage), Session(storage)
    one.edit(Recolour((3,), "blue"))
    other.edit(Recolour((4,), "pink"))
    one.edit(Recolour((5,), "grey"))

    assert len(storage.entries) == 2
    assert colour(one.offered, 4) == "pink" and colour(other.review, 3) != "blue"
    other.run()
    assert colour(other.offered, 5) == "grey"


def test_discarding_spares_what_another_tab_has_written_since(storage: Storage) -> None:
    one = Session(storage)
    one.edit(Recolour((3,), "blue"))
    other = Session(storage)
    one.edit(Recolour((4,), "pink"))

    other.discard()

    assert len(storage.entries) == 1 and colour(other.offered, 4) == "pink"


def test_a_saved_review_that_is_opened_does_not_replace_what_is_kept(storage: Storage) -> None:
    session = Session(storage)
    session.edit(Recolour((3,), "blue"))
    saved = wall().apply(Recolour((4,), "pink"))

    session.keeping.begin_line(session.photo)
    session.photo.review = saved
    session.run()

    assert colour(session.offered, 3) == "blue" and len(storage.entries) == 2


def test_a_saved_review_opened_before_the_photo_was_looked_at_is_kept() -> None:
    keeping = Keeping()
    photo = QueuedPhoto(1, "wall.jpg", SHA256, state="done", review=wall())
    keeping.begin_line(photo)
    photo.review = wall().apply(Recolour((4,), "pink"))

    assert keeping.plain(photo, [photo])["text"]


def test_corrections_that_the_analysis_makes_by_itself_now_are_let_go(storage: Storage) -> None:
    before = Session(storage)
    before.edit(DeleteHolds((1,)))
    ((key, (stamp, _text)),) = storage.entries.items()
    storage.entries[key] = (stamp, review_kept.pack_review(wall()))

    after = Session(storage)
    assert after.offered is None
    after.run()
    assert not storage.entries


def test_what_cannot_be_read_is_offered_to_discard_alone(storage: Storage) -> None:
    Session(storage).edit(Recolour((3,), "blue"))
    ((key, (stamp, text)),) = storage.entries.items()
    storage.entries[key] = (stamp, text[:100])
    session = Session(storage)

    assert not session.can_be_read
    with pytest.raises(ReviewFileError) as caught:
        session.restore()
    assert caught.value.code == "kept_damaged" and session.review.undo_what is None
    session.discard()
    assert not storage.entries


def test_restoring_twice_is_told(storage: Storage) -> None:
    Session(storage).edit(Recolour((3,), "blue"))
    session = Session(storage)
    session.restore()

    with pytest.raises(ReviewFileError) as caught:
        session.keeping.restored(session.photo)
    assert caught.value.code == "kept_gone"


def test_ids_of_restored_corrections_are_not_used_again(storage: Storage) -> None:
    added = AddHold.in_box((110, 600, 40, 30), chosen_colour("red"))
    before = Session(storage)
    before.edit(added, DeleteHolds((1, 27)))

    after = Session(storage)
    after.restore()
    after.edit(added)

    assert after.review.holds[-1].id == 28


def test_everything_is_forgotten_and_kept_again_from_the_next_edit_on() -> None:
    keeping = Keeping()
    photo = QueuedPhoto(1, "wall.jpg", SHA256, state="done", review=wall())
    keeping.plain(photo, [photo])
    assert photo.review is not None
    photo.review = photo.review.apply(Recolour((3,), "blue"))
    assert keeping.plain(photo, [photo])["text"] and not keeping.forget

    keeping.forget_all([photo])
    told = keeping.plain(photo, [photo])
    assert told["forget"] and told["text"] == ""

    photo.review = photo.review.apply(Recolour((4,), "pink"))
    assert keeping.plain(photo, [photo])["text"] and keeping.forget == told["forget"]


def test_several_photos_are_kept_apart() -> None:
    keeping = Keeping()
    photos = [QueuedPhoto(n, f"{n}.jpg", SHA256, state="done", review=wall()) for n in (1, 2)]
    first, second = (keeping.plain(photo, photos) for photo in photos)
    assert first["line"] != second["line"]

    keeping.plain(photos[0], photos[:1])
    assert list(keeping.works) == [1]  # of the other, nothing is held any more


def test_a_wall_that_is_too_long_to_keep_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    keeping = Keeping()
    photo = QueuedPhoto(1, "wall.jpg", SHA256, state="done", review=wall())
    keeping.plain(photo, [photo])
    photo.review = wall().apply(Recolour((3,), "blue"))
    kept = keeping.plain(photo, [photo])["text"]
    assert kept and keeping.trouble == ""

    monkeypatch.setattr(review_kept, "MAX_TEXT", 100)
    photo.review = photo.review.apply(Recolour((4,), "pink"))
    assert keeping.plain(photo, [photo])["text"] == kept  # better than nothing
    assert keeping.trouble == "full"


def test_without_a_photo_nothing_is_kept() -> None:
    told = Keeping().plain(None, [])

    assert told["photo"] == "" and "text" not in told
