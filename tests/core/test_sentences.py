"""Finished sentences are told in another language by the template they were made from."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sentences import LONGEST, Phrasebook, Template


def book(rows: Mapping[str, str], words: tuple[str, ...] = ()) -> Phrasebook:
    templates = [Template(text, tuple(w for w in words if f"{{{w}}}" in text)) for text in rows]
    return Phrasebook(templates, rows.__getitem__)


GERMAN = {
    "The photo {name} is empty.": "Das Foto {name} ist leer.",
    "Send {count} photos of {name}.": "Von {name} bitte {count} Fotos schicken.",
    "Try again.": "Noch einmal.",
    "{error} The old one stays.": "{error} Das alte bleibt.",
    "The file {name} is {kind}.": "{name}: {kind}.",
    "a video": "ein Film",
    "It ended{why}.": "Es endete{why}.",
    " (by {what})": " (durch {what})",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Try again.", "Noch einmal."),
        ("The photo a.jpg is empty.", "Das Foto a.jpg ist leer."),
        ("Send 3 photos of the wall.", "Von the wall bitte 3 Fotos schicken."),  # another order
        ("Try again. Try again.", "Noch einmal. Noch einmal."),
        ("The photo a. b.jpg is empty. Try again.", "Das Foto a. b.jpg ist leer. Noch einmal."),
        # A value that is a sentence, or two, is told too.
        ("Try again. Try again. The old one stays.", "Noch einmal. Noch einmal. Das alte bleibt."),
        ("The file x is a video.", "x: ein Film."),
        ("The file a video is a GIF.", "a video: a GIF."),  # a name is no words
        ("It ended.", "Es endete."),
        ("It ended (by {me}).", "Es endete (durch {me})."),  # braces of a value stay
        ("Nobody knows this.", "Nobody knows this."),
        ("Try again. Nobody knows this.", "Try again. Nobody knows this."),
        ("", ""),
    ],
)
def test_told(text: str, expected: str) -> None:
    assert book(GERMAN, ("error", "kind", "why")).told(text) == expected


def test_the_most_words_of_its_own_win() -> None:
    rows = {"{what} is missing.": "1 {what}", "The file {what} is missing.": "2 {what}"}

    assert book(rows).told("The file a is missing.") == "2 a"
    assert book(dict(reversed(rows.items()))).told("The file a is missing.") == "2 a"


@given(st.text(min_size=1, max_size=40).filter(lambda name: ". " not in name))
def test_any_name_goes_through_unchanged(name: str) -> None:
    assert book(GERMAN).told(f"The photo {name} is empty.") == f"Das Foto {name} ist leer."


def test_a_text_without_end_is_not_searched() -> None:
    text = "The photo " + "a" * LONGEST + " is empty."

    assert book(GERMAN).told(text) == text


def test_a_text_made_to_be_slow_is_not() -> None:
    # Each repetition could end one sentence and begin the next.
    text = "Try again. " * 200 + "Nobody knows this."

    assert book(GERMAN).told(text) == text


@pytest.mark.parametrize("text", ["", "{a}", "{a}: {b}.", "12 {a}"])
def test_a_template_without_words_would_fit_everything(text: str) -> None:
    with pytest.raises(ValueError, match="words of its own"):
        Template(text)


def test_words_are_places_of_the_template() -> None:
    with pytest.raises(ValueError, match="places"):
        Template("The photo {name}.", ("error",))
