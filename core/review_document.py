"""A review as plain values and back: for a session, and for a file that outlives it.

The document, ``climbmate.review/1``::

    {"schema": "climbmate.review/1",
     "wall": the edited wall as a ``climbmate.wall/1`` document,
     "changed": [hold id, ...], "placed": [hold id, ...],        what the setter decided by hand
     "next": {"hold": id, "problem": id},
     "past": [step, ...], "future": [step, ...]}                 undo and redo, the nearest last

A step is ``{"what", "holds", "problems", "changed", "placed"}``: what is different on its other
side. A hold in it has only the fields that differ from the side before, ``"absent": true`` when
there is none there, and all fields when there is none here; so an outline is written once however
often its hold was edited. Problems are written whole.

Numbers are rounded as in the analysis document. Matching a saved review to a photo and the words
for a damaged file are in :mod:`core.review_file`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from core.history import History, Step, WallState, put_in, step_between
from core.wall import (
    Hold,
    Problem,
    WallAnalysis,
    hold_document,
    hold_from_document,
    problem_document,
    problem_from_document,
)

SCHEMA = "climbmate.review/1"

MAX_HOLDS = 2000
"""Of a wall that is opened: five times the most that were found on a photo at the least confidence.
Grouping takes memory by the square of it: of 4000, half of a small server's at the first edit."""

Parts = tuple[WallAnalysis, WallState, int, int, History]
"""The fields of a :class:`core.review.Review`, in their order."""

Holds = Mapping[int, Hold | None]
"""Holds by id; None where there is none any more."""

_FIXED = {"id", "absent"}


def write_parts(
    found: WallAnalysis, state: WallState, next_hold: int, next_problem: int, history: History
) -> dict[str, Any]:
    """The document of a review with these fields."""
    wall = replace(found, holds=state.holds, problems=state.problems)
    return {
        "schema": SCHEMA,
        "wall": wall.document(),
        "changed": sorted(state.changed),
        "placed": sorted(state.placed),
        "next": {"hold": next_hold, "problem": next_problem},
        "past": _write_steps(state, history.past),
        "future": _write_steps(state, history.future),
    }


def read_parts(document: Mapping[str, Any]) -> Parts:
    """Read :func:`write_parts` back.

    Raises ``ValueError`` when it is of another schema, lacks a part, or contradicts itself or is
    too large at any step of its history.
    """
    if document.get("schema") != SCHEMA:
        raise ValueError(f"expected schema {SCHEMA}, got {document.get('schema')!r}")
    try:
        wall = WallAnalysis.from_document(document["wall"])
        found = replace(wall, holds=(), problems=())
        state = WallState(
            tuple(sorted(wall.holds, key=lambda hold: hold.id)),
            tuple(sorted(wall.problems, key=lambda problem: problem.id)),
            frozenset(document["changed"]),
            frozenset(document["placed"]),
        )
        next_hold, next_problem = document["next"]["hold"], document["next"]["problem"]
        _check_state(found, state, next_hold, next_problem)

        def check(there: WallState) -> None:
            _check_state(found, there, next_hold, next_problem)

        history = History(
            _read_steps(state, document["past"], check),
            _read_steps(state, document["future"], check),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected a complete {SCHEMA} document: {error!r}") from error
    return found, state, next_hold, next_problem, history


def _check_state(found: WallAnalysis, state: WallState, next_hold: int, next_problem: int) -> None:
    """Raises ``ValueError`` where a wall contradicts itself, has an id that is still to come, or is
    larger than any."""
    if len(state.holds) > MAX_HOLDS:
        raise ValueError(f"expected at most {MAX_HOLDS} holds, got {len(state.holds)}")
    replace(found, holds=state.holds, problems=state.problems)
    ids = {hold.id for hold in state.holds}
    if not (state.changed | state.placed) <= ids:
        raise ValueError("expected marks of known holds")
    if max(ids, default=0) >= next_hold:
        raise ValueError(f"expected hold ids below {next_hold}, got {max(ids)}")
    if max((problem.id for problem in state.problems), default=0) >= next_problem:
        raise ValueError(f"expected problem ids below {next_problem}")


def walk_steps(here: WallState, steps: Iterable[Step]) -> Iterator[tuple[Step, Holds]]:
    """Each of ``steps``, the nearest to ``here`` first although they are given the other way round,
    with the holds by id on its side towards ``here``; valid until the next one is asked for."""
    known: dict[int, Hold | None] = {hold.id: hold for hold in here.holds}
    for step in reversed(tuple(steps)):
        yield step, known
        known |= step.holds  # on the other side of the step


def step_document(step: Step, known: Holds) -> dict[str, Any]:
    """A step as it stands in the document, from :func:`walk_steps`."""
    return {
        "what": step.what,
        "holds": [
            _write_hold(number, hold, known.get(number)) for number, hold in step.holds.items()
        ],
        "problems": [
            {"id": number, "absent": True} if problem is None else problem_document(problem)
            for number, problem in step.problems.items()
        ],
        "changed": sorted(step.changed),
        "placed": sorted(step.placed),
    }


def _write_steps(here: WallState, steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Documents of ``steps``, the nearest to ``here`` last as they are given."""
    return [step_document(step, known) for step, known in walk_steps(here, steps)][::-1]


def _write_hold(number: int, there: Hold | None, here: Hold | None) -> dict[str, Any]:
    if there is None:
        return {"id": number, "absent": True}
    if here is None:
        return hold_document(there)
    if here.polygon is there.polygon:  # written once already; most of the time would go into it
        outline = here.polygon[:3]
        here, there = replace(here, polygon=outline), replace(there, polygon=outline)
    before, after = hold_document(here), hold_document(there)
    return {"id": number} | {key: after[key] for key in after if after[key] != before[key]}


def _read_steps(
    here: WallState, documents: Iterable[Mapping[str, Any]], check: Callable[[WallState], None]
) -> tuple[Step, ...]:
    steps = []
    for document in reversed(tuple(documents)):
        known = {hold.id: hold for hold in here.holds}
        step = Step(
            str(document["what"]),
            {d["id"]: _read_hold(d, known.get(d["id"])) for d in document["holds"]},
            {d["id"]: _read_problem(d) for d in document["problems"]},
            frozenset(document["changed"]),
            frozenset(document["placed"]),
        )
        there = put_in(here, step)
        check(there)
        steps.append(step_between(step.what, here, there))
        here = there
    return tuple(reversed(steps))


def _read_hold(document: Mapping[str, Any], here: Hold | None) -> Hold | None:
    if document.get("absent"):
        return None
    if here is None:
        return hold_from_document(document)
    news = {key: value for key, value in document.items() if key not in _FIXED}
    there = hold_from_document(hold_document(replace(here, polygon=here.polygon[:3])) | news)
    # What did not change is shared, not copied: history is small only because of that.
    same = {
        key: getattr(here, key)
        for key in ("polygon", "box", "colour", "area_px")
        if key not in news
    }
    return replace(there, **same)


def _read_problem(document: Mapping[str, Any]) -> Problem | None:
    return None if document.get("absent") else problem_from_document(document)
