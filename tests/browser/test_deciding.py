"""Deciding an unsure colour: the hold comes near, in its own colour, and nothing lies over it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow

NEAR_PX = 50
"""The longer side of a hold whose colour can be judged; the demo wall has one of 7 on a phone."""


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_an_unsure_hold_is_seen_near_and_untinted(open_page: Any, address: str, size: str) -> None:
    page: Page = open_page(address, size)
    page.locator(".st-key-demo button:visible").first.click()
    expect(page.locator(".hold").nth(30)).to_be_attached()

    ask = page.locator(".st-key-next_unsure button:visible").first
    unsure = int(re.findall(r"\d+", ask.inner_text())[-1])
    ask.click()
    chosen = page.locator(".hold.selected")
    expect(chosen).to_have_count(1)
    expect(page.locator(".st-key-confirm button:visible").first).to_be_visible()
    page.wait_for_timeout(1000)  # the view settles

    area = chosen.locator(".area")
    box, frame = area.bounding_box(), page.locator(".frame").bounding_box()
    sheet = page.locator(".st-key-picked").bounding_box()
    assert box is not None and frame is not None and sheet is not None
    assert max(box["width"], box["height"]) >= NEAR_PX
    assert frame["x"] <= box["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"]
    assert frame["y"] <= box["y"] and box["y"] + box["height"] <= frame["y"] + frame["height"]
    if size == "phone":
        assert box["y"] + box["height"] <= sheet["y"]
    fill = area.evaluate("area => getComputedStyle(area).fill")
    assert fill in ("transparent", "rgba(0, 0, 0, 0)")

    for left in range(unsure - 1, -1, -1):
        page.locator(".st-key-pick_colour input").first.click()
        page.get_by_role("option", name="purple", exact=True).click()
        expect(page.locator(".st-key-confirm")).to_have_count(0)
        if left:
            page.locator(".st-key-decide_next button:visible").first.click()
            expect(page.locator(".st-key-confirm button:visible").first).to_be_visible()
            page.wait_for_timeout(1000)  # the view settles
    expect(page.locator(".st-key-decide_next")).to_have_count(0)
