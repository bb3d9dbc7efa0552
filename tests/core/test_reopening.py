"""Opening a known photo again: as large as it was, smaller, or refused before it is decoded."""

from __future__ import annotations

import pytest

from core.errors import MemoryRefusedError
from core.memory import preflight
from core.memory.photo_needs import needed_mb, read_needs
from core.reopening import reopen_photo
from core.settings import Settings, load_settings
from core.wall_picture import picture_of
from tests.core.bad_photos import encode, picture
from tests.core.one_at_a_time import assert_one_at_a_time

pytestmark = pytest.mark.usefixtures("clean_environment")

WIDE = encode(picture(2600, 1300), "PNG")


def left(monkeypatch: pytest.MonkeyPatch, headroom_mb: float) -> None:
    monkeypatch.setattr(preflight, "headroom_mb", lambda: headroom_mb)


def enough_for(settings: Settings) -> float:
    """MiB that have to be free for :data:`WIDE` under ``settings``."""
    needs = read_needs(WIDE, name="wide.png", settings=settings)
    return needed_mb(needs, settings, warm=True) + settings.memory_reserve_mb


def test_with_room_it_is_as_large_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    left(monkeypatch, enough_for(load_settings()) + 1)

    photo = reopen_photo(WIDE, name="wide.png", settings=load_settings())

    assert (photo.width, photo.height) == (2600, 1300)
    assert photo.pixels.shape == (1024, 2048, 3)


def test_where_memory_is_short_it_is_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    left(monkeypatch, enough_for(load_settings(max_image_size=1280)) + 0.1)

    photo = reopen_photo(WIDE, name="wide.png", settings=load_settings())

    assert (photo.width, photo.height) == (2600, 1300)
    assert photo.pixels.shape == (640, 1280, 3) and photo.scale == 2600 / 1280


def test_what_would_not_fit_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    left(monkeypatch, 20.0)
    cut = WIDE[: len(WIDE) // 2]  # decoding it would raise another error

    with pytest.raises(MemoryRefusedError, match=r"wide\.png"):
        reopen_photo(cut, name="wide.png", settings=load_settings())
    with pytest.raises(MemoryRefusedError, match=r"wide\.png"):
        picture_of(cut, "wide.png", load_settings())


def test_two_pictures_are_not_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_one_at_a_time(
        monkeypatch,
        "core.wall_picture.reopen_photo",
        lambda: picture_of(WIDE, "wide.png", load_settings()),
    )
