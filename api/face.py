"""What the routes of one app share: settings, the model service, counters and bounds.

One object per app, so that a test can make several in one process; it is made by
:func:`api.app.serving` and only read here.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request

from api.limits import HeldPhotos
from api.metrics import Metrics
from api.running import MOST_THREADS
from core.service import ModelService
from core.settings import Settings


@dataclass(eq=False)
class Face:
    """One REST face. ``drawing`` is held while a picture is drawn: each takes a photo's memory."""

    settings: Settings
    service: ModelService
    metrics: Metrics
    held: HeldPhotos
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(MOST_THREADS))
    drawing: asyncio.Lock = field(default_factory=asyncio.Lock)
    started: float = field(default_factory=time.monotonic)


def _face_of(request: Request) -> Face:
    face: Face = request.app.state.face
    return face


TheFace = Annotated[Face, Depends(_face_of)]
"""A route's parameter for the face it belongs to."""
