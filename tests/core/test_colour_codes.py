"""Colours told by code points, against pillow-heif's own chromaticities and the public matrices."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from core.colour_codes import PRIMARIES, SRGB, coded_primaries, convert_primaries
from tests.core.bad_photos import encode
from tests.core.photos import opened
from tests.core.test_photo_colour import COLOURS, from_linear, to_linear

# Linear light of Display P3 and of BT.2020 -> that of sRGB, as CSS Color Module Level 4 prints them
# (sample code for colour conversions: from each space to XYZ, and from there to linear sRGB).
TO_SRGB = {
    12: [[1.22494, -0.22494, 0.0], [-0.04206, 1.04206, 0.0], [-0.01964, -0.07864, 1.09827]],
    9: [
        [1.66050, -0.58764, -0.07285],
        [-0.12455, 1.13290, -0.00835],
        [-0.01815, -0.10058, 1.11873],
    ],
}


def coded(format_: str, primaries: int, curve: int = 13) -> bytes:
    """A picture of many colours in HEIF or AVIF, marked with these code points."""
    if format_ == "HEIF":
        pillow_heif.register_heif_opener()
        out = io.BytesIO()
        Image.fromarray(COLOURS).save(
            out,
            "HEIF",
            quality=100,
            chroma=444,
            color_primaries=primaries,
            transfer_characteristics=curve,
            matrix_coefficients=6,
            full_range_flag=1,
        )
        return out.getvalue()
    data = bytearray(encode(Image.fromarray(COLOURS), "AVIF", quality=100, subsampling="4:4:4"))
    place = data.index(b"colrnclx") + 8
    data[place : place + 4] = struct.pack(">HH", primaries, curve)
    return bytes(data)


@pytest.mark.parametrize("format_", ["HEIF", "AVIF"])
@pytest.mark.parametrize("primaries", [9, 12])
def test_wide_colours_become_srgb(format_: str, primaries: int) -> None:
    plain = opened(coded(format_, SRGB)).pixels.astype(float)

    photo = opened(coded(format_, primaries))

    expected = from_linear(to_linear(plain) @ np.array(TO_SRGB[primaries]).T)
    assert np.abs(expected - plain).max() > 20  # else the test would mean nothing
    assert np.abs(photo.pixels - expected).max() <= 2


@pytest.mark.parametrize("code", sorted(PRIMARIES))
def test_the_chromaticities_are_those_of_the_library(code: int) -> None:
    told = pillow_heif.open_heif(coded("HEIF", code)).info["nclx_profile"]
    corners = [
        (told[f"color_primary_{name}_x"], told[f"color_primary_{name}_y"])
        for name in ("red", "green", "blue")
    ]
    assert np.allclose(corners, PRIMARIES[code], atol=1e-6)


@pytest.mark.parametrize("code", [9, 12])
def test_grey_stays_grey(code: int) -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)[None]
    pixels = grey.copy()

    convert_primaries(pixels, code)

    assert np.abs(pixels.astype(int) - grey).max() <= 1


def test_hdr_and_unknown_code_points_are_left_alone() -> None:
    assert coded_primaries(coded("AVIF", 12, curve=16)) == SRGB
    assert coded_primaries(coded("AVIF", 22)) == SRGB
    assert coded_primaries(coded("AVIF", 12)) == 12


@pytest.mark.parametrize("cut", [0, 7, 30, 120, 200, 290])
def test_a_file_that_ends_early_has_no_code_points(cut: int) -> None:
    data = coded("AVIF", 12)
    place = data.index(b"colrnclx")

    assert coded_primaries(data[: min(cut, place + 13)]) == SRGB
    assert coded_primaries(b"\0\0\0\0ftyp" + data) == SRGB


def test_an_embedded_profile_comes_first() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    out = io.BytesIO()
    Image.fromarray(COLOURS).save(out, "AVIF", quality=100, icc_profile=profile)
    data = out.getvalue().replace(b"colrnclx\x00\x01", b"colrnclx\x00\x0c")

    assert np.array_equal(opened(data).pixels, opened(out.getvalue()).pixels)
