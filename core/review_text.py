"""The document of a review as JSON text, in which only what an edit changed is written anew.

Writing the whole ``climbmate.review/1`` document of a wall with 260 holds and a full history takes
some 35 ms of a processor, nearly all of it for outlines that did not change. Records are frozen and
shared between a review and the next, so their text is kept beside them and found again by identity:
an edit costs about 2 ms then.

What the document is stands in :mod:`core.review_document`; a file is written by
:mod:`core.review_file`, at leisure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from core.history import History, Step, WallState
from core.review import Review
from core.review_document import SCHEMA, step_document, walk_steps
from core.wall import Hold, hold_document, problem_document


class ReviewText:
    """Writes one review again and again as it is edited. Holds the text of its last version, in
    parts, and the records that it was written from."""

    def __init__(self) -> None:
        self._holds: dict[int, tuple[Hold, str]] = {}
        self._steps: dict[int, tuple[Step, str]] = {}

    def write(self, review: Review, *, history: bool = True) -> str:
        """The same as ``json.dumps(review.document(history=history))``, but for the order of keys
        and for spaces."""
        self._holds = {hold.id: (hold, self._hold(hold)) for hold in review.holds}
        kept = review.history if history else History()
        past, future = (list(self._written(review.state, s)) for s in (kept.past, kept.future))
        self._steps = {id(step): (step, text) for step, text in (*past, *future)}
        wall = review.found.document() | {"problems": list(map(problem_document, review.problems))}
        del wall["holds"]
        rest = {
            "schema": SCHEMA,
            "changed": sorted(review.changed),
            "placed": sorted(review.placed),
            "next": {"hold": review.next_hold, "problem": review.next_problem},
        }
        holds = _array(text for _hold, text in self._holds.values())
        wall_text = _with_parts(wall, {"holds": holds})
        steps = {
            key: _array(text for _step, text in reversed(written))
            for key, written in (("past", past), ("future", future))
        }
        return _with_parts(rest, {"wall": wall_text, **steps})

    def _hold(self, hold: Hold) -> str:
        known = self._holds.get(hold.id)
        return known[1] if known and known[0] is hold else _json(hold_document(hold))

    def _written(self, here: WallState, steps: Iterable[Step]) -> Iterator[tuple[Step, str]]:
        """A step leads from one wall to one other, so its text is the same wherever it is met."""
        for step, known in walk_steps(here, steps):
            old = self._steps.get(id(step))
            text = old[1] if old and old[0] is step else _json(step_document(step, known))
            yield step, text


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _array(texts: Iterable[str]) -> str:
    return f"[{','.join(texts)}]"


def _with_parts(document: dict[str, Any], parts: dict[str, str]) -> str:
    """``document``, which is not empty, as JSON with ``parts`` that are JSON already."""
    written = "".join(f'"{key}":{text},' for key, text in parts.items())
    return "{" + written + _json(document)[1:]
