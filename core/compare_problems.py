"""What became of the problems of a wall, given what became of its holds.

A problem of the first photo and one of the second are the same where enough of their holds stayed;
the pairs are chosen one to one so that most do. Where the grouping into problems changed its mind
between two photos, a problem counts as changed: only holds are compared here, no names or grades.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.changes import PROBLEM_FATES, HoldChange, ProblemChange, ProblemFate
from core.pairing import best_pairs
from core.wall import Problem, WallAnalysis

KEPT_SHARE = 0.8
CHANGED_SHARE = 0.25
"""Share of all holds of both versions of a problem that stayed: from which on it is kept, and from
which on it is still the same problem."""


def compare_problems(
    before: WallAnalysis, after: WallAnalysis, holds: Sequence[HoldChange]
) -> tuple[ProblemChange, ...]:
    """One row per problem of either photo; a problem of both is one row.

    Holds that one photo cannot show do not count, nor those that only one detection saw.
    """
    old = {hold.id: hold.problem for hold in before.holds}
    new = {hold.id: hold.problem for hold in after.holds}
    rows = [
        (c, old.get(c.before or 0), new.get(c.after or 0))
        for c in holds
        if c.fate != "unseen" and not (c.fate == "stayed" and None in (c.before, c.after))
    ]
    share = np.zeros((len(before.problems), len(after.problems)))
    for a, p in enumerate(before.problems):
        for b, q in enumerate(after.problems):
            either = [c for c, of, to in rows if p.id == of or q.id == to]
            both = sum(c.fate == "stayed" for c, of, to in rows if p.id == of and q.id == to)
            share[a, b] = both / len(either) if either else 0.0
    pairs = best_pairs(np.where(share >= CHANGED_SHARE, share, 0.0))
    changes = [
        _both(before.problems[a], after.problems[b], float(share[a, b]), rows) for a, b in pairs
    ]
    for a in sorted(set(range(len(before.problems))) - {a for a, _ in pairs}):
        p = before.problems[a]
        changes.append(_one(p, "gone", [c for c, of, _ in rows if of == p.id]))
    for b in sorted(set(range(len(after.problems))) - {b for _, b in pairs}):
        q = after.problems[b]
        changes.append(_one(q, "new", [c for c, _, to in rows if to == q.id]))
    return tuple(
        sorted(changes, key=lambda c: (PROBLEM_FATES.index(c.fate), c.after or 0, c.before or 0))
    )


def _both(
    p: Problem, q: Problem, share: float, rows: Sequence[tuple[HoldChange, int | None, int | None]]
) -> ProblemChange:
    either = [c for c, of, to in rows if p.id == of or q.id == to]
    fate: ProblemFate = "kept" if share >= KEPT_SHARE else "changed"
    return ProblemChange(fate, p.id, q.id, q.colour, share, **_counts(either))


def _one(problem: Problem, fate: ProblemFate, changes: Sequence[HoldChange]) -> ProblemChange:
    """The row of a problem without a partner; unseen where the other photo cannot show it."""
    before, after = (problem.id, None) if fate == "gone" else (None, problem.id)
    seen: ProblemFate = fate if changes else "unseen"
    return ProblemChange(seen, before, after, problem.colour, 0.0, **_counts(changes))


def _counts(changes: Sequence[HoldChange]) -> dict[str, int]:
    return {
        fate: sum(c.fate == fate for c in changes) for fate in ("stayed", "moved", "came", "went")
    }
