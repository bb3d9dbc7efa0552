"""The one road: photo -> holds -> colours -> problems -> WallAnalysis.

:func:`analyze` is a generator that every face of the product consumes: it yields steps while it
works and, as its last item, the :class:`~core.wall.WallAnalysis`. Closing it stops the work.
Nothing is drawn, written or cached here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import cv2
import numpy as np

from core.colour import ColourReader
from core.colour_statistics import photo_light
from core.detector import Detector
from core.exposure import expose
from core.masks import masks_of
from core.memory import black_box, preflight
from core.memory.readings import PeakSampler
from core.merge import Detection
from core.opening import Opening
from core.photo import Photo, open_photo
from core.problems import group_problems
from core.settings import Settings
from core.wall import (
    Colour,
    Hold,
    MemoryUse,
    ModelInfo,
    PhotoInfo,
    Problem,
    Timings,
    WallAnalysis,
)

Stage = Literal["decode", "detect", "masks", "colour", "problems"]

SHARES: dict[Stage, tuple[float, float]] = {
    "decode": (0.0, 0.08),
    "detect": (0.08, 0.72),
    "masks": (0.72, 0.76),
    "colour": (0.76, 0.97),
    "problems": (0.97, 1.0),
}
"""Where each stage begins and ends on the progress bar: about its share of the time on a phone's
photo.
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: the stage that is running and the share of the whole (0..1) that is done.

    The step that ends ``decode`` carries the photo, so that a face can draw on it without decoding
    it again.
    """

    stage: Stage
    share: float
    photo: Photo | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """Everything loaded that :func:`analyze` needs, with the warnings that loading gave.

    ``ran`` is set once both models have run: from then on they hold their working memory.
    """

    detector: Detector
    colours: ColourReader
    warnings: tuple[str, ...] = ()
    ran: threading.Event = field(default_factory=threading.Event)

    def warm_up(self) -> None:
        """Run each model once on its one shape."""
        self.detector.warm_up()
        self.colours.warm_up()
        self.ran.set()


def load_models(
    settings: Settings,
    progress: Callable[[float, str], None] | None = None,
    opening: Opening | None = None,
) -> Models:
    """Load the models that the settings ask for; the embedded ones where those cannot be used.

    ``opening`` is what was begun before, else it begins here. Raises
    :class:`core.errors.ModelError` only when an embedded model is missing or damaged. OpenCV gets
    the same number of threads as the models.
    """
    cv2.setNumThreads(settings.omp_num_threads)
    opening = opening or Opening(settings, progress)
    return Models(
        Detector(opening.detector, settings, opening.detector_session()),
        ColourReader(opening.colour, opening.statistics, settings, opening.image_tower()),
        opening.warnings,
    )


@dataclass(slots=True)
class _Clock:
    """Milliseconds per stage; the black box is told of each that begins."""

    note: black_box.Note
    started: float = field(default_factory=time.perf_counter)
    spent: dict[Stage, float] = field(default_factory=dict)
    _stage: Stage | None = None
    _since: float = field(default_factory=time.perf_counter)

    def begin(self, stage: Stage) -> None:
        """``stage`` runs from now on, and the one before has ended. What was done between two
        stages, and before the first, counts for the later one.
        """
        self.end()
        self._stage = stage
        self.note.stage(stage)

    def end(self) -> None:
        """The running stage has ended."""
        if self._stage is not None:
            now = time.perf_counter()
            self.spent[self._stage] = (now - self._since) * 1000
            self._stage, self._since = None, now

    def timings(self) -> Timings:
        return Timings(**self.spent, total=(time.perf_counter() - self.started) * 1000)


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found on the pixels of a photo; ``seen`` is how many objects the detector saw,
    ``dropped`` the warning that fewer of them are left.
    """

    holds: tuple[Hold, ...]
    problems: tuple[Problem, ...]
    seen: int
    brightened: bool
    dropped: tuple[str, ...]


def analyze(
    data: bytes, models: Models, settings: Settings, *, name: str = "photo"
) -> Generator[Step | WallAnalysis, None, None]:
    """Analyse the encoded photo ``data``; ``name`` goes into the document.

    Yields :class:`Step` items and then one :class:`WallAnalysis`. Where memory is short, the photo
    is looked at smaller, with a warning. Raises :class:`core.errors.PhotoError` when the data is
    not a photo within the limits, and :class:`core.errors.MemoryRefusedError` when its analysis
    would not fit into the memory that is left. Finding nothing is an answer with a warning, not an
    error.
    """
    with (
        PeakSampler(read=black_box.live_reading()) as memory,
        black_box.operation("analysing", name) as noted,
    ):
        clock = _Clock(noted)
        plan = preflight.prepare(data, name=name, settings=settings, warm=models.ran.is_set())
        noted.megapixels = plan.needs.megapixels
        clock.begin("decode")
        yield Step("decode", 0.0)
        reduced = replace(settings, max_image_size=plan.max_image_size)
        photo = open_photo(data, name=name, settings=reduced)
        clock.end()
        yield Step("decode", SHARES["decode"][1], photo)
        look = yield from _look_at(photo, models, settings.max_holds, clock)
        yield Step("problems", 1.0)
    if look.seen:  # else the colour model has not run
        models.ran.set()
    preflight.remember(name, plan, memory.peak_mb)
    yield WallAnalysis(
        photo=PhotoInfo(photo.name, photo.sha256, photo.width, photo.height),
        models=ModelInfo(models.detector.name, models.colours.name),
        holds=look.holds,
        problems=look.problems,
        timings_ms=clock.timings(),
        memory_mb=MemoryUse(memory.before_mb, memory.peak_mb, memory.after_mb),
        warnings=(*models.warnings, *_warnings(plan, settings, look), *look.dropped),
    )


def _look_at(
    photo: Photo, models: Models, max_holds: int, clock: _Clock
) -> Generator[Step, None, _Look]:
    """The stages from detecting to grouping."""
    clock.begin("detect")
    seen = expose(photo.pixels)
    found = yield from _staged("detect", models.detector.detect(seen.pixels))
    kept, dropped = limit_holds(in_reading_order(found), max_holds)
    clock.begin("masks")
    height, width = photo.pixels.shape[:2]
    masks = list(masks_of(kept, width, height))
    light = photo_light(seen.pixels)
    clock.end()
    yield Step("masks", SHARES["masks"][1])
    clock.begin("colour")
    read = yield from _staged(
        "colour", models.colours.read(seen.pixels, masks, [d.kind for d in kept], light)
    )
    colours = seen.as_photographed(read)
    clock.begin("problems")
    holds, problems = group_problems(make_holds(kept, colours, photo), photo.width, photo.height)
    clock.end()
    return _Look(holds, problems, len(found), seen.brightened, dropped)


def _warnings(plan: preflight.Plan, settings: Settings, look: _Look) -> tuple[str, ...]:
    """What the setter has to know of how the photo was looked at, and of what was not found."""
    sentences = []
    if not look.seen:
        sentences.append(
            "No holds were found. Take the photo straight on and well lit, or lower YOLO_CONF."
        )
    if look.brightened:
        sentences.append(
            "The photo is dark and was brightened to be read. Colours are surer with more light."
        )
    if plan.verdict == "smaller":
        sentences.append(preflight.warning(plan, settings))
    return tuple(sentences)


def finish(
    steps: Iterator[Step | WallAnalysis], on_step: Callable[[Step], None] | None = None
) -> WallAnalysis:
    """Run :func:`analyze` to its end and return the analysis; ``on_step`` hears of every step."""
    for item in steps:
        if isinstance(item, WallAnalysis):
            return item
        if on_step is not None:
            on_step(item)
    raise RuntimeError("the analysis ended without a result")


def _staged(stage: Stage, work: Generator[float, None, T]) -> Generator[Step, None, T]:
    """Steps of ``stage`` from the shares that ``work`` yields; returns what it returns."""
    begin, end = SHARES[stage]
    while True:
        try:
            share = next(work)
        except StopIteration as ended:
            result: T = ended.value
            return result
        yield Step(stage, begin + share * (end - begin))


def in_reading_order(found: list[Detection]) -> list[Detection]:
    """Detections from top to bottom, then left to right: the order of hold numbers."""
    return sorted(found, key=lambda d: (float(d.box[1]), float(d.box[0])))


def limit_holds(found: list[Detection], most: int) -> tuple[list[Detection], tuple[str, ...]]:
    """The ``most`` largest detections in their order (0 keeps all), and a warning that tells how
    many were dropped.
    """
    if not most or len(found) <= most:
        return found, ()
    sizes = [float(cv2.contourArea(d.outline)) for d in found]
    largest = set(sorted(range(len(found)), key=lambda i: -sizes[i])[:most])
    kept = [d for i, d in enumerate(found) if i in largest]
    dropped = len(found) - most
    what = "hold was" if dropped == 1 else "holds were"
    return kept, (f"{dropped} smaller {what} left out: MAX_HOLDS is {most}.",)


def make_holds(found: list[Detection], colours: list[Colour], photo: Photo) -> list[Hold]:
    """Records in pixels of the full photo, numbered from 1."""
    height, width = photo.pixels.shape[:2]
    scale = np.array([photo.width / width, photo.height / height])
    limit = np.array([photo.width, photo.height], np.float64)
    holds = []
    for number, (detection, colour) in enumerate(zip(found, colours, strict=True), start=1):
        outline = np.clip(detection.outline * scale, 0, limit)
        low = np.clip(detection.box[:2] * scale, 0, limit - 1)
        high = np.maximum(np.clip(detection.box[2:] * scale, 0, limit), low + 1)
        area = float(cv2.contourArea(outline.astype(np.float32)))
        holds.append(
            Hold(
                id=number,
                kind=detection.kind,
                score=min(detection.score, 1.0),
                box=(
                    float(low[0]),
                    float(low[1]),
                    float(high[0] - low[0]),
                    float(high[1] - low[1]),
                ),
                polygon=tuple((float(x), float(y)) for x, y in outline),
                area_px=max(area, 1.0),
                colour=colour,
            )
        )
    return holds
