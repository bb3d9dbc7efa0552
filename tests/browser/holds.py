"""Choosing a hold on the wall as a person does, with a mouse or with a finger."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def select_hold(page: Page, hold: int, size: str) -> None:
    """Click the hold, or tap it where ``size`` is ``phone``, and wait until it is selected."""
    box = page.locator(f'.hold[data-hold="{hold}"] .area').bounding_box()
    assert box is not None
    place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if size == "phone":
        page.touchscreen.tap(*place)
    else:
        page.mouse.click(*place)
    expect(page.locator(f'.hold[data-hold="{hold}"].selected')).to_have_count(1)
