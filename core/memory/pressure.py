"""When memory runs short: what to give back, and when to stop giving back.

:func:`judge` is pure: readings and the time go in, the next state and the relief to take come out.
:class:`PressureWatch` asks it with this machine's readings. Freeing anything is the caller's work
(:mod:`core.service_worker` drops its results, then its models).

Two things keep it from flapping. A level is left only when there is clearly more room than where it
was entered. And what was given back and taken again, because a request needed it, is given back
again only after a pause: a machine that is always full would otherwise load its models for every
photo.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from core.memory.readings import headroom_mb, limit_mb

Level = Literal["calm", "tight", "critical"]
LEVELS: tuple[Level, ...] = ("calm", "tight", "critical")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Headroom as a share of the limit (0..1) below which a level begins.

    A level is left when the headroom is ``margin`` above its beginning. ``pause_s`` is the least
    time between two unloadings.
    """

    tight: float = 0.12
    critical: float = 0.06
    margin: float = 0.04
    pause_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.critical < self.tight < 1 or not 0 <= self.margin < 1 or self.pause_s < 0:
            raise ValueError(f"expected 0 < critical < tight < 1 and a margin, got {self}")


@dataclass(frozen=True, slots=True)
class State:
    """What the next judgement has to know of the last one."""

    level: Level = "calm"
    unloaded_s: float | None = None


@dataclass(frozen=True, slots=True)
class Relief:
    """What to give back now, and why, in one sentence."""

    drop_results: bool = False
    unload_models: bool = False
    reason: str = ""


def level_of(before: Level, share: float, thresholds: Thresholds) -> Level:
    """The level at a headroom of ``share`` of the limit, coming from the level ``before``."""
    begins = (1.0, thresholds.tight, thresholds.critical)
    held = LEVELS.index(before)
    rank = 0
    for index in (1, 2):
        # What was entered already is only left when there is clearly more room.
        extra = thresholds.margin if index <= held else 0.0
        if share < begins[index] + extra:
            rank = index
    return LEVELS[rank]


def judge(
    state: State, headroom_mb: float, limit_mb: float, now_s: float, thresholds: Thresholds
) -> tuple[State, Relief]:
    """The next state, and what to give back at ``headroom_mb`` left of ``limit_mb``.

    ``now_s`` is any clock that does not go backwards. Results are given back when a worse level is
    entered; models on ``critical``, again after the pause. The caller skips what it does not have.
    """
    share = headroom_mb / limit_mb if limit_mb > 0 else 0.0
    level = level_of(state.level, share, thresholds)
    worse = LEVELS.index(level) > LEVELS.index(state.level)
    paused = state.unloaded_s is not None and now_s - state.unloaded_s < thresholds.pause_s
    unload = level == "critical" and not paused
    after = State(level, now_s if unload else state.unloaded_s)
    if not worse and not unload:
        return after, Relief()
    reason = f"{headroom_mb:.0f} MiB of {limit_mb:.0f} MiB are left ({share:.0%}, {level})."
    return after, Relief(drop_results=worse, unload_models=unload, reason=reason)


class PressureWatch:
    """Judges the readings of this process; not thread-safe, one thread asks."""

    def __init__(
        self,
        thresholds: Thresholds | None = None,
        *,
        headroom: Callable[[], float] | None = None,
        limit: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._thresholds = thresholds or Thresholds()
        self._headroom, self._limit = headroom or headroom_mb, limit or limit_mb
        self._clock = clock
        self._state = State()

    @property
    def level(self) -> Level:
        """The level of the latest judgement."""
        return self._state.level

    def check(self, *, can_unload: bool = True) -> Relief:
        """What to give back now.

        Where the models are about to be used (``can_unload`` is False), unloading them is left to
        the next check.
        """
        state, relief = judge(
            self._state, self._headroom(), self._limit(), self._clock(), self._thresholds
        )
        if relief.unload_models and not can_unload:
            state = replace(state, unloaded_s=self._state.unloaded_s)
            relief = replace(relief, unload_models=False) if relief.drop_results else Relief()
        self._state = state
        return relief
