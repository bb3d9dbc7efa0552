"""Stand-ins for models and ONNX sessions, which answer what a test has planted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.analysis import Models
from core.colour_statistics import Light
from core.masks import BoxMask
from core.merge import Detection
from core.wall import Colour, Kind
from tests.core.make import make_colour

Floats = NDArray[np.float32]


def oval(box: Sequence[float], points: int = 24) -> Floats:
    """The ellipse in ``box`` (corners) as float32 (points, 2)."""
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    corners = np.asarray(box, np.float64)
    middle, half = (corners[:2] + corners[2:]) / 2, (corners[2:] - corners[:2]) / 2
    return (middle + half * np.stack([np.cos(turn), np.sin(turn)], 1)).astype(np.float32)


def found(
    box: Sequence[float],
    *,
    kind: Kind = "hold",
    score: float = 0.8,
    cut: bool = False,
    zoom: float = 1.0,
) -> Detection:
    """An elliptical detection that fills ``box`` (corners), cut at all sides or at none."""
    cuts = (cut, cut, cut, cut)
    return Detection(kind, score, np.array(box, np.float32), oval(box), cuts, zoom)


class FakeSession:
    """Stands for an ONNX Runtime session: calls ``answer`` and remembers every input's shape."""

    def __init__(self, answer: Callable[[NDArray[Any]], list[NDArray[Any]]]) -> None:
        self.answer = answer
        self.shapes: list[tuple[int, ...]] = []
        self.inputs: list[NDArray[Any]] = []

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="input")]

    def run(self, _outputs: None, feed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        self.shapes.append(feed["input"].shape)
        self.inputs.append(feed["input"].copy())
        return self.answer(feed["input"])


class FakeDetector:
    """Finds ``detections`` (pixels of the working picture) in ``views`` views."""

    name = "fake-detector@000000000000"

    def __init__(self, detections: Sequence[Detection] = (), views: int = 3) -> None:
        self.detections = list(detections)
        self.count = views
        self.calls = 0
        self.sizes: list[tuple[int, int]] = []

    def warm_up(self) -> None:
        """Nothing to run."""

    def detect(self, pixels: NDArray[np.uint8]) -> Generator[float, None, list[Detection]]:
        self.calls += 1
        self.sizes.append((pixels.shape[1], pixels.shape[0]))
        for index in range(self.count):
            yield (index + 1) / self.count
        return list(self.detections)


class FakeColours:
    """Calls every hold by the same name."""

    name = "fake-colour@000000000000"

    def __init__(self, colour: Colour | None = None) -> None:
        self.colour = colour or make_colour()

    def warm_up(self) -> None:
        """Nothing to run."""

    def read(
        self,
        pixels: NDArray[np.uint8],
        holds: Sequence[BoxMask],
        kinds: Sequence[Kind],
        light: Light,
    ) -> Generator[float, None, list[Colour]]:
        assert pixels.ndim == 3 and light.bright >= light.median and len(kinds) == len(holds)
        for index in range(len(holds)):
            yield (index + 1) / len(holds)
        return [self.colour] * len(holds)


def fake_models(
    detections: Sequence[Detection] = (),
    colour: Colour | None = None,
    warnings: tuple[str, ...] = (),
) -> Models:
    """Models that find ``detections`` on whatever photo."""
    detector: Any = FakeDetector(detections)
    colours: Any = FakeColours(colour)
    return Models(detector, colours, warnings)
