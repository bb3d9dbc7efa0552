"""The Korean README follows the English one: same parts, commands and settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.settings_table import markdown_table


@pytest.fixture(scope="module")
def korean(repository: Path) -> str:
    return (repository / "README.ko.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def english(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def rows(table: str) -> list[tuple[str, str]]:
    """Variable and default of each row."""
    cells = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()[2:]]
    return [(row[1], row[2]) for row in cells]


def test_the_settings_are_those_of_the_program(korean: str) -> None:
    table = korean.split("<!-- settings -->\n")[1].split("<!-- /settings -->")[0].strip()

    assert rows(table) == rows(markdown_table())
    assert all(re.search("[가-힣]", line) for line in table.splitlines()[2:])


def test_it_has_the_same_parts(korean: str, english: str) -> None:
    levels = [re.findall(r"^(#+) ", text, re.MULTILINE) for text in (korean, english)]

    assert levels[0] == levels[1]


def test_commands_are_the_same(korean: str, english: str) -> None:
    found = [
        {
            line.split("#")[0].strip()
            for line in re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)
            if line.startswith(("make", "python", "./"))
        }
        for text in (korean, english)
    ]

    assert found[0] == found[1] and found[0]


def test_links_lead_somewhere(korean: str, repository: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)[^)]*\)", korean):
        assert (repository / target).is_file(), target
