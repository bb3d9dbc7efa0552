"""Every pixel format and colour profile becomes sRGB: checked against numpy and the formulas of the
standards."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from core.photo import GROUND
from tests.core.bad_photos import encode
from tests.core.photos import corners, opened, smooth, worst

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
