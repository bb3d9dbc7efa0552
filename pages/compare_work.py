"""The comparison of two photos, with its progress on the page, once per pair and session.

The session keeps the document and the encoded pictures of the latest pair; never pixels, never
models.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.choices import Choices
from core.compare_photos import compare_photos
from core.errors import ClimbMateError
from core.service import Answer
from core.wall import WallAnalysis
from pages.compare_intake import Photo
from pages.shared import Ready, plain
from pages.words import _


@dataclass(frozen=True)
class Compared:
    """What a session keeps of one pair: the document and three JPEGs, or the error's sentences and
    which photo it is about: 0 or 1, -1 for both."""

    key: str
    document: dict[str, Any] | None = None
    changes: bytes = b""
    before: bytes = b""
    after: bytes = b""
    error: tuple[str, str] = ("", "")
    photo: int = -1


def compared_once(pair: tuple[Photo, Photo], choices: Choices, ready: Ready) -> Compared:
    """What the session keeps of this pair, or the comparison made now."""
    parts = [hashlib.sha256(data).hexdigest() for _name, data in pair]
    key = "|".join([*parts, repr(choices)])
    kept: Compared | None = st.session_state.get("compared")
    if kept is None or kept.key != key:
        kept = st.session_state["compared"] = _compared(key, pair, choices, ready)
    return kept


def _compared(key: str, pair: tuple[Photo, Photo], choices: Choices, ready: Ready) -> Compared:
    """Analyse both photos and compare them."""
    place = st.empty()
    analyses: list[WallAnalysis] = []
    bar = place.progress(0.0, text=_("Waiting for another analysis to end"))
    doing = (_("Finding the holds before the reset"), _("Finding the holds after the reset"))
    turn = -1
    try:
        for turn, (name, data) in enumerate(pair):
            with closing(ready.service.steps(data, name=name, choices=choices)) as steps:
                for item in steps:
                    if isinstance(item, Answer):
                        analyses.append(item.analysis)
                    else:
                        bar.progress(0.4 * (turn + item.share), text=doing[turn])
        turn = -1
        bar.progress(0.85, text=_("Laying one photo onto the other"))
        photos = [(data, found) for (_name, data), found in zip(pair, analyses, strict=True)]
        found = compare_photos(photos[0], photos[1], choices.applied_to(ready.settings))
        document = found.comparison.document()
        return Compared(key, document, found.changes, found.before, found.after)
    except ClimbMateError as error:
        return Compared(key, error=(error.message, error.hint), photo=turn)
    finally:
        place.empty()


def say_which(kept: Compared, pair: tuple[Photo, Photo]) -> None:
    """Name the photo that an error is about."""
    if kept.photo >= 0:
        texts = (_("The photo before the reset: {name}"), _("The photo after the reset: {name}"))
        st.markdown(texts[kept.photo].format(name=plain(pair[kept.photo][0])))
