"""Every text can be read, in light and in dark, and none is cut off.

Contrast is by the formula of WCAG 2.2: at least 4.5 (level AA), 3 for large letters. What is
switched off, and icons beside a word, need none.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import PATIENCE_MS, playwright
from tests.browser.test_main_flow import open_demo

pytestmark = pytest.mark.slow

# Answers "contrast: text" for each text below its limit. Relative luminance, section "relative
# luminance" of WCAG 2.2; colours that let others shine through are laid over them.
TOO_FAINT = """() => {
  const parse = (text) => {
    const numbers = (text.match(/[\\d.]+/g) ?? []).map(Number);
    return [...numbers.slice(0, 3), numbers[3] ?? 1];
  };
  const over = (front, back) =>
    [0, 1, 2].map((i) => front[i] * front[3] + back[i] * (1 - front[3]));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const judge = (element) => {
    const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    const text = own.map((node) => node.textContent.trim()).join(' ').trim();
    if (!text || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
      return;
    if (element.closest('svg, button:disabled, [aria-disabled=true]')) return;
    if (element.closest('[data-testid=stSlider]')) return; // its number lies outside its parent
    if (element.dataset.testid === 'stIconMaterial') return;
    let shown = 1;
    const grounds = [];
    for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== 'none') return; // a picture: no one colour to compare with
      shown *= Number(style.opacity);
      grounds.push(parse(style.backgroundColor));
    }
    const ground = grounds.reverse().reduce((back, front) => over(front, back), [255, 255, 255]);
    const style = getComputedStyle(element);
    const ink = parse(style.color);
    const letters = over([...ink.slice(0, 3), ink[3] * shown], ground);
    const [low, high] = [luminance(letters), luminance(ground)].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) found.push(`${contrast.toFixed(2)}: ${text}`);
  };
  const walk = (root) => {
    for (const element of root.querySelectorAll('*')) {
      judge(element);
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document);
  return [...new Set(found)];
}"""


def too_faint(page: Any) -> list[str]:
    """What stays too faint: what fades in, or changes with the scheme, is given some seconds."""
    found: list[str] = []
    for _ in range(10):
        page.wait_for_timeout(500)
        found = page.evaluate(TOO_FAINT)
        if not found:
            break
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_every_text_stands_out_from_its_ground(
    open_page: Any, address: str, size: str, scheme: str
) -> None:
    # The scheme is the browser's from the start: one that changes while Streamlit 1.67 loads may
    # leave its own colours in the place of ours.
    page = open_page(address, size, scheme)
    page.get_by_role("button", name="Demo wall").wait_for()
    found = {"start": too_faint(page)}
    page.reload()
    page = open_demo(lambda *_: page, address, size)
    for tab in ("Problems", "Holds", "Numbers", "Vision", "Files"):
        page.get_by_role("tab", name=tab).click()
        found[tab] = too_faint(page)
    if size == "phone":
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Models").click()
    playwright.expect(page.get_by_test_id("stMultiSelect")).to_be_visible(timeout=PATIENCE_MS)
    found["Models"] = too_faint(page)

    assert {place: texts for place, texts in found.items() if texts} == {}


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_nothing_that_is_chosen_or_allowed_lies_out_of_sight(
    open_page: Any, address: str, size: str
) -> None:
    page = open_page(address, size)
    formats = page.get_by_test_id("stFileUploaderDropzoneInstructions").first
    playwright.expect(formats).to_contain_text("BMP")
    page.wait_for_function(  # the page's style may come after its words
        "element => [...element.querySelectorAll('span')]"
        ".every(span => span.scrollWidth <= span.clientWidth)",
        arg=formats.element_handle(),
    )

    if size == "phone":
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Models").click()
    colours = page.get_by_test_id("stMultiSelectTagsContainer")
    playwright.expect(colours.locator("[data-tag]")).to_have_count(13)
    around = colours.bounding_box()
    assert around is not None
    for colour in colours.locator("[data-tag]").all():
        box = colour.bounding_box()
        assert box is not None
        assert around["x"] <= box["x"] and box["x"] + box["width"] <= around["x"] + around["width"]
        assert box["y"] + box["height"] <= around["y"] + around["height"]


def test_the_keyboard_shows_where_it_is_in_the_menu(open_page: Any, address: str) -> None:
    page = open_page(address, "desktop")
    link = page.get_by_role("link", name="Models")
    playwright.expect(link).to_be_visible()
    style = "link => getComputedStyle(link).outlineStyle"
    assert link.evaluate(style) == "none"

    page.get_by_test_id("stExpandSidebarButton").focus()
    for _ in range(3):
        page.keyboard.press("Tab")

    playwright.expect(link).to_be_focused()
    assert link.evaluate(style) == "solid"
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_role("heading", level=1)).to_have_text("Models")
