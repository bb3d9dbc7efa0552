"""Small factories of records for tests: everything has a default, name only what matters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import cos, pi, sin
from typing import Any

from core.wall import Box, Colour, Hold, Kind, ModelInfo, PhotoInfo, Point, WallAnalysis


def make_colour(name: str = "red", **changes: Any) -> Colour:
    """A sure colour; any field of :class:`Colour` can be given."""
    fields: dict[str, Any] = {
        "confidence": 0.9,
        "sure": True,
        "alternatives": (),
        "rgb": (200, 40, 40),
    }
    return Colour(name=name, **fields | changes)


def ellipse(box: Box, points: int = 12) -> tuple[Point, ...]:
    """The outline of the ellipse in ``box``."""
    x, y, width, height = box
    turns = [2 * pi * step / points for step in range(points)]
    return tuple(
        (x + width / 2 * (1 + cos(turn)), y + height / 2 * (1 + sin(turn))) for turn in turns
    )


def make_hold(
    number: int = 1,
    box: Box = (10.0, 20.0, 30.0, 40.0),
    colour: str | Colour = "red",
    *,
    kind: Kind = "hold",
    score: float = 0.8,
    problem: int | None = None,
) -> Hold:
    """An elliptical hold that fills ``box``."""
    return Hold(
        id=number,
        kind=kind,
        score=score,
        box=box,
        polygon=ellipse(box),
        area_px=0.785 * box[2] * box[3],
        colour=make_colour(colour) if isinstance(colour, str) else colour,
        problem=problem,
    )


def column(
    first: int, x: float, colour: str, *, count: int = 6, size: float = 30.0, step: float = 90.0
) -> list[Hold]:
    """``count`` holds of one colour above each other, ids from ``first``, swaying a little."""
    return [
        make_hold(first + k, (x + size * (k % 2), 60.0 + step * k, size, size), colour)
        for k in range(count)
    ]


def make_analysis(
    holds: Sequence[Hold] = (), problems: Iterable[Any] = (), **changes: Any
) -> WallAnalysis:
    """An analysis of a photo of 800 x 600 pixels."""
    fields: dict[str, Any] = {
        "photo": PhotoInfo("wall.jpg", "0" * 64, 800, 600),
        "models": ModelInfo("detector@1", "colour@1"),
    }
    return WallAnalysis(holds=tuple(holds), problems=tuple(problems), **fields | changes)
