"""The names of colours in the reader's language; a gym's own names stay as they are."""

from __future__ import annotations

from pages.words import _


def colour_words() -> dict[str, str]:
    """The word for each name of the default palette."""
    return {
        "red": _("red"),
        "orange": _("orange"),
        "yellow": _("yellow"),
        "green": _("green"),
        "mint": _("mint"),
        "blue": _("blue"),
        "purple": _("purple"),
        "pink": _("pink"),
        "brown": _("brown"),
        "black": _("black"),
        "grey": _("grey"),
        "white": _("white"),
        "wood": _("wood"),
    }


def colour_word(name: str) -> str:
    """The word for one colour."""
    return colour_words().get(name, name)
