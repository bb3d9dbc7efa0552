"""What the debugger can run again and again to see whether it leaks: the work of this program.

Each operation is prepared once, in the thread that replays it, and then run without anything being
kept on purpose: what grows is a leak. All of them work on one photo. The models are used through
the running service, so visitors wait for them as they wait for each other.

Not done here: running them (:mod:`core.memory.replay_thread`), or naming them for a reader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from core.errors import NotReadyError
from core.memory.replay import THRESHOLD_KIB
from core.model_report import measure
from core.overlay import draw_overlay, encode_jpeg
from core.photo import open_photo
from core.service import ModelService
from core.sheet import sheet_parts, write_sheet
from core.wall_picture import picture_of, pixels_of

Name = Literal["analyse", "remembered", "picture", "sheet", "models"]
Run = Callable[[], object]

MODELS_KIB = 64.0
"""The threshold, in KiB per run, where the models run: their threads and arenas make the readings
rougher. A kept photo would be thousands."""

PHOTO_NAME = "leak-replay"
RELEASE_S = 60.0


@dataclass(frozen=True, slots=True)
class ReplayOperation:
    """``prepare`` makes what is run. From ``threshold_kib`` per run on, growth is a leak."""

    name: Name
    prepare: Callable[[], Run]
    threshold_kib: float


def replay_operations(service: ModelService, photo: bytes) -> tuple[ReplayOperation, ...]:
    """The operations on the encoded ``photo``; ``remembered`` only where results are kept.

    Preparing and running raise what the service and :func:`core.photo.open_photo` raise.
    """
    remembered = [ReplayOperation("remembered", lambda: _remembered(service, photo), THRESHOLD_KIB)]
    return (
        ReplayOperation("analyse", lambda: lambda: measure(service, photo), MODELS_KIB),
        *(remembered if service.settings.enable_model_cache else []),
        ReplayOperation("picture", lambda: _picture(service, photo), THRESHOLD_KIB),
        ReplayOperation("sheet", lambda: _sheet(service, photo), THRESHOLD_KIB),
        ReplayOperation("models", lambda: lambda: _reload(service), MODELS_KIB),
    )


def _remembered(service: ModelService, photo: bytes) -> Run:
    """Answers from the cache of results, as a photo that comes again gets them."""
    service.analyze(photo, name=PHOTO_NAME)
    return lambda: service.analyze(photo, name=PHOTO_NAME).analysis.document()


def _picture(service: ModelService, photo: bytes) -> Run:
    """Opens the photo and draws the picture with the outlines, as the download does."""
    analysis = service.analyze(photo, name=PHOTO_NAME).analysis

    def run() -> bytes:
        opened = open_photo(photo, name=PHOTO_NAME, settings=service.settings)
        return encode_jpeg(draw_overlay(opened.pixels, analysis, opened.scale))

    return run


def _sheet(service: ModelService, photo: bytes) -> Run:
    """Writes the printable sheet, its first part where there are several."""
    analysis = service.analyze(photo, name=PHOTO_NAME).analysis
    picture = picture_of(photo, PHOTO_NAME, service.settings)
    parts = sheet_parts([problem.id for problem in analysis.problems])
    problems, today = parts[0] if parts else (), date.today()
    return lambda: write_sheet(
        analysis, pixels_of(picture), picture.scale, date=today, problems=problems
    )


def _reload(service: ModelService) -> None:
    """Lets the models go and loads them again."""
    if not service.unload("replay", RELEASE_S):
        raise NotReadyError(
            "models_in_use", "The models were in use for too long.", "Try again later."
        )
    service.use_models(lambda _models: None)
