"""The records of a comparison: what became of every hold and every problem, and the document.

The document (``climbmate.comparison/1``) is what a comparison is exported as. Nothing here
computes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from core.alignment import Alignment
from core.wall import Kind, PhotoInfo

SCHEMA = "climbmate.comparison/1"

HoldFate = Literal["came", "went", "moved", "stayed", "unseen"]
ProblemFate = Literal["new", "gone", "changed", "kept", "unseen"]
HOLD_FATES: tuple[HoldFate, ...] = ("came", "went", "moved", "stayed", "unseen")
PROBLEM_FATES: tuple[ProblemFate, ...] = ("new", "gone", "changed", "kept", "unseen")


@dataclass(frozen=True, slots=True)
class HoldChange:
    """What became of one hold: its ids on both photos, where it has them, and its colour's name.

    ``distance`` is how far it moved, in its own sizes (root of its area); 0 for all others.
    """

    fate: HoldFate
    before: int | None
    after: int | None
    kind: Kind
    colour: str
    distance: float = 0.0

    def __post_init__(self) -> None:
        if self.before is None and self.after is None:
            raise ValueError("expected an id on at least one photo")


@dataclass(frozen=True, slots=True)
class ProblemChange:
    """What became of one problem: its ids, and how many of its holds stayed, moved, came, went.

    ``share`` is the part of all its visible holds, of both photos, that stayed: 0..1.
    """

    fate: ProblemFate
    before: int | None
    after: int | None
    colour: str
    share: float
    stayed: int = 0
    moved: int = 0
    came: int = 0
    went: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that changed between two photos of one wall."""

    before: PhotoInfo
    after: PhotoInfo
    alignment: Alignment
    holds: tuple[HoldChange, ...]
    problems: tuple[ProblemChange, ...]

    def hold_counts(self) -> dict[HoldFate, int]:
        """How many holds and volumes had each fate."""
        counts = Counter(change.fate for change in self.holds)
        return {fate: counts[fate] for fate in HOLD_FATES}

    def problem_counts(self) -> dict[ProblemFate, int]:
        """How many problems had each fate."""
        counts = Counter(change.fate for change in self.problems)
        return {fate: counts[fate] for fate in PROBLEM_FATES}

    def document(self) -> dict[str, Any]:
        """The comparison in plain values, ready for ``json.dumps``."""
        sides = {
            name: {"name": p.name, "sha256": p.sha256, "width": p.width, "height": p.height}
            for name, p in (("before", self.before), ("after", self.after))
        }
        return {
            "schema": SCHEMA,
            **sides,
            "alignment": self.alignment.document(),
            "counts": {"holds": self.hold_counts(), "problems": self.problem_counts()},
            "holds": [
                {
                    "change": c.fate,
                    "before": c.before,
                    "after": c.after,
                    "kind": c.kind,
                    "colour": c.colour,
                    "distance": round(c.distance, 2),
                }
                for c in self.holds
            ],
            "problems": [
                {
                    "change": c.fate,
                    "before": c.before,
                    "after": c.after,
                    "colour": c.colour,
                    "share": round(c.share, 3),
                    "stayed": c.stayed,
                    "moved": c.moved,
                    "came": c.came,
                    "went": c.went,
                }
                for c in self.problems
            ],
        }
