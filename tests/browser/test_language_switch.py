"""The language is changed in the middle of the work: what was chosen stays, in other words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_main_flow import a_plain_hold, click_hold, open_demo

pytestmark = pytest.mark.slow

NAMES = re.compile(r"English|• [A-Z, ]+|.*[./](pdf|jpg).*")
"""What is the same in every language: a language's own name, formats, and names of files."""

ENGLISH = """() => {
  const found = new Set();
  const add = (text) => { if (/[A-Za-z]{3}/.test(text ?? "")) found.add(text.trim()); };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const host = texts.currentNode.parentElement;
    const drawn = host.getClientRects().length > 0;
    if (drawn && !host.closest("style, script, [data-testid=stIconMaterial]")) {
      add(texts.currentNode.data);
    }
  }
  for (const name of ["aria-label", "placeholder", "title"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) add(element.getAttribute(name));
  }
  return [...found];
}"""
"""Texts with Latin letters, seen or read aloud."""


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


def english_left(page: Page) -> list[str]:
    return [text for text in page.evaluate(ENGLISH) if not NAMES.fullmatch(text)]


def test_the_controls_speak_korean_too(open_page: Any, address: str) -> None:
    page: Page = open_page(f"{address}/?lang=ko", "desktop")
    uploader = page.get_by_test_id("stFileUploader")
    expect(uploader.get_by_role("button", name="올리기", exact=True)).to_be_visible()
    document = {"name": "plan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"}
    uploader.locator("input").set_input_files(document)
    expect(page.get_by_text("application/pdf 파일은 올릴 수 없습니다.")).to_be_visible()
    assert english_left(page) == []

    page.get_by_role("link", name="모델").click()
    expect(page.get_by_role("button", name="빨강 지우기")).to_be_visible()
    page.get_by_test_id("stExpandSidebarButton").click()
    switch(page, "English")
    expect(page.get_by_role("button", name="Remove red")).to_be_visible()
    expect(page.get_by_test_id("stExpandSidebarButton")).to_have_count(0)
    page.get_by_role("link", name="Review a wall").click()
    expect(uploader.get_by_role("button", name="Upload", exact=True)).to_be_visible()


def test_the_toolbar_of_a_table_speaks_korean_too(open_page: Any, address: str) -> None:
    page: Page = open_page(f"{address}/?lang=ko", "desktop")
    page.get_by_role("button", name="예시 벽").click()
    table = page.get_by_test_id("stDataFrame").first
    table.hover()
    expect(page.get_by_role("button", name="전체 화면: 이 벽의 문제")).to_be_visible()
    english = [text for text in english_left(page) if not text.startswith("CSV")]
    assert english == []


def test_the_charts_speak_korean_too(open_page: Any, address: str) -> None:
    page: Page = open_page(f"{address}/?lang=ko", "desktop")
    page.get_by_role("button", name="예시 벽").click()
    page.get_by_role("tab", name="통계").click()
    expect(page.get_by_test_id("stVegaLiteChart").filter(visible=True)).to_have_count(3)
    page.wait_for_function("() => document.querySelectorAll('[role=graphics-symbol]').length > 20")

    english = [text for text in english_left(page) if not re.search("[가-힣]", text)]
    assert english == []
    chart = page.get_by_test_id("stVegaLiteChart").filter(visible=True).first
    chart.hover()
    page.get_by_role("button", name="데이터 보기").filter(visible=True).first.click()
    expect(page.locator("[role=columnheader]").filter(has_text="설명")).to_have_count(1)
