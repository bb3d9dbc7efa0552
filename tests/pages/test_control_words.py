"""The texts of Streamlit's controls that are replaced: Streamlit writes them, and they have other
words."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import streamlit
from babel.messages.pofile import read_po

from pages.control_words import LABELS, TEXTS

COMPOSED = {
    "Press Enter to apply": ["Press Enter to ", "`apply`"],
    "add icon": [" icon`"],
    "1 option available.": [" option`", " available."],
    "{count} options available.": [" options`", " available."],
}
"""What Streamlit puts together from parts."""

EVERY = sorted({*LABELS, *(text for row in TEXTS.values() for text in row)})


@cache
def front_end() -> str:
    """All scripts that Streamlit sends to a browser."""
    scripts = sorted((Path(streamlit.__file__).parent / "static" / "static" / "js").glob("*.js"))
    return "\n".join(script.read_text(encoding="utf-8") for script in scripts)


@pytest.mark.parametrize("text", EVERY)
def test_streamlit_writes_it(text: str) -> None:
    parts = COMPOSED.get(text) or [part.strip(" :.") for part in re.split(r"\{\w+\}", text)]

    missing = [part for part in parts if part not in front_end()]

    assert not missing, "Streamlit words it in another way now: look the new one up"


def test_every_text_has_other_words_with_the_same_gaps(repository: Path) -> None:
    with (repository / "locales/ko/LC_MESSAGES/climbmate.po").open("rb") as file:
        catalogue = read_po(file, locale="ko")

    for text in EVERY:
        words = catalogue.get(text).string
        assert words and words != text
        assert set(re.findall(r"\{\w+\}", words)) == set(re.findall(r"\{\w+\}", text))
