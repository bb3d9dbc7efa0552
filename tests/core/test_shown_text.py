"""What can be shown: names in any script, and nothing that drives a terminal."""

from __future__ import annotations

import pytest

from core.shown_text import can_be_shown


@pytest.mark.parametrize("text", ["", "Süd wand", "슬랩 여왕", "👩‍🚀 roof", "6B+", "e\u0301"])
def test_words_of_any_script_can_be_shown(text: str) -> None:
    assert can_be_shown(text)


@pytest.mark.parametrize("letter", [*map(chr, range(32)), "\x7f", "\x9b", "\ud83d"])
def test_what_drives_a_terminal_or_is_half_a_letter_cannot(letter: str) -> None:
    assert not can_be_shown(f"dark{letter}red")
