"""Corrections survive in a real browser: a reload, a restarted server, a second tab, several
photos."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import SIZES, free_port, serving
from tests.browser.kept import (
    answer,
    delete_hold,
    demo,
    entries,
    expect_entries,
    holds_apart,
    offer,
    reload,
)
from tests.browser.pictures import save

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_corrections_outlive_a_reload(open_page: Any, address: str, size: str) -> None:
    page: Page = open_page(address, size)
    demo(page)
    hold, _other = holds_apart(page)
    count = page.locator(".hold").count()
    delete_hold(page, hold, size)

    reload(page)
    expect(page.get_by_text("This browser keeps your corrections of demo_wall.jpg")).to_be_visible()
    demo(page)
    expect(page.locator(".hold")).to_have_count(count)  # not applied without being asked
    expect(offer(page)).to_contain_text("Corrections of this photo from today")
    box = offer(page).bounding_box()
    assert box is not None and box["x"] >= 0
    assert box["x"] + box["width"] <= SIZES[size]["viewport"]["width"]  # type: ignore[index]
    save(page, f"review-offer-{size}.png")
    answer(page, "Restore")
    expect(page.locator(".hold")).to_have_count(count - 1)
    expect(page.locator(f'.hold[data-hold="{hold}"]')).to_have_count(0)
    expect(offer(page)).to_have_count(0)
    expect_entries(page, 1)

    page.locator(".st-key-undo button:visible").first.click()
    expect(page.locator(f'.hold[data-hold="{hold}"]')).to_have_count(1)
    expect_entries(page, 0)  # the wall is as it was found: nothing is left to keep


def test_an_edit_meanwhile_and_another_reload_lose_neither(open_page: Any, address: str) -> None:
    page: Page = open_page(address)
    demo(page)
    first, second = holds_apart(page)
    delete_hold(page, first)
    reload(page)
    demo(page)
    expect(offer(page)).to_be_visible()
    delete_hold(page, second)  # without an answer
    expect(offer(page)).to_be_visible()
    expect_entries(page, 2)

    reload(page)
    demo(page)
    answer(page, "Restore")
    expect(page.locator(f'.hold[data-hold="{second}"]')).to_have_count(0)
    expect(page.locator(f'.hold[data-hold="{first}"]')).to_have_count(1)
    expect(offer(page)).to_be_visible()  # the older ones in turn
    answer(page, "Discard")
    expect(offer(page)).to_have_count(0)
    expect_entries(page, 1)
    expect(page.locator(f'.hold[data-hold="{second}"]')).to_have_count(0)


def test_corrections_outlive_the_server(repository: Path, tmp_path: Path, browser: Any) -> None:
    port = free_port()
    script = repository / "streamlit_app.py"
    context: BrowserContext = browser.new_context(**SIZES["desktop"])
    page = context.new_page()
    with serving(script, repository, tmp_path / "before.txt", port) as url:
        page.goto(url)
        demo(page)
        hold, _other = holds_apart(page)
        delete_hold(page, hold)
    with serving(script, repository, tmp_path / "after.txt", port):
        # The page, not reloaded, finds the server again by itself; what is clicked on it then comes
        # to a session that knows of nothing.
        page.locator(".st-key-undo button:visible").first.click()
        expect(page.get_by_text("keeps your corrections of demo_wall.jpg")).to_be_visible()
        expect(page.get_by_text("Your photos are closed: the server was restarted")).to_be_visible()
        demo(page)
        answer(page, "Restore")
        expect(page.locator(f'.hold[data-hold="{hold}"]')).to_have_count(0)
    context.close()


def test_two_tabs_keep_theirs_apart(open_page: Any, address: str) -> None:
    one: Page = open_page(address)
    other = one.context.new_page()
    other.goto(address)
    demo(one)
    demo(other)
    first, second = holds_apart(one)

    delete_hold(one, first)
    delete_hold(other, second)

    assert len({key for key, _name, _text in entries(one)}) == 2
    lines = [set(review_in(text)) for _key, _name, text in entries(one)]
    assert {first} in [every(one, first, second) - line for line in lines]
    assert {second} in [every(one, first, second) - line for line in lines]


def review_in(text: str) -> list[int]:
    """The holds of a kept review, read by zlib and json alone."""
    wall = json.loads(zlib.decompress(base64.b64decode(text)))["wall"]
    return [hold["id"] for hold in wall["holds"]]


def every(page: Page, *more: int) -> set[int]:
    ids = page.locator(".hold").evaluate_all("all => all.map(g => Number(g.dataset.hold))")
    return {*ids, *more}


def test_each_of_several_photos_is_kept(open_page: Any, address: str, repository: Path) -> None:
    page: Page = open_page(address)
    files = []
    with Image.open(repository / "assets" / "demo_wall.jpg") as wall:
        for number in range(2):
            photo = io.BytesIO()
            wall.resize((600 + 30 * number, 800)).save(photo, "JPEG")
            name = f"벽 {number}.jpg"
            files.append({"name": name, "mimeType": "image/jpeg", "buffer": photo.getvalue()})
    page.locator('input[type="file"]').first.set_input_files(files)
    expect(page.locator(".st-key-photo input")).to_be_visible()
    page.wait_for_timeout(1000)
    delete_hold(page, holds_apart(page)[0])
    page.locator(".st-key-photo input").click()
    page.get_by_role("option", name="벽 1.jpg").click()
    expect(page.get_by_text("벽 1.jpg, 630 x 800 pixels")).to_be_visible()
    page.wait_for_timeout(800)
    delete_hold(page, holds_apart(page)[0])
    expect_entries(page, 2)

    reload(page)
    expect(page.get_by_text("corrections of 벽 1.jpg, 벽 0.jpg")).to_be_visible()
    page.locator('input[type="file"]').first.set_input_files(files[:1])
    expect(offer(page)).to_be_visible()
    answer(page, "Restore")
    expect(offer(page)).to_have_count(0)
    expect_entries(page, 2)
