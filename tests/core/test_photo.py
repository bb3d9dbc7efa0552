"""Uploads become upright RGB pixels: checked against pictures made with numpy, formulas, and
OpenCV's own decoders."""

from __future__ import annotations

import hashlib
import io
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, JpegImagePlugin

from core.errors import PhotoError, PhotoTooLargeError
from core.memory.readings import PeakSampler
from core.photo import GROUND, Photo, open_photo, probe_photo, working_size
from core.settings import load_settings
from tests.core.bad_photos import BAD_PHOTOS, BadPhoto, encode, good, png

SETTINGS = load_settings()
ROOT = Path(__file__).parents[2]

# Which visual side the first stored row and the first stored column show (EXIF 2.32, tag 0x0112).
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def opened(data: bytes, **overrides: object) -> Photo:
    return open_photo(
        data, name="wall.jpg", settings=load_settings(**overrides) if overrides else SETTINGS
    )


def corners(width: int = 96, height: int = 64) -> np.ndarray:
    """A picture with a red, a green, a blue and a yellow quarter."""
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2] = (200, 30, 40)
    rgb[: height // 2, width // 2 :] = (30, 180, 60)
    rgb[height // 2 :, : width // 2] = (40, 60, 190)
    rgb[height // 2 :, width // 2 :] = (220, 210, 50)
    return rgb


def smooth(width: int, height: int, seed: int = 1) -> np.ndarray:
    """A picture of soft colour gradients, as uint8 RGB."""
    seeds = np.random.default_rng(seed).integers(
        0, 256, (height // 32 + 2, width // 32 + 2, 3), np.uint8
    )
    return np.asarray(cv2.resize(seeds, (width, height), interpolation=cv2.INTER_LINEAR))


def as_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera stores ``upright`` when it notes ``orientation``, straight from the standard's
    table."""
    first_row, first_column = SIDES[orientation]
    stored = upright if first_row in ("top", "bottom") else upright.transpose(1, 0, 2)
    if first_row in ("bottom", "right"):
        stored = stored[::-1]
    if first_column in ("bottom", "right"):
        stored = stored[:, ::-1]
    return np.ascontiguousarray(stored)


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def worst(got: np.ndarray, expected: np.ndarray, rim: int = 0) -> int:
    """The largest difference of any channel, leaving out ``rim`` pixels along the middle lines."""
    assert got.shape == expected.shape
    difference = np.abs(got.astype(int) - expected.astype(int)).max(axis=2)
    if rim:
        height, width = difference.shape
        difference[height // 2 - rim : height // 2 + rim] = 0
        difference[:, width // 2 - rim : width // 2 + rim] = 0
    return int(difference.max())


# --- refusals ---


def test_the_table_of_bad_photos_is_large_and_its_names_differ() -> None:
    assert len(BAD_PHOTOS) >= 30
    assert len({row.id for row in BAD_PHOTOS}) == len(BAD_PHOTOS)


@pytest.mark.parametrize("row", BAD_PHOTOS, ids=lambda row: row.id)
def test_bad_photo_is_refused_with_its_code(row: BadPhoto) -> None:
    with pytest.raises(PhotoError) as caught:
        opened(row.make())
    error = caught.value
    assert error.code == row.code
    assert error.message.endswith(".") and error.hint.endswith(".")
    assert "wall.jpg" in error.message
    assert error.status == (413 if "too_large" in row.code else 422)
    assert isinstance(error, PhotoTooLargeError) == ("too_large" in row.code)


@pytest.mark.parametrize(
    "row",
    [row for row in BAD_PHOTOS if "too_" in row.code or row.code == "photo_empty"],
    ids=lambda row: row.id,
)
def test_limits_are_checked_before_decoding(row: BadPhoto) -> None:
    with pytest.raises(PhotoError) as caught:
        probe_photo(row.make(), name="wall.jpg", settings=SETTINGS)
    assert caught.value.code == row.code


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
    with pytest.raises(PhotoTooLargeError, match=r"has 2\.0 MiB; the limit is 1\.5 MiB"):
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


def test_running_out_of_memory_is_an_error_of_the_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(_self: object) -> None:
        raise MemoryError

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", no_memory)
    with pytest.raises(PhotoTooLargeError) as caught:
        opened(good("JPEG"))
    assert caught.value.code == "photo_too_large_pixels"


FUZZ_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP")


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


# --- orientation ---


@pytest.mark.parametrize("orientation", SIDES)
@pytest.mark.parametrize(
    ("format_", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {"quality": 95}),
        ("HEIF", {"quality": 95}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "_".join(map(str, value.values())),
)
def test_every_orientation_comes_upright(
    format_: str, options: dict[str, object], orientation: int
) -> None:
    upright = corners()
    stored = Image.fromarray(as_stored(upright, orientation))
    data = encode(stored, format_, exif=exif(orientation), **options)
    photo = opened(data)
    assert (photo.width, photo.height, photo.scale) == (96, 64, 1.0)
    assert worst(photo.pixels, upright, rim=4) <= 12


@pytest.mark.parametrize("orientation", SIDES)
def test_oriented_and_reduced_jpeg_is_what_opencv_makes_of_it(orientation: int) -> None:
    upright = smooth(1000, 700)
    data = encode(
        Image.fromarray(as_stored(upright, orientation)), "JPEG", quality=95, exif=exif(orientation)
    )
    photo = opened(data, max_image_size=600)
    whole = cv2.cvtColor(
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
    )
    assert (photo.width, photo.height) == (1000, 700)
    assert worst(photo.pixels, cv2.resize(whole, (600, 420), interpolation=cv2.INTER_AREA)) <= 2


@pytest.mark.parametrize("value", [0, 9, 255, 65535])
def test_an_orientation_that_does_not_exist_changes_nothing(value: int) -> None:
    photo = opened(encode(Image.fromarray(corners()), "PNG", exif=exif(value)))
    assert np.array_equal(photo.pixels, corners())


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12" * 40,
    ],
)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_is_no_reason_to_refuse_a_photo(format_: str, broken: bytes) -> None:
    photo = opened(encode(Image.fromarray(corners()), format_, exif=broken))
    assert photo.pixels.shape == (64, 96, 3)


# --- pixel formats ---

# Columns: the primaries in CIE XYZ adapted to D50, as the public profiles of these spaces give
# them.
DISPLAY_P3 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
SRGB_D50 = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)


def to_linear(values: np.ndarray) -> np.ndarray:
    share = values / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def from_linear(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0, 1)
    return np.rint(
        255 * np.where(share <= 0.0031308, share * 12.92, 1.055 * share ** (1 / 2.4) - 0.055)
    )


RAMP = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
RAMP_RGB = np.dstack([RAMP] * 3)


def on_ground(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / 255
    return np.rint(rgb * share + np.array(GROUND) * (1 - share)).astype(np.uint8)


ALPHA = np.ascontiguousarray(RAMP[:, ::-1])
COLOURS = smooth(256, 64)


def palette_picture() -> Image.Image:
    image = Image.new("P", (96, 64))
    image.putpalette([200, 30, 40, 30, 180, 60, 40, 60, 190, 220, 210, 50])
    indices = np.zeros((64, 96), np.uint8)
    indices[:32, 48:], indices[32:, :48], indices[32:, 48:] = 1, 2, 3
    image.frombytes(indices.tobytes())
    return image


def palette_expected(transparent: int | None) -> np.ndarray:
    rgb = corners()
    if transparent is not None:
        quarter = [np.s_[:32, :48], np.s_[:32, 48:], np.s_[32:, :48], np.s_[32:, 48:]][transparent]
        rgb[quarter] = GROUND
    return rgb


def rgba() -> Image.Image:
    return Image.fromarray(np.dstack([COLOURS, ALPHA]))


def cmyk(rgb: np.ndarray) -> Image.Image:
    return Image.frombytes(
        "CMYK", rgb.shape[1::-1], np.dstack([255 - rgb, np.zeros_like(rgb[..., :1])]).tobytes()
    )


def ycck_jpeg(rgb: np.ndarray) -> bytes:
    """Adobe's YCCK: the inverted CMY stored as YCbCr, black as it is, with the transform byte of
    APP14 set to 2."""
    ycc = np.asarray(Image.fromarray(255 - rgb).convert("YCbCr"))
    # Pillow's writer stores every plane inverted, so these are inverted once more.
    planes = np.dstack([255 - ycc, np.zeros_like(rgb[..., :1])])
    image = Image.frombytes("CMYK", rgb.shape[1::-1], planes.tobytes())
    data = bytearray(encode(image, "JPEG", quality=98, subsampling=0))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def lab_picture() -> Image.Image:
    """Colours of medium strength in CIE L*a*b* (D50); a* and b* are stored as signed bytes."""
    planes = np.dstack([60 + COLOURS[..., 0] // 2, COLOURS[..., 1:] // 4 - 32])
    return Image.frombytes("LAB", (256, 64), planes.astype(np.uint8).tobytes())


def lab_expected() -> np.ndarray:
    """CIE 15:2004, 8.2.1: L*a*b* -> XYZ, then the sRGB primaries and curve."""
    lightness = (60 + COLOURS[..., 0] // 2) * (100 / 255)
    a, b = (COLOURS[..., i].astype(int) // 4 - 32 for i in (1, 2))
    fy = (lightness + 16) / 116
    cubes = np.stack([fy + a / 500, fy, fy - b / 200], axis=-1)
    white = np.array([0.9642, 1.0, 0.8249])
    xyz = white * np.where(cubes > 6 / 29, cubes**3, 3 * (6 / 29) ** 2 * (cubes - 4 / 29))
    return from_linear(xyz @ np.linalg.inv(SRGB_D50).T)


def png_16_bit(channels: np.ndarray) -> bytes:
    return cv2.imencode(".png", channels)[1].tobytes()


def grey_alpha_png() -> bytes:
    return encode(Image.merge("LA", (Image.fromarray(RAMP), Image.fromarray(ALPHA))), "PNG")


DEEP = RAMP.astype(np.uint16) * 257
STEP = np.where(RAMP >= 128, 255, 0).astype(np.uint8)
STEP_RGB = np.dstack([STEP] * 3)
RGB16 = COLOURS.astype(np.uint16) * 257

MODES = {
    "png_grey": (lambda: encode(Image.fromarray(RAMP), "PNG"), RAMP_RGB, 0),
    "png_1_bit": (lambda: encode(Image.fromarray(STEP).convert("1"), "PNG"), STEP_RGB, 0),
    "png_grey_alpha": (grey_alpha_png, on_ground(RAMP_RGB, ALPHA), 1),
    "png_grey_key": (
        lambda: encode(Image.fromarray(STEP), "PNG", transparency=0),
        np.where(STEP_RGB == 0, 128, 255).astype(np.uint8),
        0,
    ),
    "png_rgb_key": (
        lambda: encode(Image.fromarray(corners()), "PNG", transparency=(200, 30, 40)),
        palette_expected(0),
        0,
    ),
    "png_palette": (lambda: encode(palette_picture(), "PNG"), palette_expected(None), 0),
    "png_palette_key": (
        lambda: encode(palette_picture(), "PNG", transparency=2),
        palette_expected(2),
        0,
    ),
    "png_palette_alphas": (
        lambda: encode(palette_picture(), "PNG", transparency=b"\xff\0\xff\xff"),
        palette_expected(1),
        0,
    ),
    "png_rgb": (lambda: encode(Image.fromarray(COLOURS), "PNG"), COLOURS, 0),
    "png_rgba": (lambda: encode(rgba(), "PNG"), on_ground(COLOURS, ALPHA), 1),
    "png_16_bit_grey": (lambda: png_16_bit(DEEP), RAMP_RGB, 0),
    "png_16_bit_rgb": (lambda: png_16_bit(RGB16[..., ::-1]), COLOURS, 0),
    "png_16_bit_rgba": (
        lambda: png_16_bit(np.dstack([RGB16[..., ::-1], ALPHA.astype(np.uint16) * 257])),
        on_ground(COLOURS, ALPHA),
        1,
    ),
    "tiff_grey": (lambda: encode(Image.fromarray(RAMP), "TIFF"), RAMP_RGB, 0),
    "tiff_1_bit": (
        lambda: encode(Image.fromarray(STEP).convert("1"), "TIFF", compression="group4"),
        STEP_RGB,
        0,
    ),
    "tiff_palette": (lambda: encode(palette_picture(), "TIFF"), palette_expected(None), 0),
    "tiff_rgba": (lambda: encode(rgba(), "TIFF"), on_ground(COLOURS, ALPHA), 1),
    "tiff_rgb_deflate": (
        lambda: encode(Image.fromarray(COLOURS), "TIFF", compression="tiff_adobe_deflate"),
        COLOURS,
        0,
    ),
    "tiff_cmyk": (lambda: encode(cmyk(COLOURS), "TIFF"), COLOURS, 1),
    "tiff_lab": (lambda: encode(lab_picture(), "TIFF"), lab_expected(), 3),
    "tiff_ycbcr": (lambda: encode(Image.fromarray(COLOURS).convert("YCbCr"), "TIFF"), COLOURS, 4),
    "tiff_16_bit": (lambda: encode(Image.fromarray(DEEP), "TIFF"), RAMP_RGB, 0),
    "tiff_16_bit_motorola": (
        lambda: encode(Image.frombytes("I;16B", (256, 64), DEEP.astype(">u2").tobytes()), "TIFF"),
        RAMP_RGB,
        0,
    ),
    "tiff_32_bit_8": (lambda: encode(Image.fromarray(RAMP.astype(np.int32)), "TIFF"), RAMP_RGB, 0),
    "tiff_32_bit_16": (lambda: encode(Image.fromarray(DEEP.astype(np.int32)), "TIFF"), RAMP_RGB, 0),
    "tiff_float_1": (
        lambda: encode(Image.fromarray((RAMP / 255).astype(np.float32)), "TIFF"),
        RAMP_RGB,
        0,
    ),
    "tiff_float_255": (
        lambda: encode(Image.fromarray(RAMP.astype(np.float32)), "TIFF"),
        RAMP_RGB,
        0,
    ),
    "jpeg_grey": (lambda: encode(Image.fromarray(RAMP), "JPEG", quality=98), RAMP_RGB, 3),
    "jpeg_rgb": (
        lambda: encode(Image.fromarray(COLOURS), "JPEG", quality=98, subsampling=0),
        COLOURS,
        6,
    ),
    "jpeg_cmyk": (lambda: encode(cmyk(COLOURS), "JPEG", quality=98), COLOURS, 6),
    "jpeg_ycck": (lambda: ycck_jpeg(COLOURS), COLOURS, 8),
    "webp_rgba": (
        lambda: encode(rgba(), "WEBP", lossless=True, exact=True),
        on_ground(COLOURS, ALPHA),
        1,
    ),
    "bmp_rgb": (lambda: encode(Image.fromarray(COLOURS), "BMP"), COLOURS, 0),
    "bmp_palette": (lambda: encode(palette_picture(), "BMP"), palette_expected(None), 0),
    "bmp_1_bit": (lambda: encode(Image.fromarray(STEP).convert("1"), "BMP"), STEP_RGB, 0),
    "heif_grey": (lambda: encode(Image.fromarray(RAMP), "HEIF"), RAMP_RGB, 12),
    "heif_rgba": (lambda: encode(rgba(), "HEIF"), on_ground(COLOURS, ALPHA), 20),
    "heif_16_bit": (lambda: encode(Image.fromarray(DEEP), "HEIF"), RAMP_RGB, 12),
    "avif_rgba": (lambda: encode(rgba(), "AVIF", quality=95), on_ground(COLOURS, ALPHA), 20),
}


@pytest.mark.parametrize("case", MODES)
def test_every_pixel_format_becomes_rgb(case: str) -> None:
    make, expected, tolerance = MODES[case]
    photo = opened(make())
    assert photo.pixels.dtype == np.uint8
    assert worst(photo.pixels, expected) <= tolerance


def test_floats_without_a_number_are_black_and_do_not_hide_the_scale() -> None:
    values = (RAMP / 255).astype(np.float32)
    values[0, 0], values[1, 255], values[2, 0] = np.nan, np.inf, -3.0
    expected = RAMP_RGB.copy()
    expected[0, 0] = 0
    assert worst(opened(encode(Image.fromarray(values), "TIFF")).pixels, expected) == 0


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_the_first_picture_of_several_counts(format_: str) -> None:
    first, second = Image.fromarray(corners()), Image.new("RGB", (96, 64))
    options = {"lossless": True} if format_ == "WEBP" else {}
    photo = opened(encode(first, format_, save_all=True, append_images=[second], **options))
    assert worst(photo.pixels, corners(), rim=4) <= 6


# --- colour profiles ---


def icc(
    space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ", class_: bytes = b"mntr"
) -> bytes:
    """A profile of version 4.3 (ICC.1:2010, sections 7.2 and 7.3) with the given tags."""
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data
    header = struct.pack(">I4xI", offset + len(body), 0x04300000) + class_ + space + connection
    header += (
        struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
        + b"acsp"
        + bytes(28)
        + s15(0.9642, 1.0, 0.8249)
        + bytes(48)
    )
    return header + struct.pack(">I", len(tags)) + table + body


def s15(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def text(words: str) -> bytes:
    data = words.encode("utf-16-be")
    return b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(data), 28) + data


SRGB_CURVE = (
    b"para" + struct.pack(">IHH", 0, 3, 0) + s15(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
)


def rgb_profile(primaries: np.ndarray, words: str) -> bytes:
    tags = {
        b"desc": text(words),
        b"cprt": text("none"),
        b"wtpt": b"XYZ \0\0\0\0" + s15(0.9642, 1.0, 0.8249),
    }
    for index, channel in enumerate((b"r", b"g", b"b")):
        tags[channel + b"XYZ"] = b"XYZ \0\0\0\0" + s15(*primaries[:, index])
        tags[channel + b"TRC"] = SRGB_CURVE
    return icc(b"RGB ", tags)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_display_p3_becomes_srgb(format_: str) -> None:
    options = {"lossless": True} if format_ == "WEBP" else {}
    profile = rgb_profile(DISPLAY_P3, "Display P3, sRGB curve")
    photo = opened(encode(Image.fromarray(COLOURS), format_, icc_profile=profile, **options))
    matrix = np.linalg.inv(SRGB_D50) @ DISPLAY_P3
    expected = from_linear(to_linear(COLOURS) @ matrix.T)
    assert np.abs(expected - COLOURS).max() > 20, (
        "the profile must matter for the test to mean something"
    )
    assert worst(photo.pixels, expected) <= 2


def test_an_srgb_profile_changes_nothing() -> None:
    profile = rgb_profile(SRGB_D50, "by any other name")
    photo = opened(encode(Image.fromarray(COLOURS), "PNG", icc_profile=profile))
    assert np.array_equal(photo.pixels, COLOURS)


def test_a_grey_profile_is_honoured() -> None:
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(1.8 * 256)) + b"\0\0"
    white = b"XYZ \0\0\0\0" + s15(0.9642, 1.0, 0.8249)
    profile = icc(b"GRAY", {b"desc": text("g"), b"cprt": text("n"), b"wtpt": white, b"kTRC": curve})
    photo = opened(encode(Image.fromarray(RAMP), "PNG", icc_profile=profile))
    expected = np.dstack([from_linear((RAMP / 255) ** 1.8)] * 3)
    assert worst(photo.pixels, expected) <= 2


def test_a_cmyk_profile_is_honoured() -> None:
    """A printing table that knows only lightness: all inks print grey, so that no colour may be
    left."""
    identity = bytes(range(256))
    grid = b"".join(
        bytes([round(255 * (1 - k) * (1 - (c + m + y) / 3)), 128, 128])
        for c in (0, 1)
        for m in (0, 1)
        for y in (0, 1)
        for k in (0, 1)
    )
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
    tags = {
        b"desc": text("c"),
        b"cprt": text("n"),
        b"wtpt": b"XYZ \0\0\0\0" + s15(0.9642, 1.0, 0.8249),
        b"A2B0": table + identity * 4 + grid + identity * 3,
    }
    profile = icc(b"CMYK", tags, connection=b"Lab ", class_=b"prtr")
    cyan = Image.new("CMYK", (64, 64), (255, 0, 0, 0))
    pixel = opened(encode(cyan, "TIFF", icc_profile=profile)).pixels[5, 5].astype(int)
    lightness = (
        100 * 170 / 255
    )  # CIE L* of the table's node for full cyan; its grey by the CIE formula:
    expected = from_linear(np.array(((lightness + 16) / 116) ** 3))
    assert np.abs(pixel - expected).max() <= 3
    assert worst(opened(encode(cyan, "TIFF")).pixels[:1, :1], np.array([[[0, 255, 255]]])) == 0


@pytest.mark.parametrize(
    "profile",
    [
        b"not a profile",
        bytes(4000),
        rgb_profile(DISPLAY_P3, "cut")[:200],
        icc(b"CMYK", {b"desc": text("x")}),
    ],
    ids=["text", "zeros", "cut", "other_space"],
)
def test_a_broken_profile_is_left_out_and_logged(
    profile: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    photo = opened(encode(Image.fromarray(COLOURS), "PNG", icc_profile=profile))
    assert np.array_equal(photo.pixels, COLOURS)
    assert "icc_profile=ignored" in caplog.text


# --- working size ---


@pytest.mark.parametrize(
    ("size", "longest", "decoded"),
    [
        ((2600, 1950), 640, (650, 488)),  # a quarter: 650 is still at least 640
        ((1950, 2600), 640, (488, 650)),
        (
            (2559, 1919),
            640,
            (1280, 960),
        ),  # a quarter would be 640 x 480, but the decoder's rule is exact: a half
        ((2560, 1920), 640, (640, 480)),
        ((1279, 960), 640, (1279, 960)),
        ((5200, 400), 640, (650, 50)),
        ((600, 450), 640, (600, 450)),
    ],
)
def test_large_jpegs_are_decoded_at_a_reduced_scale(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], longest: int, decoded: tuple[int, int]
) -> None:
    seen: list[tuple[int, int]] = []
    load = JpegImagePlugin.JpegImageFile.load

    def spy(image: JpegImagePlugin.JpegImageFile) -> object:
        result = load(image)
        seen.append(image.im.size)
        return result

    picture = smooth(*size)
    data = encode(Image.fromarray(picture), "JPEG", quality=92)
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", spy)
    photo = opened(data, max_image_size=longest)

    assert seen[0] == decoded
    assert (photo.width, photo.height) == size
    width, height = working_size(size, longest)
    assert photo.pixels.shape == (height, width, 3)
    assert photo.scale == pytest.approx(size[0] / width)
    expected = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    assert np.abs(photo.pixels.astype(int) - expected).mean() < 3


@given(st.integers(32, 700), st.integers(32, 700), st.integers(320, 640))
@hypothesis_settings(max_examples=30, deadline=None)
def test_reduction_is_the_area_average_of_the_whole(width: int, height: int, longest: int) -> None:
    noise = np.random.default_rng(width * 1000 + height).integers(
        0, 256, (height, width, 3), np.uint8
    )
    data = encode(Image.fromarray(noise), "BMP")
    out_width, out_height = working_size((width, height), longest)
    if min(out_width, out_height) < 32:
        with pytest.raises(PhotoError):
            opened(data, max_image_size=longest)
        return
    photo = opened(data, max_image_size=longest)
    expected = cv2.resize(noise, (out_width, out_height), interpolation=cv2.INTER_AREA)
    assert worst(photo.pixels, expected) <= 1


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(320, 8192))
def test_working_size_keeps_the_shape_and_never_enlarges(
    width: int, height: int, longest: int
) -> None:
    out_width, out_height = working_size((width, height), longest)
    assert max(out_width, out_height) == min(longest, max(width, height))
    assert 1 <= out_width <= width and 1 <= out_height <= height
    factor = max(width, height) / max(out_width, out_height)
    assert abs(out_width * factor - width) <= factor and abs(out_height * factor - height) <= factor


def test_a_photo_says_what_it_is() -> None:
    data = good("JPEG")
    photo = open_photo(data, name="Halle süd.jpg", settings=SETTINGS)
    assert (photo.name, photo.sha256) == ("Halle süd.jpg", hashlib.sha256(data).hexdigest())
    with pytest.raises(ValueError, match="read-only"):
        photo.pixels[0, 0] = 0


@pytest.mark.parametrize(
    ("pixels", "scale"),
    [
        (np.zeros((4, 4), np.uint8), 1.0),
        (np.zeros((4, 4, 3)), 1.0),
        (np.zeros((4, 4, 3), np.uint8), 0.5),
    ],
)
def test_a_photo_record_checks_itself(pixels: np.ndarray, scale: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        Photo("x", "0", 4, 4, pixels, scale)


# --- memory and start-up ---

FRESH = """
import sys
from core.memory.readings import PeakSampler
from core.photo import open_photo
from core.settings import load_settings
settings = load_settings()
with open(sys.argv[1], "rb") as file:
    data = file.read()
open_photo(open(sys.argv[2], "rb").read(), name="warm", settings=settings)
with PeakSampler() as memory:
    photo = open_photo(data, name="wall", settings=settings)
print(photo.pixels.shape, memory.peak_mb - memory.before_mb)
print([name for name in ("PIL.ImageCms", "pillow_heif", "psutil", "torch") if name in sys.modules])
"""


def test_a_12_megapixel_jpeg_costs_less_than_two_copies(tmp_path: Path) -> None:
    (tmp_path / "wall.jpg").write_bytes(
        encode(Image.fromarray(smooth(3024, 4032)), "JPEG", quality=88)
    )
    (tmp_path / "warm.jpg").write_bytes(good("JPEG"))
    result = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore::ResourceWarning",
            "-c",
            FRESH,
            tmp_path / "wall.jpg",
            tmp_path / "warm.jpg",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    shape, modules = result.stdout.splitlines()
    assert shape.startswith("(2048, 1536, 3)")
    assert float(shape.rsplit(" ", 1)[1]) < 95, "the decoder's picture is 47 MiB, the result 9"
    assert modules == "[]", "heavy modules must wait for the photos that need them"


# --- real photos ---


@pytest.mark.real
def test_real_photos_are_what_opencv_makes_of_them() -> None:
    folder = Path(os.environ.get("CLIMBMATE_DATA", ROOT.parent / "shared" / "data" / "holds"))
    paths = sorted(folder.glob("valid/images/*.jpg"))[:8]
    if not paths:
        pytest.skip(f"no real photos in {folder}")
    for path in paths:
        data = path.read_bytes()
        whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        photo = open_photo(data, name=path.name, settings=SETTINGS)
        assert worst(photo.pixels, cv2.cvtColor(whole, cv2.COLOR_BGR2RGB)) <= 4, path.name
        buffer = io.BytesIO(data)
        with Image.open(buffer) as image:
            assert (photo.width, photo.height) == image.size
