"""What is cut out of the photo for one problem, and what is left of its colours."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.problem_pictures import INK_LEFT, SMALLEST_SHARE, faded_jpeg, frame
from core.wall import Box, Hold, PhotoInfo
from tests.core.make import make_hold

PHOTO = PhotoInfo("wall.jpg", "0" * 64, 4000, 3000)


def rectangle(box: Box) -> Hold:
    x, y, width, height = box
    corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return replace(make_hold(1, box), polygon=corners)


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    "boxes",
    [
        [(1900.0, 1400.0, 50.0, 50.0)],
        [(0.0, 0.0, 60.0, 60.0), (400.0, 900.0, 60.0, 60.0)],
        [(3900.0, 2900.0, 150.0, 150.0)],  # over the rim
        [(10.0, 10.0, 50.0, 50.0), (3900.0, 2900.0, 50.0, 50.0)],
    ],
)
def test_the_frame_shows_all_holds_within_the_photo(boxes: list[Box], aspect: float) -> None:
    x, y, width, height = frame([make_hold(1, box) for box in boxes], PHOTO, aspect)

    assert x >= 0 and y >= 0
    assert x + width <= PHOTO.width + 1e-6 and y + height <= PHOTO.height + 1e-6
    for left, top, across, down in boxes:
        assert x <= left and y <= top
        assert x + width >= min(left + across, PHOTO.width) - 1e-6
        assert y + height >= min(top + down, PHOTO.height) - 1e-6
    if width < PHOTO.width and height < PHOTO.height:
        assert width / height == pytest.approx(aspect)


def test_a_small_problem_is_shown_with_what_is_around_it() -> None:
    part = frame([make_hold(1, (2000, 1500, 20, 20))], PHOTO, 1.0)

    assert part == pytest.approx((2010 - 450, 1510 - 450, 900, 900))
    assert SMALLEST_SHARE * 3000 == 900


@pytest.mark.parametrize("aspect", [0.0, -1.0, float("nan")])
def test_what_has_no_frame_is_refused(aspect: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        frame([make_hold()], PHOTO, aspect)
    with pytest.raises(ValueError, match="expected"):
        frame([], PHOTO, 1.0)


def decoded(jpeg: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(picture)[..., ::-1].astype(int)


def test_holds_keep_their_colour_and_the_wall_goes_pale_and_grey() -> None:
    pixels = np.full((300, 400, 3), (30, 90, 60), np.uint8)
    pixels[100:200, 100:200] = (200, 30, 40)
    # The hold is at full size: twice the working picture.
    hold = rectangle((200, 200, 200, 200))

    picture = decoded(faded_jpeg(pixels, 2.0, (100, 100, 600, 400), [hold], 1000))

    assert picture.shape == (200, 300, 3)
    inside, wall = picture[70:130, 70:130], picture[:30]
    np.testing.assert_allclose(inside.mean(axis=(0, 1)), (200, 30, 40), atol=4)
    grey = 0.299 * 30 + 0.587 * 90 + 0.114 * 60  # BT.601 luma
    np.testing.assert_allclose(wall, 255 - INK_LEFT * (255 - grey), atol=4)


def test_pictures_shrink_to_the_limit_and_never_grow() -> None:
    pixels = np.zeros((300, 400, 3), np.uint8)
    hold = rectangle((10, 10, 20, 20))

    assert decoded(faded_jpeg(pixels, 1.0, (0, 0, 400, 300), [hold], 100)).shape == (75, 100, 3)
    assert decoded(faded_jpeg(pixels, 1.0, (0, 0, 40, 30), [hold], 100)).shape == (30, 40, 3)


def test_the_photo_itself_stays_as_it_is() -> None:
    pixels = np.full((80, 90, 3), 70, np.uint8)
    pixels.flags.writeable = False

    faded_jpeg(pixels, 1.0, (0, 0, 90, 80), [rectangle((10, 10, 20, 20))], 500)

    assert (pixels == 70).all()
