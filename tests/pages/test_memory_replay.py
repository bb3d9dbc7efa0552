"""The view for leaks on the Memory page: choose, run, watch, stop, read the verdict."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import debug_memory
from core.errors import ModelError
from core.memory.replay_thread import ReplayState, ReplayThread
from pages import memory_replay
from pages.memory_charts import FLAT_MB, replay_chart
from tests.core.memory.growing import growing
from tests.pages.memory_app import PATIENCE_S, captions, checked, fresh, on, press

__all__ = ["fresh", "on"]

pytestmark = pytest.mark.usefixtures("clean_environment", "on")

WAIT_S = 60.0


def open_view(repository: Path) -> AppTest:
    """The page by itself: run below streamlit_app.py, AppTest would take it for the first run of a
    process every time (see :func:`pages.shared.ready_or_stop`), and lose the clicks."""
    page = str(repository / "pages" / "memory.py")
    return choose(checked(AppTest.from_file(page, default_timeout=PATIENCE_S).run()), "Leaks")


def choose(app: AppTest, name: str) -> AppTest:
    (chooser,) = [group for group in app.button_group if group.key == "memory_view"]
    return checked(chooser.set_value([name] if isinstance(chooser.value, list) else name).run())


def show_replay_of(
    operation: Callable[[], object] = lambda: None,
    *,
    kib: float = 0.0,
    runs: int = 10,
    name: str = "analyse",
) -> ReplayThread:
    """Have the view show a replay of ``operation``, whose readings grow by ``kib`` a run."""
    replay = ReplayThread(
        name, lambda: operation, runs=runs, threshold_kib=8, read=growing(kib), warm_up=1
    )
    assert debug_memory.workbench().start_replay(replay)
    return replay


def texts(app: AppTest) -> str:
    """Everything that is said about the finding."""
    parts = [*app.main.success, *app.main.warning, *app.main.error, *app.main.info]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def figures(app: AppTest) -> dict[str, str]:
    """Label and value of the metrics."""
    return {str(metric.label): str(metric.value) for metric in app.main.metric}


def chart(app: AppTest) -> dict[str, Any]:
    """The Vega-Lite specification of the chart of readings."""
    (element,) = app.main.get("vega_lite_chart")
    spec: dict[str, Any] = json.loads(element.proto.spec)
    return spec


def test_an_operation_is_chosen_run_and_judged(repository: Path) -> None:
    app = open_view(repository)
    (chooser,) = [box for box in app.main.selectbox if box.label == "Operation"]
    assert chooser.options[0] == "Analyse the demo wall" and len(chooser.options) == 5
    chooser.select("Answer the demo wall from the cache")
    checked(app.run())
    (slider,) = app.main.select_slider
    slider.set_value(10)
    checked(app.run())
    press(app, "Run it")
    replay = debug_memory.workbench().replay
    assert replay is not None and (replay.name, replay.state.most) == ("remembered", 13)
    state = replay.wait(WAIT_S)
    checked(app.run())

    assert state.found is not None and state.error is None
    assert figures(app)["Runs that count"] == "10"
    assert figures(app)["KiB per run"] == f"{state.found.slope.kib:+.1f}"
    assert texts(app) and "**Answer the demo wall from the cache**" in [
        text.value for text in app.main.markdown
    ]
    assert chart(app)["layer"]


@pytest.mark.parametrize(
    ("kib", "kind", "words"),
    [
        (40.0, "error", "A leak: every run keeps memory, at least 8 KiB."),
        (0.0, "success", "No leak: below 8 KiB per run."),
    ],
)
def test_the_finding_is_said_with_its_figures(
    repository: Path, kib: float, kind: str, words: str
) -> None:
    app = open_view(repository)
    show_replay_of(kib=kib).wait(WAIT_S)
    app.run()

    (told,) = app.main.get(kind)
    assert told.value == words
    assert figures(app)["KiB per run"] == f"{kib:+.1f}"
    assert figures(app)["95 % interval"] == f"{kib:+.1f} to {kib:+.1f}"


def test_while_it_runs_nothing_else_can_be_started_and_it_can_be_stopped(repository: Path) -> None:
    app = open_view(repository)
    begun, permits = threading.Semaphore(0), threading.Semaphore(0)

    def step() -> None:
        begun.release()
        assert permits.acquire(timeout=WAIT_S)

    replay = show_replay_of(step, runs=80)
    for _ in range(6):
        assert begun.acquire(timeout=WAIT_S)
        permits.release()
    assert begun.acquire(timeout=WAIT_S)
    checked(app.run())

    (run,) = [button for button in app.main.button if button.label == "Run it"]
    assert run.disabled and all(box.disabled for box in app.main.selectbox)
    assert app.main.get("progress")[0].proto.text == "Run 5 of at most 80"
    assert "the first 1 fill caches" in captions(app)
    assert len(chart(app)["layer"][-1]["data"]["values"]) == 5
    other = ReplayThread("sheet", lambda: lambda: None, runs=10)
    assert not debug_memory.workbench().start_replay(other)
    assert debug_memory.workbench().replay is replay

    press(app, "Stop")
    permits.release()
    assert replay.wait(WAIT_S).stopped
    checked(app.run())
    (run,) = [button for button in app.main.button if button.label == "Run it"]
    assert not run.disabled and not [b for b in app.main.button if b.label == "Stop"]
    assert "It was stopped." in texts(app) and figures(app)["Runs that count"] == "6"


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (0, "Warming up: run 0 of 3"),
        (3, "Warming up: run 3 of 3"),
        (4, "Run 1 of at most 80"),
        (83, "Run 80 of at most 80"),
    ],
)
def test_runs_are_counted_as_they_were_chosen(done: int, words: str) -> None:
    assert memory_replay.progress_words(ReplayState(True, done, 83, warm_up=3)) == words


def test_stopped_at_once_there_is_no_slope(repository: Path) -> None:
    app = open_view(repository)
    replay = ReplayThread("sheet", lambda: lambda: None, runs=10, read=growing(0))
    replay.stop()
    assert debug_memory.workbench().start_replay(replay)
    replay.wait(WAIT_S)
    checked(app.run())

    assert "There are too few runs for a slope." in captions(app)
    assert not app.main.get("vega_lite_chart")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModelError("models_gone", "The model is damaged.", "Restore it."), "The model is damaged"),
        (ValueError("no such *wall*"), "A run failed: ValueError: no such *wall*."),
    ],
)
def test_why_it_failed_is_said(repository: Path, error: Exception, words: str) -> None:
    app = open_view(repository)

    def fail() -> None:
        raise error

    show_replay_of(fail).wait(WAIT_S)
    app.run()

    assert not app.exception
    assert words in texts(app) and "It was stopped." not in texts(app)


def test_it_goes_on_while_another_view_is_looked_at(repository: Path) -> None:
    app = open_view(repository)
    permits = threading.Semaphore(0)
    replay = show_replay_of(lambda: permits.acquire(timeout=WAIT_S))
    choose(app, "Objects")
    assert not app.main.get("progress")
    permits.release(100)
    replay.wait(WAIT_S)
    choose(app, "Leaks")

    assert figures(app)["Runs that count"] == "10"


def test_every_operation_has_words() -> None:
    from core.replay_operations import Name

    assert set(memory_replay.operation_words()) == set(Name.__args__)  # type: ignore[attr-defined]


def test_a_flat_line_is_drawn_flat() -> None:
    spec = replay_chart([200.0, 200.004, 200.0], ())

    (points,) = spec["layer"]  # a layer without data has no place on the axes
    low, high = points["encoding"]["y"]["scale"]["domain"]
    assert high - low == pytest.approx(2 * FLAT_MB + 0.004)
    assert [row["run"] for row in points["data"]["values"]] == [1, 2, 3]
