"""The memory debugger in a real browser: live without a rerun, on and off. With
``CLIMBMATE_SCREENSHOTS`` set to a folder, the pictures of ``docs/memory.md`` are written there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import playwright, serving
from tests.browser.pictures import save

pytestmark = pytest.mark.slow

expect = playwright.expect


@pytest.fixture(scope="module")
def address(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard with the debugger on."""
    folder = tmp_path_factory.mktemp("memory")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEBUG_MEMORY", "true")
        patch.setenv("CLIMBMATE_CACHE_DIR", str(folder / "cache"))
        with serving(repository / "streamlit_app.py", repository, folder / "log") as found:
            yield found


@pytest.fixture(scope="module")
def address_off(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard without it."""
    folder = tmp_path_factory.mktemp("memory-off")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DEBUG_MEMORY", raising=False)
        with serving(repository / "streamlit_app.py", repository, folder / "log") as found:
            yield found


def sidebar(page: Any) -> Any:
    return page.get_by_test_id("stSidebar")


def test_the_panel_is_live_and_gives_back(address: str, open_page: Callable[[str], Any]) -> None:
    page = open_page(address)
    expect(sidebar(page).get_by_text("Memory of this server")).to_be_visible()
    expect(sidebar(page).get_by_text("page review").first).to_be_visible()

    sidebar(page).get_by_role("button", name="Give back to the system").click()

    expect(sidebar(page).get_by_text("Trim: ")).to_be_visible()
    # Only the panel ran again: the list still has the one run of the page.
    expect(sidebar(page).get_by_text("page review:")).to_have_count(1)


def test_on_a_phone_the_page_is_seen_first(
    address: str, open_page: Callable[[str, str], Any]
) -> None:
    page = open_page(address, "phone")
    demo = page.get_by_role("button", name="Demo wall")
    expect(demo).to_be_visible()
    page.wait_for_timeout(500)
    demo.click(trial=True)  # refused where something lies over it

    page.get_by_test_id("stExpandSidebarButton").click()
    expect(sidebar(page).get_by_text("Memory of this server")).to_be_in_viewport()


def test_every_view_opens(address: str, open_page: Callable[[str], Any]) -> None:
    page = open_page(address)
    page.get_by_role("link", name="Memory", exact=True).click()
    expect(page.get_by_role("heading", name="Memory", exact=True)).to_be_visible()
    seen = {
        "Composition": "Together ",
        "Objects": "Growth since the start",
        "Growth": "Set a mark",
        "Leaks": "The operation runs again and again.",
        "Files": "No baseline of another version was saved yet.",
        "Timeline": "Each point is the peak",
    }
    for view, text in seen.items():
        page.get_by_test_id("stMain").get_by_text(view, exact=True).click()
        expect(page.get_by_text(text).first).to_be_visible()
    # A click on the view that is open leaves it open.
    page.get_by_test_id("stMain").get_by_text("Files", exact=True).click()
    expect(page.get_by_text(seen["Files"]).first).to_be_visible()
    page.get_by_test_id("stMain").get_by_text("Files", exact=True).click()
    page.wait_for_timeout(1000)
    expect(page.get_by_text(seen["Files"]).first).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_photo_shows_in_the_composition(address: str, open_page: Callable[[str], Any]) -> None:
    page = open_page(address)
    page.set_viewport_size({"width": 1360, "height": 1120})
    page.get_by_role("button", name="Demo wall").click()
    expect(page.locator(".hold").nth(30)).to_be_attached()
    page.get_by_role("link", name="Memory", exact=True).click()
    page.get_by_test_id("stMain").get_by_text("Composition", exact=True).click()

    expect(page.get_by_text("Together ")).to_be_visible()
    expect(sidebar(page).get_by_text("analyse: ").first).to_be_visible()
    save(page, "memory.png")


def test_a_leak_is_looked_for_and_the_verdict_comes_by_itself(
    address: str, open_page: Callable[[str], Any]
) -> None:
    page = open_page(address)
    page.set_viewport_size({"width": 1360, "height": 1120})
    page.get_by_role("link", name="Memory", exact=True).click()
    main = page.get_by_test_id("stMain")
    main.get_by_text("Leaks", exact=True).click()
    main.get_by_test_id("stSelectbox").click()
    page.get_by_role("option", name="Answer the demo wall from the cache").click()
    run = main.get_by_role("button", name="Run it")
    run.click()

    expect(main.get_by_text("Runs that count")).to_be_visible(timeout=240_000)
    expect(run).to_be_enabled()
    expect(main.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    expect(main.get_by_test_id("stVegaLiteChart")).to_be_visible()
    save(page, "memory-leaks.png")


def test_off_nothing_of_it_shows(address_off: str, open_page: Callable[[str], Any]) -> None:
    page = open_page(address_off)
    expect(page.get_by_role("button", name="Demo wall")).to_be_visible()

    expect(page.get_by_text("Memory of this server")).to_have_count(0)
    expect(page.get_by_role("link", name="Memory", exact=True)).to_have_count(0)
