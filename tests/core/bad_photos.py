"""Uploads that must be refused, each with the code of its refusal, for every face of the product.

The codes hold under the default settings (20 MiB, 50 million pixels, working size 2048). Every row
makes its bytes anew, small where the point is not the size, so that the table itself costs nothing
to import.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, TiffImagePlugin


@dataclass(frozen=True)
class BadPhoto:
    """``make()`` gives the bytes, ``code`` is that of the error they must lead to."""

    id: str
    make: Callable[[], bytes]
    code: str


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(width: int = 64, height: int = 48) -> Image.Image:
    """A small colourful picture that compresses badly enough to have a middle to cut at."""
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(noise)


def encode(image: Image.Image, format_: str, **options: object) -> bytes:
    """``image`` as a file of ``format_``; HEIF needs the writer of pillow-heif."""
    out = io.BytesIO()
    if format_ == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    image.save(out, format_, **options)
    return out.getvalue()


@cache
def good(format_: str) -> bytes:
    """A valid 64 x 48 file of a format."""
    return encode(picture(), format_)


def half(format_: str) -> Callable[[], bytes]:
    return lambda: good(format_)[: len(good(format_)) // 2]


def first(format_: str, count: int) -> Callable[[], bytes]:
    return lambda: good(format_)[:count]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *extra: bytes, pixels: bytes = b"") -> bytes:
    """A PNG with any header at all, further chunks, and whatever as its compressed pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        PNG_SIGNATURE
        + header
        + b"".join(extra)
        + png_chunk(b"IDAT", pixels)
        + png_chunk(b"IEND", b"")
    )


def png_with_bomb(kind: bytes, prefix: bytes) -> bytes:
    """A PNG whose metadata chunk of some kilobytes unfolds to 16 MiB."""
    bomb = png_chunk(kind, prefix + zlib.compress(bytes(16 * 2**20)))
    good_rows = zlib.compress((b"\0" + b"\x40" * 64 * 3) * 48)
    return png(64, 48, bomb, pixels=good_rows)


def png_header_bit_flipped() -> bytes:
    data = bytearray(good("PNG"))
    data[19] ^= 1  # width, without its checksum
    return bytes(data)


def jpeg_sized(width: int, height: int) -> bytes:
    """A valid JPEG whose frame header claims other sides."""
    data = bytearray(good("JPEG"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_of_12_bits() -> bytes:
    data = bytearray(good("JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    return bytes(data)


def jpeg_without_scan() -> bytes:
    data = good("JPEG")
    return data[: data.index(b"\xff\xda")] + b"\xff\xd9"


def jpeg_of_many_passes() -> bytes:
    """Thousands of empty scans: each would be a pass over all coefficients of a progressive
    picture."""
    data = encode(picture(), "JPEG", progressive=True)
    start = data.index(b"\xff\xda")
    length = int.from_bytes(data[start + 2 : start + 4], "big")
    return data[:-2] + data[start : start + 2 + length] * 5000 + b"\xff\xd9"


def bmp_sized(width: int, height: int) -> bytes:
    data = bytearray(good("BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def webp_canvas(width: int, height: int) -> bytes:
    """An extended WebP that promises a canvas and has no picture."""
    body = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunks = b"WEBPVP8X" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def heif_sized(format_: str, width: int, height: int) -> bytes:
    """A HEIC or AVIF whose size property claims other sides than its codec."""
    data = bytearray(encode(picture(64, 64), format_))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", width, height)
    return bytes(data)


def tiff_with(tag: int, value: int) -> bytes:
    """A valid TIFF with one tag of its first directory replaced."""
    data = bytearray(good("TIFF"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, entry)[0] == tag:
            struct.pack_into("<HII", data, entry + 2, 4, 1, value)
    return bytes(data)


def tiff_huge() -> bytes:
    out = bytearray(tiff_with(TiffImagePlugin.IMAGEWIDTH, 100_000))
    at = bytes(out)
    (directory,) = struct.unpack_from("<I", at, 4)
    (count,) = struct.unpack_from("<H", at, directory)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        if struct.unpack_from("<H", at, entry)[0] == TiffImagePlugin.IMAGELENGTH:
            struct.pack_into("<HII", out, entry + 2, 4, 1, 100_000)
    return bytes(out)


def media_file(brand: bytes) -> bytes:
    return struct.pack(">I", 20) + b"ftyp" + brand + bytes(4) + brand + b"\0\0\0\x08free"


BAD_PHOTOS = (
    BadPhoto("nothing", lambda: b"", "photo_empty"),
    BadPhoto("one_zero_byte", lambda: b"\0", "photo_not_an_image"),
    BadPhoto("a_megabyte_of_zeros", lambda: bytes(2**20), "photo_not_an_image"),
    BadPhoto("plain_text", lambda: b"boulder set of Tuesday\n" * 40, "photo_not_an_image"),
    BadPhoto("text_that_starts_like_bmp", lambda: b"BMW parked below", "photo_not_an_image"),
    BadPhoto("web_page", lambda: b"<!doctype html><html></html>", "photo_not_an_image"),
    BadPhoto("json", lambda: b'{"photo": "wall.jpg"}', "photo_not_an_image"),
    BadPhoto("zip", lambda: b"PK\x03\x04" + bytes(60), "photo_not_an_image"),
    BadPhoto("random_bytes", lambda: random.Random(3).randbytes(5000), "photo_not_an_image"),
    BadPhoto("two_bytes_of_jpeg", lambda: b"\xff\xd8", "photo_not_an_image"),
    BadPhoto("pdf", lambda: b"%PDF-1.7\n" + bytes(200), "photo_unsupported"),
    BadPhoto("gif", lambda: encode(picture(), "GIF"), "photo_unsupported"),
    BadPhoto("svg", lambda: b'<?xml version="1.0"?>\n<svg width="9"/>', "photo_unsupported"),
    BadPhoto("svg_bare", lambda: b'<svg width="9"/>', "photo_unsupported"),
    BadPhoto("photoshop", lambda: b"8BPS\0\x01" + bytes(60), "photo_unsupported"),
    BadPhoto("jpeg_2000", lambda: encode(picture(), "JPEG2000"), "photo_unsupported"),
    BadPhoto("jpeg_xl", lambda: b"\xff\x0a" + bytes(60), "photo_unsupported"),
    BadPhoto("icon", lambda: encode(picture(), "ICO"), "photo_unsupported"),
    BadPhoto("video_mp4", lambda: media_file(b"isom"), "photo_unsupported"),
    BadPhoto("video_quicktime", lambda: media_file(b"qt  "), "photo_unsupported"),
    BadPhoto("jpeg_12_bit", jpeg_of_12_bits, "photo_unsupported"),
    BadPhoto("jpeg_many_passes", jpeg_of_many_passes, "photo_unsupported"),
    BadPhoto("tiff_other_compression", lambda: tiff_with(259, 32_000), "photo_unsupported"),
    BadPhoto("too_many_bytes", lambda: good("JPEG") + bytes(21 * 2**20), "photo_too_large_bytes"),
    BadPhoto("png_bomb", lambda: png(60_000, 60_000), "photo_too_large_pixels"),
    BadPhoto("png_over_limit", lambda: png(10_000, 6_000), "photo_too_large_pixels"),
    BadPhoto("png_largest_sides", lambda: png(2**31 - 1, 2**31 - 1), "photo_too_large_pixels"),
    BadPhoto("jpeg_bomb", lambda: jpeg_sized(65_500, 65_500), "photo_too_large_pixels"),
    BadPhoto("jpeg_over_limit", lambda: jpeg_sized(10_000, 9_500), "photo_too_large_pixels"),
    BadPhoto("bmp_bomb", lambda: bmp_sized(30_000, 30_000), "photo_too_large_pixels"),
    BadPhoto("webp_bomb", lambda: webp_canvas(16_384, 16_384), "photo_too_large_pixels"),
    BadPhoto("webp_over_limit", lambda: webp_canvas(9_000, 9_000), "photo_too_large_pixels"),
    BadPhoto("heic_bomb", lambda: heif_sized("HEIF", 30_000, 30_000), "photo_too_large_pixels"),
    BadPhoto("avif_bomb", lambda: heif_sized("AVIF", 16_000, 16_000), "photo_too_large_pixels"),
    BadPhoto("tiff_bomb", tiff_huge, "photo_too_large_pixels"),
    BadPhoto("png_1x1", lambda: encode(picture(1, 1), "PNG"), "photo_too_small"),
    BadPhoto("jpeg_too_low", lambda: encode(picture(400, 31), "JPEG"), "photo_too_small"),
    BadPhoto("webp_too_narrow", lambda: encode(picture(31, 400), "WEBP"), "photo_too_small"),
    BadPhoto("png_thread", lambda: encode(picture(33, 9000), "PNG"), "photo_too_small"),
    BadPhoto("jpeg_half", half("JPEG"), "photo_truncated"),
    BadPhoto("jpeg_header_only", first("JPEG", 30), "photo_truncated"),
    BadPhoto("png_half", half("PNG"), "photo_truncated"),
    BadPhoto("png_signature_only", first("PNG", 8), "photo_truncated"),
    BadPhoto("webp_half", half("WEBP"), "photo_truncated"),
    BadPhoto("heic_half", half("HEIF"), "photo_truncated"),
    BadPhoto("avif_half", half("AVIF"), "photo_truncated"),
    BadPhoto("bmp_half", half("BMP"), "photo_truncated"),
    BadPhoto("jpeg_no_scan", jpeg_without_scan, "photo_damaged"),
    BadPhoto("png_wrong_checksum", png_header_bit_flipped, "photo_damaged"),
    BadPhoto("png_no_width", lambda: png(0, 48), "photo_damaged"),
    BadPhoto("png_rubbish_pixels", lambda: png(64, 48, pixels=b"rubbish" * 9), "photo_damaged"),
    BadPhoto("png_text_bomb", lambda: png_with_bomb(b"zTXt", b"k\0\0"), "photo_damaged"),
    BadPhoto("png_profile_bomb", lambda: png_with_bomb(b"iCCP", b"k\0\0"), "photo_damaged"),
    BadPhoto("tiff_no_directory", lambda: b"II*\0" + bytes(40), "photo_damaged"),
    BadPhoto("webp_rubbish", lambda: b"RIFF\x20\0\0\0WEBP" + b"x" * 28, "photo_damaged"),
    BadPhoto("webp_empty_canvas", lambda: webp_canvas(640, 480), "photo_damaged"),
    BadPhoto("heic_brand_only", lambda: media_file(b"heic"), "photo_damaged"),
    BadPhoto("avif_brand_only", lambda: media_file(b"avif"), "photo_truncated"),
)
