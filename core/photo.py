"""Bytes of an upload -> upright RGB pixels at the working size, within limits.

The road: recognise the format by its first bytes, let its reader open the header, check the limits,
decode (large JPEGs at a reduced scale), turn every pixel format into RGB, reduce to the working
size, apply the colour profile and the orientation. Everything that costs memory per pixel happens
on strips of rows, so that beside the decoder's own picture no second full-size copy exists.

Not done here: reading files or uploads, caching, detection. Only the first frame of an animation is
looked at, and HDR transfer curves are not tone-mapped.

Sources: EXIF 2.32, section 4.6.4 (orientation); Pillow's documentation (readers, modes, draft);
ICC.1:2010.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import PhotoError, PhotoTooLargeError
from core.settings import Settings

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform
    from PIL.ImageFile import ImageFile

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
Size = tuple[int, int]

MIN_SIDE_PX = 32
"""A picture with a shorter side than this, full size or working size, shows no wall."""

GROUND = (128, 128, 128)
"""What transparent pixels are laid on: mid-grey, because white and black are colours that holds
have."""

STRIP_ROWS = 128
"""Rows converted at once. 128 rows of a 12-megapixel photo are 2 MB, which stays in the processor's
cache."""

MAX_JPEG_SCANS = 500
"""A progressive photo has about 10 scans; each one is a pass over the whole picture, so thousands
are an attack."""

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

# What Pillow's and libheif's readers are known to raise on damaged bytes; none of them is a mistake
# of this module's.
_READER_ERRORS = (
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

_RESEND = "Send the original photo again, not a partial download."
_FORMATS = "Send the photo as JPEG, PNG, WebP or HEIC."
_ORIENTATION_TAG = 0x0112
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)


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
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 3 or self.pixels.shape[2] != 3:
            raise ValueError(
                "expected uint8 pixels of shape (H, W, 3), "
                f"got {self.pixels.dtype} {self.pixels.shape}"
            )
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

    A smaller photo is never enlarged. Raises what :func:`probe_photo` raises, and nothing else,
    whatever the bytes.
    """
    header, image = _open_checked(data, name, settings)
    stored = (header.width, header.height)
    with _as_photo_errors(name, header.format, data):
        if header.format == "JPEG":  # its decoder can reduce by 2, 4 or 8 while it reads
            image.draft(None, working_size(stored, settings.max_image_size))
        image.load()
    if header.format == "HEIF" and image.size != stored:  # the codec has the last word on the size
        stored = image.size
        _check_pixels(stored, name, settings)
        _check_sides(stored, name, settings)
    orientation = _orientation(image, name)
    mode, profile = image.mode, image.info.get("icc_profile")
    with _as_photo_errors(name, header.format, data):
        target = working_size(stored, settings.max_image_size)
        pixels = _reduced_rgb(image, target, profile, name)
    if profile:
        _convert_to_srgb(pixels, profile, mode, name)
    pixels = _turn_upright(pixels, orientation)
    width, height = stored[::-1] if orientation >= 5 else stored
    digest = hashlib.sha256(data).hexdigest()
    return Photo(name, digest, width, height, pixels, max(1.0, width / pixels.shape[1]))


def working_size(size: Size, longest: int) -> Size:
    """``size`` (any order of sides, pixels) reduced so that its longer side is at most ``longest``;
    never enlarged."""
    factor = longest / max(size)
    if factor >= 1:
        return size
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _open_checked(data: bytes, name: str, settings: Settings) -> tuple[PhotoHeader, ImageFile]:
    """The header and the not yet decoded picture, after all limits."""
    _check_bytes(data, name, settings)
    format_ = _recognise(data, name)
    if format_ == "WebP":
        # libwebp's reader reserves the whole canvas when it is made, so its size is read from the
        # file itself.
        _check_pixels(_webp_size(data), name, settings)
    with _as_photo_errors(name, format_, data):
        module, class_name = READERS[format_]
        reader: Callable[[BytesIO], ImageFile] = getattr(
            importlib.import_module(module), class_name
        )
        _hush_reader_warnings()
        image = reader(BytesIO(data))
        size = image.size
    _check_pixels(size, name, settings)
    _check_sides(size, name, settings)
    if format_ == "JPEG" and (scans := data.count(b"\xff\xda")) > MAX_JPEG_SCANS:
        raise PhotoError(
            "photo_unsupported",
            f"The photo {name} is stored in {scans} passes; at most {MAX_JPEG_SCANS} are read.",
            "Save it again as an ordinary JPEG.",
        )
    return PhotoHeader(format_, *size), image


def _check_bytes(data: bytes, name: str, settings: Settings) -> None:
    if not data:
        raise PhotoError("photo_empty", f"The photo {name} is empty (0 bytes).", _RESEND)
    size_mb = len(data) / 2**20
    if size_mb > settings.max_photo_mb:
        raise PhotoTooLargeError(
            "photo_too_large_bytes",
            f"The photo {name} has {size_mb:.1f} MiB; the limit is {settings.max_photo_mb:g} MiB.",
            "Send it as a JPEG of medium quality, or raise MAX_PHOTO_MB.",
        )


def _check_pixels(size: Size, name: str, settings: Settings) -> None:
    width, height = size
    if width * height > settings.max_photo_pixels:
        raise PhotoTooLargeError(
            "photo_too_large_pixels",
            f"The photo {name} has {width} x {height} = {width * height / 1e6:.1f} million pixels; "
            f"the limit is {settings.max_photo_pixels / 1e6:.1f} million.",
            "Send a smaller version of it, or raise MAX_PHOTO_PIXELS.",
        )


def _check_sides(size: Size, name: str, settings: Settings) -> None:
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


def _recognise(data: bytes, name: str) -> str:
    """The format, a key of READERS, by the first bytes alone; file names lie."""
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


def _webp_size(data: bytes) -> Size:
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


def _hush_reader_warnings() -> None:
    """Keep what Pillow's readers think of odd metadata away from the setter.

    A permanent rule for modules of Pillow alone: ``warnings.catch_warnings`` swaps a global of the
    process and is not safe beside other threads. Adding the same rule twice leaves one.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")


@contextmanager
def _as_photo_errors(name: str, format_: str, data: bytes) -> Iterator[None]:
    """Turn what readers raise into errors a setter can act on."""
    try:
        yield
    except (MemoryError, cv2.error, Image.DecompressionBombError) as error:
        logger.warning("photo=%r format=%s outcome=out_of_memory reason=%r", name, format_, error)
        raise PhotoTooLargeError(
            "photo_too_large_pixels",
            f"The photo {name} needs more memory to decode than this server can give.",
            "Send a smaller version of it.",
        ) from error
    except _READER_ERRORS as error:
        logger.info("photo=%r format=%s outcome=unreadable reason=%r", name, format_, error)
        raise _unreadable(name, format_, data, error) from error


def _unreadable(name: str, format_: str, data: bytes, error: Exception) -> PhotoError:
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
            _RESEND,
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


def _orientation(image: ImageFile, name: str) -> int:
    """EXIF (or XMP) orientation, 1 to 8; 1 when there is none or its metadata is broken.

    To be asked after ``load``: a PNG may carry EXIF behind its pixels, and TIFF and HEIF come
    upright already.
    """
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except _READER_ERRORS as error:
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
    convert = _rgb_converter(image, profile, name)
    height, (out_width, out_height) = image.height, target
    narrow = np.empty((height, out_width, 3), np.uint8)
    for top, strip in _strips(image):
        rows = convert(strip)
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
    except (*_READER_ERRORS, ImageCms.PyCMSError) as error:
        logger.warning("photo=%r icc_profile=ignored mode=%s reason=%r", name, mode, error)
        return None


def _convert_to_srgb(pixels: Pixels, profile: bytes, mode: str, name: str) -> None:
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


def _changes_nothing(transform: ImageCmsTransform) -> bool:
    """Whether an RGB transform leaves a 6 x 6 x 6 grid of colours within 2 levels: its profile is
    sRGB by any name."""
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(6, 36, 3)
    moved = np.asarray(transform.apply(Image.fromarray(grid)), dtype=np.int16)
    return int(np.abs(moved - grid).max()) <= 2
