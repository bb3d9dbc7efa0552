"""Which holds of a wall are looked at: by colour, by problem, and those whose colour is unsure.

One filter holds for the picture and for the tables beside it. The picture's part in the browser
(``assets/wall_view/controls.js``) dims by the same rules, at once; here they decide the rows.

Nothing here hides a hold from an export, from the numbers or from an edit: a filter is where a
setter looks, not what the wall is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from core.wall import Hold, Problem

MAX_COLOURS = 200
"""A longer list from a browser is not a choice of colours."""


@dataclass(frozen=True, slots=True)
class HoldFilter:
    """Holds of one of the ``colours`` (any where empty), in ``problem`` (any where None), and only
    unsure ones where ``unsure``: all three must hold."""

    colours: frozenset[str] = frozenset()
    problem: int | None = None
    unsure: bool = False

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return self != HoldFilter()

    def keeps(self, hold: Hold) -> bool:
        """Whether ``hold`` is looked at."""
        return (
            (not self.colours or hold.colour.name in self.colours)
            and (self.problem is None or hold.problem == self.problem)
            and not (self.unsure and hold.colour.sure)
        )

    def holds(self, holds: Collection[Hold]) -> tuple[Hold, ...]:
        """The holds that are looked at, in their order."""
        return tuple(hold for hold in holds if self.keeps(hold))

    def problems(
        self, problems: Collection[Problem], holds: Collection[Hold]
    ) -> tuple[Problem, ...]:
        """The problems that have a hold which is looked at, in their order."""
        if not self.active:
            return tuple(problems)
        seen = {hold.problem for hold in self.holds(holds)}
        return tuple(problem for problem in problems if problem.id in seen)

    def pruned(self, holds: Collection[Hold], problems: Collection[Problem]) -> HoldFilter:
        """The filter without what an edit took off the wall: a filter for what is gone would leave
        nothing to look at."""
        return HoldFilter(
            self.colours & {hold.colour.name for hold in holds},
            self.problem if self.problem in {problem.id for problem in problems} else None,
            self.unsure and any(not hold.colour.sure for hold in holds),
        )

    def plain(self) -> dict[str, Any]:
        """The filter as plain values for a browser; :meth:`of_plain` reads them."""
        return {"colours": sorted(self.colours), "problem": self.problem, "unsure": self.unsure}

    @classmethod
    def of_plain(cls, value: object) -> HoldFilter:
        """The filter that a browser sent. Raises ``ValueError`` for anything else."""
        match value:
            case {"colours": list(names), "problem": problem, "unsure": bool(unsure)}:
                if (
                    len(names) <= MAX_COLOURS
                    and all(isinstance(name, str) for name in names)
                    and (problem is None or type(problem) is int)
                ):
                    return cls(frozenset(names), problem, unsure)
        kind = sorted(map(str, value)) if isinstance(value, Mapping) else type(value).__name__
        raise ValueError(f"expected colours, problem and unsure, got {kind}")
