"""The shape of a saved review: which fields there are, of which type, how large numbers may be, and
how long the history is.

A file that a person opens is checked against this before anything is made of it: the records of
:mod:`core.wall` trust the types that the program itself gave them, and would carry a list where a
name belongs as far as a page, which then breaks at every run. Whether the parts agree with each
other is checked by :mod:`core.review_document`, words and outlines by :mod:`core.review_file`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.history import MAX_STEPS

MAX_SIDE_PX = 1_000_000
"""Far beyond any photo that is read, and small enough that no arithmetic on pixels overflows."""

MAX_ID = 2**31 - 1
"""Of a hold or a problem; a browser counts exactly up to 2**53 only."""

_Id = Annotated[int, Field(ge=1, le=MAX_ID)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Place = Annotated[float, Field(ge=-MAX_SIDE_PX, le=MAX_SIDE_PX)]
_Side = Annotated[float, Field(gt=0, le=MAX_SIDE_PX)]
_Byte = Annotated[int, Field(ge=0, le=255)]
_PhotoSide = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]
_Amount = Annotated[float, Field(ge=-1e12, le=1e12)]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Photo(_Shape):
    name: str
    sha256: str
    width: _PhotoSide
    height: _PhotoSide


class _Models(_Shape):
    detector: str
    colour: str


class _Colour(_Shape):
    name: str
    confidence: _Share
    sure: bool
    alternatives: list[tuple[str, _Share]]
    rgb: tuple[_Byte, _Byte, _Byte]


class _Hold(_Shape):
    """A hold; a step of the history has only those of its fields that differ."""

    id: _Id
    absent: bool = False
    kind: Literal["hold", "volume"] = "hold"
    score: _Share = 0
    box: tuple[_Place, _Place, _Side, _Side] = (0, 0, 1, 1)
    polygon: list[tuple[_Place, _Place]] = []
    area_px: Annotated[float, Field(gt=0, le=MAX_SIDE_PX**2)] = 1
    colour: _Colour | None = None
    problem: _Id | None = None


class _Problem(_Shape):
    id: _Id
    absent: bool = False
    colour: str = ""
    holds: list[_Id] = []
    name: str = ""
    grade: str = ""


class _Wall(_Shape):
    photo: _Photo
    models: _Models
    holds: list[_Hold]
    problems: list[_Problem]
    timings_ms: dict[str, _Amount]
    memory_mb: dict[str, _Amount]
    warnings: list[str]


class _Step(_Shape):
    what: str
    holds: list[_Hold]
    problems: list[_Problem]
    changed: list[_Id]
    placed: list[_Id]


_Steps = Annotated[list[_Step], Field(max_length=MAX_STEPS)]
"""Each is checked on the whole wall, so more of them than any review has would take minutes."""


class _Next(_Shape):
    hold: _Id
    problem: _Id


class _Review(_Shape):
    wall: _Wall
    changed: list[_Id]
    placed: list[_Id]
    next: _Next
    past: _Steps
    future: _Steps


def check_shape(text: str) -> None:
    """Whether ``text`` is JSON with the fields of a ``climbmate.review/1`` document, each of its
    type and within its bounds; further fields are left to who reads them.

    Raises ``ValueError`` (pydantic's, which names every field that is wrong).
    """
    _Review.model_validate_json(text)
