"""What the debugger replays is the real work, and a leak in it is found with its size."""

from __future__ import annotations

import logging
import mmap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core import replay_operations as module
from core.analysis import Models
from core.errors import NotReadyError
from core.memory.replay_thread import ReplayThread
from core.replay_operations import ReplayOperation, replay_operations
from core.service import ModelService
from core.settings import Settings, load_settings
from tests.core.bad_photos import encode, picture
from tests.core.fakes import FakeColours, FakeDetector, found

PATIENCE_S = 60.0
LEAK_KIB = 256

pytestmark = pytest.mark.usefixtures("clean_environment")


class CountingDetector(FakeDetector):
    """Keeps ``leak_kib`` of every analysis, and counts them."""

    leak_kib = 0

    def __init__(self) -> None:
        super().__init__([found((20, 20, 60, 60)), found((90, 30, 140, 80))])
        self.kept: list[mmap.mmap | None] = []

    def detect(self, pixels: NDArray[np.uint8]) -> Any:
        # Not from the heap: after other tests a thread's heap has free memory for it that is
        # resident already.
        block = mmap.mmap(-1, self.leak_kib * 1024) if self.leak_kib else None
        if block is not None:
            block.write(b"x" * len(block))
        self.kept.append(block)
        return super().detect(pixels)


class Place:
    """A service under test; ``loads`` counts how often its models were made."""

    def __init__(self, **changes: Any) -> None:
        self.detector = CountingDetector()
        self.loads = 0
        self.service = ModelService(load_settings(**changes), load=self._load)
        self.service.start()
        assert self.service.wait_ready(PATIENCE_S).ready

    def _load(self, _settings: Settings) -> Models:
        self.loads += 1
        detector: Any = self.detector
        colours: Any = FakeColours()
        return Models(detector, colours)

    def operations(self) -> dict[str, ReplayOperation]:
        return {row.name: row for row in replay_operations(self.service, PHOTO)}


PHOTO = encode(picture(240, 200), "JPEG")


@pytest.fixture
def make() -> Iterator[Callable[..., Place]]:
    places: list[Place] = []

    def build(**changes: Any) -> Place:
        places.append(Place(**changes))
        return places[-1]

    yield build
    for place in places:
        assert place.service.close(PATIENCE_S)


def test_analysing_does_so_every_time(make: Callable[..., Place]) -> None:
    place = make()
    run = place.operations()["analyse"].prepare()
    for _ in range(3):
        run()

    assert place.detector.calls == 3 and place.service.cache_info().currsize == 0


def test_what_is_remembered_is_analysed_once(make: Callable[..., Place]) -> None:
    place = make()
    run = place.operations()["remembered"].prepare()
    documents = [run() for _ in range(3)]

    assert place.detector.calls == 1 and place.service.cache_info().hits == 3
    assert all(isinstance(row, dict) and len(row["holds"]) == 2 for row in documents)


def test_without_a_cache_nothing_is_remembered(make: Callable[..., Place]) -> None:
    names = list(make(enable_model_cache=False).operations())

    assert names == ["analyse", "picture", "sheet", "models"]


def test_picture_and_sheet_are_made_anew(make: Callable[..., Place]) -> None:
    operations = make().operations()
    picture_run, sheet_run = operations["picture"].prepare(), operations["sheet"].prepare()

    pictures, sheets = [[run(), run()] for run in (picture_run, sheet_run)]
    for made, start in ((pictures, b"\xff\xd8"), (sheets, b"%PDF-")):
        assert made[0] == made[1] and made[0] is not made[1]
        assert isinstance(made[0], bytes) and made[0].startswith(start)


def test_the_models_go_and_come_every_time(make: Callable[..., Place]) -> None:
    place = make()
    run = place.operations()["models"].prepare()
    for _ in range(3):
        run()

    assert place.loads == 4 and place.service.models is not None
    assert place.service.statistics().reasons["unloaded", "replay"] == 3


def test_models_that_are_in_use_for_too_long_end_it(
    make: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RELEASE_S", 0.01)
    place = make()
    monkeypatch.setattr(place.service, "unload", lambda *_: False)

    with pytest.raises(NotReadyError, match="in use for too long"):
        place.operations()["models"].prepare()()


@pytest.mark.parametrize(("kib", "finding"), [(0, "no leak"), (LEAK_KIB, "leak")])
def test_a_leak_of_the_analysis_is_found_with_its_size(
    make: Callable[..., Place], kib: int, finding: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)  # kept records would be counted
    place = make()
    place.detector.leak_kib = kib
    operation = place.operations()["analyse"]
    replay = ReplayThread(
        operation.name, operation.prepare, runs=40, threshold_kib=operation.threshold_kib
    )
    replay.start()
    end = replay.wait(PATIENCE_S)

    assert end.error is None and end.found is not None
    assert end.found.finding == finding, end.found.sentence()
    if kib:
        assert end.found.slope.kib == pytest.approx(kib, rel=0.1)
