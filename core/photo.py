"""Bytes of an upload -> upright RGB pixels at the working size, within limits.

The road: recognise the format by its first bytes, let its reader open the header, check the limits,
decode (large JPEGs at a reduced scale), turn every pixel format into RGB, reduce to the working
size, apply the colour profile and the orientation. Everything that costs memory per pixel happens
on strips of rows, so that beside the decoder's own picture no second full-size copy exists.

The parts are core/photo_formats.py (formats and readers), core/photo_limits.py (limits and sizes),
core/photo_failures.py (what readers raise), core/photo_colour.py (pixel formats and profiles)
and core/colour_codes.py (colours told by numbers); callers need this module alone.

Not done here: reading files or uploads, caching, detection. Only the first frame of an animation is
looked at.

Sources: EXIF 2.32, section 4.6.4 (orientation); Pillow's documentation (readers, modes, draft).
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from core.arrays import Pixels, check_picture
from core.colour_codes import coded_primaries, convert_primaries
from core.photo_colour import GROUND, STRIP_ROWS, convert_to_srgb, rgb_strips
from core.photo_failures import READER_ERRORS, as_photo_errors
from core.photo_formats import READERS, open_reader, recognise, webp_size
from core.photo_limits import (
    MAX_JPEG_SCANS,
    MIN_SIDE_PX,
    Size,
    check_bytes,
    check_pixels,
    check_scans,
    check_sides,
    decoder_divisor,
    working_size,
)
from core.settings import Settings

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = [
    "GROUND",
    "MAX_JPEG_SCANS",
    "MIN_SIDE_PX",
    "READERS",
    "STRIP_ROWS",
    "Photo",
    "PhotoHeader",
    "Pixels",
    "Size",
    "open_photo",
    "probe_photo",
    "working_size",
]

logger = logging.getLogger(__name__)

_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """What is known before decoding: the format and the size as stored, in pixels (orientation not
    applied)."""

    format: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """An opened photo.

    ``width`` and ``height`` are those of the upright photo at full size, in pixels. ``pixels`` is
    the upright working picture, uint8 sRGB of shape (height / scale, width / scale, 3), read-only
    because all stages share it. ``scale`` is full size over working size, at least 1: multiply
    working coordinates by it to get full-size ones.
    """

    name: str
    sha256: str
    width: int
    height: int
    pixels: Pixels
    scale: float

    def __post_init__(self) -> None:
        check_picture(self.pixels)
        if not (self.scale >= 1.0 and self.width > 0 and self.height > 0):
            raise ValueError(
                "expected positive sides and a scale of at least 1, "
                f"got {self.width} x {self.height} and {self.scale}"
            )
        self.pixels.flags.writeable = False


def probe_photo(data: bytes, *, name: str, settings: Settings) -> PhotoHeader:
    """Check everything that can be checked without decoding a pixel.

    Raises :class:`PhotoTooLargeError` (``photo_too_large_bytes``, ``photo_too_large_pixels``) and
    :class:`PhotoError` (``photo_empty``, ``photo_not_an_image``, ``photo_unsupported``,
    ``photo_truncated``, ``photo_damaged``, ``photo_too_small``).
    """
    header, image = _open_checked(data, name, settings)
    image.close()
    return header


def open_photo(data: bytes, *, name: str, settings: Settings) -> Photo:
    """Decode an upload into an upright sRGB working picture whose longest side is at most
    ``max_image_size``.

    A smaller photo is never enlarged. Where the decoder of a JPEG can deliver at least 0.95 of the
    working size by itself, that is the working picture: 4032 x 3024 becomes 2016 x 1512 under a
    limit of 2048. Raises what :func:`probe_photo` raises, and nothing else, whatever the bytes.
    """
    header, image = _open_checked(data, name, settings)
    stored = (header.width, header.height)
    with as_photo_errors(name, header.format, data):
        _decode(image, header, settings)
    if header.format == "HEIF" and image.size != stored:  # the codec has the last word on the size
        stored = image.size
        check_pixels(stored, name, settings)
        check_sides(stored, name, settings)
    orientation = _orientation(image, name)
    mode, profile = image.mode, image.info.get("icc_profile")
    target = working_size(stored, settings.max_image_size)
    if max(image.size) <= max(target):  # small, or a JPEG that comes near enough by itself
        target = image.size
    with as_photo_errors(name, header.format, data):
        pixels = _reduced_rgb(image, target, profile, name)
    if profile:
        convert_to_srgb(pixels, profile, mode, name)
    elif header.format in ("HEIF", "AVIF"):
        convert_primaries(pixels, coded_primaries(data))
    pixels = _turn_upright(pixels, orientation)
    width, height = stored[::-1] if orientation >= 5 else stored
    digest = hashlib.sha256(data).hexdigest()
    return Photo(name, digest, width, height, pixels, max(1.0, width / pixels.shape[1]))


def _open_checked(data: bytes, name: str, settings: Settings) -> tuple[PhotoHeader, ImageFile]:
    """The header and the not yet decoded picture, after all limits."""
    check_bytes(data, name, settings)
    format_ = recognise(data, name)
    if format_ == "WebP":
        # libwebp's reader reserves the whole canvas when it is made, so its size is read from the
        # file itself.
        check_pixels(webp_size(data), name, settings)
    with as_photo_errors(name, format_, data):
        image = open_reader(format_, data)
        size = image.size
    check_pixels(size, name, settings)
    check_sides(size, name, settings)
    if format_ == "JPEG":
        check_scans(data, name)
    return PhotoHeader(format_, *size), image


def _decode(image: ImageFile, header: PhotoHeader, settings: Settings) -> None:
    """Load the pixels, those of a JPEG at the reduced scale that its working size allows."""
    if header.format == "JPEG":
        divisor = decoder_divisor((header.width, header.height), settings.max_image_size)
        # Pillow takes the strongest reduction that is not smaller than what is asked for.
        image.draft(None, (header.width // divisor, header.height // divisor))
    image.load()


def _orientation(image: ImageFile, name: str) -> int:
    """EXIF (or XMP) orientation, 1 to 8; 1 when there is none or its metadata is broken.

    To be asked after ``load``: a PNG may carry EXIF behind its pixels, and TIFF and HEIF come
    upright already.
    """
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except READER_ERRORS as error:
        logger.warning("photo=%r exif=ignored reason=%r", name, error)
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo how the camera was held (EXIF 2.32, tag 0x0112)."""
    match orientation:
        case 2:
            turned: Any = cv2.flip(pixels, 1)
        case 3:
            turned = cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            turned = cv2.flip(pixels, 0)
        case 5:
            turned = cv2.transpose(pixels)
        case 6:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            turned = cv2.flip(cv2.transpose(pixels), -1)
        case 8:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
        case _:
            turned = pixels
    return np.asarray(turned, dtype=np.uint8)


def _reduced_rgb(image: ImageFile, target: Size, profile: bytes | None, name: str) -> Pixels:
    """The loaded picture as uint8 RGB of exactly ``target`` (width, height); empties ``image`` on
    the way.

    Area averaging is separable: each strip of rows is averaged along x at once, the columns
    afterwards. Rounding twice costs at most one level of 255.
    """
    height, (out_width, out_height) = image.height, target
    narrow = np.empty((height, out_width, 3), np.uint8)
    for top, rows in rgb_strips(image, profile, name):
        out = narrow[top : top + len(rows)]
        if rows.shape == out.shape:
            out[...] = rows
        else:
            cv2.resize(rows, out.shape[1::-1], dst=out, interpolation=cv2.INTER_AREA)
    image.close()
    if height == out_height:
        return narrow
    return np.asarray(
        cv2.resize(narrow, (out_width, out_height), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
