"""Limits are checked before a pixel is decoded, and the working size is arithmetic."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from core.errors import PhotoError, PhotoTooLargeError
from core.memory.readings import PeakSampler
from core.photo import probe_photo, working_size
from core.photo_limits import MIN_SIDE_PX, NEAR_ENOUGH, decoder_divisor, divided
from core.settings import load_settings
from tests.core.bad_photos import BAD_PHOTOS, BadPhoto, encode, good, png
from tests.core.photos import SETTINGS, opened


@pytest.mark.parametrize(
    "row",
    [row for row in BAD_PHOTOS if "too_" in row.code or row.code == "photo_empty"],
    ids=lambda row: row.id,
)
def test_limits_are_checked_before_decoding(row: BadPhoto) -> None:
    with pytest.raises(PhotoError) as caught:
        probe_photo(row.make(), name="wall.jpg", settings=SETTINGS)
    assert caught.value.code == row.code


def test_what_is_over_the_limit_is_told_to_have_more() -> None:
    with pytest.raises(PhotoTooLargeError, match=r"has 20\.1 MiB; the limit is 20 MiB"):
        probe_photo(good("JPEG") + bytes(20 * 2**20), name="wall.jpg", settings=SETTINGS)


def test_bombs_cost_no_memory() -> None:
    bombs = [
        row.make() for row in BAD_PHOTOS if row.code == "photo_too_large_pixels" or "bomb" in row.id
    ]
    with PeakSampler() as memory:
        for bomb in bombs:
            with pytest.raises(PhotoError):
                opened(bomb)
    assert memory.peak_mb - memory.before_mb < 40


def test_messages_carry_the_numbers() -> None:
    with pytest.raises(
        PhotoTooLargeError, match=r"10000 x 6000 = 60.0 million pixels; the limit is 50.0 million"
    ):
        opened(png(10_000, 6_000))
    with pytest.raises(PhotoTooLargeError, match=r"has 2\.1 MiB; the limit is 1\.5 MiB"):
        opened(good("JPEG") + bytes(2 * 2**20), max_photo_mb=1.5)
    with pytest.raises(PhotoError, match=r"31 x 400 pixels; both sides need at least 32"):
        opened(encode(Image.new("RGB", (31, 400)), "PNG"))


def test_a_limit_of_more_than_pillows_own_holds_without_its_warning() -> None:
    before = Image.MAX_IMAGE_PIXELS
    header = probe_photo(
        png(13_000, 13_000), name="wall.png", settings=load_settings(max_photo_pixels=170_000_000)
    )
    assert (header.format, header.width, header.height) == ("PNG", 13_000, 13_000)
    assert before == Image.MAX_IMAGE_PIXELS


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(320, 8192))
def test_working_size_keeps_the_shape_and_never_enlarges(
    width: int, height: int, longest: int
) -> None:
    out_width, out_height = working_size((width, height), longest)
    assert max(out_width, out_height) == min(longest, max(width, height))
    assert 1 <= out_width <= width and 1 <= out_height <= height
    factor = max(width, height) / max(out_width, out_height)
    assert abs(out_width * factor - width) <= factor and abs(out_height * factor - height) <= factor


@pytest.mark.parametrize(
    ("size", "longest", "divisor"),
    [
        ((4032, 3024), 2048, 2),  # 12 megapixels of a phone: 2016 is near enough
        ((3024, 4032), 2048, 2),
        ((8064, 6048), 2048, 4),  # 48 megapixels of the same phone
        ((4096, 3072), 2048, 2),
        ((3890, 2918), 2048, 1),  # 1945 is less than 0.95 * 2048 = 1945.6
        ((3892, 2918), 2048, 2),
        ((16384, 1024), 2048, 8),
        ((40000, 3000), 2048, 8),  # no decoder reduces by more
        ((2048, 1536), 2048, 1),
        ((640, 480), 2048, 1),  # small photos keep their size
        ((1230, 70), 640, 2),
        ((1230, 61), 640, 1),  # 615 would be near enough, but the other side would keep 31
    ],
)
def test_the_decoder_reduces_as_far_as_the_working_size_allows(
    size: tuple[int, int], longest: int, divisor: int
) -> None:
    assert decoder_divisor(size, longest) == divisor


@given(st.integers(32, 20_000), st.integers(32, 20_000), st.integers(320, 8192))
def test_the_decoded_picture_is_never_far_below_the_working_size(
    width: int, height: int, longest: int
) -> None:
    divisor = decoder_divisor((width, height), longest)
    decoded = divided((width, height), divisor)
    assert max(decoded) >= NEAR_ENOUGH * min(longest, max(width, height))
    assert min(decoded) >= MIN_SIDE_PX
    if divisor < 8:  # the next stronger reduction would have been too much
        stronger = divided((width, height), divisor * 2)
        assert max(stronger) < NEAR_ENOUGH * longest or min(stronger) < MIN_SIDE_PX


@given(st.integers(32, 3000), st.integers(32, 3000), st.sampled_from([1, 2, 4, 8]))
@hypothesis_settings(max_examples=25, deadline=None)
def test_the_decoder_delivers_the_size_that_is_reckoned_with(
    width: int, height: int, divisor: int
) -> None:
    with Image.open(io.BytesIO(encode(Image.new("L", (width, height)), "JPEG"))) as image:
        assert isinstance(image, ImageFile.ImageFile)
        image.draft(None, (width // divisor, height // divisor))
        assert image.size == divided((width, height), divisor)
        image.load()
        assert image.im.size == divided((width, height), divisor)
