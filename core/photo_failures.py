"""What the readers of picture formats raise on damaged bytes -> errors a setter can act on.

What a reader raises says little (a ``KeyError`` can be an unknown compression or a flipped bit), so
the reason is looked for in the bytes as well: does the file stop before its own end?

Not done here: limits that are checked before a reader runs (core/photo_limits.py). A mistake in
code that runs beside a reader would look like damage too; the original stays the cause of the error
and stands in the log.
"""

from __future__ import annotations

import logging
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
from PIL import Image

from core.errors import PhotoError, PhotoTooLargeError

logger = logging.getLogger(__name__)

READER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What Pillow's and libheif's readers are known to raise on damaged bytes."""


@contextmanager
def as_photo_errors(name: str, format_: str, data: bytes) -> Iterator[None]:
    """Around code that reads pixels: what it raises leaves as :class:`PhotoError`, logged.

    ``name`` is the photo's, ``format_`` a key of READERS, ``data`` the whole upload.
    """
    try:
        yield
    except (MemoryError, cv2.error, Image.DecompressionBombError) as error:
        logger.warning("photo=%r format=%s outcome=out_of_memory reason=%r", name, format_, error)
        raise PhotoTooLargeError(
            "photo_too_large_pixels",
            f"The photo {name} needs more memory to decode than this server can give.",
            "Send a smaller version of it.",
        ) from error
    except READER_ERRORS as error:
        logger.info("photo=%r format=%s outcome=unreadable reason=%r", name, format_, error)
        raise _unreadable(name, format_, data, error) from error


def _unreadable(name: str, format_: str, data: bytes, error: Exception) -> PhotoError:
    """The error to show for ``error``, by what the reader said and where the bytes end."""
    reason = str(error).lower()
    # Pillow's readers look pixel formats and compressions up in tables.
    unlisted = isinstance(error.__cause__, KeyError)
    if unlisted or re.search(r"cannot handle|unsupported|not supported", reason):
        return PhotoError(
            "photo_unsupported",
            f"The photo {name} is a {format_} of a kind that is not read here.",
            "Save it again as an ordinary JPEG or PNG.",
        )
    if _ends_early(format_, data) or "truncated" in reason:
        return PhotoError(
            "photo_truncated",
            f"The photo {name} ({format_}) stops early, after {len(data)} bytes.",
            "Send the original photo again, not a partial download.",
        )
    return PhotoError(
        "photo_damaged",
        f"The photo {name} is a {format_} of {len(data)} bytes that cannot be decoded.",
        "Open it on your device and save it again, or take a new photo.",
    )


def _ends_early(format_: str, data: bytes) -> bool:
    """Whether the container promises more bytes than there are (asked only after decoding
    failed)."""
    size = len(data)
    match format_:
        case "JPEG":
            return (
                b"\xff\xd9" not in data[-64:] and b"\xff\xd9" not in data[data.rfind(b"\xff\xda") :]
            )
        case "PNG":
            return b"IEND" not in data[-64:]
        case "WebP":
            return int.from_bytes(data[4:8], "little") + 8 > size
        case "BMP":
            return int.from_bytes(data[2:6], "little") > size
        case "HEIF" | "AVIF":
            return _last_box_end(data) > size
    return False


def _last_box_end(data: bytes) -> int:
    """Where the chain of top-level boxes ends, in bytes (ISO/IEC 14496-12, 4.2); beyond the data
    when cut off."""
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if length == 1:
            length = int.from_bytes(data[position + 8 : position + 16], "big")
        if length < 8:  # 0 means "to the end of the file", anything else below 8 is damage
            return len(data)
        position += length
    return position
