"""Going back to the defaults is seen in the browser, and stays."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def test_the_defaults_come_back_and_stay(open_page: Any, address: str) -> None:
    page = open_page(address)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Models").click()
    back = page.get_by_role("button", name="Back to the defaults")
    most = page.get_by_role("spinbutton", name="Most holds")
    least = page.get_by_role("slider", name="Least confidence of a hold")
    most.fill("5")
    most.press("Enter")
    expect(back).to_be_enabled()
    least.focus()
    for _step in range(3):
        least.press("ArrowRight")
    expect(least).to_have_value("0.38")

    back.click()

    expect(back).to_be_disabled()
    expect(most).to_have_value("0")
    expect(least).to_have_value("0.35")
    page.get_by_role("button", name="Forget kept results").click()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    expect(back).to_be_disabled()
    expect(most).to_have_value("0")
