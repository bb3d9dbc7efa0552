"""Uploads become upright RGB pixels: checked against pictures made with numpy, formulas, and
OpenCV's own decoders."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from core.errors import PhotoError, PhotoTooLargeError
from core.photo import Photo, open_photo, working_size
from tests.core.bad_photos import BAD_PHOTOS, BadPhoto, encode, good
from tests.core.photos import SETTINGS, corners, exif, opened, smooth, worst

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


def decoded_by_opencv(data: bytes) -> np.ndarray:
    """The upright picture at full size, as uint8 RGB, from OpenCV's own decoder."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


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
    whole = decoded_by_opencv(data)
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


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_the_first_picture_of_several_counts(format_: str) -> None:
    first, second = Image.fromarray(corners()), Image.new("RGB", (96, 64))
    options = {"lossless": True} if format_ == "WEBP" else {}
    photo = opened(encode(first, format_, save_all=True, append_images=[second], **options))
    assert worst(photo.pixels, corners(), rim=4) <= 6


# --- working size ---


@pytest.mark.parametrize(
    ("size", "longest", "decoded", "worked_on"),
    [
        ((2600, 1950), 640, (650, 488), (640, 480)),  # a quarter is a little too large: reduced
        ((1950, 2600), 640, (488, 650), (480, 640)),
        ((2560, 1920), 640, (640, 480), (640, 480)),
        ((2520, 1890), 640, (630, 473), (630, 473)),  # near enough: worked on as it is
        ((1890, 2520), 640, (473, 630), (473, 630)),
        ((2428, 1821), 640, (1214, 911), (640, 480)),  # a quarter would be 607, the least is 608
        ((1279, 960), 640, (640, 480), (640, 480)),
        ((5200, 400), 640, (650, 50), (640, 49)),
        ((600, 450), 640, (600, 450), (600, 450)),
    ],
)
def test_large_jpegs_are_decoded_at_a_reduced_scale(
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    longest: int,
    decoded: tuple[int, int],
    worked_on: tuple[int, int],
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
    width, height = worked_on
    assert photo.pixels.shape == (height, width, 3)
    assert photo.scale == pytest.approx(size[0] / width)
    expected = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    assert np.abs(photo.pixels.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("orientation", SIDES)
def test_a_picture_kept_at_the_decoders_size_is_the_area_average_too(orientation: int) -> None:
    stored = Image.fromarray(as_stored(smooth(1260, 944), orientation))
    # No chroma subsampling: how it is undone is each decoder's own choice.
    data = encode(stored, "JPEG", quality=95, subsampling=0, exif=exif(orientation))
    photo = opened(data, max_image_size=640)
    whole = decoded_by_opencv(data)
    assert (photo.width, photo.height, photo.scale) == (1260, 944, 2.0)
    assert worst(photo.pixels, cv2.resize(whole, (630, 472), interpolation=cv2.INTER_AREA)) <= 4


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


def test_a_12_megapixel_jpeg_is_never_there_at_full_size(tmp_path: Path) -> None:
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
    assert shape.startswith("(2016, 1512, 3)")
    assert float(shape.rsplit(" ", 1)[1]) < 40, "the decoder's picture is 12 MiB, the result 9"
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
        photo = open_photo(data, name=path.name, settings=SETTINGS)
        assert worst(photo.pixels, decoded_by_opencv(data)) <= 4, path.name
        buffer = io.BytesIO(data)
        with Image.open(buffer) as image:
            assert (photo.width, photo.height) == image.size
