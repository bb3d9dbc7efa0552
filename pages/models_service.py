"""How the service does: its state and counts, its speed on demand, and the results it keeps."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd
import streamlit as st

from core.errors import ClimbMateError
from core.model_report import measure
from pages.demo import DEMO_WALL
from pages.shared import Ready, plain, show_error
from pages.words import _, ngettext


def show_state(ready: Ready) -> None:
    """Readiness, memory, and the counts of the service."""
    readiness, numbers = ready.service.readiness(), ready.service.statistics()
    words = {
        "ready": _("The models are loaded and warmed up: a photo is analysed at once."),
        "unloaded": _("The models were unloaded; the next photo loads them again."),
    }
    st.markdown(words.get(readiness.state, plain(readiness.state)))
    counts = {
        _("Answers"): numbers.total_predictions,
        _("Analyses"): numbers.analyses,
        _("Mean analysis"): _("{seconds} s").format(
            seconds=round(numbers.avg_inference_time_ms / 1000, 2)
        )
        if numbers.analyses
        else "-",
        _("Waiting"): numbers.queued,
        _("Models in memory"): _("{size} MiB").format(size=round(numbers.model_mb)),
    }
    with st.container(horizontal=True):
        for label, value in counts.items():
            st.metric(label, value, border=True, width=160)


def show_speed(ready: Ready) -> None:
    """The demo wall, timed on demand."""
    st.subheader(_("Speed"))
    st.caption(
        _("Analyses the demo wall once more, in turn with all others, and shows where time went.")
    )
    if st.button(_("Measure now"), icon=":material/speed:"):
        try:
            with st.spinner(_("Measuring")):
                timings = measure(ready.service, DEMO_WALL.read_bytes())
                st.session_state["measured"] = asdict(timings)
        except ClimbMateError as error:
            show_error(error.message, error.hint)
    if measured := st.session_state.get("measured"):
        stages = {
            "decode": _("Opening the photo"),
            "detect": _("Finding holds and volumes"),
            "masks": _("Tracing their outlines"),
            "colour": _("Reading their colours"),
            "problems": _("Grouping them into problems"),
            "total": _("Altogether"),
        }
        rows = [{_("Stage"): stages[s], _("ms"): round(measured[s], 1)} for s in stages]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=_("Milliseconds of each stage"))


def show_caches(ready: Ready) -> None:
    """What is remembered, also once the button was pressed that forgets it."""
    st.subheader(_("Kept results"))
    cache = ready.service.cache_info()
    if not cache.maxsize:
        st.caption(_("This server keeps no results."))
        return
    caption = st.empty()
    if st.button(_("Forget kept results"), icon=":material/delete:"):
        held = cache.bytes
        dropped = ready.service.clear_cache()
        cache = ready.service.cache_info()
        text = ngettext(
            "{count} result was forgotten, {size} MiB.",
            "{count} results were forgotten, {size} MiB.",
            dropped,
        )
        st.success(text.format(count=dropped, size=round(held / 2**20, 2)))
    text = _(
        "{count} of at most {most} results are kept, {size} of {bound} MiB. {hits} of {asked} "
        "requests were answered from them."
    )
    caption.caption(
        text.format(
            count=cache.currsize,
            most=cache.maxsize,
            size=round(cache.bytes / 2**20, 2),
            bound=round(cache.max_bytes / 2**20, 1),
            hits=cache.hits,
            asked=cache.hits + cache.misses,
        )
    )
