"""The queue of a session's photos: what is kept, what is let go, what is refused."""

from __future__ import annotations

import hashlib

import pytest

from core.errors import DeadlineError, PhotoError, QueueFullError
from core.photo_queue import MAX_PHOTOS, MAX_WAITING_MB, PhotoQueue, QueuedPhoto
from core.review import Review
from core.wall_picture import WallPicture
from tests.core.make import make_analysis

PICTURE = WallPicture(b"jpeg", 8, 6, 1.0)


def finished(queue: PhotoQueue, photo: QueuedPhoto) -> None:
    queue.finish(photo, Review.of(make_analysis()), PICTURE, 1.5)


def test_photos_come_up_in_order_and_the_first_one_done_is_shown() -> None:
    queue = PhotoQueue()
    one, two = queue.add("one.jpg", b"1"), queue.add("two.jpg", b"2")
    assert queue.next_up is one and queue.shown is None
    assert one.sha256 == hashlib.sha256(b"1").hexdigest()

    one.state = "analysing"
    assert queue.next_up is one
    finished(queue, one)
    assert queue.next_up is two and queue.shown is one
    assert one.data == b"" and one.seconds == 1.5

    finished(queue, two)
    assert queue.next_up is None and queue.shown is one  # what one looks at does not jump
    queue.current = two.number
    assert queue.shown is two
    queue.remove(two.number)
    assert queue.shown is one


def test_the_same_photo_is_taken_once() -> None:
    queue = PhotoQueue()
    one = queue.add("one.jpg", b"1")
    assert queue.add("copy.jpg", b"1") is one
    finished(queue, one)
    two = queue.add("two.jpg", b"2")
    finished(queue, two)
    queue.current = two.number

    assert queue.add("one.jpg", b"1") is one and queue.shown is one
    assert [photo.name for photo in queue.photos] == ["one.jpg", "two.jpg"]


def test_a_photo_that_never_came_in_failed_from_the_start_and_is_told_once() -> None:
    queue = PhotoQueue()
    error = PhotoError("photo_too_large_bytes", "It has 25 MiB.", "Send a smaller one.")

    queue.refuse("huge.jpg", error)
    queue.refuse("huge.jpg", error)

    (photo,) = queue.photos
    assert (photo.state, photo.error, photo.can_retry) == (
        "failed",
        ("It has 25 MiB.", "Send a smaller one."),
        False,
    )
    assert queue.next_up is None and queue.shown is None
    for number in range(1, MAX_PHOTOS):
        queue.add(f"{number}.jpg", bytes([number]))
    with pytest.raises(QueueFullError):
        queue.refuse("more.jpg", error)


def test_a_broken_photo_is_let_go_and_a_refused_one_waits_for_another_try() -> None:
    queue = PhotoQueue()
    broken, refused = queue.add("broken.jpg", b"1"), queue.add("late.jpg", b"2")
    queue.fail(broken, PhotoError("photo_damaged", "It is damaged.", "Take another."))
    queue.fail(refused, DeadlineError("deadline", "It took too long.", "Try again."))

    assert broken.data == b"" and not broken.can_retry
    assert broken.error == ("It is damaged.", "Take another.")
    queue.retry(broken.number)
    assert broken.state == "failed"

    queue.retry(refused.number)
    assert refused.state == "waiting" and queue.next_up is refused and refused.error == ("", "")

    # The same file once more takes the failed one's place.
    again = queue.add("broken.jpg", b"1")
    assert again is not broken and again.state == "waiting" and len(queue.photos) == 2


def test_stop_leaves_what_is_done() -> None:
    queue = PhotoQueue()
    photos = [queue.add(f"{i}.jpg", bytes([i])) for i in range(3)]
    finished(queue, photos[0])
    photos[1].state = "analysing"

    queue.stop()

    assert [photo.state for photo in photos] == ["done", "stopped", "stopped"]
    assert queue.next_up is None and photos[1].can_retry and not photos[0].can_retry


def test_a_photo_that_was_stopped_or_removed_does_not_begin() -> None:
    queue = PhotoQueue()
    stopped, removed, waiting = (queue.add(f"{i}.jpg", bytes([i])) for i in range(3))
    queue.remove(removed.number)
    queue.stop(spare=waiting.number)

    assert [queue.begin(photo) for photo in (stopped, removed, waiting)] == [False, False, True]
    assert (stopped.state, waiting.state) == ("stopped", "analysing")


def test_more_than_fits_is_refused_and_nothing_is_pushed_out() -> None:
    queue = PhotoQueue()
    for i in range(MAX_PHOTOS):
        finished(queue, queue.add(f"{i}.jpg", bytes([i])))

    with pytest.raises(QueueFullError, match="was not taken"):
        queue.add("late.jpg", b"late")

    assert len(queue.photos) == MAX_PHOTOS and queue.free == 0
    queue.remove(queue.photos[0].number)
    assert queue.free == 1
    assert queue.add("late.jpg", b"late").number == MAX_PHOTOS + 1  # numbers are not used twice


def test_many_that_do_not_fit_are_told_in_one_sentence() -> None:
    queue = PhotoQueue()
    files = [(f"{i}.jpg", bytes([i])) for i in range(MAX_PHOTOS + 18)]

    with pytest.raises(QueueFullError, match=r"18 photos were not taken, from 12\.jpg to 29\.jpg"):
        queue.add_each(files)

    assert [photo.name for photo in queue.photos] == [name for name, _ in files[:MAX_PHOTOS]]
    with pytest.raises(QueueFullError, match=r"^late\.jpg was not taken"):
        queue.add_each([("late.jpg", b"late"), files[0]])  # the one that is there is no new one
    queue.add_each(files[:3])


def test_bytes_that_wait_are_bounded() -> None:
    queue = PhotoQueue()
    half = bytes(int(MAX_WAITING_MB * 2**19) + 1)
    first = queue.add("first.jpg", half)

    with pytest.raises(QueueFullError, match="MiB"):
        queue.add("second.jpg", half + b"2")

    finished(queue, first)
    queue.add("second.jpg", half + b"2")
    assert len(half) < queue.nbytes() < len(half) + 20_000


def test_a_photo_that_is_gone_is_not_found() -> None:
    with pytest.raises(KeyError):
        PhotoQueue().find(3)


def test_photos_of_one_name_are_told_apart() -> None:
    queue = PhotoQueue()
    names = ("image.jpg", "wall.jpg", "image.jpg", "image.jpg (2)", "image.jpg")
    for number, name in enumerate(names):
        queue.add(name, bytes([number]))

    titles = queue.titles()

    assert list(titles) == [photo.number for photo in queue.photos]
    assert list(titles.values()) == [
        "image.jpg", "wall.jpg", "image.jpg (2)", "image.jpg (2) (2)", "image.jpg (3)"
    ]  # fmt: skip
