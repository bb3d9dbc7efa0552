"""How much memory a photo takes to analyse, told from its header alone.

The account follows what the readers do, buffer by buffer: bytes per pixel of the decoder's own
picture, of what the decoder keeps beside it, of the reduced copy, and of the working picture. What
cannot be derived (the models' working memory) is a measured constant with its source beside it.
``python -m benchmarks.preflight`` measures all of it again.

Nothing is decoded here. The models' weights are not counted: they are in memory before. A file that
lies about its size inside its codec's own stream is found out while decoding (core/photo.py).

Sources: libjpeg-turbo's structure.txt (virtual coefficient arrays); ITU T.81, annex B (markers);
libwebp's anim_decode.c; the AV1 ISO media file format binding, 2.3 (``av1C``); TIFF 6.0; Pillow's
Storage.c (bytes per pixel of a mode).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL.ImageFile import ImageFile

from core.photo_colour import STRIP_ROWS
from core.photo_failures import as_photo_errors
from core.photo_formats import open_reader, recognise, webp_size
from core.photo_limits import (
    Size,
    check_bytes,
    check_pixels,
    check_sides,
    decoder_divisor,
    divided,
    working_size,
)
from core.settings import Settings

_MIB = 2**20

READER_MB = 4.0
"""MiB of a first photo's own: modules of its reader, tables, heap that is not handed back at once.
Measured as what was left over on photos of 2 to 48 million pixels (benchmarks/preflight.py)."""

LIBRARY_MB = {"HEIF": 9.0, "AVIF": 7.0, "WebP": 2.0}
"""MiB that stay with a reader which is a library of its own, measured likewise."""

WORK_MB = 26.0
"""MiB of a warm process beside the working picture: views, tensors, results of a crowded wall. At
tiles of 640 pixels 18 to 21 with 70 holds and 26 with 195; see :func:`working_mb` for how it
grows."""

COLD_DETECTOR_MB = 56.0
"""MiB that the detector's runtime takes at its first run at tiles of 640 pixels, and keeps."""

COLD_CROP_MB = 6.0
"""MiB that a colour model takes and keeps at its first run for each crop of a batch, at 224 x 224
pixels: a bound for ViT-B/16, whose widest layer holds 197 x 3072 floats."""

AVIF_FREED_BYTES = 2.3
"""Per pixel, of an AVIF's two copies of the interleaved picture: measured, since one is let go
while the other is read from."""

EMBEDDED_CROP_PX = 64
CLIP_CROP_PX = 224


@dataclass(frozen=True, slots=True)
class PhotoNeeds:
    """What the header of a photo says about its decoding.

    ``width`` and ``height`` are pixels as stored. ``image_bytes`` is per pixel of the decoder's
    picture (a JPEG's is reduced while it is read), ``beside_bytes`` per full-size pixel what the
    decoder holds in addition while it works, ``kept_bytes`` the part of that which it still holds
    while the picture is reduced. ``whole_bytes`` are bytes that the decoder holds beside while it
    works, however many pixels there are. ``strip_bytes`` is per pixel of a strip that is converted
    at once.
    """

    format: str
    width: int
    height: int
    encoded_bytes: int
    image_bytes: float
    beside_bytes: float = 0.0
    kept_bytes: float = 0.0
    whole_bytes: int = 0
    strip_bytes: float = 7.0

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 1 or self.image_bytes <= 0:
            raise ValueError(f"expected positive sizes, got {self}")

    @property
    def megapixels(self) -> float:
        """Million pixels, as stored."""
        return self.width * self.height / 1e6

    def as_jpeg(self) -> PhotoNeeds:
        """The needs of the same picture as an ordinary JPEG."""
        return replace(
            self,
            format="JPEG",
            image_bytes=4.0,
            beside_bytes=0.0,
            kept_bytes=0.0,
            whole_bytes=0,
            strip_bytes=7.0,
        )


TYPICAL = PhotoNeeds("JPEG", 4032, 3024, 4 * _MIB, image_bytes=4.0)
"""A phone's photo, for where no photo has been seen yet."""


def read_needs(data: bytes, *, name: str, settings: Settings) -> PhotoNeeds:
    """Read the header of the encoded photo ``data``.

    Raises what :func:`core.photo.open_photo` raises for a header that cannot be used, and checks
    in the same order.
    """
    check_bytes(data, name, settings)
    format_ = recognise(data, name)
    if format_ == "WebP":  # its reader copies the file and reserves the canvas when it is made
        size = webp_size(data)
        check_pixels(size, name, settings)
        return _webp_needs(data, size)
    with as_photo_errors(name, format_, data), open_reader(format_, data) as image:
        size = image.size
        check_pixels(size, name, settings)
        check_sides(size, name, settings)
        return _needs_of(image, format_, data)


def decoding_mb(needs: PhotoNeeds, max_image_size: int) -> float:
    """MiB that opening the photo takes at its highest, the working picture included.

    The higher of three moments: the decoder has just finished; its picture is averaged down strip
    by strip; the columns are averaged, or the picture is turned upright.
    """
    stored = (needs.width, needs.height)
    target = working_size(stored, max_image_size)
    divisor = decoder_divisor(stored, max_image_size) if needs.format == "JPEG" else 1
    width, height = divided(stored, divisor)
    if max(width, height) <= max(target):
        target = (width, height)
    full, picture = needs.width * needs.height, width * height * needs.image_bytes
    narrow, final = 3 * height * target[0], 3 * target[0] * target[1]
    strip = min(STRIP_ROWS, height) * width * needs.strip_bytes
    moments = (
        picture + full * needs.beside_bytes + needs.whole_bytes,
        picture + full * needs.kept_bytes + narrow + strip,
        max(narrow, final) + final,
    )
    return max(moments) / _MIB + READER_MB + LIBRARY_MB.get(needs.format, 0.0)


def working_mb(needs: PhotoNeeds, settings: Settings, *, warm: bool) -> float:
    """MiB that detecting and reading colours take at their highest, with the working picture.

    One view is in work at a time, so the number of tiles does not count, their side does: tensors
    grow with its square. ``warm`` says that the models have run before in this process and hold
    their working memory already.
    """
    width, height = working_size((needs.width, needs.height), settings.max_image_size)
    tile = (settings.yolo_img_size / 640) ** 2
    pictures = 6 * width * height / _MIB  # a dark photo has a brightened copy (core/exposure.py)
    total = pictures + READER_MB + LIBRARY_MB.get(needs.format, 0.0)
    total += WORK_MB * max(1.0, tile) - READER_MB
    return total if warm else total + cold_mb(settings)


def cold_mb(settings: Settings) -> float:
    """MiB that the models take at their very first run, and keep."""
    side = CLIP_CROP_PX if settings.clip_model else EMBEDDED_CROP_PX
    crops = settings.clip_batch_size * COLD_CROP_MB * (side / CLIP_CROP_PX) ** 2
    return COLD_DETECTOR_MB * (settings.yolo_img_size / 640) ** 2 + crops


def needed_mb(needs: PhotoNeeds, settings: Settings, *, warm: bool) -> float:
    """MiB above what the process holds before, at the highest moment of the whole analysis."""
    return max(decoding_mb(needs, settings.max_image_size), working_mb(needs, settings, warm=warm))


def _needs_of(image: ImageFile, format_: str, data: bytes) -> PhotoNeeds:
    width, height = image.size
    base = PhotoNeeds(format_, width, height, len(data), _bytes_of(image.mode))
    if image.mode.startswith(("I", "F")):  # deep grey goes through floats: core/photo_colour.py
        base = replace(base, strip_bytes=base.image_bytes + 19.0)
    elif image.has_transparency_data:  # a strip, its RGBA form, the ground and the result
        base = replace(base, strip_bytes=base.image_bytes + 12.0)
    match format_:
        case "JPEG":
            return replace(base, whole_bytes=jpeg_coefficient_bytes(data))
        case "HEIF":
            # Its interleaved RGB, and the planes of a deep one twice; then Pillow's picture.
            deep = int(image.info.get("bit_depth", 8)) > 8
            channels = len(image.getbands())
            beside = 6.0 + channels * 2 if deep else float(channels)
            return replace(base, beside_bytes=beside, whole_bytes=len(data))
        case "AVIF":
            return replace(base, beside_bytes=_avif_bytes(data, len(image.getbands())))
        case "TIFF":
            return replace(base, whole_bytes=_tiff_bytes(image, len(data)))
    return base


def _bytes_of(mode: str) -> float:
    """Bytes of a pixel in Pillow's memory."""
    if mode in ("1", "L", "P"):
        return 1.0
    return 2.0 if mode.startswith("I;16") else 4.0


def _webp_needs(data: bytes, size: Size) -> PhotoNeeds:
    """The animation decoder's canvas and its spare one, the frame as bytes, Pillow's picture: all
    of them 4 bytes per pixel, and a copy of the file."""
    needs = PhotoNeeds("WebP", *size, len(data), image_bytes=4.0, beside_bytes=12.0, kept_bytes=8.0)
    return replace(needs, whole_bytes=len(data), strip_bytes=16.0)


def _avif_bytes(data: bytes, channels: int) -> float:
    """Per pixel: the planes, the interleaved picture, and that picture once more as bytes.

    The flags of the box ``av1C`` tell the planes' depth and how far their colours are reduced;
    without it, the largest are taken.
    """
    place = data.find(b"av1C")
    flags = data[place + 6] if 0 <= place < len(data) - 6 else 0b01000000
    across, down = (flags >> 3) & 1, (flags >> 2) & 1
    colours = 0.0 if flags & 0b00010000 else 2.0 / (1 << across) / (1 << down)
    depth = 2.0 if flags & 0b01100000 else 1.0
    return (1.0 + colours) * depth + 2.0 * channels - AVIF_FREED_BYTES


def _tiff_bytes(image: ImageFile, encoded_bytes: int) -> int:
    """One strip or tile of a compressed picture, as stored, and the file, which is then read as a
    whole."""
    tags = getattr(image, "tag_v2", {})
    if tags.get(259, 1) == 1:
        return 0
    bits = tags.get(258, (8,))
    depth = max(bits) if isinstance(bits, tuple) else int(bits)
    samples = int(tags.get(277, 1))
    width, rows = tags.get(322, image.width), tags.get(323, tags.get(278, image.height))
    strip = int(width) * min(int(rows), image.height) * samples * depth // 8
    return strip + encoded_bytes


def jpeg_coefficient_bytes(data: bytes) -> int:
    """Bytes of the coefficient arrays that libjpeg holds for the whole picture; 0 where the picture
    comes in a single scan, which is decoded row by row.

    A progressive picture needs them, and so does one whose components come one after the other:
    2 bytes for each coefficient of each component at full size, whatever it is reduced to.
    """
    place, frame = 2, b""
    progressive = False
    while place + 4 <= len(data):
        if data[place] != 0xFF:  # between segments there may be nothing but fill bytes
            return 0
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these have no length
            place += 2
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        segment = data[place + 4 : place + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame, progressive = segment, marker in (0xC2, 0xC6, 0xCA, 0xCE)
        elif marker == 0xDA:
            several = bool(segment) and len(frame) > 5 and segment[0] < frame[5]
            return _frame_bytes(frame) if progressive or several else 0
        place += 2 + max(2, length)
    return 0


def _frame_bytes(frame: bytes) -> int:
    """2 bytes for each coefficient of all blocks of a frame (ITU T.81, B.2.2 and A.2.4)."""
    if len(frame) < 6:
        return 0
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    factors = [(byte >> 4 or 1, byte & 15 or 1) for byte in frame[7::3][: frame[5]]]
    if not factors:
        return 0
    across, down = max(h for h, _ in factors), max(v for _, v in factors)
    columns, rows = -(-width // (8 * across)), -(-height // (8 * down))
    return sum(columns * h * rows * v * 64 * 2 for h, v in factors)
