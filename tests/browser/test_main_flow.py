"""What a setter does, in a real browser with the real models: the demo wall from the first click to
the files, on a laptop and on a phone. With ``CLIMBMATE_SCREENSHOTS`` set to a folder, the pictures
of the documentation are written there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.holds import select_hold
from tests.browser.pictures import save

pytestmark = pytest.mark.slow


def open_demo(open_page: Any, address: str, size: str) -> Page:
    page: Page = open_page(address, size)
    page.get_by_role("button", name="Demo wall").click()
    expect(page.locator(".hold").nth(30)).to_be_attached()
    expect(page.get_by_role("tab", name="Problems")).to_be_visible()
    page.wait_for_timeout(800)  # the view settles, the page's last run ends
    return page


def label(page: Page, hold: int) -> str:
    return page.locator(f'.hold[data-hold="{hold}"]').get_attribute("aria-label") or ""


def a_plain_hold(page: Page) -> tuple[int, str]:
    """A sure red or green hold of a problem that can be clicked in its middle."""
    for row in page.locator(".hold").all():
        text = row.get_attribute("aria-label") or ""
        if ", Problem " in text and "unsure" not in text and (", green," in text):
            return int(row.get_attribute("data-hold") or 0), text
    raise AssertionError("the demo wall has no green hold in a problem")


def click_hold(page: Page, hold: int, size: str) -> None:
    select_hold(page, hold, size)
    expect(page.locator(".st-key-pick_colour")).to_be_visible()
    expect(page.locator(".tip")).to_contain_text(f"Hold {hold}")


def pick_colour(page: Page, colour: str, size: str) -> None:
    menu = page.locator(".st-key-pick_colour input")
    if size == "phone":
        menu.tap()
    else:
        menu.click()
    page.get_by_role("option", name=colour, exact=True).click()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_from_the_demo_wall_to_a_corrected_export(open_page: Any, address: str, size: str) -> None:
    page = open_demo(open_page, address, size)
    hold, before = a_plain_hold(page)

    click_hold(page, hold, size)
    save(page, f"review-{size}.png")
    pick_colour(page, "blue", size)
    mine = page.locator(f'.hold[data-hold="{hold}"]')
    expect(mine).not_to_have_attribute("aria-label", before)
    after = label(page, hold)
    assert ", blue, 100 %" in after
    assert after.split(", ")[-1] != before.split(", ")[-1]  # another problem, or none

    page.get_by_role("tab", name="Files").click()
    with page.expect_download() as event:
        page.get_by_role("button", name="JSON", exact=True).click()
    document = json.loads(event.value.path().read_text(encoding="utf-8"))
    row = next(row for row in document["holds"] if row["id"] == hold)
    assert row["colour"]["name"] == "blue" and row["colour"]["sure"]

    page.get_by_role("button", name="Undo").click()
    expect(mine).to_have_attribute("aria-label", before)


def test_every_file_is_what_it_says(open_page: Any, address: str) -> None:
    page = open_demo(open_page, address, "desktop")
    page.get_by_role("tab", name="Files").click()
    files: dict[str, bytes] = {}
    for name in ("Printable sheet", "Annotated picture", "CSV", "COCO", "Save review"):
        with page.expect_download() as event:
            page.get_by_role("button", name=name, exact=True).click()
        files[name] = event.value.path().read_bytes()

    assert files["Printable sheet"].startswith(b"%PDF-")
    with Image.open(io.BytesIO(files["Annotated picture"])) as picture:
        assert picture.format == "JPEG" and picture.size == (1200, 1600)
    holds = page.locator(".hold").count()
    table = files["CSV"].decode("utf-8-sig")
    assert files["CSV"] == table.encode("utf-8-sig")  # with the mark that Excel looks for
    assert len(table.splitlines()) == holds + 1
    assert len(json.loads(files["COCO"])["annotations"]) == holds
    assert json.loads(files["Save review"])["schema"] == "climbmate.review/1"


def test_a_hold_is_added_with_a_click_and_deleted_with_a_key(open_page: Any, address: str) -> None:
    page = open_demo(open_page, address, "desktop")
    before = page.locator(".hold").count()
    hold, _label = a_plain_hold(page)
    click_hold(page, hold, "desktop")
    place = page.locator(f'.hold[data-hold="{hold}"] .area').bounding_box()
    page.keyboard.press("Delete")
    expect(page.locator(".hold")).to_have_count(before - 1)

    page.get_by_label("Add a hold by clicking on it").click()
    assert place is not None
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(page.locator(".hold")).to_have_count(before)
    added = page.locator(".hold.selected")
    expect(added).to_have_count(1)
    box = added.locator(".area").bounding_box()
    assert box is not None  # the outline that was deleted, found again
    overlap = min(box["width"], place["width"]) / max(box["width"], place["width"])
    assert overlap > 0.5 and abs(box["x"] - place["x"]) < place["width"]


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_click_that_finds_no_hold_is_told_and_the_wall_stays_where_it_is(
    open_page: Any, address: str, size: str
) -> None:
    page = open_demo(open_page, address, size)
    page.get_by_label("Add a hold by clicking on it").click()
    photo = page.locator(".photo").bounding_box()
    assert photo is not None
    place = photo["x"] + 0.5 * photo["width"], photo["y"] + 0.89 * photo["height"]  # the floor
    if size == "phone":
        page.touchscreen.tap(*place)
    else:
        page.mouse.click(*place)

    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("No hold can be told from the wall")
    page.wait_for_timeout(300)
    box = alert.bounding_box()
    assert box is not None and page.locator(".photo").bounding_box() == photo
    assert 0 <= box["y"] and box["y"] + box["height"] <= page.viewport_size["height"]


def test_the_table_and_the_wall_are_in_step(open_page: Any, address: str) -> None:
    page = open_demo(open_page, address, "desktop")
    table = page.get_by_test_id("stDataFrame").first
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 20, box["y"] + 35 + 18)  # the tick of the first problem
    expect(page.locator(".hold.selected").nth(2)).to_be_attached()
    chosen = page.locator(".hold.selected").evaluate_all(
        "all => [...new Set(all.map(g => g.getAttribute('aria-label').split(', ').at(-1)))]"
    )
    assert chosen == ["Problem 1"]


def test_the_filter_on_the_wall_is_the_tables_too(open_page: Any, address: str) -> None:
    page = open_demo(open_page, address, "desktop")
    chip = page.locator('[data-control="colour-blue"]')
    many = int(chip.inner_text().split()[-1])
    all_holds = page.locator(".hold").count()

    chip.click()
    expect(page.get_by_text(f"{many} of {all_holds} holds shown")).to_be_visible()
    page.get_by_role("tab", name="Holds").click()
    table = page.get_by_test_id("stDataFrame").locator("table tbody tr")
    expect(table).to_have_count(many)
    assert all("blue" in text for text in table.all_text_contents())

    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
    page.get_by_role("link", name="Review a wall").click()
    expect(page.locator(".shown")).to_have_text(f"{many} of {all_holds}")  # it outlives the visit

    page.get_by_role("button", name="Show all").click()
    expect(page.locator(".shown")).to_have_count(0)
    expect(page.locator(".hold.dimmed")).to_have_count(0)


def test_on_a_phone_what_was_tapped_is_changed_without_scrolling(
    open_page: Any, address: str
) -> None:
    page = open_demo(open_page, address, "phone")
    visible = page.viewport_size["height"]
    lowest = max(page.locator(".hold").all(), key=lambda row: (row.bounding_box() or {"y": 0})["y"])
    hold = int(lowest.get_attribute("data-hold") or 0)

    click_hold(page, hold, "phone")
    page.wait_for_timeout(1000)  # the page scrolls

    sheet = page.locator(".st-key-picked").bounding_box()
    outline = lowest.bounding_box()
    assert sheet is not None and outline is not None
    assert outline["y"] + outline["height"] <= sheet["y"]  # what was tapped stays in sight
    for key in ("pick_colour", "pick_problem", "pick_kind", "delete"):
        box = page.locator(f".st-key-{key}").bounding_box()
        assert box is not None and sheet["y"] <= box["y"] and box["y"] + box["height"] <= visible

    page.locator(".st-key-select_none button").tap()
    expect(page.locator(".st-key-picked")).to_have_count(0)
    expect(page.locator(".hold.selected")).to_have_count(0)


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_panorama_is_no_thin_strip(
    open_page: Any, address: str, repository: Path, size: str
) -> None:
    page: Page = open_page(address, size)
    photo = io.BytesIO()
    with Image.open(repository / "assets" / "demo_wall.jpg") as wall:
        panorama = Image.new("RGB", (2400, 400))
        for number in range(8):
            panorama.paste(wall.resize((300, 400)), (300 * number, 0))
        panorama.save(photo, "JPEG")
    page.locator('input[type="file"]').first.set_input_files(
        {"name": "wide.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()}
    )
    expect(page.locator(".hold").nth(5)).to_be_attached()
    page.wait_for_timeout(800)

    frame, picture = page.locator(".frame").bounding_box(), page.locator(".photo").bounding_box()
    assert frame is not None and picture is not None
    assert picture["height"] > 150 and picture["height"] > 0.5 * frame["height"]
    assert abs(picture["x"] - frame["x"]) < 2  # it begins at its beginning
    page.get_by_label("Show the whole wall").click()
    page.wait_for_timeout(400)
    picture = page.locator(".photo").bounding_box()
    assert picture is not None and picture["width"] <= frame["width"] + 1


def test_stop_gives_the_analysis_up_and_it_can_be_tried_again(
    open_page: Any, address: str, repository: Path
) -> None:
    page: Page = open_page(address, "desktop")
    files = []
    with Image.open(repository / "assets" / "demo_wall.jpg") as wall:
        for number in range(8):  # however fast the machine is, the last one still waits
            photo = io.BytesIO()
            wall.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((2400 - number, 3200)).save(
                photo, "JPEG"
            )
            name = f"wall{number}.jpg"
            files.append({"name": name, "mimeType": "image/jpeg", "buffer": photo.getvalue()})
    page.locator('input[type="file"]').first.set_input_files(files)
    page.get_by_role("button", name="Stop").click()
    troubles = page.locator(".st-key-troubles")
    expect(troubles.get_by_text("photos were not analysed")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    page.wait_for_timeout(1000)  # a photo that was nearly done is shown after all
    last = page.get_by_text("wall7.jpg was stopped")
    if not last.is_visible():  # the list is closed where the first photo was done in time
        troubles.locator("summary").click()
    expect(last).to_be_visible()

    page.locator(".st-key-retry-8 button").click()
    expect(last).to_have_count(0)
    expect(page.locator(".hold").nth(30)).to_be_attached()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.get_by_text("broke off")).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_the_wall_is_seen_through_other_eyes(open_page: Any, address: str) -> None:
    page = open_demo(open_page, address, "desktop")
    first = page.locator("img.photo").get_attribute("src")
    page.get_by_role("tab", name="Vision").click()
    page.get_by_role("radio", name="Deutan (green-blind)").click()
    expect(page.get_by_text("As seen by: Deutan")).to_be_visible()
    expect(page.locator("img.photo")).not_to_have_attribute("src", first or "")
    page.get_by_role("button", name="Show true colours").click()
    expect(page.locator("img.photo")).to_have_attribute("src", first or "")
