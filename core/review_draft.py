"""A wall while one edit is made: the working copy, and the rules that every edit shares.

An edit moves, changes, adds or removes holds here; :meth:`Draft.state` then brings the problems in
line. The rules:

* A problem's holds are what the holds say. One that loses its last hold vanishes.
* A problem's colour is the name that most of its holds are expected to have, by their
  probabilities; volumes only count where there is nothing else. A tie leaves it as it was. It is
  looked at again only when the problem's holds or their colours change.
* Ids go up and are never given twice, not even to something that was undone.
* A hold that needs a place (:meth:`Draft.place`) gets the one that the grouping rules of
  :mod:`core.problems` would give it. They are asked about the whole wall, but only the hold itself
  moves: it joins the nearest problem of that colour among those it was grouped with; where there is
  none, it forms a new problem with the loose holds it was grouped with, except those that the
  setter left loose by hand.

Undo and redo are in :mod:`core.history`, what can be asked for in :mod:`core.review_edits`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from math import hypot

from core.errors import EditError
from core.history import WallState
from core.problems import MIN_HOLDS, VERTICAL_WEIGHT, group_problems
from core.wall import Hold, PhotoInfo, Problem


@dataclass(slots=True)
class Draft:
    """The working copy: records by id, the marks, and the next ids to give."""

    photo: PhotoInfo
    holds: dict[int, Hold]
    problems: dict[int, Problem]
    changed: set[int]
    placed: set[int]
    next_hold: int
    next_problem: int
    touched: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, state: WallState, photo: PhotoInfo, next_hold: int, next_problem: int) -> Draft:
        """A working copy of ``state``; the records are shared."""
        return cls(
            photo,
            {hold.id: hold for hold in state.holds},
            {problem.id: problem for problem in state.problems},
            set(state.changed),
            set(state.placed),
            next_hold,
            next_problem,
        )

    def find_holds(self, ids: Iterable[int]) -> list[Hold]:
        """The holds ``ids``, each once, in ascending order.

        Raises :class:`EditError` (``no_holds``, ``unknown_hold``).
        """
        wanted = sorted(set(ids))
        if not wanted:
            raise EditError("no_holds", "No hold is selected.", "Select at least one hold.")
        unknown = [number for number in wanted if number not in self.holds]
        if unknown:
            raise EditError(
                "unknown_hold",
                f"There is no hold {unknown[0]} on this wall.",
                "It may have been deleted meanwhile: select again, or undo.",
            )
        return [self.holds[number] for number in wanted]

    def find_problem(self, number: int) -> Problem:
        """Raises :class:`EditError` (``unknown_problem``)."""
        if number not in self.problems:
            raise EditError(
                "unknown_problem",
                f"There is no problem {number} on this wall.",
                "A problem vanishes with its last hold: choose another one, or undo.",
            )
        return self.problems[number]

    def members(self, problem: int) -> list[Hold]:
        """The holds of a problem as they are now."""
        return [hold for hold in self.holds.values() if hold.problem == problem]

    def put(self, hold: Hold) -> None:
        """Take in a new version of a hold, or a new hold."""
        before = self.holds.get(hold.id)
        self.touched |= {p for p in (before.problem if before else None, hold.problem) if p}
        self.holds[hold.id] = hold

    def move(self, hold: Hold, problem: int | None) -> None:
        """Put ``hold`` into ``problem``, or into none."""
        if hold.problem != problem:
            self.put(replace(hold, problem=problem))

    def remove(self, hold: Hold) -> None:
        """Take a hold off the wall."""
        self.touched |= {hold.problem} if hold.problem else set()
        del self.holds[hold.id]
        self.changed.discard(hold.id)
        self.placed.discard(hold.id)

    def new_hold_id(self) -> int:
        """An id that no hold of this review ever had."""
        self.next_hold += 1
        return self.next_hold - 1

    def new_problem(self, holds: Collection[Hold], name: str = "", grade: str = "") -> int:
        """Make a problem of ``holds``, which leave theirs; its id."""
        number = self.next_problem
        self.next_problem += 1
        first = min(holds, key=lambda hold: hold.id)
        self.problems[number] = Problem(number, first.colour.name, (first.id,), name, grade)
        for hold in holds:
            self.move(hold, number)
        return number

    def place(self, ids: Collection[int]) -> None:
        """Give each of the holds ``ids``, which are in no problem, the place that the rules give.

        See the module's text. Their marks of being placed by hand are taken away.
        """
        self.placed -= set(ids)
        groups = group_problems(list(self.holds.values()), self.photo.width, self.photo.height)[1]
        for number in sorted(ids):
            group = next((g for g in groups if number in g.holds), None)
            if group is not None and self.holds[number].problem is None:
                self._join(self.holds[number], group)

    def _join(self, hold: Hold, group: Problem) -> None:
        mates = [self.holds[number] for number in group.holds if number != hold.id]
        near = [
            (gap(hold, mate), mate.problem)
            for mate in mates
            if mate.problem is not None and self.problems[mate.problem].colour == group.colour
        ]
        if near:
            self.move(hold, min(near)[1])
            return
        loose = [m for m in mates if m.problem is None and m.id not in self.placed]
        if sum(mate.kind == "hold" for mate in (hold, *loose)) >= MIN_HOLDS:
            self.new_problem([hold, *loose])

    def state(self) -> WallState:
        """The wall after the edit, its problems in line with its holds."""
        members: dict[int, list[Hold]] = {}
        for hold in self.holds.values():
            if hold.problem is not None:
                members.setdefault(hold.problem, []).append(hold)
        problems = {
            number: self._settled(problem, members[number])
            for number, problem in self.problems.items()
            if number in members
        }
        return WallState(
            tuple(hold for _, hold in sorted(self.holds.items())),
            tuple(problem for _, problem in sorted(problems.items())),
            frozenset(self.changed),
            frozenset(self.placed),
        )

    def _settled(self, problem: Problem, members: list[Hold]) -> Problem:
        if problem.id not in self.touched:
            return problem
        ids = tuple(sorted(hold.id for hold in members))
        colour = common_colour(members, problem.colour)
        if (ids, colour) == (problem.holds, problem.colour):
            return problem
        return replace(problem, holds=ids, colour=colour)


def common_colour(holds: Collection[Hold], otherwise: str) -> str:
    """The colour name that most of ``holds`` are expected to have; ``otherwise`` in a tie.

    The expected number of a name is the sum of its probabilities over the holds.
    """
    expected: dict[str, float] = {}
    for hold in [hold for hold in holds if hold.kind == "hold"] or holds:
        own = (hold.colour.name, hold.colour.confidence)
        for name, share in (own, *hold.colour.alternatives):
            expected[name] = expected.get(name, 0.0) + share
    # Rounded, so that the order in which shares were added cannot decide.
    best = round(max(expected.values()), 6)
    leading = sorted(name for name, count in expected.items() if round(count, 6) == best)
    return otherwise if otherwise in leading else leading[0]


def gap(one: Hold, other: Hold) -> float:
    """Distance in pixels between two boxes, a vertical pixel counted as in the grouping rules."""
    (x1, y1, w1, h1), (x2, y2, w2, h2) = one.box, other.box
    across = max(0.0, abs(x1 + w1 / 2 - x2 - w2 / 2) - (w1 + w2) / 2)
    down = max(0.0, abs(y1 + h1 / 2 - y2 - h2 / 2) - (h1 + h2) / 2)
    return hypot(across, VERTICAL_WEIGHT * down)
