"""The view of the Memory page that looks for leaks: an operation run again and again."""

from __future__ import annotations

import streamlit as st

import debug_memory
from core.errors import ClimbMateError
from core.memory.replay import Replay, trend
from core.memory.replay_thread import ReplayState, ReplayThread
from core.replay_operations import Name, ReplayOperation, replay_operations
from pages.demo import DEMO_WALL
from pages.memory_charts import replay_chart
from pages.shared import plain, ready_or_stop, show_error
from pages.words import _

COUNTS = (10, 20, 40, 80)
EVERY_S = 1.0


def operation_words() -> dict[Name, str]:
    """What each operation does."""
    return {
        "analyse": _("Analyse the demo wall"),
        "remembered": _("Answer the demo wall from the cache"),
        "picture": _("Draw the picture with its outlines"),
        "sheet": _("Write the printable sheet"),
        "models": _("Unload the models and load them again"),
    }


def show_replay() -> None:
    """Choose an operation, run it, watch it, and read the verdict."""
    operations = {
        row.name: row for row in replay_operations(ready_or_stop().service, DEMO_WALL.read_bytes())
    }
    replay = debug_memory.workbench().replay
    running = replay is not None and replay.state.running
    words = operation_words()
    st.caption(
        _(
            "The operation runs again and again. After each run garbage is collected, free memory "
            "is given back, and what is left in use is read: what still grows is kept by "
            "somebody. Other work in this process counts too, so do this on a quiet server; the "
            "page may be left meanwhile."
        )
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            _("Operation"), list(operations), format_func=words.__getitem__, disabled=running
        )
        most = st.select_slider(
            _("At most so many runs"),
            COUNTS,
            80,
            help=_("It ends earlier when the finding is clear."),
            disabled=running,
        )
        if st.button(_("Run it"), type="primary", disabled=running):
            start(operations[chosen], most)
            st.rerun()
    if replay is not None:
        st.fragment(show_state, run_every=EVERY_S if running else None)(replay, running)


def start(operation: ReplayOperation, most: int) -> None:
    """Run ``operation`` at most so often in the background, unless another is being run."""
    debug_memory.workbench().start_replay(
        ReplayThread(
            operation.name, operation.prepare, runs=most, threshold_kib=operation.threshold_kib
        )
    )


def show_state(replay: ReplayThread, was_running: bool) -> None:
    """How far it is, with a way to stop it; at the end, what was found."""
    state = replay.state
    if was_running and not state.running:
        st.rerun()  # the whole page, whose controls are free again
    title = {str(name): text for name, text in operation_words().items()}[replay.name]
    st.markdown(f"**{plain(title)}**")
    if state.running:
        st.progress(state.done / state.most, progress_words(state))
        if st.button(_("Stop"), help=_("It ends after the run that is under way.")):
            replay.stop()
    else:
        show_end(state)
    if state.readings_mb:
        points = trend(state.found) if state.found is not None else ()
        st.vega_lite_chart(replay_chart(state.readings_mb, points), width="stretch")
        st.caption(
            _(
                "Points: memory in use after each run that counts; the first {count} fill caches "
                "and do not. Line and band: the slope and its 95 % interval."
            ).format(count=state.warm_up)
        )


def progress_words(state: ReplayState) -> str:
    """Which run is over: of those that count, as they were chosen, or of those before them."""
    if state.done <= state.warm_up:
        text = _("Warming up: run {done} of {most}")
        return text.format(done=state.done, most=state.warm_up)
    text = _("Run {done} of at most {most}")
    return text.format(done=state.done - state.warm_up, most=state.most - state.warm_up)


def show_end(state: ReplayState) -> None:
    """Verdict and figures, why it stopped early, or why it failed."""
    if isinstance(state.error, ClimbMateError):
        show_error(state.error.message, state.error.hint)
    elif state.error is not None:
        text = _("A run failed: {error}.")
        show_error(text.format(error=f"{type(state.error).__name__}: {state.error}"), "")
    if state.stopped:
        st.info(_("It was stopped."))
    if state.found is not None:
        show_finding(state.found)
    elif state.error is None:
        st.caption(_("There are too few runs for a slope."))


def show_finding(found: Replay) -> None:
    """The verdict in a sentence, then slope, interval and number of runs."""
    kib = f"{found.threshold_kib:g}"
    if found.finding == "leak":
        text = _("A leak: every run keeps memory, at least {kib} KiB.")
        st.error(text.format(kib=kib), icon=":material/water_drop:")
    elif found.finding == "no leak":
        text = _("No leak: below {kib} KiB per run.")
        st.success(text.format(kib=kib), icon=":material/check:")
    else:
        text = _("Not sure whether every run keeps {kib} KiB or more. More runs tell more.")
        st.warning(text.format(kib=kib), icon=":material/help:")
    slope = found.slope
    figures = {
        _("KiB per run"): f"{slope.kib:+.1f}",
        _("95 % interval"): _("{low} to {high}").format(
            low=f"{slope.low_kib:+.1f}", high=f"{slope.high_kib:+.1f}"
        ),
        _("Runs that count"): str(found.runs),
    }
    with st.container(horizontal=True):
        for label, value in figures.items():
            st.metric(label, value, border=True, width="stretch")
