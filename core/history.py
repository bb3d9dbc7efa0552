"""What an edit replaced, so that it can be taken back and made again, within bounds.

A :class:`Step` keeps only the holds and problems that differ on the other side of it, and putting
it in (:func:`swap`) gives the step that leads back: undo and redo are one operation. The rest of
the wall is shared, so a hundred steps on 300 holds are small. A :class:`History` is bounded in
steps and in bytes; the oldest steps go first.

Nothing here knows what an edit means; :mod:`core.review_edits` does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from core.wall import Hold, Problem

MAX_STEPS = 100
"""Edits that can be taken back, at most."""

MAX_BYTES = 1 << 20
"""Memory that the steps of one review may hold, at most."""

Record = TypeVar("Record", Hold, Problem)


@dataclass(frozen=True, slots=True)
class WallState:
    """The part of a review that edits change: records in ascending order of their ids.

    ``changed`` are the holds whose colour, kind or outline was given by hand; ``placed`` those
    whose problem (or lack of one) was.
    """

    holds: tuple[Hold, ...]
    problems: tuple[Problem, ...]
    changed: frozenset[int] = frozenset()
    placed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """The other side of one edit.

    ``what`` is the edit's code. ``holds`` and ``problems`` map ids to the record that stands there
    on the other side, None where nothing does. The holds in ``changed`` and ``placed`` have or
    lack that mark on the other side, the other way round than here. ``size_bytes`` is what the
    step keeps alive that the wall on this side does not.
    """

    what: str
    holds: Mapping[int, Hold | None]
    problems: Mapping[int, Problem | None]
    changed: frozenset[int] = frozenset()
    placed: frozenset[int] = frozenset()
    size_bytes: int = field(default=0, compare=False)

    @property
    def empty(self) -> bool:
        """Whether both sides are the same."""
        return not (self.holds or self.problems or self.changed or self.placed)


def step_between(what: str, here: WallState, there: WallState) -> Step:
    """The step that, put into ``here``, gives ``there``."""
    holds = _other_side(here.holds, there.holds)
    problems = _other_side(here.problems, there.problems)
    changed, placed = here.changed ^ there.changed, here.placed ^ there.placed
    known = {hold.id: hold for hold in here.holds}
    size = sum(map(sys.getsizeof, (holds, problems, changed, placed)))
    size += sum(_hold_bytes(hold, known.get(hold.id)) for hold in holds.values() if hold)
    size += sum(_problem_bytes(problem) for problem in problems.values() if problem)
    return Step(what, holds, problems, changed, placed, size + sys.getsizeof(Step) // 10)


def put_in(here: WallState, step: Step) -> WallState:
    """The wall on the other side of ``step``."""
    return WallState(
        _with(here.holds, step.holds),
        _with(here.problems, step.problems),
        here.changed ^ step.changed,
        here.placed ^ step.placed,
    )


def swap(here: WallState, step: Step) -> tuple[WallState, Step]:
    """Put ``step`` in: the wall on its other side, and the step that leads back."""
    there = put_in(here, step)
    return there, step_between(step.what, there, here)


@dataclass(frozen=True, slots=True)
class History:
    """Steps back (``past``) and forward (``future``), the nearest last."""

    past: tuple[Step, ...] = ()
    future: tuple[Step, ...] = ()

    def after(self, step: Step) -> History:
        """The history after an edit whose way back is ``step``; there is nothing to redo then."""
        return History(_bounded((*self.past, step)))

    def undo(self, here: WallState) -> tuple[WallState, History]:
        """One step back. Raises ``IndexError`` when there is none."""
        there, forward = swap(here, self.past[-1])
        return there, History(self.past[:-1], (*self.future, forward))

    def redo(self, here: WallState) -> tuple[WallState, History]:
        """One step forward. Raises ``IndexError`` when there is none."""
        there, back = swap(here, self.future[-1])
        return there, History((*self.past, back), self.future[:-1])

    def nbytes(self) -> int:
        """Memory in bytes that exists only because of the history."""
        return sum(step.size_bytes for step in (*self.past, *self.future))


def _bounded(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The newest steps within both bounds; the last one always stays."""
    kept, size = 0, 0
    for step in reversed(steps):
        size += step.size_bytes
        if kept and (kept == MAX_STEPS or size > MAX_BYTES):
            break
        kept += 1
    return steps[len(steps) - kept :]


def _other_side(here: Iterable[Record], there: Iterable[Record]) -> dict[int, Record | None]:
    """Records of ``there`` that differ from those of ``here``, None where ``there`` has none."""
    known = {record.id: record for record in here}
    other: dict[int, Record | None] = {record.id: record for record in _news(known, there)}
    missing = known.keys() - {record.id for record in there}
    return other | dict.fromkeys(sorted(missing))


def _news(known: Mapping[int, Record], records: Iterable[Record]) -> Iterator[Record]:
    for record in records:
        mine = known.get(record.id)
        # Identity first: nearly all are shared, and comparing an outline takes time.
        if mine is not record and mine != record:
            yield record


def _with(records: tuple[Record, ...], changes: Mapping[int, Record | None]) -> tuple[Record, ...]:
    if not changes:
        return records
    merged: dict[int, Record | None] = {record.id: record for record in records}
    merged |= changes
    return tuple(record for _, record in sorted(merged.items()) if record is not None)


def _hold_bytes(hold: Hold, twin: Hold | None) -> int:
    """Bytes of ``hold`` that ``twin``, its version on this side, does not share."""
    size = sys.getsizeof(hold)
    if twin is None or twin.colour is not hold.colour:
        size += sys.getsizeof(hold.colour) + sys.getsizeof(hold.colour.alternatives)
        size += 100 * len(hold.colour.alternatives) + 24  # pairs with their numbers
    if twin is None or twin.polygon is not hold.polygon:
        point = sys.getsizeof((0.0, 0.0)) + 2 * sys.getsizeof(0.0)
        size += sys.getsizeof(hold.polygon) + point * len(hold.polygon)
        size += sys.getsizeof(hold.box) + 5 * sys.getsizeof(0.0)
    return size


def _problem_bytes(problem: Problem) -> int:
    return sum(map(sys.getsizeof, (problem, problem.holds, problem.name, problem.grade)))
