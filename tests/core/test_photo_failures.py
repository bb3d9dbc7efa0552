"""Damaged bytes become errors of the photo, and nothing else."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin

from core.errors import PhotoError, PhotoTooLargeError
from tests.core.bad_photos import encode, good
from tests.core.photos import corners, exif, opened

FUZZ_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP")


def test_running_out_of_memory_is_an_error_of_the_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(_self: object) -> None:
        raise MemoryError

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", no_memory)
    with pytest.raises(PhotoTooLargeError) as caught:
        opened(good("JPEG"))
    assert caught.value.code == "photo_too_large_pixels"


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One of: a few bytes changed, cut off, a stretch zeroed, removed, doubled."""
    out = bytearray(data)
    start = chance.randrange(len(out))
    stop = min(len(out), start + chance.randrange(1, 40))
    match chance.randrange(6):
        case 0 | 1:
            for _ in range(chance.randrange(1, 12)):
                out[chance.randrange(len(out))] = chance.randrange(256)
        case 2:
            # headers are where readers trust most
            for _ in range(chance.randrange(1, 4)):
                out[chance.randrange(min(len(out), 400))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        case 3:
            del out[start:]
        case 4:
            out[start:stop] = bytes(stop - start)
        case _:
            out[start:stop] = out[start:stop] * chance.choice((0, 2))
    return bytes(out)


@pytest.mark.parametrize("format_", FUZZ_FORMATS)
def test_damaged_bytes_open_or_raise_a_photo_error_and_nothing_else(format_: str) -> None:
    chance = random.Random(format_)
    seeds = [good(format_)]
    if format_ in ("JPEG", "PNG", "WEBP", "TIFF"):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        picture = Image.fromarray(corners(64, 48))
        seeds.append(encode(picture, format_, exif=exif(6), icc_profile=profile))
    refused = 0
    for turn in range(100):
        data = mutated(seeds[turn % len(seeds)], chance)
        try:
            photo = opened(data, max_photo_pixels=2_000_000)
        except PhotoError as error:
            refused += 1
            assert error.code.startswith("photo_")
        else:
            assert photo.pixels.dtype == np.uint8
    assert 0 < refused < 100
