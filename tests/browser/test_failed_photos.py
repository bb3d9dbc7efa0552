"""Photos that failed leave the wall where it is: their list takes one line."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow

ROOM_PX = 70
"""What the list may push the wall down by: one line with its frame and the gap below."""


def top_of_wall(page: Page) -> float:
    box = page.locator(".frame").bounding_box()
    assert box is not None
    return float(box["y"])


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_many_failed_photos_leave_the_wall_in_sight(
    open_page: Any, address: str, size: str
) -> None:
    page: Page = open_page(address, size)
    page.locator(".st-key-demo button:visible").first.click()
    expect(page.locator(".hold").nth(30)).to_be_attached()
    page.wait_for_timeout(1000)  # the view settles
    before = top_of_wall(page)
    page.locator(".frame").evaluate("frame => { frame.mark = 'the same' }")

    page.get_by_test_id("stPopoverButton").first.click()
    files = [
        {"name": f"wall{n}.jpg", "mimeType": "image/jpeg", "buffer": b"no photo %d" % n}
        for n in range(5)
    ]
    page.locator('input[type="file"]').first.set_input_files(files)
    expect(page.get_by_text("5 photos were not analysed")).to_be_visible()
    page.wait_for_timeout(500)
    assert top_of_wall(page) - before <= ROOM_PX
    page.keyboard.press("Escape")

    page.get_by_text("5 photos were not analysed").click()
    page.get_by_role("button", name="Remove all of them").click()
    expect(page.get_by_text("5 photos were not analysed")).to_have_count(0)
    page.wait_for_timeout(500)
    assert top_of_wall(page) == before
    # Another element would have forgotten where its reader had zoomed to.
    assert page.locator(".frame").evaluate("frame => frame.mark") == "the same"
