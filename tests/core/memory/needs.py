"""Encoded pictures and what they need, for the tests of the pre-flight."""

from __future__ import annotations

import io

from PIL import Image

from core.memory.photo_needs import PhotoNeeds, read_needs
from tests.core.photos import SETTINGS, smooth

MIB = 2**20


def encoded(format_: str, mode: str = "RGB", size: tuple[int, int] = (320, 240), **how: object):
    """A picture of soft colours in that format."""
    into = io.BytesIO()
    Image.fromarray(smooth(*size)).convert(mode).save(into, format_, **how)
    return into.getvalue()


def needs(data: bytes) -> PhotoNeeds:
    return read_needs(data, name="wall", settings=SETTINGS)


def phone(**other: object) -> PhotoNeeds:
    values: dict[str, object] = {
        "format": "JPEG", "width": 4000, "height": 3000, "encoded_bytes": 4 * MIB, "image_bytes": 4
    }  # fmt: skip
    return PhotoNeeds(**{**values, **other})  # type: ignore[arg-type]
