"""What a browser stores of corrections: nothing but them, within bounds, and what happens where it
is full or closed."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import SIZES
from tests.browser.kept import (
    ENTRIES,
    MOST,
    PREFIX,
    delete_hold,
    demo,
    entries,
    expect_entries,
    holds_apart,
    reload,
)

pytestmark = pytest.mark.slow


def test_the_corrections_are_stored_without_the_photo_and_sent_nowhere_else(
    open_page: Any, address: str
) -> None:
    page: Page = open_page(address)
    hosts = {urlsplit(address).netloc}
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    frames: list[bytes] = []

    def note(frame: bytes | str) -> None:
        frames.append(frame.encode() if isinstance(frame, str) else frame)

    page.on("websocket", lambda socket: socket.on("framereceived", note))
    reload(page)
    demo(page)
    hold, _other = holds_apart(page)
    frames.clear()
    delete_hold(page, hold)
    page.wait_for_timeout(500)

    ((key, name, text),) = entries(page)
    document = json.loads(zlib.decompress(base64.b64decode(text)))
    assert document["schema"] == "climbmate.review/1" and name == "demo_wall.jpg"
    assert key.startswith(PREFIX + document["wall"]["photo"]["sha256"] + "/")
    assert len(text) < 40_000
    assert hosts - {""} == {urlsplit(address).netloc}  # an address without a host is a blob
    assert not any(b"\xff\xd8\xff" in frame or b"image/jpeg" in frame for frame in frames)

    frames.clear()
    page.get_by_role("tab", name="Holds").click()  # no edit: what is kept does not travel again
    expect(page.get_by_text("Tick a hold to select it")).to_be_visible()
    page.wait_for_timeout(500)
    assert frames and not any(text[:200].encode() in frame for frame in frames)


def test_only_the_newest_are_kept_within_the_bounds(open_page: Any, address: str) -> None:
    page: Page = open_page(address)
    page.evaluate(
        """([prefix, count]) => {
          for (let n = 0; n < count; n += 1) {
            const key = `${prefix}${"cd".repeat(32)}/${n.toString(16)}`;
            localStorage.setItem(key, `${1e12 + n} wall.jpg eA==`);
          }
          localStorage.setItem("of another page", "stays");
        }""",
        [PREFIX, 30],
    )
    demo(page)
    delete_hold(page, holds_apart(page)[0])

    expect_entries(page, MOST)
    stamps = {value.split(" ")[0] for _key, value in page.evaluate(ENTRIES)}
    assert str(10**12 + 29) in stamps and str(10**12) not in stamps
    assert page.evaluate("localStorage.getItem('of another page')") == "stays"

    page.evaluate(
        """([key, size]) =>
          localStorage.setItem(key, `1795252000000 big.jpg ${"A".repeat(size)}`)""",
        [f"{PREFIX}{'ef' * 32}/ab", 2_950_000],
    )
    delete_hold(page, holds_apart(page)[0])
    total = sum(len(value) for _key, value in page.evaluate(ENTRIES))
    assert total <= 3_000_000


def test_a_full_storage_is_told_once_and_costs_nobody_anything(
    open_page: Any, address: str
) -> None:
    page: Page = open_page(address)
    older = f"{PREFIX}{'cd' * 32}/1"
    page.evaluate("key => localStorage.setItem(key, '1000000000000 other.jpg eA==')", older)
    page.evaluate(
        """() => { const write = Storage.prototype.setItem;
          Storage.prototype.setItem = function (key, value) {
            if (value.length > 9000) throw new DOMException("full", "QuotaExceededError");
            write.call(this, key, value);
          }; }"""
    )
    demo(page)
    first, second = holds_apart(page)
    try_delete(page, first)

    warning = page.get_by_test_id("stAlert").filter(has_text="no room to keep your corrections")
    expect(warning).to_have_count(1)
    try_delete(page, second)
    expect(warning).to_have_count(0)
    assert [key for key, _value in page.evaluate(ENTRIES)] == [older]  # nothing was won by it


def try_delete(page: Page, number: int) -> None:
    """Delete a hold where nothing can be kept."""
    hold = page.locator(f'.hold[data-hold="{number}"]')
    box = hold.locator(".area").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(f'.hold[data-hold="{number}"].selected')).to_have_count(1)
    page.locator(".st-key-delete button:visible").first.click()
    expect(hold).to_have_count(0)
    page.wait_for_timeout(1000)


def test_where_storage_is_closed_the_page_works_as_before(browser: Any, address: str) -> None:
    context: BrowserContext = browser.new_context(**SIZES["desktop"])
    context.add_init_script(
        """Object.defineProperty(window, "localStorage", {
          get() { throw new DOMException("denied", "SecurityError"); } });"""
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    demo(page)
    try_delete(page, holds_apart(page)[0])
    page.locator(".st-key-undo button:visible").first.click()
    page.get_by_role("tab", name="Files").click()
    expect(page.get_by_text("does not let pages keep anything")).to_be_visible()
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    context.close()
    assert not [problem for problem in problems if "keeper" in problem]


def test_everything_can_be_removed_from_the_browser(open_page: Any, address: str) -> None:
    page: Page = open_page(address)
    demo(page)
    first, second = holds_apart(page)
    delete_hold(page, first)
    page.get_by_role("tab", name="Files").click()
    page.get_by_role("button", name="Remove them from this browser").first.click()
    expect_entries(page, 0)
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
    page.get_by_role("link", name="Review a wall").click()
    expect(page.locator(".hold").nth(30)).to_be_attached()
    page.wait_for_timeout(1000)
    expect_entries(page, 0)  # nor does coming back to the page write them again
    expect(page.locator(f'.hold[data-hold="{first}"]')).to_have_count(0)

    delete_hold(page, second)
    expect_entries(page, 1)
