"""Finished English sentences told in another language, without the code that made them knowing.

Errors, warnings and states are made here in ``core`` as English sentences with values in them, and
travel as plain text through documents, caches and sessions. :class:`Phrasebook` finds the template
that a sentence was made from, takes the values out and puts them into the template's translation.
A text that no template fits stays as it is.

A template is written as for :meth:`str.format`: ``The photo {name} is empty (0 bytes).`` Which
templates there are is collected from the source by ``scripts/collect_words.py``; where translations
come from is the caller's business. No grammar is known here: a value stands in the translation as
it stood in the sentence, unless the template says that it is words too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter

LONGEST = 4_000
"""Characters of the longest text that is looked at; no sentence of ours comes near it."""

MOST_SENTENCES = 50
"""A text with more of them is taken as one."""

KEPT = 512
"""Told texts that are remembered: a page tells the same ones again in every run."""


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence, or a part of one, with named places for values.

    ``words`` names the places whose values are made from templates themselves. Raises
    ``ValueError`` for a template without letters of its own, which would fit everything.
    """

    text: str
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not any(letter.isalpha() for part in self.literals() for letter in part):
            raise ValueError(f"expected a template with words of its own, got {self.text!r}")
        if not set(self.words) <= set(self.places()):
            raise ValueError(f"expected places of {self.text!r}, got {self.words}")

    def literals(self) -> list[str]:
        """The text between the places, in order."""
        return [literal for literal, *_ in Formatter().parse(self.text)]

    def places(self) -> list[str]:
        """The names of the places, in order."""
        return [name for _, name, *_ in Formatter().parse(self.text) if name is not None]

    def pattern(self) -> re.Pattern[str]:
        """Matches exactly the texts that this template can have become."""
        parts = []
        for literal, name, *_ in Formatter().parse(self.text):
            parts.append(re.escape(literal))
            if name is not None:
                # Only words may be missing: a clause that is said in some cases.
                parts.append(f"(?P<{name}>.{'*' if name in self.words else '+'}?)")
        return re.compile("".join(parts), re.DOTALL)


class Phrasebook:
    """Templates with their translations; safe to use from several threads."""

    def __init__(self, templates: Iterable[Template], translate: Callable[[str], str]) -> None:
        """``translate`` gives the translation of a template's text, with the same places."""
        # The most of a sentence's own words first: it leaves the least to chance.
        ordered = sorted(templates, key=lambda t: (-sum(map(len, t.literals())), t.text))
        self._rows = [(t, [x for x in t.literals() if x]) for t in ordered]
        self._pattern = lru_cache(maxsize=None)(Template.pattern)
        self._translate = translate
        self._remembered = lru_cache(maxsize=KEPT)(self._all)

    def told(self, text: str) -> str:
        """``text`` in the other language: one sentence or several; itself where it is unknown."""
        found = self._remembered(text) if text and len(text) <= LONGEST else None
        return text if found is None else found

    def _all(self, text: str) -> str | None:
        """Sentence by sentence; the whole text where it cannot be divided so.

        In this order, for a value may be any text: a short template would take in what follows it.
        """
        ends = list(re.finditer(r"(?<=[.!?]) ", text))
        for end in ends if len(ends) < MOST_SENTENCES else ():
            first = self._one(text[: end.start()])
            if first is not None and (rest := self._remembered(text[end.end() :])) is not None:
                return f"{first} {rest}"
        return self._one(text)

    def _one(self, text: str) -> str | None:
        """The text as one template; None where none fits."""
        for template, literals in self._rows:
            if not all(literal in text for literal in literals):
                continue
            if fit := self._pattern(template).fullmatch(text):
                values = fit.groupdict()
                for name in template.words:
                    values[name] = self.told(values[name])
                return self._translate(template.text).format(**values)
        return None
