"""What is given back at which headroom, told by hand-fed readings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.memory import pressure
from core.memory.pressure import (
    LEVELS,
    Level,
    PressureWatch,
    Relief,
    State,
    Thresholds,
    judge,
    level_of,
)

USUAL = Thresholds(tight=0.12, critical=0.06, margin=0.04, pause_s=60)

LEVEL_ROWS: list[tuple[Level, float, Level]] = [
    # coming from, share of the limit that is left, level
    ("calm", 0.50, "calm"),
    ("calm", 0.12, "calm"),
    ("calm", 0.119, "tight"),
    ("calm", 0.059, "critical"),
    ("calm", 0.0, "critical"),
    ("tight", 0.13, "tight"),  # above where it was entered, but not clearly
    ("tight", 0.16, "calm"),
    ("tight", 0.07, "tight"),
    ("tight", 0.06, "tight"),
    ("tight", 0.05, "critical"),
    ("critical", 0.07, "critical"),
    ("critical", 0.10, "tight"),
    ("critical", 0.15, "tight"),
    ("critical", 0.16, "calm"),
]


@pytest.mark.parametrize(("before", "share", "after"), LEVEL_ROWS)
def test_levels(before: Level, share: float, after: Level) -> None:
    assert level_of(before, share, USUAL) == after


@given(share=st.floats(0, 1), before=st.sampled_from(LEVELS), more=st.floats(0, 1))
def test_more_room_is_never_worse_and_a_level_is_stable(
    share: float, before: Level, more: float
) -> None:
    level = level_of(before, share, USUAL)

    assert LEVELS.index(level_of(before, share + more, USUAL)) <= LEVELS.index(level)
    assert level_of(level, share, USUAL) == level


@given(st.lists(st.floats(0.121, 0.159), min_size=1, max_size=30), st.sampled_from(LEVELS[:2]))
def test_readings_within_the_margin_change_nothing(shares: list[float], before: Level) -> None:
    level = before
    for share in shares:
        level = level_of(level, share, USUAL)

    assert level == before


def test_results_go_on_tight_and_models_on_critical() -> None:
    state, calm = judge(State(), 500, 957, 0.0, USUAL)
    assert calm == Relief() and state.level == "calm"

    state, tight = judge(state, 100, 957, 1.0, USUAL)
    assert tight.drop_results and not tight.unload_models
    assert tight.reason == "100 MiB of 957 MiB are left (10%, tight)."

    state, same = judge(state, 100, 957, 2.0, USUAL)
    assert same == Relief()

    state, critical = judge(state, 40, 957, 3.0, USUAL)
    assert critical.drop_results and critical.unload_models

    _, again = judge(state, 40, 957, 4.0, USUAL)
    assert again == Relief()


def test_a_fall_from_calm_to_critical_takes_both_at_once() -> None:
    _, relief = judge(State(), 10, 957, 0.0, USUAL)

    assert relief.drop_results and relief.unload_models


@pytest.mark.parametrize(("now_s", "unloads"), [(59.9, False), (60.0, True)])
def test_models_that_came_back_are_unloaded_again_only_after_a_pause(
    now_s: float, unloads: bool
) -> None:
    state, first = judge(State(), 10, 957, 0.0, USUAL)
    assert first.unload_models

    assert judge(state, 10, 957, now_s, USUAL)[1].unload_models == unloads


def test_the_pause_holds_over_a_recovery() -> None:
    state, _ = judge(State(), 10, 957, 0.0, USUAL)
    state, _ = judge(state, 900, 957, 5.0, USUAL)
    assert state.level == "calm"

    _, relief = judge(state, 10, 957, 10.0, USUAL)

    assert relief.drop_results and not relief.unload_models


def test_a_limit_of_nothing_is_critical() -> None:
    assert judge(State(), 0.0, 0.0, 0.0, USUAL)[0].level == "critical"


@pytest.mark.parametrize(
    "values",
    [
        {"tight": 0.05, "critical": 0.06},
        {"critical": 0.0},
        {"tight": 1.0},
        {"margin": -0.1},
        {"pause_s": -1.0},
    ],
)
def test_thresholds_that_make_no_sense_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Thresholds(**values)


class Readings:
    """Headroom, limit and clock that a test turns."""

    def __init__(self) -> None:
        self.left_mb, self.now_s = 500.0, 0.0
        self.watch = PressureWatch(
            USUAL, headroom=lambda: self.left_mb, limit=lambda: 1000.0, clock=lambda: self.now_s
        )


def test_what_cannot_be_unloaded_now_is_unloaded_at_the_next_check() -> None:
    readings = Readings()
    readings.left_mb = 10

    before = readings.watch.check(can_unload=False)
    after = readings.watch.check()

    assert before.drop_results and not before.unload_models and "critical" in before.reason
    assert after.unload_models and not after.drop_results
    assert readings.watch.level == "critical"


def test_a_relief_of_nothing_gives_no_reason() -> None:
    readings = Readings()
    readings.left_mb = 10
    readings.watch.check(can_unload=False)

    assert readings.watch.check(can_unload=False) == Relief()


def test_by_default_this_machine_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = PressureWatch()
    assert isinstance(watch.check(), Relief)  # whatever this machine says, it can be read

    monkeypatch.setattr(pressure, "headroom_mb", lambda: 1.0)
    monkeypatch.setattr(pressure, "limit_mb", lambda: 1000.0)
    fresh = PressureWatch()
    assert fresh.check().unload_models and fresh.level == "critical"
