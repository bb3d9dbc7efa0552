"""The clickable wall: the photo with its holds as outlines that a setter can point at.

A components-v2 element, so it lives in the page itself, in the page's theme. The photo is served as
a file that the browser fetches once; what travels with an edit is the drawing alone
(:func:`core.wall_picture.wall_drawing`). Hovering, zooming, filtering and selecting happen in the
browser; the server hears of a selection a moment later, and of every wish for an edit.

Nothing is computed here but the change from picture units to pixels of the photo. The files in
``assets/wall_view`` are one module of JavaScript, in the order of :data:`SCRIPTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import runtime

from core.wall import Box, Point
from core.wall_picture import UNITS_PER_PX, WallPicture
from pages.wall_words import wall_words

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "wall_view"
SCRIPTS = ("drawing.js", "view.js", "wall_view.js", "controls.js")

MAX_CHOSEN = 10_000
"""A longer list from a browser is not a selection."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The selection as Python last set it.

    The browser follows it when ``serial`` differs from the last one it saw; until then its own
    selection stands, which may be newer. ``reveal`` moves the view so that the last one is seen.
    """

    holds: tuple[int, ...] = ()
    serial: int = 0
    reveal: bool = False


@dataclass(frozen=True, slots=True)
class Listeners:
    """What to call before the next run: ``selection`` and ``remove`` with ids of holds, ``point``
    and ``box`` with places in pixels of the photo."""

    selection: Callable[[tuple[int, ...]], None]
    point: Callable[[Point], None]
    box: Callable[[Box], None]
    remove: Callable[[tuple[int, ...]], None]


@cache
def _source(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "climbmate_wall",
    html=_source("wall_view.html"),
    css=_source("wall_view.css"),
    js="\n".join(map(_source, SCRIPTS)),
)


def wall_view(
    picture: WallPicture,
    drawing: Mapping[str, Any],
    chosen: Chosen,
    listeners: Listeners,
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
    data = {
        "photo": {
            "url": _photo_url(picture.jpeg, key),
            "key": photo_key,
            "width": picture.width * UNITS_PER_PX,
            "height": picture.height * UNITS_PER_PX,
        },
        **drawing,
        "selection": list(chosen.holds),
        "serial": chosen.serial,
        "reveal": chosen.reveal,
        "colourWords": dict(colour_words),
        "words": wall_words(),
    }
    unit = picture.scale / UNITS_PER_PX

    def event(name: str) -> Any:
        return st.session_state[key].get(name)

    def on_selection() -> None:
        if (ids := read_ids(event("selection"))) is not None:
            listeners.selection(ids)

    def on_remove() -> None:
        if ids := read_ids(event("remove")):
            listeners.remove(ids)

    def on_point() -> None:
        if numbers := read_numbers(event("point"), 2):
            listeners.point((numbers[0] * unit, numbers[1] * unit))

    def on_box() -> None:
        if numbers := read_numbers(event("box"), 4):
            x, y, width, height = (number * unit for number in numbers)
            listeners.box((x, y, width, height))

    _mount(
        key=key,
        data=data,
        on_selection_change=on_selection,
        on_remove_change=on_remove,
        on_point_change=on_point,
        on_box_change=on_box,
    )


def _photo_url(jpeg: bytes, key: str) -> str:
    """Where the browser gets the photo: the same address as long as the photo is the same."""
    url = runtime.get_instance().media_file_mgr.add(jpeg, "image/jpeg", f"wall-view-{key}")
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{url}" if base else url


def read_ids(value: object) -> tuple[int, ...] | None:
    """Ids of holds as a browser sent them; None when it sent something else."""
    if not isinstance(value, list) or len(value) > MAX_CHOSEN:
        return None
    if not all(type(number) is int and number >= 1 for number in value):
        return None
    return tuple(dict.fromkeys(value))


def read_numbers(value: object, count: int) -> tuple[float, ...] | None:
    """``count`` finite numbers as a browser sent them; None when it sent something else."""
    if not isinstance(value, list) or len(value) != count:
        return None
    if not all(type(number) in (int, float) and isfinite(number) for number in value):
        return None
    return tuple(map(float, value))
