"""The language is changed in the middle of the work: what was chosen stays, in other words."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_main_flow import a_plain_hold, click_hold, open_demo

pytestmark = pytest.mark.slow


def switch(page: Page, language: str) -> None:
    page.get_by_test_id("stSidebar").get_by_text(language).click()


def picked(page: Page, key: str) -> Any:
    return expect(page.locator(f".st-key-{key} input").first)


def test_a_selection_is_told_in_the_new_language(open_page: Any, address: str) -> None:
    page = open_demo(open_page, address, "desktop")
    hold, _text = a_plain_hold(page)
    click_hold(page, hold, "desktop")
    picked(page, "pick_colour").to_have_value("green")

    page.get_by_test_id("stExpandSidebarButton").click()
    switch(page, "한국어")
    picked(page, "pick_colour").to_have_value("초록")
    picked(page, "pick_problem").to_have_value("2 · 초록")
    page.locator(".st-key-pick_colour input").click()
    page.get_by_role("option", name="파랑", exact=True).click()
    picked(page, "pick_colour").to_have_value("파랑")

    switch(page, "English")
    picked(page, "pick_colour").to_have_value("blue")


def test_the_palette_stays_the_same_colours(open_page: Any, address: str) -> None:
    page: Page = open_page(f"{address}/?lang=ko", "desktop")
    page.get_by_role("link", name="모델").click()
    names = page.locator("[data-tag]")
    expect(names).to_have_count(13)
    expect(names.first).to_have_text("빨강")
    page.get_by_test_id("stExpandSidebarButton").click()

    switch(page, "English")
    expect(names.first).to_have_text("red")
    reset = page.get_by_role("button", name="Back to the defaults")
    expect(reset).to_be_disabled()  # nothing was chosen

    names.first.get_by_role("button").click()
    expect(names).to_have_count(12)
    expect(reset).to_be_enabled()
    switch(page, "한국어")
    expect(names.first).to_have_text("주황")
    expect(names).to_have_count(12)

    page.get_by_role("button", name="기본값으로 되돌리기").click()
    expect(names).to_have_count(13)
    expect(names.first).to_have_text("빨강")
