"""A photo as it comes with a request: the form field, its name, and what the caller may choose.

The bytes are only held here; whether they are a photo is found out where it is opened
(:mod:`core.photo`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import Depends, File, Query, UploadFile

from api.limits import HeldPhotos
from core.service import Choices

NAME_LENGTH = 120
"""Characters of a photo's name that are kept."""

Upload = Annotated[
    UploadFile,
    File(description="The photo: JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP."),
]


def _chosen(
    conf: Annotated[
        float | None,
        Query(ge=0.01, le=0.99, description="Leave out detections below this confidence."),
    ] = None,
    palette: Annotated[
        str | None,
        Query(
            min_length=3,
            max_length=600,
            description="Colour names that may be given, comma-separated.",
            examples=["red,blue,black"],
        ),
    ] = None,
    max_holds: Annotated[
        int | None,
        Query(ge=0, le=100_000, description="Keep only so many holds, the largest. 0 keeps all."),
    ] = None,
) -> Choices:
    return Choices(yolo_conf=conf, palette=palette, max_holds=max_holds)


Chosen = Annotated[Choices, Depends(_chosen)]
"""A route's parameter for what the caller chooses for this photo alone."""


def photo_name(filename: str | None) -> str:
    """The name of an upload as it may stand in a document or a log: no folders, no control
    characters, not too long; ``photo`` when nothing is left."""
    last = PurePosixPath((filename or "").replace("\\", "/")).name
    kept = "".join(char for char in last if unicodedata.category(char)[0] != "C")
    return kept.strip()[:NAME_LENGTH].strip() or "photo"


@asynccontextmanager
async def held_photo(upload: UploadFile, held: HeldPhotos) -> AsyncIterator[bytes]:
    """The bytes of ``upload`` while they are needed. Raises :class:`api.errors.RequestError` 503
    when too many photos are in memory already."""
    with held.one_more():
        data = await upload.read()
        await upload.close()
        yield data
