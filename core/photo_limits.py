"""How large an upload may be, how small, and how large the picture is that the analysis works on.

Everything here is arithmetic on sizes that are known before a pixel is decoded; a limit that does
not hold is an error with its numbers in it.

Not done here: reading a size from a file (core/photo_formats.py), decoding and reducing
(core/photo.py).
"""

from __future__ import annotations

import math

from core.errors import PhotoError, PhotoTooLargeError
from core.settings import Settings

Size = tuple[int, int]

MIN_SIDE_PX = 32
"""A picture with a shorter side than this, full size or working size, shows no wall."""

MAX_JPEG_SCANS = 500
"""A progressive photo has about 10 scans; each one is a pass over the whole picture, so thousands
are an attack."""

DECODER_DIVISORS = (8, 4, 2)
"""By how much a JPEG decoder can reduce while it reads (libjpeg's ``scale_denom``), largest
first."""

NEAR_ENOUGH = 0.95
"""A decoder's reduced picture with at least this share of the working size is worked on as it is.

A photo of 4032 pixels then becomes 2016 instead of 2048: 1.6 % less detail, for a decoding without
the full-size picture, which is most of the time and of the memory an upload costs.
"""


def working_size(size: Size, longest: int) -> Size:
    """``size`` (any order of sides, pixels) reduced so that its longer side is at most ``longest``;
    never enlarged. A JPEG may be worked on at up to 5 % less: :func:`decoder_divisor`."""
    factor = longest / max(size)
    if factor >= 1:
        return size
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def decoder_divisor(size: Size, longest: int) -> int:
    """By how much the JPEG decoder is to divide the sides of a picture of ``size`` (any order,
    pixels): 8, 4, 2 or 1.

    The largest divisor that leaves the longer side at :data:`NEAR_ENOUGH` of the working size or
    more, and the shorter one at :data:`MIN_SIDE_PX`. ``longest`` is the setting
    ``max_image_size``.
    """
    wanted = NEAR_ENOUGH * max(working_size(size, longest))
    for divisor in DECODER_DIVISORS:
        width, height = divided(size, divisor)
        if max(width, height) >= wanted and min(width, height) >= MIN_SIDE_PX:
            return divisor
    return 1


def divided(size: Size, divisor: int) -> Size:
    """The sides of what the JPEG decoder delivers; it rounds up (libjpeg's jdmaster.c)."""
    return -(-size[0] // divisor), -(-size[1] // divisor)


def check_bytes(data: bytes, name: str, settings: Settings) -> None:
    """Refuse what is empty or has more than ``max_photo_mb`` MiB."""
    if not data:
        raise PhotoError(
            "photo_empty",
            f"The photo {name} is empty (0 bytes).",
            "Send the original photo again, not a partial download.",
        )
    if len(data) / 2**20 > settings.max_photo_mb:
        raise too_many_bytes(len(data), name, settings)


def too_many_bytes(size_bytes: int, name: str, settings: Settings) -> PhotoTooLargeError:
    """The error for a photo that has more than ``max_photo_mb`` MiB."""
    size_mb = rounded_up_mb(size_bytes)
    return PhotoTooLargeError(
        "photo_too_large_bytes",
        f"The photo {name} has {size_mb:.1f} MiB; the limit is {settings.max_photo_mb:g} MiB.",
        "Send it as a JPEG of medium quality, or raise MAX_PHOTO_MB.",
    )


def rounded_up_mb(size_bytes: int) -> float:
    """MiB to the next tenth: of what is over a limit it must not be said that it has just that."""
    return math.ceil(size_bytes / 2**20 * 10) / 10


def check_pixels(size: Size, name: str, settings: Settings) -> None:
    """Refuse what has more than ``max_photo_pixels`` pixels."""
    width, height = size
    if width * height > settings.max_photo_pixels:
        raise PhotoTooLargeError(
            "photo_too_large_pixels",
            f"The photo {name} has {width} x {height} = {width * height / 1e6:.1f} million pixels; "
            f"the limit is {settings.max_photo_pixels / 1e6:.1f} million.",
            "Send a smaller version of it, or raise MAX_PHOTO_PIXELS.",
        )


def check_sides(size: Size, name: str, settings: Settings) -> None:
    """Refuse what is shorter than :data:`MIN_SIDE_PX` on one side, as it is or once reduced."""
    width, height = size
    if min(size) < MIN_SIDE_PX:
        raise PhotoError(
            "photo_too_small",
            f"The photo {name} has {width} x {height} pixels; "
            f"both sides need at least {MIN_SIDE_PX}.",
            "Send the photo itself, not its preview.",
        )
    short = min(working_size(size, settings.max_image_size))
    if short < MIN_SIDE_PX:
        raise PhotoError(
            "photo_too_small",
            f"The photo {name} has {width} x {height} pixels: "
            f"reduced to {settings.max_image_size} along its longer side, "
            f"its shorter side keeps {short}, and {MIN_SIDE_PX} are needed.",
            "Cut it into parts that are less long and thin.",
        )


def check_scans(data: bytes, name: str) -> None:
    """Refuse a JPEG that asks for more than :data:`MAX_JPEG_SCANS` passes over its pixels."""
    if (scans := data.count(b"\xff\xda")) > MAX_JPEG_SCANS:
        raise PhotoError(
            "photo_unsupported",
            f"The photo {name} is stored in {scans} passes; at most {MAX_JPEG_SCANS} are read.",
            "Save it again as an ordinary JPEG.",
        )
