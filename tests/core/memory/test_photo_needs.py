"""What a photo needs, from its header: against Pillow, and against arithmetic of its own."""

from __future__ import annotations

import struct

import pytest

from core.errors import PhotoError, PhotoTooLargeError
from core.memory.photo_needs import (
    cold_mb,
    decoding_mb,
    jpeg_coefficient_bytes,
    read_needs,
    working_mb,
)
from core.settings import load_settings
from tests.core.memory.needs import MIB, encoded, needs, phone
from tests.core.photos import SETTINGS

# What a header says


@pytest.mark.parametrize(
    ("subsampling", "mode", "bytes_per_pixel"),
    [(0, "RGB", 6.0), (1, "RGB", 4.0), (2, "RGB", 3.0), (0, "L", 2.0), (0, "CMYK", 8.0)],
)
def test_a_progressive_jpeg_is_held_as_coefficients(
    subsampling: int, mode: str, bytes_per_pixel: float
) -> None:
    data = encoded("JPEG", mode, progressive=True, subsampling=subsampling)

    assert jpeg_coefficient_bytes(data) == 320 * 240 * bytes_per_pixel


def test_the_blocks_at_the_rim_are_whole_ones() -> None:
    data = encoded("JPEG", size=(321, 241), progressive=True, subsampling=2)

    assert jpeg_coefficient_bytes(data) == 21 * 16 * 16 * 16 * 3


def test_a_baseline_jpeg_is_not_nor_is_one_with_a_thumbnail_inside() -> None:
    thumbnail = encoded("JPEG", size=(64, 48), progressive=True)
    plain = encoded("JPEG", optimize=True)
    exif = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 8) + b"Exif\0\0" + thumbnail

    assert jpeg_coefficient_bytes(plain) == 0
    assert jpeg_coefficient_bytes(plain[:2] + exif + plain[2:]) == 0


def test_components_one_after_the_other_need_coefficients_too() -> None:
    """As from ``jpegtran -scans``: a baseline frame of three components, a first scan of one."""
    frame = b"\x08" + struct.pack(">HH", 240, 320) + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    data = b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame
    data += b"\xff\xda" + struct.pack(">H", 8) + b"\x01\x01\x00\x00\x3f\x00"

    assert jpeg_coefficient_bytes(data) == 320 * 240 * 3


@pytest.mark.parametrize("cut", [2, 3, 4, 20, 200])
def test_a_cut_jpeg_needs_nothing_yet(cut: int) -> None:
    assert jpeg_coefficient_bytes(encoded("JPEG", progressive=True)[:cut]) == 0


@pytest.mark.parametrize(
    ("format_", "mode", "image_bytes"),
    [
        ("JPEG", "RGB", 4), ("JPEG", "L", 1), ("JPEG", "CMYK", 4), ("PNG", "RGB", 4),
        ("PNG", "RGBA", 4), ("PNG", "P", 1), ("PNG", "L", 1), ("PNG", "I;16", 2),
        ("TIFF", "RGB", 4), ("TIFF", "F", 4), ("BMP", "RGB", 4), ("AVIF", "RGB", 4),
    ],
)  # fmt: skip
def test_a_pixel_takes_what_pillow_takes_for_it(
    format_: str, mode: str, image_bytes: float
) -> None:
    got = needs(encoded(format_, mode))

    assert (got.width, got.height, got.image_bytes) == (320, 240, image_bytes)


def test_a_tiff_of_one_strip_is_held_twice() -> None:
    strips = needs(encoded("TIFF", compression="tiff_lzw", strip_size=4096))
    one = needs(encoded("TIFF", compression="tiff_lzw", strip_size=10**9))
    plain = needs(encoded("TIFF"))

    assert one.whole_bytes == 320 * 240 * 3 + one.encoded_bytes
    assert strips.whole_bytes <= 4096 + strips.encoded_bytes
    assert plain.whole_bytes == 0


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "photo_empty"),
        (b"hello", "photo_not_an_image"),
        (b"GIF89a" + bytes(40), "photo_unsupported"),
        (encoded("PNG", size=(20, 20)), "photo_too_small"),
        (encoded("PNG")[:20], "photo_truncated"),
    ],
)
def test_a_bad_header_is_the_same_error_as_everywhere(data: bytes, code: str) -> None:
    with pytest.raises(PhotoError) as caught:
        needs(data)

    assert caught.value.code == code


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "JPEG", "BMP"])
def test_the_pixel_limit_comes_first(format_: str) -> None:
    tight = load_settings(max_photo_pixels=2000)

    with pytest.raises(PhotoTooLargeError, match="320 x 240"):
        read_needs(encoded(format_), name="wall", settings=tight)


# The account


def test_a_reduced_jpeg_is_its_reduced_picture_and_a_copy_without_padding() -> None:
    """4000 x 3000 is decoded at half: 2000 x 1500 pixels of 4 bytes, then of 3; 128 rows of 7."""
    expected = (2000 * 1500 * 7 + 128 * 2000 * 7) / MIB

    assert decoding_mb(phone(), 2048) == pytest.approx(expected + 4.0)


def test_coefficients_are_of_the_full_size_whatever_the_reduction() -> None:
    progressive = phone(whole_bytes=4000 * 3000 * 3)

    expected = (4000 * 3000 * 3 + 2000 * 1500 * 4) / MIB

    assert decoding_mb(progressive, 2048) == pytest.approx(expected + 4.0)


def test_a_png_is_decoded_whole() -> None:
    expected = (4000 * 3000 * 4 + 3000 * 2048 * 3 + 128 * 4000 * 7) / MIB

    assert decoding_mb(phone(format="PNG"), 2048) == pytest.approx(expected + 4.0)


@pytest.mark.parametrize("size", [640, 1024, 1600, 2048, 4096])
def test_smaller_never_needs_more(size: int) -> None:
    for photo in (phone(), phone(format="PNG"), phone(whole_bytes=36_000_000)):
        assert decoding_mb(photo, size) <= decoding_mb(photo, size * 2) + 1e-9


def test_larger_tiles_and_cold_models_need_more() -> None:
    large = load_settings(yolo_img_size=1280)

    warm = working_mb(phone(), SETTINGS, warm=True)

    assert working_mb(phone(), large, warm=True) > warm + 50
    assert working_mb(phone(), SETTINGS, warm=False) == pytest.approx(warm + cold_mb(SETTINGS))
