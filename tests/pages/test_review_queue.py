"""Photos on the review page: how they come in, wait in a queue, fail, are stopped and let go."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from core.analysis import Models
from core.memory import preflight
from core.photo_queue import MAX_PHOTOS, PhotoQueue
from core.review_filter import HoldFilter
from pages import review_intake
from pages.refused_files import RefusedFile
from pages.shared import plain
from tests.core.bad_photos import BAD_PHOTOS
from tests.pages.driving import (
    checked,
    choose,
    desk,
    open_app,
    photo_bytes,
    press,
    shown,
    texts,
    troubles,
    upload,
)

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.usefixtures("fakes")
def test_an_upload_is_analysed_and_its_bytes_are_let_go(repository: Path) -> None:
    data = photo_bytes()

    app = upload(open_app(repository), ("Süd_*wand*.jpg", data))

    (photo,) = desk(app).queue.photos
    assert photo.sha256 == hashlib.sha256(data).hexdigest() and photo.data == b""
    assert r"Süd\_\*wand\*\.jpg, 320 x 260" in texts(app)
    assert app.file_uploader[0].value == []  # empty again: no photo lies in memory twice


@pytest.mark.usefixtures("fakes")
def test_the_server_keeps_no_second_copy_of_an_upload(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[str] = []
    original = MemoryUploadedFileManager.remove_file

    def remove(self: MemoryUploadedFileManager, session_id: str, file_id: str) -> None:
        gone.append(file_id)
        original(self, session_id, file_id)

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", remove)
    app = open_app(repository)

    upload(app, ("a.jpg", photo_bytes(141)), ("b.jpg", photo_bytes(142)))

    assert len(set(gone)) == 2
    assert len(desk(app).queue.photos) == 2


@pytest.mark.parametrize(
    ("room", "line"),
    [
        (4, "Room for 4 more photos."),
        (1, "Room for 1 more photo."),
        (0, "The server has no room for a photo just now. Try again in a minute."),
    ],
)
@pytest.mark.usefixtures("fakes")
def test_one_line_tells_how_many_photos_fit(
    repository: Path, monkeypatch: pytest.MonkeyPatch, room: int, line: str
) -> None:
    monkeypatch.setattr(preflight, "room_now", lambda _settings: room)

    app = open_app(repository)

    told = [element.value for element in [*app.caption, *app.warning]]
    assert told.count(line) == 1


@pytest.mark.usefixtures("fakes")
def test_the_services_line_does_not_bound_the_photos_of_one_list(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "room_now", lambda settings: 1 + settings.queue_size)

    app = open_app(repository)

    assert f"Room for {MAX_PHOTOS} more photos." in [caption.value for caption in app.caption]


@pytest.fixture
def browser_refused(monkeypatch: pytest.MonkeyPatch) -> list[RefusedFile]:
    """What the browser tells of, once, when the session's first uploader is gone."""
    files: list[RefusedFile] = []

    def heard(
        _uploader: str, _most_mb: int, turn: int, tell: Callable[..., None], **_key: str
    ) -> None:
        if turn and files:
            tell(files)
            files.clear()

    monkeypatch.setattr(review_intake, "hear_refused", heard)
    return files


@pytest.mark.usefixtures("fakes")
def test_what_the_uploader_refused_is_told_in_the_list(
    repository: Path, browser_refused: list[RefusedFile]
) -> None:
    browser_refused += [RefusedFile("huge.jpg", 25 * 2**20), RefusedFile("plan.pdf", 1000)]
    browser_refused += [RefusedFile("IMG_1", 25 * 2**20)]

    app = upload(open_app(repository), ("wall.jpg", photo_bytes()))

    assert shown(app).photo.name == "wall.jpg"
    huge, plan, nameless = troubles(app)
    assert plain("huge.jpg has 25.0 MiB; the limit is 20 MiB.") in huge
    assert plain("plan.pdf does not have the extension of a photo.") in plan
    assert plain("IMG_1 does not have the extension of a photo.") in nameless
    assert not app.error
    for photo in desk(app).queue.photos[1:]:
        press(app, f"remove-trouble-{photo.number}")
    assert not troubles(app)


@pytest.mark.usefixtures("fakes")
def test_what_the_uploader_refused_is_told_where_the_list_is_full_too(
    repository: Path, browser_refused: list[RefusedFile]
) -> None:
    browser_refused += [RefusedFile("huge.jpg", 25 * 2**20)]
    app = open_app(repository)

    upload(app, *[(f"wall{i}.jpg", photo_bytes(10 + 10 * i)) for i in range(MAX_PHOTOS)])

    assert len(desk(app).queue.photos) == MAX_PHOTOS
    (error,) = app.error
    assert plain("huge.jpg has 25.0 MiB") in error.value


@pytest.mark.usefixtures("fakes")
def test_a_full_list_is_told_instead_of_room_in_the_memory(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "room_now", lambda _settings: 4)
    app = open_app(repository)
    for number in range(MAX_PHOTOS - 2):
        desk(app).queue.add(f"{number}.jpg", bytes([number])).state = "stopped"

    app.run()
    assert "Room for 2 more photos." in [caption.value for caption in app.caption]

    for number in range(2):
        desk(app).queue.add(f"late{number}.jpg", bytes([200 + number])).state = "stopped"
    app.run()
    captions = [caption.value for caption in app.caption]
    assert "No more photos can be open at a time: remove one to add another." in captions
    assert not [caption for caption in captions if caption.startswith("Room for")]


def test_many_photos_are_a_queue_in_which_one_may_fail(repository: Path, fakes: Models) -> None:
    files = [(f"wall{i}.jpg", photo_bytes(90 + 20 * i)) for i in range(3)]
    files.insert(1, ("notes.jpg", b"these are not pixels"))

    app = upload(open_app(repository), *files)

    photos = desk(app).queue.photos
    assert [photo.state for photo in photos] == ["done", "failed", "done", "done"]
    assert fakes.detector.calls == 3  # type: ignore[attr-defined]
    (trouble,) = troubles(app)
    assert "notes" in trouble and "Traceback" not in trouble
    assert shown(app).photo.name == "wall0.jpg"

    checked(app.selectbox(key="photo").set_value(photos[3].number).run())
    assert shown(app).photo.name == "wall2.jpg"
    press(app, f"remove-trouble-{photos[1].number}")
    assert not troubles(app)
    assert shown(app).photo.name == "wall2.jpg"


@pytest.mark.usefixtures("fakes")
def test_failed_photos_share_one_list_that_closes_once_there_is_a_wall(repository: Path) -> None:
    broken = [(f"notes{i}.jpg", b"these are no pixels %d" % i) for i in range(3)]

    app = upload(open_app(repository), *broken)
    (listed,) = app.expander
    assert listed.label == "3 photos were not analysed" and listed.proto.expanded
    assert [f"notes{i}" in text for i, text in enumerate(troubles(app))] == [True] * 3

    upload(app, ("wall.jpg", photo_bytes()))
    (listed,) = app.expander
    assert not listed.proto.expanded and len(troubles(app)) == 3
    choose(app, 2)

    press(app, "remove-troubles")
    assert not app.expander and not troubles(app)
    assert [photo.name for photo in desk(app).queue.photos] == ["wall.jpg"]
    assert desk(app).chosen == (2,)  # the wall that is looked at stays as it was


@pytest.mark.usefixtures("fakes")
def test_more_photos_than_fit_are_refused_and_nothing_is_lost(repository: Path) -> None:
    files = [(f"wall{i}.jpg", photo_bytes(10 + 10 * i)) for i in range(MAX_PHOTOS + 1)]

    app = upload(open_app(repository), *files)

    assert [photo.name for photo in desk(app).queue.photos] == [name for name, _ in files[:-1]]
    (error,) = app.error
    assert files[-1][0].split(".")[0] in error.value and "remove a photo" in error.value
    assert not checked(app.run()).error


@pytest.mark.parametrize(
    "row", [r for r in BAD_PHOTOS if "bomb" not in r.id][::9], ids=lambda r: r.id
)
def test_a_broken_photo_is_told_in_a_sentence(row: Any, repository: Path, fakes: Models) -> None:
    app = upload(open_app(repository), (f"{row.id}.jpg", row.make()))

    (trouble,) = troubles(app)
    assert "Traceback" not in trouble and "  \n" in trouble  # message, then hint
    assert fakes.detector.calls == 0  # type: ignore[attr-defined]

    checked(app.run())
    assert troubles(app) == [trouble]  # still told after a rerun

    upload(app, ("wall.jpg", photo_bytes()))
    assert "**10** holds" in texts(app)


def test_stopping_gives_up_what_waits_and_it_can_be_tried_again(
    repository: Path, fakes: Models
) -> None:
    app = open_app(repository)
    queue = PhotoQueue()
    queue.add("wall.jpg", photo_bytes())
    queue.stop()
    desk(app).queue = queue
    checked(app.run())
    assert "was stopped" in texts(app) and fakes.detector.calls == 0  # type: ignore[attr-defined]

    press(app, f"retry-{queue.photos[0].number}")
    assert queue.photos[0].state == "done"


@pytest.mark.usefixtures("fakes")
def test_all_that_was_stopped_can_be_tried_again_at_once(repository: Path) -> None:
    app = open_app(repository)
    queue = desk(app).queue
    for shade in (90, 110, 130):
        queue.add(f"wall{shade}.jpg", photo_bytes(shade))
    queue.stop()
    checked(app.run())

    press(app, "retry-all")

    assert [photo.state for photo in queue.photos] == ["done"] * 3


@pytest.mark.usefixtures("fakes")
def test_another_photo_begins_without_selection_and_filter(repository: Path) -> None:
    files = [(f"wall{i}.jpg", photo_bytes(90 + 20 * i)) for i in range(2)]
    app = choose(upload(open_app(repository), *files), 2)
    desk(app).narrow(HoldFilter(problem=1))

    checked(app.run().selectbox(key="photo").set_value(desk(app).queue.photos[1].number).run())

    assert desk(app).chosen == () and not desk(app).filter.active
