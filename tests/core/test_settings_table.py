"""The table of settings in the README: every setting has its row, and the README holds them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.settings import DEFAULT_PALETTE, ROWS, Row
from core.settings_table import as_typed, markdown_table


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_every_setting_has_a_sentence_of_help_and_a_row(row: Row) -> None:
    assert re.fullmatch(r"[A-Z].{15,}\.", row.description), row.description
    assert "|" not in row.description
    lines = [line for line in markdown_table().splitlines() if f"`{row.variable}` |" in line]
    assert len(lines) == 1
    assert row.description in lines[0]


def test_the_table_shows_defaults_as_one_types_them() -> None:
    table = markdown_table()

    assert "| `YOLO_WEIGHTS` | empty |" in table
    assert "| `CLIMBMATE_CACHE_DIR` | automatic |" in table
    assert f"| `PALETTE` | `{','.join(DEFAULT_PALETTE)}` |" in table


def test_the_readme_holds_this_table(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")

    found = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", readme, re.DOTALL)

    assert found, "README.md has no table between the settings markers"
    assert found.group(1).strip() == markdown_table(), (
        "run `python -m core settings --markdown` and put its output between the markers"
    )


@pytest.mark.parametrize(
    ("default", "expected"),
    [(("red", "blue"), "red,blue"), (True, "true"), (False, "false"), (0.35, "0.35"), ("", "")],
)
def test_a_default_is_written_as_one_types_it(default: object, expected: str) -> None:
    assert as_typed(default) == expected
