"""A problem is named and graded more than once: the lists that tell it by its name follow."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_main_flow import a_plain_hold, click_hold, open_demo

pytestmark = pytest.mark.slow


def type_into(page: Page, key: str, text: str) -> None:
    field = page.locator(f".st-key-{key} input").first
    field.fill(text)
    field.press("Enter")


def test_names_and_grades_follow_each_other_without_an_error(open_page: Any, address: str) -> None:
    page = open_demo(open_page, address, "desktop")
    hold, _text = a_plain_hold(page)
    click_hold(page, hold, "desktop")
    problem = page.locator(".st-key-pick_problem input").first
    number = problem.input_value().split(" ")[0]

    for name in ("Slab", "슬랩", "<b>Roof</b>"):
        type_into(page, "name", name)
        expect(problem).to_have_value(f"{number} · green · {name}")
        expect(page.get_by_test_id("stAlert")).to_have_count(0)
    page.locator(".st-key-grade input").first.click()
    type_into(page, "grade", "V5")
    expect(problem).to_have_value(f"{number} · green · <b>Roof</b> V5")
    expect(page.get_by_test_id("stAlert")).to_have_count(0)

    page.get_by_role("button", name="Undo").click()
    expect(problem).to_have_value(f"{number} · green · <b>Roof</b>")
    page.get_by_role("button", name="Undo").click()
    expect(problem).to_have_value(f"{number} · green · 슬랩")
    problem.click()
    page.get_by_role("option", name="No problem").click()
    expect(page.locator(f'.hold[data-hold="{hold}"]')).not_to_have_attribute("aria-label", _text)
    expect(problem).to_have_value("No problem")
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
