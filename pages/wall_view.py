"""The clickable wall: the photo with its holds as outlines that a setter can point at.

A components-v2 element, so it lives in the page itself, in the page's theme. The photo is served as
a file that the browser fetches once; what travels with an edit is the drawing alone
(:func:`core.wall_picture.wall_drawing`). Hovering, zooming, filtering and selecting happen in the
browser; the server hears of a selection or a filter a moment later, and of every wish for an edit
(:mod:`pages.wall_events`).

Nothing is computed here. The files in ``assets/wall_view`` are one module of JavaScript, in the
order of :data:`SCRIPTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

from core.review_filter import HoldFilter
from core.wall_picture import UNITS_PER_PX, WallPicture
from pages.element_files import jpeg_url, source
from pages.wall_events import Listeners, callbacks
from pages.wall_words import wall_words

SCRIPTS = ("drawing.js", "view.js", "wall_view.js", "controls.js")

Reveal = Literal["", "wall", "page"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The selection as Python last set it.

    The browser follows it when ``serial`` differs from the last one it saw; until then its own
    selection stands, which may be newer. ``reveal`` brings the last one into sight: on the
    ``wall``; or on the ``page``, near enough to judge it, where a phone had scrolled the wall away
    too.
    """

    holds: tuple[int, ...] = ()
    serial: int = 0
    reveal: Reveal = ""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The filter as Python last set it; ``serial`` works as that of :class:`Chosen`."""

    filter: HoldFilter = field(default_factory=HoldFilter)
    serial: int = 0


_mount = st.components.v2.component(
    "climbmate_wall",
    html=source("wall_view/wall_view.html"),
    css=source("wall_view/wall_view.css"),
    js="\n".join(source(f"wall_view/{name}") for name in SCRIPTS),
)


def wall_view(
    picture: WallPicture,
    drawing: Mapping[str, Any],
    chosen: Chosen,
    listeners: Listeners,
    narrowed: Narrowed | None = None,
    *,
    key: str,
    colour_words: Mapping[str, str],
    photo_key: str = "",
) -> None:
    """Show the wall.

    ``drawing`` is what :func:`core.wall_picture.wall_drawing` made for ``picture.scale``;
    ``colour_words`` are the names of colours in the reader's language. Zoom and filters stay as
    long as ``photo_key`` does, also when another picture of the same photo is shown.
    """
    narrowed = narrowed or Narrowed()
    data = {
        "photo": {
            "url": jpeg_url(picture.jpeg, f"wall-view-{key}"),
            "key": photo_key,
            "width": picture.width * UNITS_PER_PX,
            "height": picture.height * UNITS_PER_PX,
        },
        **drawing,
        "selection": list(chosen.holds),
        "serial": chosen.serial,
        "reveal": chosen.reveal,
        "filter": narrowed.filter.plain(),
        "filterSerial": narrowed.serial,
        "colourWords": dict(colour_words),
        "words": wall_words(),
    }
    unit = picture.scale / UNITS_PER_PX
    _mount(key=key, data=data, **callbacks(listeners, key, unit))
