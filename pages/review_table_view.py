"""How a table of the review page is shown, and when it starts afresh.

What is in it: :mod:`pages.review_tables`; what an edit does: :mod:`pages.review_table_edits`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.review_state import desk

ROW_HEIGHT_PX, MOST_ROWS = 35, 14


def show_table(
    what: str,
    rows: pd.DataFrame,
    columns: dict[str, Any],
    *,
    fixed: Sequence[str],
    changed: Callable[[str, Sequence[int]], None],
    ids: Sequence[int],
    alt: str,
    missing: str | None = None,
) -> None:
    """A table to type into, as high as its rows up to a screen.

    ``what`` names it; ``fixed`` columns cannot be typed into. After an edit ``changed`` is called
    with the table's key and ``ids``, which say what each row is about. ``missing`` stands in cells
    that have no value.
    """
    work = desk()
    # It starts afresh after every edit, and after a selection on the wall.
    key = f"{what}-{work.queue.current}-{work.edits}-{work.picks}"
    st.data_editor(
        rows,
        key=key,
        hide_index=True,
        width="stretch",
        height=ROW_HEIGHT_PX * (min(len(rows), MOST_ROWS) + 1) + 3,
        num_rows="fixed",
        disabled=fixed,
        column_config=columns,
        placeholder=missing,
        on_change=changed,
        args=(key, ids),
        alt=alt,
    )
