"""The Memory page of the debugger: one view at a time, so that only what is looked at is measured.

It is there only where DEBUG_MEMORY is true. The parts of the memory are in
:mod:`pages.memory_composition`, views of growth in :mod:`pages.memory_growth` and
:mod:`pages.memory_replay`.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

import debug_memory
from core.memory.black_box import last_runs
from core.memory.owners import measure_owners
from core.memory.preflight import forecasts
from core.memory.readings import headroom_mb, limit_mb, peak_rss_mb, rss_mb
from debug_memory_streamlit import problems
from pages.memory_charts import timeline_chart
from pages.memory_composition import show_composition
from pages.memory_growth import show_explanations, show_export, show_objects
from pages.memory_replay import show_replay
from pages.shared import plain
from pages.words import _, told

TIMELINE_S = 5
FEWEST_MOMENTS = 2  # for a line


def show_now() -> None:
    """The numbers of this moment, and how an earlier run ended."""
    numbers = {
        _("Resident now"): rss_mb(),
        _("Highest since the start"): peak_rss_mb(),
        _("Free to the limit"): headroom_mb(),
        _("Limit"): limit_mb(),
    }
    with st.container(horizontal=True):
        for label, value_mb in numbers.items():
            st.metric(label, f"{value_mb:.0f} MiB", border=True, width="stretch")
    for run in last_runs():
        st.warning(plain(_("An earlier run: {ending}.").format(ending=told(run.sentence()))))


@st.fragment(run_every=TIMELINE_S)
def show_timeline() -> None:
    """RSS over time with the operations on it, and the operations as a table."""
    ledger = debug_memory.workbench().ledger
    ledger.note(apart_s=1)
    operations = ledger.operations()
    moments = ledger.moments()
    if len(moments) < FEWEST_MOMENTS:
        st.caption(_("There are too few readings for a line; the next one comes by itself."))
    else:
        st.vega_lite_chart(timeline_chart(moments, operations), width="stretch")
        st.caption(
            _(
                "Each point is the peak of an operation; the line is the resident set size "
                "between them."
            )
        )
    rows = [
        {
            _("Operation"): told(row.name),
            _("Before, MiB"): round(row.before_mb, 1),
            _("Peak, MiB"): round(row.peak_mb, 1),
            _("After, MiB"): round(row.after_mb, 1),
            _("Kept, MiB"): round(row.kept_mb, 1),
            _("Time, s"): round(row.duration_ms / 1000, 2),
            _("Ended by"): row.failed,
        }
        for row in reversed(operations)
    ]
    if rows:
        st.dataframe(rows, hide_index=True, height=300)


def show_owners() -> None:
    """Who holds how much."""
    wide = st.column_config.TextColumn(width="large")
    for problem in problems():
        st.warning(plain(told(problem)))
    rows = [
        {
            _("Owner"): told(owner.kind),
            _("Which"): told(owner.name),
            "MiB": round(owner.held_mb, 2),
            _("Note"): told(owner.note)
            if owner.complete
            else _("at least; {note}").format(note=told(owner.note)),
        }
        for owner in measure_owners()
    ]
    if rows:
        st.dataframe(rows, hide_index=True, column_config={_("Note"): wide})
    else:
        st.caption(_("Nobody holds anything that is known by name."))


def show_forecasts() -> None:
    """What each photo was predicted to take, and what it took."""
    verdicts = {"run": _("in full"), "smaller": _("reduced"), "refuse": _("refused")}
    rows = [
        {
            _("Photo"): row.name,
            _("Megapixels"): round(row.plan.needs.megapixels, 1),
            _("Decision"): verdicts[row.plan.verdict],
            _("Predicted peak, MiB"): round(row.plan.predicted_peak_mb),
            _("Actual peak, MiB"): None
            if row.actual_peak_mb is None
            else round(row.actual_peak_mb),
        }
        for row in reversed(forecasts())
    ]
    if rows:
        st.dataframe(rows, hide_index=True)
    else:
        st.caption(_("No photo was analysed yet."))


def show() -> None:
    """The page."""
    st.title(_("Memory"))
    show_now()
    views: dict[str, Callable[[], None]] = {
        _("Timeline"): show_timeline,
        _("Composition"): show_composition,
        _("Owners"): show_owners,
        _("Objects"): show_objects,
        _("Growth"): show_explanations,
        _("Leaks"): show_replay,
        _("Forecasts"): show_forecasts,
        _("Files"): show_export,
    }
    chosen = st.segmented_control(
        _("View"),
        list(views),
        default=_("Timeline"),
        required=True,
        key="memory_view",
        label_visibility="collapsed",
    )
    views[chosen]()


show()
