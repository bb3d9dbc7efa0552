"""Corrections survive in a real browser: a reload, a restarted server, a second tab, a storage that
is full or closed; and nothing but them is stored."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import SIZES, free_port, serving
from tests.browser.holds import select_hold
from tests.browser.pictures import save

pytestmark = pytest.mark.slow

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


def test_what_is_on_offer_does_not_give_way(open_page: Any, address: str) -> None:
    page: Page = open_page(address)
    demo(page)
    first, second = holds_apart(page)
    delete_hold(page, first)
    ((offered, _value),) = page.evaluate(ENTRIES)
    page.evaluate(
        """([prefix, count]) => {
          for (let n = 0; n < count; n += 1) {  // of later moments
            const key = `${prefix}${"cd".repeat(32)}/${n.toString(16)}`;
            localStorage.setItem(key, `${4e12 + n} wall.jpg eA==`);
          }
        }""",
        [PREFIX, MOST - 1],
    )
    reload(page)
    demo(page)
    delete_hold(page, second)

    expect_entries(page, MOST)
    assert offered in dict(page.evaluate(ENTRIES))
    answer(page, "Restore")
    expect(page.locator(f'.hold[data-hold="{first}"]')).to_have_count(0)


@pytest.mark.parametrize("moment", ["9007199254740991", "-5", "soon"])
def test_an_impossible_moment_is_not_told(open_page: Any, address: str, moment: str) -> None:
    page: Page = open_page(address)
    demo(page)
    hold, _other = holds_apart(page)
    delete_hold(page, hold)
    page.evaluate(
        f"""moment => {{ for (const [key, value] of ({ENTRIES})()) {{
          localStorage.setItem(key, value.replace(/^\\d+/, moment)); }} }}""",
        moment,
    )
    reload(page)
    demo(page)

    expect(offer(page)).to_contain_text("Corrections of this photo are kept in this browser.")
    answer(page, "Restore")
    expect(page.locator(f'.hold[data-hold="{hold}"]')).to_have_count(0)
    expect_entries(page, 1)


def test_what_cannot_be_read_is_told_and_can_be_discarded(open_page: Any, address: str) -> None:
    page: Page = open_page(address)
    demo(page)
    delete_hold(page, holds_apart(page)[0])
    page.evaluate(
        f"""() => {{ for (const [key, value] of ({ENTRIES})()) {{
          localStorage.setItem(key, value.slice(0, 900)); }} }}"""
    )
    reload(page)
    demo(page)

    expect(offer(page)).to_contain_text("They cannot be read")
    expect(offer(page).get_by_role("button", name="Restore")).to_have_count(0)
    answer(page, "Discard")
    expect(offer(page)).to_have_count(0)
    expect_entries(page, 0)


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
