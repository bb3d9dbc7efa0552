"""Milliseconds of server time per run of the review page: ``python -m benchmarks.rerun``.

The whole page runs as Streamlit runs it (its test harness: the script, its widgets and their
messages, without a browser), with the demo wall analysed once by the embedded models, and with the
same wall laid out four times, as a wall of some 300 holds. Timed is each run after an edit: a
selection, a change of colour, an undo, on every tab. The models are watched: a run that
analyses anything stops the benchmark. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from streamlit.testing.v1 import AppTest

from benchmarks.machine import QUIET_LOAD, machine_facts
from core.review import Review
from core.service import ModelService
from core.wall import Hold, WallAnalysis
from pages.review_state import Desk

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = ("Problems", "Holds", "Numbers", "Vision", "Files")
TARGET_MS = 150.0
PATIENCE_S = 120


def four_times(found: WallAnalysis) -> WallAnalysis:
    """The same holds four times over, halved and side by side, in problems of their own."""
    holds: list[Hold] = []
    problems = []
    for part in range(4):
        first_hold, first_problem = 1000 * part, 100 * part
        x0, y0 = (part % 2) * found.photo.width / 2, (part // 2) * found.photo.height / 2
        for hold in found.holds:
            x, y, width, height = hold.box
            holds.append(
                replace(
                    hold,
                    id=hold.id + first_hold,
                    box=(x0 + x / 2, y0 + y / 2, width / 2, height / 2),
                    polygon=tuple((x0 + px / 2, y0 + py / 2) for px, py in hold.polygon),
                    area_px=hold.area_px / 4,
                    problem=None if hold.problem is None else hold.problem + first_problem,
                )
            )
        problems += [
            replace(p, id=p.id + first_problem, holds=tuple(h + first_hold for h in p.holds))
            for p in found.problems
        ]
    return replace(found, holds=tuple(holds), problems=tuple(problems))


def desk_of(app: AppTest) -> Desk:
    """The session's desk."""
    desk: Desk = app.session_state["desk"]
    return desk


def ran(app: AppTest) -> AppTest:
    """``app``, which must have run without an error."""
    if app.exception or app.error:
        sys.exit(f"the page failed: {[e.message for e in app.exception]} {app.error}")
    return app


def timed(act: Callable[[], AppTest]) -> float:
    """Milliseconds of one run of the page."""
    begun = time.perf_counter()
    ran(act())
    return (time.perf_counter() - begun) * 1000


def edits_on(app: AppTest, section: str, times: int) -> dict[str, list[float]]:
    """Milliseconds of each run after each kind of edit, with ``section`` open."""
    app.session_state["section"] = section
    ran(app.run())
    review = desk_of(app).queue.shown
    assert review is not None and review.review is not None
    holds = [hold.id for hold in review.review.holds]
    spent: dict[str, list[float]] = {"select": [], "recolour": [], "undo": []}
    for turn in range(times):
        desk_of(app).choose((holds[turn % len(holds)],))
        spent["select"].append(timed(app.run))
        menu = app.selectbox(key="pick_colour")
        other = next(name for name in menu.options if name != menu.value)
        spent["recolour"].append(timed(lambda m=menu, o=other: m.set_value(o).run()))
        spent["undo"].append(timed(lambda: app.button(key="undo").click().run()))
    return spent


def watch() -> Callable[[], int]:
    """How often the service was asked for an analysis since now."""
    count = 0
    original = ModelService.steps

    def counted(self: ModelService, *given: object, **named: object) -> object:
        nonlocal count
        count += 1
        return original(self, *given, **named)  # type: ignore[arg-type]

    ModelService.steps = counted  # type: ignore[assignment,method-assign]
    return lambda: count


def main() -> int:
    """Measure and print; 1 where a median is above the target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rerun", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="edits of each kind per tab")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=PATIENCE_S)
    ran(app.run())
    first_ms = timed(lambda: app.button(key="demo").click().run())
    asked = watch()
    slow = False
    print("| wall | tab | edit | median ms | slowest ms |\n| --- | --- | --- | ---: | ---: |")
    for name in ("demo wall", "four times"):
        photo = desk_of(app).queue.shown
        assert photo is not None and photo.review is not None
        if name == "four times":
            photo.review = Review.of(four_times(photo.review.analysis()))
            desk_of(app).choose(())
            ran(app.run())
        count = len(photo.review.holds)
        for section in SECTIONS:
            for edit, spent in edits_on(app, section, arguments.times).items():
                middle = statistics.median(spent)
                slow |= middle > TARGET_MS
                print(f"| {count} holds | {section} | {edit} | {middle:.0f} | {max(spent):.0f} |")
    if asked():
        sys.exit(f"the page asked for {asked()} analyses after edits")
    print(f"\nThe demo wall from the click to the last run: {first_ms:.0f} ms.")
    print(f"Target of a run: {TARGET_MS:.0f} ms. Machine: {machine_facts()}.")
    print(f"Load before: {load:.1f}", end="")
    print(" (busy: not to be trusted)." if load > QUIET_LOAD else ".")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
