"""The clickable wall in a real browser: every way to point at a hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with serving(repository / "tests" / "browser" / "wall_app.py", repository, log) as url:
        yield url


@pytest.fixture
def wall(open_page: Any, address: str) -> Page:
    return ready(open_page(address, "desktop"))


@pytest.fixture
def phone(open_page: Any, address: str) -> Page:
    return ready(open_page(address, "phone"))


def ready(page: Page) -> Page:
    expect(page.locator(".hold")).to_have_count(300)
    page.wait_for_function(
        "() => { const find = (n) => n.querySelector?.('img.photo') ?? "
        "[...n.querySelectorAll('*')].map((e) => e.shadowRoot).filter(Boolean).map(find)"
        ".find(Boolean); return find(document)?.naturalWidth === 2000 }"
    )
    page.wait_for_timeout(300)  # the view settles
    return page


def middle(page: Page, hold: int) -> tuple[float, float]:
    """Where the middle of a hold is on the screen, from the picture's own rectangle."""
    box = page.locator("img.photo").bounding_box()
    assert box is not None
    row, column = divmod(hold - 1, 20)
    x, y = 50 + 100 * column, 50 + 100 * row
    return box["x"] + box["width"] * x / 2000, box["y"] + box["height"] * y / 1500


def heard(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.locator("code").inner_text())
    return found


def expect_heard(page: Page, *events: dict[str, Any]) -> None:
    expect(page.locator("code")).to_have_text(json.dumps({"heard": list(events), "removed": []}))


def expect_last_filter(page: Page, value: dict[str, Any]) -> None:
    """What came last: changes that follow each other at once may be told together."""
    last = re.escape(json.dumps({"filter": value}))
    expect(page.locator("code")).to_have_text(re.compile(last + r"\], "))


def selected(page: Page) -> list[int]:
    ids = page.locator(".hold.selected").evaluate_all("all => all.map(g => Number(g.dataset.hold))")
    return sorted(ids)


def test_a_click_selects_and_shift_adds(wall: Page) -> None:
    wall.mouse.click(*middle(wall, 47))
    assert selected(wall) == [47]  # at once, without the server
    expect_heard(wall, {"selection": [47]})

    wall.keyboard.down("Shift")
    wall.mouse.click(*middle(wall, 48))
    wall.mouse.click(*middle(wall, 68))
    wall.mouse.click(*middle(wall, 47))
    wall.keyboard.up("Shift")
    assert selected(wall) == [48, 68]

    wall.mouse.click(middle(wall, 47)[0], (middle(wall, 47)[1] + middle(wall, 67)[1]) / 2)
    assert selected(wall) == []


def test_a_hold_tells_what_it_is(wall: Page) -> None:
    label = wall.locator('.hold[data-hold="2"]').get_attribute("aria-label")
    assert label == "Hold 2, rouge, 93 %, Problem 1 Slab queen"
    assert "unsure" in (wall.locator('.hold[data-hold="1"]').get_attribute("aria-label") or "")

    wall.mouse.move(*middle(wall, 2))
    expect(wall.locator(".tip")).to_contain_text("Problem 1 Slab queen")
    expect(wall.locator(".tip")).to_contain_text("rouge 93 %")
    wall.mouse.move(2, 2)
    expect(wall.locator(".tip")).to_be_hidden()


def test_what_a_hold_is_goes_with_it_and_with_the_selection(wall: Page) -> None:
    tip = wall.locator(".tip")
    wall.locator(".frame").focus()
    for _ in range(8):
        wall.keyboard.press("n")
    wall.keyboard.press("Enter")
    expect(tip).to_contain_text("Hold 8")

    wall.get_by_label("Zoom in").click()
    wall.wait_for_timeout(300)
    if tip.is_visible():  # above or below its hold, at the place where that is now
        box = tip.bounding_box()
        assert box is not None
        x, y = middle(wall, 8)
        assert box["x"] <= x <= box["x"] + box["width"]
        assert min(abs(box["y"] - y), abs(box["y"] + box["height"] - y)) < 60
    wall.locator(".frame").focus()
    wall.keyboard.press("0")
    wall.keyboard.press("n")
    expect(tip).to_contain_text("Hold 9")
    wall.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_a_hold_that_leaves_the_frame_takes_its_words_along(wall: Page) -> None:
    wall.mouse.click(*middle(wall, 150))
    for _ in range(6):
        wall.keyboard.press("+")
    expect(wall.locator(".tip")).to_be_visible()
    for _ in range(40):
        wall.keyboard.press("Shift+ArrowRight")
    expect(wall.locator(".tip")).to_be_hidden()


def test_the_keyboard_goes_through_the_holds(wall: Page) -> None:
    wall.locator(".frame").focus()
    for key in ("n", "n", "n", "p", "ArrowRight", "ArrowDown"):  # 1, 2, 3, 2, 3, 23
        wall.keyboard.press(key)
    active = wall.locator(".frame").get_attribute("aria-activedescendant")
    assert active == "hold-23"
    wall.keyboard.press("Enter")
    assert selected(wall) == [23]
    wall.keyboard.press("ArrowLeft")
    wall.keyboard.press("Space")
    assert selected(wall) == [22, 23]
    wall.keyboard.press("Escape")
    assert selected(wall) == []


def test_zoom_by_wheel_keys_and_buttons_keeps_the_place(wall: Page) -> None:
    photo = wall.locator("img.photo")
    full = photo.bounding_box()
    x, y = middle(wall, 150)
    wall.mouse.click(x, y)  # from now on the wheel is the wall's
    wall.mouse.wheel(0, -400)
    wall.wait_for_timeout(400)
    zoomed = photo.bounding_box()
    assert full and zoomed and zoomed["width"] > 1.5 * full["width"]
    assert middle(wall, 150) == pytest.approx((x, y), abs=1.5)

    wall.mouse.move(x, y)
    wall.mouse.down()
    wall.mouse.move(x - 80, y - 50, steps=4)
    wall.mouse.up()
    assert middle(wall, 150) == pytest.approx((x - 80, y - 50), abs=1.5)
    assert selected(wall) == [150]  # a drag selects nothing

    wall.keyboard.press("0")
    wall.wait_for_timeout(300)
    assert photo.bounding_box() == pytest.approx(full)
    wall.get_by_label("Zoom in").click()
    wall.wait_for_timeout(300)
    assert (photo.bounding_box() or {})["width"] == pytest.approx(1.5 * full["width"], rel=0.01)


def test_delete_asks_python_and_the_hold_goes(wall: Page) -> None:
    wall.mouse.click(*middle(wall, 130))
    wall.keyboard.press("Delete")
    expect(wall.locator(".hold")).to_have_count(299)
    expect(wall.locator('.hold[data-hold="130"]')).to_have_count(0)
    expect(wall.locator("code")).to_contain_text('"removed": [130]')
    assert selected(wall) == []


def test_delete_asks_once_however_often_the_key_comes(wall: Page) -> None:
    wall.mouse.click(*middle(wall, 130))
    expect_heard(wall, {"selection": [130]})
    for _ in range(3):  # the second and third come as those of a key that is held down
        wall.keyboard.down("Delete")
    assert selected(wall) == []  # at once
    wall.keyboard.up("Delete")
    wall.keyboard.press("Delete")
    expect(wall.locator(".hold")).to_have_count(299)
    expect(wall.locator(".tip")).to_be_hidden()
    wall.wait_for_timeout(600)
    assert heard(wall)["removed"] == [130]


def test_a_click_and_a_box_add_in_pixels_of_the_photo(wall: Page) -> None:
    wall.get_by_label("Add a hold by clicking on it").click()
    wall.mouse.click(*middle(wall, 47))
    wall.wait_for_timeout(600)
    (event,) = heard(wall)["heard"]
    assert event["point"] == pytest.approx([650, 250], abs=2)

    wall.get_by_label("Add a hold by drawing a box around it").click()
    start, end = middle(wall, 47), middle(wall, 69)
    wall.mouse.move(*start)
    wall.mouse.down()
    wall.mouse.move(*end, steps=5)
    expect(wall.locator(".rubber")).to_be_visible()
    wall.mouse.up()
    expect(wall.locator(".rubber")).to_be_hidden()
    wall.wait_for_timeout(600)
    assert heard(wall)["heard"][-1]["box"] == pytest.approx([650, 250, 200, 100], abs=3)


def test_filters_dim_the_rest_at_once_and_the_server_hears_of_them(wall: Page) -> None:
    wall.get_by_role("button", name="rouge 80").click()
    assert wall.locator(".hold.dimmed").count() == 220  # at once, without the server
    assert wall.locator(".shown").inner_text() == "80 of 300"
    expect_last_filter(wall, {"colours": ["red"], "problem": None, "unsure": False})

    wall.get_by_role("button", name="rouge 80").click()
    wall.get_by_role("button", name="? unsure 15").click()
    assert wall.locator(".hold.dimmed").count() == 285
    expect_last_filter(wall, {"colours": [], "problem": None, "unsure": True})

    wall.get_by_role("button", name="? unsure 15").click()
    wall.get_by_label("Show only this problem").select_option("3")
    assert wall.locator(".hold.dimmed").count() == 290
    expect_last_filter(wall, {"colours": [], "problem": 3, "unsure": False})


def test_python_can_filter_too(wall: Page) -> None:
    wall.get_by_role("button", name="Only problem 2").click()

    expect(wall.locator(".shown")).to_have_text("10 of 300")
    lit = wall.locator(".hold:not(.dimmed)").evaluate_all(
        "all => all.map(g => Number(g.dataset.hold))"
    )
    assert sorted(lit) == list(range(21, 31))


def test_labels_can_be_read_without_seeing_colours(wall: Page) -> None:
    labels = wall.get_by_label("Labels on the holds")
    assert wall.locator('.labels text:text-is("1?")').count() == 1
    labels.select_option("colours")
    assert wall.locator('.labels text:text-is("rouge")').count() > 0
    labels.select_option("patterns")
    fill = wall.locator('.hold[data-hold="2"] .area').evaluate("e => getComputedStyle(e).fill")
    other = wall.locator('.hold[data-hold="22"] .area').evaluate("e => getComputedStyle(e).fill")
    assert fill.startswith("url(") and other.startswith("url(") and fill != other


def test_python_can_select_too(wall: Page) -> None:
    wall.mouse.click(*middle(wall, 47))
    expect_heard(wall, {"selection": [47]})
    wall.get_by_role("button", name="Choose hold 45").click()
    expect(wall.locator('.hold[data-hold="45"].selected')).to_have_count(1)
    assert selected(wall) == [45]


def test_an_edit_does_not_fetch_the_photo_again(wall: Page) -> None:
    fetched: list[str] = []
    wall.on("request", lambda r: fetched.append(r.url) if "/media/" in r.url else None)
    wall.mouse.click(*middle(wall, 131))
    wall.keyboard.press("Delete")
    expect(wall.locator(".hold")).to_have_count(299)
    assert fetched == []


def test_touch_taps_pinches_and_lets_the_page_scroll(phone: Page) -> None:
    phone.touchscreen.tap(*middle(phone, 105))
    expect(phone.locator('.hold[data-hold="105"].selected')).to_have_count(1)
    phone.get_by_label("Select several holds").tap()
    phone.touchscreen.tap(*middle(phone, 107))
    assert selected(phone) == [105, 107]

    before = phone.locator("img.photo").bounding_box()
    x, y = middle(phone, 105)
    session = phone.context.new_cdp_session(phone)

    def touch(kind: str, half: float) -> None:
        points = [{"x": x - half, "y": y, "id": 0}, {"x": x + half, "y": y, "id": 1}]
        session.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if half else []}
        )

    for kind, half in (("touchStart", 20), ("touchMove", 40), ("touchMove", 80), ("touchEnd", 0)):
        touch(kind, half)
    phone.wait_for_timeout(400)
    after = phone.locator("img.photo").bounding_box()
    assert before and after and after["width"] == pytest.approx(4 * before["width"], rel=0.1)
    assert selected(phone) == [105, 107]  # a pinch is not a tap


def test_the_wall_fits_a_phone(phone: Page) -> None:
    frame = phone.locator(".frame").bounding_box()
    assert frame and frame["x"] >= 0 and frame["x"] + frame["width"] <= 390
    overflow = phone.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    for button in phone.locator(".bar button").all():
        size = button.bounding_box()
        assert size and min(size["width"], size["height"]) >= 40
