"""Which picture formats are read: recognising them by their first bytes, and opening their readers.

A reader that is opened here has read the header and no pixel yet.

Not done here: limits (core/photo_limits.py), decoding (core/photo.py), and making sense of what a
reader raises (core/photo_failures.py).
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import logging
import struct
import warnings
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

from core.errors import PhotoError
from core.photo_limits import Size

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

logger = logging.getLogger(__name__)

READERS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "HEIF": ("pillow_heif", "HeifImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
}
"""The allow list: format -> module and class of its reader, imported when the first such photo
comes.

The class is called directly and not through ``Image.open``: no other reader can be reached (a JPEG
is never handed to the multi-picture reader either), and Pillow's own pixel limit, a global of the
process, need not be touched. GIF is left out: nobody photographs a wall in 256 colours, and its
reader reserves memory for what a frame claims before its size can be checked.
"""

MAX_PNG_TEXT_BYTES = 8 * 2**20
"""Texts in a PNG, unpacked, at most. Pillow's own bound is eight times as much, and a file of 70 kB
could make its reader take that for the header alone, before any need of memory is judged."""

_OTHER_FORMATS = (
    (b"%PDF", "a PDF document"),
    (b"GIF8", "a GIF"),
    (b"8BPS", "a Photoshop file"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"<svg", "an SVG drawing"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"\x1aE\xdf\xa3", "a video"),
)

_FORMATS = "Send the photo as JPEG, PNG, WebP or HEIC."
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)


def recognise(data: bytes, name: str) -> str:
    """The format, a key of READERS, by the first bytes alone; file names lie.

    Raises :class:`PhotoError`: ``photo_unsupported`` for another kind of file that is known by
    name, else ``photo_not_an_image``.
    """
    head = data[:16]
    if head[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    kind = ""
    if head[4:8] == b"ftyp":
        # ISO base media: the brands follow the box's size and type (ISO/IEC 14496-12, 4.3).
        box = data[8 : max(16, min(int.from_bytes(head[:4], "big"), 256))]
        brands = {box[i : i + 4] for i in range(0, len(box), 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
            return "HEIF"
        kind = "a video or another media file"
    start = data[:512].lstrip().removeprefix(b"\xef\xbb\xbf")
    if start.startswith(b"<?xml") and b"<svg" in start:
        kind = "an SVG drawing"
    for magic, what in _OTHER_FORMATS:
        kind = what if head.startswith(magic) else kind
    if kind:
        raise PhotoError(
            "photo_unsupported", f"The file {name} is {kind}, which is not read here.", _FORMATS
        )
    raise PhotoError("photo_not_an_image", f"The file {name} is not a picture.", _FORMATS)


def wrong_ending(name: str) -> PhotoError:
    """The error for a file that an uploader did not send because of its extension."""
    return PhotoError(
        "photo_not_an_image", f"The file {name} does not have the extension of a photo.", _FORMATS
    )


def webp_size(data: bytes) -> Size:
    """Canvas width and height of a WebP, in pixels; (1, 1) where the header is short (its reader
    will complain)."""
    chunk, body = data[12:16], data[20:30]
    if chunk == b"VP8X" and len(body) == 10:
        return (
            int.from_bytes(body[4:7], "little") + 1,
            int.from_bytes(body[7:10], "little") + 1,
        )
    if chunk == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and len(body) == 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return 1, 1


def open_reader(format_: str, data: bytes) -> ImageFile:
    """The reader of ``format_`` (a key of READERS) on ``data``: its header read, its pixels not.

    Raises whatever a reader raises on damaged bytes.
    """
    module, class_name = READERS[format_]
    reader: Callable[[BytesIO], ImageFile] = getattr(importlib.import_module(module), class_name)
    _hush_reader_warnings()
    if format_ == "TIFF":
        _hush_libtiff()
    elif format_ == "PNG":
        _bound_png_texts()
    return reader(BytesIO(data))


def _hush_reader_warnings() -> None:
    """Keep what Pillow's readers think of odd metadata away from the setter.

    A permanent rule for modules of Pillow alone: ``warnings.catch_warnings`` swaps a global of the
    process and is not safe beside other threads. Adding the same rule twice leaves one.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")


@functools.cache
def _bound_png_texts() -> None:
    """Have Pillow hold :data:`MAX_PNG_TEXT_BYTES` at most; the bound belongs to the process."""
    from PIL import PngImagePlugin

    PngImagePlugin.MAX_TEXT_MEMORY = MAX_PNG_TEXT_BYTES


@functools.cache
def _hush_libtiff() -> None:
    """Keep libtiff from writing to stderr by itself.

    It does for every line of pixels that is damaged, so that one upload could fill a disk with its
    server's log; what is wrong with the photo is said by the error that its reader raises. Pillow
    turns off libtiff's warnings in this way, and leaves its errors on. Once is enough: the handler
    belongs to the process.
    """
    from PIL import _imaging

    try:
        # A library that Pillow brought is found through the module that was linked with it.
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)
    except (AttributeError, OSError) as error:  # Pillow was built without it, or as one piece
        logger.info("libtiff=not_hushed reason=%r", error)
