"""Names in lists: a problem's, that is changed, and those of photos, that may be all the same."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
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


def test_photos_of_one_name_can_each_be_looked_at(
    open_page: Any, address: str, repository: Path
) -> None:
    page: Page = open_page(address, "desktop")
    files = []
    with Image.open(repository / "assets" / "demo_wall.jpg") as wall:
        for width in (600, 603):
            photo = io.BytesIO()
            wall.resize((width, 800)).save(photo, "JPEG")
            files.append(
                {"name": "image.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()}
            )
    page.locator('input[type="file"]').first.set_input_files(files)
    expect(page.get_by_text("600 x 800 pixels")).to_be_visible()
    photos = page.locator(".st-key-photo input").first
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)

    photos.click()
    page.get_by_role("option", name="image.jpg (2)").click()
    expect(page.get_by_text("603 x 800 pixels")).to_be_visible()
    expect(photos).to_have_value("image.jpg (2)")
