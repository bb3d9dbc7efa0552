"""Does memory come back? ``python -m benchmarks.soak [--analyses N] [--sessions N] [--json FILE]``

A real browser works at a real server. First one session analyses a hundred photos one after the
other and takes each off its list again; then twenty sessions come, analyse a photo, open every tab
and leave. The server's resident set is read whenever it rests, and has to return to within 30 MiB
of where it stood after the fifth. The photos are crops of the demo wall in five sizes from 0.5 to
12 megapixels, each with other bytes, so that no answer comes from the cache; within five photos
every size occurs, so the fifth has seen the largest. Exit code 0 when memory returned, 1 otherwise.

What a visitor leaves behind is kept by Streamlit until his session expires, two minutes after he
left; the last reading of the sessions waits for that.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.load_server import LoadServer, serve
from benchmarks.machine import machine_facts

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo_wall.jpg"
ALLOWED_MB = 30.0
REFERENCE = 5
EXPIRY_S = 135.0
"""Streamlit's two minutes until the session of a visitor who left is dropped, and some more."""

MEGAPIXELS = (2.0, 0.5, 4.0, 12.0, 1.0)
PATIENCE_MS = 120_000
REST_S = 1.0


@dataclass(frozen=True, slots=True)
class Rounds:
    """Resident MiB after each round, in order, and after everything was over."""

    what: str
    rss_mb: tuple[float, ...]
    end_mb: float

    @property
    def grown_mb(self) -> float:
        """What the end is above the reading after the fifth round."""
        return self.end_mb - self.rss_mb[min(REFERENCE, len(self.rss_mb)) - 1]


def photo(number: int) -> bytes:
    """The demo wall at the size that is due, cropped by a few rows so that the bytes are new."""
    with Image.open(DEMO) as wall:
        wall = wall.crop((0, number % 97, wall.width, wall.height - number // 97))
        share = (MEGAPIXELS[number % len(MEGAPIXELS)] * 1e6 / (wall.width * wall.height)) ** 0.5
        sized = wall.resize((round(wall.width * share), round(wall.height * share)))
    out = io.BytesIO()
    sized.save(out, "JPEG", quality=88)
    return out.getvalue()


def rss_mb(server: LoadServer) -> float:
    """The server's resident set after a moment of rest, in MiB."""
    time.sleep(REST_S)
    return float(psutil.Process(server.process.pid).memory_info().rss) / 2**20


def analyse(page: Page, number: int) -> None:
    """Give the start page a photo and wait for its wall."""
    file: Any = {"name": f"wall-{number}.jpg", "mimeType": "image/jpeg", "buffer": photo(number)}
    page.locator("input[type=file]").first.set_input_files(file)
    page.locator(".hold").nth(3).wait_for(state="attached")
    page.get_by_role("tab", name="Problems").wait_for()


def take_away(page: Page) -> None:
    """Take the only photo off the list: the start page comes back."""
    page.get_by_role("button", name="Photos").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("heading", name="Review a wall", level=1).wait_for()


def start_page(browser: Browser, server: LoadServer) -> Page:
    """The review page in a session of its own."""
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(server.url)
    page.get_by_role("heading", name="Review a wall", level=1).wait_for()
    return page


def one_session(browser: Browser, server: LoadServer, count: int) -> Rounds:
    """``count`` analyses in one session."""
    page, readings = start_page(browser, server), []
    for number in range(count):
        analyse(page, number)
        take_away(page)
        readings.append(rss_mb(server))
        note("analysis", number, count, readings[-1])
    page.context.close()
    return Rounds("analyses in one session", tuple(readings), rss_mb(server))


def at_rest(page: Page) -> None:
    """Wait until the server has answered: the answer to one click on a tab, when it comes after the
    next click, turns the tabs back (Streamlit 1.67)."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def many_sessions(browser: Browser, server: LoadServer, count: int, first: int) -> Rounds:
    """``count`` sessions, one after the other; ``first`` numbers their photos."""
    readings = []
    for number in range(count):
        page = start_page(browser, server)
        analyse(page, first + number)
        for tab in ("Holds", "Numbers", "Vision", "Files"):
            page.get_by_role("tab", name=tab).click()
            page.get_by_role("tab", name=tab, selected=True).wait_for()
            at_rest(page)
        page.context.close()
        readings.append(rss_mb(server))
        note("session", number, count, readings[-1])
    time.sleep(EXPIRY_S)
    return Rounds("sessions", tuple(readings), rss_mb(server))


def note(what: str, number: int, count: int, now_mb: float) -> None:
    """Progress on stderr."""
    print(f"{what} {number + 1} of {count}: {now_mb:.0f} MiB", file=sys.stderr, flush=True)


def table(rounds: Sequence[Rounds]) -> str:
    """A row for each part, in Markdown."""
    rows = ["| what | first | fifth | highest | end | end over fifth |", "| --- " * 6 + "|"]
    for part in rounds:
        first, fifth = part.rss_mb[0], part.rss_mb[min(REFERENCE, len(part.rss_mb)) - 1]
        rows.append(
            f"| {len(part.rss_mb)} {part.what}, MiB | {first:.0f} | {fifth:.0f} "
            f"| {max(part.rss_mb):.0f} | {part.end_mb:.0f} | {part.grown_mb:+.0f} |"
        )
    return "\n".join(rows)


def measure(analyses: int, sessions: int) -> list[Rounds]:
    """Both parts, each at a server of its own."""
    system = shutil.which("chromium") or shutil.which("chromium-browser")
    rounds = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=system, args=["--no-sandbox"])
        with serve(Path(folder), None) as server:
            rounds.append(one_session(browser, server, analyses))
        with serve(Path(folder), None) as server:
            rounds.append(many_sessions(browser, server, sessions, first=analyses))
        browser.close()
    return rounds


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--analyses", type=int, default=100)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the readings as JSON")
    arguments = parser.parse_args(argv)
    if min(arguments.analyses, arguments.sessions) < 1:
        parser.error("expected at least one analysis and one session")
    rounds = measure(arguments.analyses, arguments.sessions)
    print(table(rounds))
    if arguments.json:
        facts = {"machine": machine_facts(), "rounds": [asdict(part) for part in rounds]}
        arguments.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0 if all(part.grown_mb <= ALLOWED_MB for part in rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
