"""Corrections that an earlier visit left are offered: also of an impossible moment, damaged, or
among many others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SIZES
from tests.browser.holds import select_hold
from tests.browser.kept import (
    ENTRIES,
    MOST,
    PREFIX,
    answer,
    delete_hold,
    demo,
    expect_entries,
    holds_apart,
    offer,
    reload,
)

pytestmark = pytest.mark.slow

KEEP = "([key, value]) => localStorage.setItem(key, value)"


def leave(page: Page, key: str, value: str) -> None:
    """Put an entry into the storage and come back to the page, which has told of it by then."""
    page.evaluate(KEEP, [key, value])
    reload(page)
    expect(page.get_by_text("This browser keeps your corrections")).to_be_visible()


@dataclass(frozen=True)
class Left:
    """What a visit left in its browser: the entry, and which hold of the demo wall it deleted."""

    key: str
    value: str
    hold: int


@pytest.fixture(scope="module")
def left(browser: Any, address: str) -> Left:
    """Made once, by a real visit; each test puts it into the storage of a browser of its own."""
    context = browser.new_context(**SIZES["desktop"])
    page = context.new_page()
    page.goto(address)
    demo(page)
    hold, _other = holds_apart(page)
    delete_hold(page, hold)
    ((key, value),) = page.evaluate(ENTRIES)
    context.close()
    return Left(key, value, hold)


def test_what_is_on_offer_does_not_give_way(open_page: Any, address: str, left: Left) -> None:
    page: Page = open_page(address)
    leave(page, left.key, left.value)
    page.evaluate(
        """([prefix, count]) => {
          for (let n = 0; n < count; n += 1) {  // of later moments
            const key = `${prefix}${"cd".repeat(32)}/${n.toString(16)}`;
            localStorage.setItem(key, `${4e12 + n} wall.jpg eA==`);
          }
        }""",
        [PREFIX, MOST - 1],
    )
    demo(page)
    expect(offer(page)).to_be_visible()
    delete_hold(page, next(number for number in holds_apart(page) if number != left.hold))

    expect_entries(page, MOST)
    assert left.key in dict(page.evaluate(ENTRIES))
    answer(page, "Restore")
    expect(page.locator(f'.hold[data-hold="{left.hold}"]')).to_have_count(0)


@pytest.mark.parametrize("moment", ["9007199254740991", "-5", "soon"])
def test_an_impossible_moment_is_not_told(
    open_page: Any, address: str, left: Left, moment: str
) -> None:
    page: Page = open_page(address)
    leave(page, left.key, " ".join([moment, *left.value.split(" ")[1:]]))
    demo(page)

    expect(offer(page)).to_contain_text("Corrections of this photo are kept in this browser.")
    answer(page, "Restore")
    expect(page.locator(f'.hold[data-hold="{left.hold}"]')).to_have_count(0)
    expect_entries(page, 1)


def test_what_cannot_be_read_is_told_and_can_be_discarded(
    open_page: Any, address: str, left: Left
) -> None:
    page: Page = open_page(address)
    leave(page, left.key, left.value[:900])
    demo(page)

    expect(offer(page)).to_contain_text("They cannot be read")
    expect(offer(page).get_by_role("button", name="Restore")).to_have_count(0)
    answer(page, "Discard")
    expect(offer(page)).to_have_count(0)
    expect_entries(page, 0)


def test_what_is_discarded_is_gone_though_the_storage_was_full(
    open_page: Any, address: str, left: Left
) -> None:
    """What could not be written is undone: nothing takes the place of what goes."""
    page: Page = open_page(address)
    leave(page, left.key, left.value)
    page.evaluate(
        """kept => { const write = Storage.prototype.setItem;
          Storage.prototype.setItem = function (key, value) {
            if (key.startsWith("climbmate") && key !== kept)
              throw new DOMException("full", "QuotaExceededError");
            write.call(this, key, value);
          }; }""",
        left.key,
    )
    demo(page)
    number = next(number for number in holds_apart(page) if number != left.hold)
    select_hold(page, number, "desktop")
    page.locator(".st-key-delete button:visible").first.click()
    expect(page.get_by_text("no room to keep your corrections")).to_be_visible()
    page.locator(".st-key-undo button:visible").first.click()
    expect(page.locator(f'.hold[data-hold="{number}"]')).to_have_count(1)
    answer(page, "Discard")
    expect(offer(page)).to_have_count(0)
    page.wait_for_timeout(500)

    expect_entries(page, 0)
