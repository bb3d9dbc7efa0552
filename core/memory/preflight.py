"""Before a photo is decoded: does its analysis fit into the memory that is left?

Three verdicts: it runs; it runs smaller, with a warning in the analysis; it is refused, with the
numbers. On a small server the alternative to a refusal is the kernel's SIGKILL, for everybody.

:func:`judge` is pure: needs and readings go in, a plan comes out. :func:`prepare` takes this
process's readings, gives back what the allocator retains before it is strict, and raises on a
refusal. :func:`core.analysis.analyze` calls it, so every face passes through it. What was predicted
and what it then took is kept in a short list for whoever shows it.

Not done here: the needs themselves (:mod:`core.memory.photo_needs`), freeing caches or models
(:mod:`core.service_worker`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from core.errors import MemoryRefusedError
from core.memory.giving_back import collect_garbage, trim_heap
from core.memory.photo_needs import TYPICAL, PhotoNeeds, needed_mb, read_needs
from core.memory.readings import headroom_mb, limit_mb, rss_mb
from core.photo_limits import MIN_SIDE_PX, working_size
from core.settings import Settings

logger = logging.getLogger(__name__)

Verdict = Literal["run", "smaller", "refuse"]

SMALLER_SIZES = (1600, 1280, 1024, 800, 640)
"""Values of ``max_image_size`` that are tried in this order. Below 640 small holds are not seen, so
a refusal is the better answer."""

RUN_SMALLER = "Memory was short"
"""How the warning of an analysis begins that ran smaller; such an analysis is not to be cached."""

RETRY_S = 30
"""When a refused photo may be sent again, in seconds: most of what fills the memory is short-lived
(another photo, a session that ends)."""

KEPT = 100
"""Forecasts that are kept."""

COPIES = 2
"""Copies of an upload while it waits: the face's own, and the one in the queue."""


@dataclass(frozen=True, slots=True)
class Room:
    """This process's memory at one moment, in MiB: resident, still free, and the limit."""

    rss_mb: float
    headroom_mb: float
    limit_mb: float

    @classmethod
    def now(cls) -> Room:
        """Read it."""
        return cls(rss_mb(), headroom_mb(), limit_mb())


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with a photo, and the numbers behind it; memory in MiB.

    ``max_image_size`` is what the analysis shall use, in pixels. ``needed_mb`` is what it will take
    above ``room.rss_mb``; with ``reserve_mb`` it has to fit into ``room.headroom_mb``.
    """

    verdict: Verdict
    needs: PhotoNeeds
    max_image_size: int
    needed_mb: float
    reserve_mb: float
    room: Room

    @property
    def predicted_peak_mb(self) -> float:
        """The resident set size of the process at the analysis's highest moment."""
        return self.room.rss_mb + self.needed_mb


@dataclass(frozen=True, slots=True)
class Forecast:
    """A plan and what became of it: ``actual_peak_mb`` is None where the photo was refused.

    ``at_s`` is seconds since the epoch, ``name`` the photo's.
    """

    name: str
    at_s: float
    plan: Plan
    actual_peak_mb: float | None = None

    @property
    def error(self) -> float | None:
        """Predicted over actual peak, minus 1: above 0 the prediction was too high."""
        return (
            self.plan.predicted_peak_mb / self.actual_peak_mb - 1 if self.actual_peak_mb else None
        )


def judge(needs: PhotoNeeds, settings: Settings, room: Room, *, warm: bool) -> Plan:
    """The largest working size at which the analysis fits into ``room``, or the refusal.

    ``warm`` says that the models have run in this process before.
    """
    longest = max(needs.width, needs.height)
    smaller = [s for s in SMALLER_SIZES if s < min(settings.max_image_size, longest)]
    first: float | None = None
    for size in (settings.max_image_size, *smaller):
        if first is not None and min(working_size((needs.width, needs.height), size)) < MIN_SIDE_PX:
            break
        tried = replace(settings, max_image_size=size)
        rise_mb = needed_mb(needs, tried, warm=warm)
        if rise_mb + settings.memory_reserve_mb <= room.headroom_mb:
            verdict: Verdict = "run" if first is None else "smaller"
            return Plan(verdict, needs, size, rise_mb, settings.memory_reserve_mb, room)
        first = rise_mb if first is None else first
    assert first is not None  # the setting's own size was tried
    return Plan("refuse", needs, settings.max_image_size, first, settings.memory_reserve_mb, room)


def prepare(
    data: bytes,
    *,
    name: str,
    settings: Settings,
    warm: bool,
    read: Callable[[], Room] = Room.now,
) -> Plan:
    """The plan for the encoded photo ``data``: ``run`` or ``smaller``.

    Where it does not fit at full detail, garbage is collected and the heap trimmed, and it is
    judged once more. Raises :class:`core.errors.MemoryRefusedError` (``photo_would_not_fit``), and
    :class:`core.errors.PhotoError` for a header that cannot be used.
    """
    needs = read_needs(data, name=name, settings=settings)
    plan = judge(needs, settings, read(), warm=warm)
    if plan.verdict != "run":
        collect_garbage()
        trim_heap()
        plan = judge(needs, settings, read(), warm=warm)
    if plan.verdict != "run":
        logger.warning(
            "photo=%r preflight=%s needed_mb=%.0f headroom_mb=%.0f limit_mb=%.0f size=%d",
            name, plan.verdict, plan.needed_mb, plan.room.headroom_mb, plan.room.limit_mb,
            plan.max_image_size,
        )  # fmt: skip
    if plan.verdict == "refuse":
        remember(name, plan, None)
        raise refusal(name, plan, settings, warm=warm)
    return plan


def refusal(name: str, plan: Plan, settings: Settings, *, warm: bool) -> MemoryRefusedError:
    """The error for a refused photo: the numbers, and what would fit instead."""
    needs, room = plan.needs, plan.room
    jpeg = needs.as_jpeg()
    if needs.format != "JPEG" or needs.whole_bytes:
        fits = judge(jpeg, settings, room, warm=warm).verdict != "refuse"
    else:
        fits = False
    hint = (
        "Send it as an ordinary JPEG, which takes less memory to open."
        if fits
        else "Try again in a while, or give the server more memory (MAX_IMAGE_SIZE and "
        "YOLO_IMG_SIZE lower the need)."
    )
    return MemoryRefusedError(
        "photo_would_not_fit",
        f"The photo {name} ({needs.megapixels:.1f} million pixels, {needs.format}) needs about "
        f"{plan.needed_mb:.0f} MiB to be analysed and {plan.reserve_mb:.0f} MiB are kept in "
        f"reserve, but of {room.limit_mb:.0f} MiB only {room.headroom_mb:.0f} are free.",
        hint,
        RETRY_S,
    )


def warning(plan: Plan, settings: Settings) -> str:
    """The sentence that goes into an analysis that ran smaller."""
    return (
        f"{RUN_SMALLER} ({plan.room.headroom_mb:.0f} MiB free), so this photo was looked at "
        f"reduced to {plan.max_image_size} pixels along its longer side instead of "
        f"{settings.max_image_size}: small holds may be missing."
    )


def ran_smaller(warnings: tuple[str, ...]) -> bool:
    """Whether an analysis with these warnings saw its photo smaller for want of memory."""
    return any(sentence.startswith(RUN_SMALLER) for sentence in warnings)


_forecasts: deque[Forecast] = deque(maxlen=KEPT)
_lock = threading.Lock()


def remember(name: str, plan: Plan, actual_peak_mb: float | None) -> None:
    """Keep ``plan`` and the peak RSS in MiB that its analysis reached (None: it was refused)."""
    with _lock:
        _forecasts.append(Forecast(name, time.time(), plan, actual_peak_mb))


def forecasts() -> tuple[Forecast, ...]:
    """The last plans of this process with what became of them, oldest first."""
    with _lock:
        return tuple(_forecasts)


def forget() -> None:
    """Drop the kept plans."""
    with _lock:
        _forecasts.clear()


def room_for(needs: PhotoNeeds, settings: Settings, room: Room, *, most: int = 99) -> int:
    """How many more photos like ``needs`` can be handed in now and will be analysed.

    One analysis runs at a time, so its need counts once; every photo that waits counts with its
    upload (COPIES times). ``most`` is what the caller's queue takes anyway.
    """
    left_mb = room.headroom_mb - settings.memory_reserve_mb
    left_mb -= needed_mb(needs, settings, warm=True)
    each_mb = max(needs.encoded_bytes * COPIES / 2**20, 0.1)
    if left_mb < each_mb:
        return 0
    return min(most, int(left_mb / each_mb))


def room_now(settings: Settings, read: Callable[[], Room] = Room.now) -> int:
    """:func:`room_for` for this moment and the largest of the last photos (a phone's photo where
    there was none), up to the one that may run and the QUEUE_SIZE that may wait."""
    kept = forecasts()
    needs = max(
        (forecast.plan.needs for forecast in kept[-10:]),
        key=lambda needs: needed_mb(needs, settings, warm=True),
        default=TYPICAL,
    )
    return room_for(needs, settings, read(), most=1 + settings.queue_size)
