"""A photo of the size that the settings allow comes in, also above Streamlit's own limit; of a
larger one, and of what is no photo, the page says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import serving


@pytest.mark.parametrize("most_mb", ["20", "30.5"])
def test_a_photo_as_large_as_the_settings_allow_comes_in(
    open_page: Any,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most_mb: str,
) -> None:
    monkeypatch.setenv("MAX_PHOTO_MB", most_mb)
    wall = (repository / "assets" / "demo_wall.jpg").read_bytes()
    photo = tmp_path / "large.jpg"
    photo.write_bytes(wall.ljust(int(float(most_mb) * 2**20), b"\0"))  # nobody reads behind its end

    with serving(repository / "streamlit_app.py", repository, tmp_path / "log.txt") as url:
        page = open_page(url)
        page.locator('input[type="file"]').first.set_input_files(photo)

        expect(page.get_by_text("large.jpg, ")).to_be_visible()
        page.close()  # before its server ends


def give(page: Page, *files: Path) -> None:
    """Give ``files`` to the uploader once the element that hears of refused ones is there too,
    which comes after it."""
    page.locator('.st-key-refused [data-testid^="stBidiComponent"]').wait_for(state="attached")
    page.locator('input[type="file"]').first.set_input_files(files)


def test_a_photo_that_is_too_large_is_told_beside_those_that_came_in(
    open_page: Any, repository: Path, address: str, tmp_path: Path
) -> None:
    wall = (repository / "assets" / "demo_wall.jpg").read_bytes()
    good, huge = tmp_path / "good.jpg", tmp_path / "huge.jpg"
    good.write_bytes(wall)
    huge.write_bytes(wall.ljust(25 * 2**20, b"\0"))
    page = open_page(address)

    give(page, huge, good)

    expect(page.get_by_text("good.jpg, ")).to_be_visible()
    trouble = page.locator(".st-key-troubles")
    expect(trouble).to_contain_text("huge.jpg has 25.0 MiB; the limit is 20 MiB.")
    trouble.get_by_role("button", name="Remove").click()
    expect(trouble).to_have_count(0)
    expect(page.locator(".hold").nth(30)).to_be_attached()


def test_what_is_no_photo_is_told_beside_those_that_came_in(
    open_page: Any, repository: Path, address: str, tmp_path: Path
) -> None:
    good, plan = tmp_path / "GOOD.JPG", tmp_path / "plan.pdf"
    good.write_bytes((repository / "assets" / "demo_wall.jpg").read_bytes())
    plan.write_bytes(b"%PDF-1.7")
    page = open_page(address)

    give(page, plan, good)

    expect(page.get_by_text("GOOD.JPG, ")).to_be_visible()
    trouble = page.locator(".st-key-troubles")
    expect(trouble).to_contain_text("plan.pdf does not have the extension of a photo.")
    expect(trouble).to_contain_text("Send the photo as JPEG, PNG, WebP or HEIC.")
    expect(trouble).not_to_contain_text("GOOD")


def test_a_refused_file_that_was_removed_is_told_no_more(
    open_page: Any, repository: Path, address: str, tmp_path: Path
) -> None:
    good, plan, notes = tmp_path / "good.jpg", tmp_path / "plan.pdf", tmp_path / "notes.txt"
    good.write_bytes((repository / "assets" / "demo_wall.jpg").read_bytes())
    plan.write_bytes(b"%PDF-1.7")
    notes.write_bytes(b"left wall on Monday")
    page = open_page(address)

    give(page, plan, notes)
    page.get_by_role("button", name="Remove plan.pdf").click()
    give(page, good)

    expect(page.get_by_text("good.jpg, ")).to_be_visible()
    trouble = page.locator(".st-key-troubles")
    expect(trouble).to_contain_text("notes.txt does not have the extension of a photo.")
    expect(trouble).not_to_contain_text("plan.pdf")
