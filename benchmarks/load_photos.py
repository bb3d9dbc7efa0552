"""The photos of the load test: the demo wall in the sizes and formats that phones send.

All of them are made from ``assets/demo_wall.jpg`` by resizing and encoding, so none has to be kept.
:func:`with_other_bytes` gives the same picture another hash: to a server it is a photo that it has
never seen, while what is on it is known.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pillow_heif
from PIL import Image

from benchmarks.child import ROOT

DEMO = ROOT / "assets" / "demo_wall.jpg"

KINDS = (
    ("JPEG", 0.5), ("JPEG", 1.0), ("JPEG", 2.0), ("JPEG", 4.0), ("JPEG", 8.0), ("JPEG", 12.0),
    ("PNG", 0.5), ("PNG", 2.0), ("HEIC", 3.0),
)  # fmt: skip
"""Format and megapixels."""

SMALL = (("JPEG", 0.5), ("PNG", 0.5), ("JPEG", 1.0), ("HEIC", 1.0))
"""For a short run."""

SIDES = (3, 4)
"""Width to height, as of a phone held upright and of the demo wall."""


@dataclass(frozen=True, slots=True)
class LoadPhoto:
    """An encoded photo in a file."""

    path: Path
    format: str
    megapixels: float
    size_bytes: int


def make_photos(folder: Path, kinds: tuple[tuple[str, float], ...] = KINDS) -> list[LoadPhoto]:
    """Write one photo of each kind into ``folder``; HEIC is left out where it cannot be written."""
    made = []
    with Image.open(DEMO) as opened:
        wall = opened.convert("RGB")
    for kind, megapixels in kinds:
        if kind == "HEIC" and not pillow_heif.libheif_info()["encoders"].get("x265"):
            continue
        scale = (megapixels * 1e6 / (SIDES[0] * SIDES[1])) ** 0.5
        size = (round(SIDES[0] * scale), round(SIDES[1] * scale))
        picture = wall.resize(size, Image.Resampling.LANCZOS)
        path = folder / f"{kind.lower()}-{megapixels:g}mp.{kind.lower()}"
        if kind == "HEIC":
            pillow_heif.from_pillow(picture).save(path, quality=70)
        else:
            picture.save(path, kind, **({"quality": 90} if kind == "JPEG" else {}))
        made.append(LoadPhoto(path, kind, megapixels, path.stat().st_size))
    return made


def with_other_bytes(data: bytes, kind: str, number: int) -> bytes:
    """``data`` of the format ``kind`` with ``number`` where no reader of pixels looks."""
    return _PLACES[kind](data, f"photo {number}".encode())


def _jpeg_comment(data: bytes, note: bytes) -> bytes:
    # A COM segment after the start of the image (ITU-T T.81, B.2.4.5).
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + data[2:]


def _png_text(data: bytes, note: bytes) -> bytes:
    # A tEXt chunk after the header, which is 8 bytes of signature and 25 of IHDR (PNG, 11.3.4.3).
    content = b"Comment\0" + note
    crc = zlib.crc32(b"tEXt" + content)
    chunk = struct.pack(">I", len(content)) + b"tEXt" + content + struct.pack(">I", crc)
    return data[:33] + chunk + data[33:]


def _heic_free(data: bytes, note: bytes) -> bytes:
    # A free-space box at the end: every offset before it stays right (ISO 14496-12, 8.1.2).
    return data + struct.pack(">I", len(note) + 8) + b"free" + note


_PLACES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "JPEG": _jpeg_comment,
    "PNG": _png_text,
    "HEIC": _heic_free,
}


def pixels_of(data: bytes) -> bytes:
    """The decoded pixels of a photo in any of the formats, row by row."""
    if data[4:8] == b"ftyp":
        return pillow_heif.open_heif(io.BytesIO(data)).to_pillow().tobytes()
    with Image.open(io.BytesIO(data)) as picture:
        return picture.tobytes()
