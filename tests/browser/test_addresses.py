"""Addresses of pages, opened directly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.conftest import playwright, serving

ROOT = Path(__file__).resolve().parents[2]


def test_a_page_that_is_opened_first_on_a_fresh_server_has_the_menu(
    tmp_path: Path, browser: Any
) -> None:
    """Not with ``open_page``: Streamlit's own script looks for its server below the page's address
    first, and the browser notes a 404 for each such look."""
    with serving(ROOT / "streamlit_app.py", ROOT, tmp_path / "log") as address:
        page = browser.new_page()
        page.goto(f"{address}/compare")
        for title in ("Review a wall", "Compare two photos", "Models"):
            playwright.expect(page.get_by_role("link", name=title)).to_be_visible()
        playwright.expect(page.get_by_role("link", name="words")).to_have_count(0)
        playwright.expect(page.get_by_role("heading", level=1)).to_have_text("Compare two photos")
        page.close()
