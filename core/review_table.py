"""Cells that were changed in a table of holds or problems -> one edit.

A page shows the wall as tables beside the picture; whatever was typed there between two runs of the
page becomes one step that can be undone. Values are as a table editor sends them: texts, numbers,
or None for a cell that was emptied. Laying the tables out is the page's business.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from core.errors import EditError
from core.review import Review
from core.review_edits import (
    ChangeKind,
    DeleteHolds,
    DescribeProblem,
    Edit,
    MoveHolds,
    Recolour,
    Together,
    checked_kind,
)

Cells = Mapping[int, Mapping[str, object]]
"""By the id of a hold or a problem: the changed cells of its row, by column."""

HOLD_COLUMNS = ("colour", "kind", "problem")
PROBLEM_COLUMNS = ("name", "grade")


def table_edit(
    review: Review,
    *,
    holds: Cells | None = None,
    problems: Cells | None = None,
    deleted: Collection[int] = (),
) -> Together:
    """One edit for all changed cells: colours, then kinds, then problems of ``holds``, then name
    and grade of ``problems``, then the holds whose rows were ``deleted``.

    A problem that was typed wins over the place that a new colour would give. An emptied cell of
    ``problem`` takes the hold out of its problem. Raises :class:`EditError` (``bad_cell``) for a
    column that cannot be edited or a value of another type; what else is wrong shows when the edit
    is applied. ``review`` tells which cells differ from what is there.
    """
    edits: list[Edit] = []
    for column in HOLD_COLUMNS:
        by_value: dict[str | int | None, list[int]] = {}
        for number, cells in (holds or {}).items():
            _check_columns(cells, HOLD_COLUMNS)
            if column in cells:
                cell = cells[column]
                value = _problem_number(cell) if column == "problem" else _text(cell)
                if column == "colour" or value != getattr(review.hold(number), column):
                    by_value.setdefault(value, []).append(number)
        edits += [_hold_edit(column, tuple(ids), value) for value, ids in by_value.items()]
    for number, cells in (problems or {}).items():
        _check_columns(cells, PROBLEM_COLUMNS)
        name, grade = (_text(cells[c]) if c in cells else None for c in PROBLEM_COLUMNS)
        edits.append(DescribeProblem(number, name, grade))
    if deleted:
        edits.append(DeleteHolds(tuple(deleted)))
    return Together(tuple(edits))


def _hold_edit(column: str, ids: tuple[int, ...], value: str | int | None) -> Edit:
    if column == "colour":
        return Recolour(ids, str(value))
    if column == "kind":
        return ChangeKind(ids, checked_kind(str(value)))
    return MoveHolds(ids, value if isinstance(value, int) else None)


def _problem_number(value: object) -> int | None:
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise EditError("bad_cell", f"{value!r} is not a problem's number.", "Choose one of the list.")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise EditError("bad_cell", f"{value!r} is not a text.", "Type it anew.")


def _check_columns(cells: Mapping[str, object], known: Collection[str]) -> None:
    if unknown := sorted(set(cells) - set(known)):
        raise EditError("bad_cell", f"The column {unknown[0]} cannot be edited.")
