"""What the clickable wall tells the server: a browser's values, checked, become calls.

A value of another form than the wall sends is passed over: it came from something else than our
page. What the calls do is the page's matter (:mod:`pages.review_wall`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import streamlit as st

from core.review_filter import HoldFilter
from core.wall import Box, Point

logger = logging.getLogger(__name__)

MAX_CHOSEN = 10_000
"""A longer list from a browser is not a selection."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """What to call before the next run: ``selection`` and ``remove`` with ids of holds, ``point``
    and ``box`` with places in pixels of the photo, ``narrow`` with the filter."""

    selection: Callable[[tuple[int, ...]], None]
    point: Callable[[Point], None]
    box: Callable[[Box], None]
    remove: Callable[[tuple[int, ...]], None]
    narrow: Callable[[HoldFilter], None]


def callbacks(listeners: Listeners, key: str, unit: float) -> dict[str, Any]:
    """The element's callbacks by parameter: they read the event that came under the element's
    ``key``. ``unit`` is pixels of the photo per drawing unit."""

    def event(name: str) -> object:
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

    def on_filter() -> None:
        try:
            wish = HoldFilter.of_plain(event("filter"))
        except ValueError as error:
            logger.warning("event=filter refused=%s", error)
        else:
            listeners.narrow(wish)

    return {
        "on_selection_change": on_selection,
        "on_remove_change": on_remove,
        "on_point_change": on_point,
        "on_box_change": on_box,
        "on_filter_change": on_filter,
    }


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
