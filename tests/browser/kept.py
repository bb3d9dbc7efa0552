"""Corrections that a browser keeps, as a setter makes them and as they lie in its storage."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.holds import select_hold

PREFIX = "climbmate.corrections/1/"
MOST = 24
"""Entries that the script keeps, at most."""

ENTRIES = f"""() => Object.entries(localStorage).filter(([key]) => key.startsWith("{PREFIX}"))"""


def demo(page: Page) -> None:
    page.locator(".st-key-demo button:visible").first.click()
    expect(page.locator(".hold").nth(30)).to_be_attached()
    expect(page.locator(".st-key-undo")).to_be_visible()
    page.wait_for_timeout(1000)  # the view settles, the browser has told what it keeps


def entries(page: Page) -> list[tuple[str, str, str]]:
    """What is stored: key, photo's name, packed review."""
    found = []
    for key, value in page.evaluate(ENTRIES):
        _stamp, name, text = value.split(" ")
        found.append((key, name, text))
    return found


def expect_entries(page: Page, count: int) -> None:
    page.wait_for_function(f"count => ({ENTRIES})().length === count", arg=count)


def delete_hold(page: Page, number: int, size: str = "desktop") -> None:
    """Select a hold and delete it, as a setter does; then wait until that is kept."""
    known = dict(page.evaluate(ENTRIES))
    hold = page.locator(f'.hold[data-hold="{number}"]')
    select_hold(page, number, size)
    page.locator(".st-key-delete button:visible").first.click()
    expect(hold).to_have_count(0)
    page.wait_for_function(
        f"known => ({ENTRIES})().some(([key, value]) => known[key] !== value)", arg=known
    )


def offer(page: Page) -> Locator:
    return page.locator(".st-key-offer")


def answer(page: Page, word: str) -> None:
    """Press a button of the offer, such as Restore."""
    offer(page).get_by_role("button", name=word).first.click()


def holds_apart(page: Page) -> tuple[int, int]:
    """Two small holds in sight that lie apart, so that a click hits each."""
    rows = page.locator(".hold:not(.volume)").all()
    frame = page.locator(".frame").bounding_box()
    assert frame is not None
    boxes = {int(row.get_attribute("data-hold") or 0): row.bounding_box() for row in rows}
    inside = [
        (box["width"] * box["height"], number)
        for number, box in boxes.items()
        if box is not None
        and frame["x"] < box["x"] < frame["x"] + frame["width"] - box["width"]
        and frame["y"] < box["y"] < min(frame["y"] + frame["height"], 600) - box["height"]
    ]
    first, second = (number for _area, number in sorted(inside)[-2:])
    return first, second


def reload(page: Page) -> None:
    page.reload()
    expect(page.locator(".st-key-demo")).to_be_visible()
