"""The Memory page of the debugger: one view at a time, so that only what is looked at is measured.

It is there only where DEBUG_MEMORY is true. Views of growth are in :mod:`pages.memory_growth`
and :mod:`pages.memory_replay`.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

import debug_memory
from core.memory.black_box import last_runs
from core.memory.composition import read_composition
from core.memory.owners import measure_owners
from core.memory.preflight import forecasts
from core.memory.readings import headroom_mb, limit_mb, peak_rss_mb, rss_mb
from core.memory.workbench import models_mb
from debug_memory_streamlit import problems
from pages.memory_charts import composition_chart, timeline_chart
from pages.memory_growth import show_explanations, show_export, show_objects
from pages.memory_replay import show_replay
from pages.shared import plain
from pages.words import _, told

TIMELINE_S = 5


def part_words() -> dict[str, tuple[str, str]]:
    """Name and meaning of each part of the composition."""
    return {
        "python_objects_mb": (
            _("Small Python objects"),
            _("Alive, up to 512 bytes each, in Python's own arenas."),
        ),
        "python_free_mb": (
            _("Free in Python's arenas"),
            _("Kept for the next small objects; an arena goes back when all of it is free."),
        ),
        "models_mb": (
            _("Models"),
            _("What loading and warming them up added, as it was measured then."),
        ),
        "native_mb": (
            _("Native memory in use"),
            _("Pictures, numpy arrays, large Python objects and what libraries allocate."),
        ),
        "retained_mb": (
            _("Retained by the allocator"),
            _("Freed by the program, kept by the C library. A trim gives most of it back."),
        ),
        "other_anonymous_mb": (
            _("Other anonymous memory"),
            _("Taken from the system by neither allocator."),
        ),
        "stacks_mb": (_("Thread stacks"), _("What threads have used of their stacks.")),
        "file_mapped_mb": (
            _("Code and mapped files"),
            _("Programs, libraries and files; the system can drop most of it at need."),
        ),
    }


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
    st.vega_lite_chart(timeline_chart(ledger.moments(), operations), width="stretch")
    st.caption(
        _("Each point is the peak of an operation; the line is the resident set size between them.")
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


def show_composition() -> None:
    """The parts that add up to RSS."""
    composition = read_composition(models_mb(measure_owners()))
    words = part_words()
    parts = {words[name][0]: part_mb for name, part_mb in composition.parts().items()}
    st.vega_lite_chart(composition_chart(parts), width="stretch")
    rows = [
        {_("Part"): words[name][0], "MiB": round(part_mb, 1), _("What it is"): words[name][1]}
        for name, part_mb in composition.parts().items()
    ]
    st.dataframe(rows, hide_index=True)
    st.caption(
        _("Together {total} MiB; the resident set size is {rss} MiB.").format(
            total=f"{composition.total_mb:.1f}", rss=f"{rss_mb():.1f}"
        )
    )


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
        key="memory_view",
        label_visibility="collapsed",
    )
    if chosen is not None:
        views[chosen]()


show()
