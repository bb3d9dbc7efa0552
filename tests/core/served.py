"""Services for tests, with models whose every view a test lets through by hand."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.analysis import Models
from core.memory.pressure import PressureWatch
from core.merge import Detection
from core.service import Answer, ModelService
from core.settings import Settings, load_settings
from tests.core.fakes import FakeColours, FakeDetector, found
from tests.waiting import PATIENCE_S, until

HOLDS = [found((40, 30 + 40 * i, 70, 55 + 40 * i)) for i in range(5)]


def encoded(shade: int = 0, size: tuple[int, int] = (320, 260)) -> bytes:
    """A plain PNG; each shade is another photo."""
    out = io.BytesIO()
    Image.new("RGB", size, (100 + shade, 120, 140)).save(out, "PNG")
    return out.getvalue()


class GatedDetector(FakeDetector):
    """Every view waits for a permit; ``entered`` counts the views that were begun."""

    def __init__(self, gate: threading.Semaphore | None, confidence: float = 0.35) -> None:
        super().__init__(HOLDS, views=4)
        self.gate = gate
        self.confidence = confidence
        self.entered = threading.Semaphore(0)
        self.error: Exception | None = None
        self.warm_ups = 0
        self.seen: list[float] = []

    def warm_up(self) -> None:
        self.warm_ups += 1

    def with_confidence(self, confidence: float) -> GatedDetector:
        other = GatedDetector(self.gate, confidence)
        other.seen = self.seen
        return other

    def detect(self, pixels: NDArray[np.uint8]) -> Generator[float, None, list[Detection]]:
        self.calls += 1
        self.seen.append(self.confidence)
        self.sizes.append((pixels.shape[1], pixels.shape[0]))
        for view in range(self.count):
            self.entered.release()
            if self.gate is not None:
                assert self.gate.acquire(timeout=PATIENCE_S), "the test forgot to open the gate"
            if self.error is not None:
                raise self.error
            yield (view + 1) / self.count
        return list(self.detections)


class PaletteColours(FakeColours):
    """Counts how often it is bound to another palette, and names holds by the first name of it."""

    def __init__(self) -> None:
        super().__init__()
        self.bound: list[tuple[str, ...]] = []

    def with_palette(self, settings: Settings) -> PaletteColours:
        self.bound.append(settings.palette)
        other = PaletteColours()
        other.colour = replace(self.colour, name=settings.palette[0])
        return other


class Place:
    """A service under test with its models."""

    def __init__(self, service: ModelService, detector: GatedDetector, loads: list[float]) -> None:
        self.service = service
        self.detector = detector
        self.loads = loads
        self.gate = detector.gate

    def let(self, views: int = 1000) -> None:
        assert self.gate is not None
        self.gate.release(views)

    def wait_for_a_view(self) -> None:
        assert self.detector.entered.acquire(timeout=PATIENCE_S)


Make = Callable[..., Place]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes started services; ``gated`` ones wait in every view until the test lets them."""
    places: list[Place] = []

    def build(*, gated: bool = False, watch: PressureWatch | None = None, **values: Any) -> Place:
        detector = GatedDetector(threading.Semaphore(0) if gated else None)
        colours: Any = PaletteColours()
        stand_in: Any = detector
        loads: list[float] = []

        def load(_settings: Settings) -> Models:
            loads.append(time.monotonic())
            return Models(stand_in, colours)

        calm = PressureWatch(headroom=lambda: 500.0, limit=lambda: 957.0)
        settings = load_settings(**values)
        service = ModelService(settings, load=load, watch=watch or calm)
        places.append(Place(service, detector, loads))
        service.start()
        assert service.wait_ready(PATIENCE_S).ready
        return places[-1]

    yield build
    for place in places:
        if place.gate is not None:
            place.gate.release(10_000)
        assert place.service.close(PATIENCE_S)


class Caller(threading.Thread):
    """Asks in a thread of its own, and keeps what comes."""

    def __init__(self, service: ModelService, data: bytes, **arguments: Any) -> None:
        super().__init__(daemon=True)
        self.steps = service.steps(data, **arguments)
        self.items: list[Any] = []
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.items.extend(self.steps)
        except Exception as error:
            self.error = error

    def end(self) -> Caller:
        self.join(PATIENCE_S)
        assert not self.is_alive()
        return self

    def answer(self) -> Answer:
        self.end()
        assert self.error is None, self.error
        assert isinstance(self.items[-1], Answer)
        return self.items[-1]


def queued(place: Place, count: int) -> None:
    until(lambda: place.service.statistics().queued == count)


def events(place: Place) -> dict[str, int]:
    return place.service.statistics().events
