"""Every pixel format and colour profile -> RGB in sRGB.

Rows come out in strips, so that beside the decoder's own picture no second full-size copy exists:
16 bits and floats become 8 bits, palettes and grey become RGB, transparency is laid on mid-grey,
CMYK and Lab go through their profiles. RGB and grey profiles are applied afterwards, to the reduced
picture.

Not done here: decoding and reducing (core/photo.py). HDR transfer curves are not tone-mapped.

Source: ICC.1:2010 (what a profile says about itself).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.arrays import Pixels
from core.photo_failures import READER_ERRORS

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

logger = logging.getLogger(__name__)


GROUND = (128, 128, 128)
"""What transparent pixels are laid on: mid-grey, because white and black are colours that holds
have."""

STRIP_ROWS = 128
"""Rows converted at once. 128 rows of a 12-megapixel photo are 2 MB, which stays in the processor's
cache."""


def rgb_strips(
    image: Image.Image, profile: bytes | None, name: str
) -> Iterator[tuple[int, Pixels]]:
    """The decoded ``image`` from top to bottom: the first row of each strip, and its pixels as
    uint8 RGB of shape (up to STRIP_ROWS, width, 3).

    ``profile`` is the embedded colour profile; CMYK goes through it here, everything else through
    :func:`convert_to_srgb`. ``name`` is for the log.
    """
    convert = _rgb_converter(image, profile, name)
    for top, strip in _strips(image):
        yield top, convert(strip)


def convert_to_srgb(pixels: Pixels, profile: bytes, mode: str, name: str) -> None:
    """Convert RGB ``pixels`` in place from the embedded profile of a picture that was stored in
    ``mode``.

    Done on the working picture: the same colours as before the reduction but for the averaging, for
    a quarter of the time on a phone photo. CMYK and Lab have gone through their transform already.
    """
    if mode in ("CMYK", "LAB"):
        return
    grey = profile[16:20] == b"GRAY" and (mode in ("1", "L", "LA", "La") or mode[0] in "IF")
    transform = _srgb_transform(profile, "L" if grey else "RGB", b"GRAY" if grey else b"RGB", name)
    if transform is None:
        return
    if not grey and _changes_nothing(transform):
        return
    for top in range(0, len(pixels), STRIP_ROWS):
        rows = pixels[top : top + STRIP_ROWS]
        source = Image.fromarray(np.ascontiguousarray(rows[..., 0]) if grey else rows)
        rows[...] = np.asarray(transform.apply(source))


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The first row of each strip, and the strip in the picture's own mode."""
    for top in range(0, image.height, STRIP_ROWS):
        yield top, image.crop((0, top, image.width, min(top + STRIP_ROWS, image.height)))


def _rgb_converter(
    image: Image.Image, profile: bytes | None, name: str
) -> Callable[[Image.Image], Pixels]:
    """How rows of this picture become uint8 RGB of shape (rows, width, 3)."""
    mode = image.mode
    if mode.startswith(("I", "F")):
        white = _white_level(image)
        return lambda rows: _deep_grey(np.asarray(rows), white)
    if mode == "RGB" and "transparency" not in image.info:
        return np.asarray
    if mode in ("CMYK", "LAB") and (transform := _separation_transform(mode, profile, name)):
        return lambda rows: np.asarray(transform.apply(rows))
    if image.has_transparency_data:
        return _on_ground
    return lambda rows: np.asarray(rows.convert("RGB"))


def _white_level(image: Image.Image) -> float:
    """The value that means white: 65535 for 16 bits; for 32-bit integers and floats, which do not
    say, the smallest usual full scale that holds the brightest pixel (1 for floats only)."""
    if image.mode.startswith("I;16"):
        return 65535.0
    # Not getextrema(): a single not-a-number would hide the maximum.
    strips = (np.asarray(strip) for _, strip in _strips(image))
    brightest = max(float(np.max(rows, where=np.isfinite(rows), initial=0)) for rows in strips)
    usual = [1.0] * (image.mode == "F") + [255.0, 65535.0, 4294967295.0]
    return next((level for level in usual if brightest <= level), usual[-1])


def _deep_grey(values: NDArray[Any], white: float) -> Pixels:
    """Grey of any depth -> uint8 RGB; not-a-number becomes black, what lies outside is clipped."""
    scaled = np.nan_to_num(values.astype(np.float32) * np.float32(255.0 / white), nan=0.0)
    grey = np.rint(np.clip(scaled, 0.0, 255.0)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _on_ground(rows: Image.Image) -> Pixels:
    """Rows with transparency of any kind, laid on mid-grey."""
    straight = rows.convert("LA") if rows.mode == "La" else rows
    rgba = straight.convert("RGBA")
    ground = Image.new("RGB", rgba.size, GROUND)
    ground.paste(rgba, mask=rgba)
    return np.asarray(ground)


def _separation_transform(mode: str, profile: bytes | None, name: str) -> ImageCmsTransform | None:
    """CMYK through its embedded profile, or CIE Lab, to sRGB; None when Pillow's plain formula must
    do."""
    if mode == "CMYK":
        return _srgb_transform(profile, "CMYK", b"CMYK", name) if profile else None
    from PIL import ImageCms

    return ImageCms.buildTransform(
        ImageCms.createProfile("LAB"),
        ImageCms.createProfile("sRGB"),
        "LAB",
        "RGB",
        flags=ImageCms.Flags.NOOPTIMIZE,  # the default table is off by 17 of 255 in dark colours
    )


def _srgb_transform(profile: bytes, mode: str, space: bytes, name: str) -> ImageCmsTransform | None:
    """From ``profile`` to sRGB for pixels of ``mode``; None, with a log line, when the profile
    cannot serve."""
    from PIL import ImageCms  # 5 ms, and most photos that are not from a phone have no profile

    found = profile[16:20].strip()  # the colour space of the data (ICC.1:2010, table 17)
    if found != space:
        logger.warning("photo=%r icc_profile=ignored mode=%s space=%r", name, mode, found)
        return None
    try:
        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (*READER_ERRORS, ImageCms.PyCMSError) as error:
        logger.warning("photo=%r icc_profile=ignored mode=%s reason=%r", name, mode, error)
        return None


def _changes_nothing(transform: ImageCmsTransform) -> bool:
    """Whether an RGB transform leaves a 6 x 6 x 6 grid of colours within 2 levels: its profile is
    sRGB by any name."""
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(6, 36, 3)
    moved = np.asarray(transform.apply(Image.fromarray(grid)), dtype=np.int16)
    return int(np.abs(moved - grid).max()) <= 2
