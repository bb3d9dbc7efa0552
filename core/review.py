"""The editable review of one wall: what was found, and what a setter made of it.

A :class:`Review` is frozen: :meth:`Review.apply` gives a new one, which can be undone. It starts
from a :class:`~core.wall.WallAnalysis` and gives one back (:meth:`Review.analysis`), so every
export and every picture of the product shows the edited wall. Edits are in
:mod:`core.review_edits`, what they do to problems in :mod:`core.review_draft`, undo in
:mod:`core.history`, saving and opening in :mod:`core.review_document` and :mod:`core.review_file`.

Names and grades are part of the wall: they stand in the analysis document (``climbmate.wall/1``) as
the optional keys ``name`` and ``grade`` of a problem, present only where they are set, so readers
that do not know them keep working. What only concerns the review (marks of the setter's hand,
history) stands in a document of its own (``climbmate.review/1``), which contains the other.

Nothing here draws, and nothing knows of pages.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.errors import EditError
from core.history import History, WallState, step_between
from core.review_document import read_parts, write_parts
from core.review_draft import Draft
from core.review_edits import Edit
from core.wall import Hold, PhotoInfo, Problem, WallAnalysis


@dataclass(frozen=True, slots=True)
class Review:
    """One wall under review.

    ``found`` is the analysis that it started from, without its holds and problems; ``state`` the
    wall as it is now. ``next_hold`` and ``next_problem`` are the ids that come next.
    """

    found: WallAnalysis
    state: WallState
    next_hold: int
    next_problem: int
    history: History = field(default_factory=History)

    @classmethod
    def of(cls, analysis: WallAnalysis) -> Review:
        """Begin to review ``analysis``; its ids stay."""
        return cls(
            replace(analysis, holds=(), problems=()),
            WallState(
                tuple(sorted(analysis.holds, key=lambda hold: hold.id)),
                tuple(sorted(analysis.problems, key=lambda problem: problem.id)),
            ),
            1 + max((hold.id for hold in analysis.holds), default=0),
            1 + max((problem.id for problem in analysis.problems), default=0),
        )

    @property
    def photo(self) -> PhotoInfo:
        """Which photo this is the review of."""
        return self.found.photo

    @property
    def holds(self) -> tuple[Hold, ...]:
        """The holds as they are now, by id."""
        return self.state.holds

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems as they are now, by id."""
        return self.state.problems

    @property
    def changed(self) -> frozenset[int]:
        """Ids of the holds whose colour, kind or outline was given by hand."""
        return self.state.changed

    @property
    def placed(self) -> frozenset[int]:
        """Ids of the holds whose problem, or lack of one, was chosen by hand."""
        return self.state.placed

    @property
    def undo_what(self) -> str | None:
        """The code of the edit that :meth:`undo` takes back; None when there is none."""
        return self.history.past[-1].what if self.history.past else None

    @property
    def redo_what(self) -> str | None:
        """The code of the edit that :meth:`redo` makes again; None when there is none."""
        return self.history.future[-1].what if self.history.future else None

    def hold(self, number: int) -> Hold:
        """The hold with that id. Raises :class:`EditError` (``unknown_hold``)."""
        return self._draft().find_holds([number])[0]

    def problem(self, number: int) -> Problem:
        """The problem with that id. Raises :class:`EditError` (``unknown_problem``)."""
        return self._draft().find_problem(number)

    def apply(self, edit: Edit) -> Review:
        """The review after ``edit``; the same one when it changes nothing.

        Raises :class:`EditError` when it cannot be done; this review stays as it is either way.
        """
        draft = self._draft()
        edit.change(draft)
        state = draft.state()
        back = step_between(edit.what, state, self.state)
        if back.empty:
            return self
        return replace(
            self,
            state=state,
            next_hold=draft.next_hold,
            next_problem=draft.next_problem,
            history=self.history.after(back),
        )

    def undo(self) -> Review:
        """The review without its last edit. Raises :class:`EditError` (``nothing_to_undo``)."""
        if not self.history.past:
            raise EditError("nothing_to_undo", "There is no edit to undo.")
        state, history = self.history.undo(self.state)
        return replace(self, state=state, history=history)

    def redo(self) -> Review:
        """The review with the edit that was undone. Raises :class:`EditError`
        (``nothing_to_redo``).
        """
        if not self.history.future:
            raise EditError("nothing_to_redo", "There is no edit to redo.")
        state, history = self.history.redo(self.state)
        return replace(self, state=state, history=history)

    def analysis(self) -> WallAnalysis:
        """The edited wall as an analysis, for exports and pictures."""
        return replace(self.found, holds=self.holds, problems=self.problems)

    def document(self, *, history: bool = True) -> dict[str, Any]:
        """The review as plain values (``climbmate.review/1``), ready for ``json.dumps`` and for a
        session; without ``history`` it is smaller and cannot be undone any further.
        """
        kept = self.history if history else History()
        return write_parts(self.found, self.state, self.next_hold, self.next_problem, kept)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Review:
        """Read a document back. Raises ``ValueError`` when it is not a whole one."""
        return cls(*read_parts(document))

    def nbytes(self) -> int:
        """About how many bytes of memory the review holds: the wall and its history."""
        alone = step_between("", WallState((), ()), self.state)
        return alone.size_bytes + self.history.nbytes() + sys.getsizeof(self)

    def _draft(self) -> Draft:
        return Draft.of(self.state, self.photo, self.next_hold, self.next_problem)
