"""The live panel of the memory debugger, for the sidebar of any Streamlit app.

It lays out what the workbench knows and refreshes itself as a fragment, without running the page
again. :func:`debug_memory.memory_panel` draws it; nothing else imports this module.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import streamlit as st

from core.memory.giving_back import Given, collect_garbage, give_back
from core.memory.ledger import Operation
from core.memory.owners import register_probe
from core.memory.readings import headroom_mb, limit_mb
from core.memory.tracing import Trace
from core.memory.workbench import Workbench
from debug_memory import describe_line
from debug_memory_streamlit import streamlit_owners

OPERATIONS = 6
"""Operations that are listed, the newest first."""

SPARKS = 90
"""Readings in the small curve: three minutes at one in two seconds."""

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$:~&])")

Translate = Callable[[str], str]


def draw_panel(bench: Workbench, _: Translate, every_s: float, sidebar: bool) -> None:
    """Draw the panel, refreshed every ``every_s`` seconds."""
    register_probe("streamlit", streamlit_owners)

    @st.fragment(run_every=every_s)
    def live() -> None:
        _draw_memory(bench, _, every_s)
        _draw_buttons(bench, _)
        _draw_operations(bench.ledger.operations(), _)
        _draw_allocations(bench, _)

    with st.sidebar if sidebar else contextlib.nullcontext():
        live()


def _draw_memory(bench: Workbench, _: Translate, every_s: float) -> None:
    now_mb = bench.ledger.note(apart_s=every_s / 2)
    moments = bench.ledger.moments()[-SPARKS:]
    free_mb, most_mb = headroom_mb(), limit_mb()
    st.metric(
        _("Memory of this server"),
        f"{now_mb:.0f} MiB",
        f"{now_mb - moments[0].rss_mb:+.1f} MiB",
        delta_color="off",
        help=_("Resident set size. The difference is to the beginning of the curve."),
        border=True,
        chart_data=[round(moment.rss_mb, 1) for moment in moments],
        chart_type="area",
    )
    st.progress(
        min(1.0, max(0.0, 1 - free_mb / most_mb)),
        text=_("{free} MiB free of {limit}").format(free=f"{free_mb:.0f}", limit=f"{most_mb:.0f}"),
    )


def _draw_buttons(bench: Workbench, _: Translate) -> None:
    given: list[tuple[str, Given]] = []
    with st.container(horizontal=True):
        if st.button(_("Collect garbage"), key="debug_memory_collect"):
            given = [(_("Garbage"), collect_garbage())]
        if st.button(_("Give back to the system"), key="debug_memory_give_back"):
            collected, trimmed = give_back()
            given = [(_("Garbage"), collected), (_("Trim"), trimmed)]
    if given:
        bench.ledger.note()
        st.session_state["debug_memory_given"] = [_told(name, row, _) for name, row in given]
    for text in st.session_state.get("debug_memory_given", ()):
        st.caption(text)


def _told(name: str, given: Given, _: Translate) -> str:
    """What one step of giving back did, in a sentence."""
    if not given.available:
        return _("{name}: this system's C library cannot be trimmed.").format(name=name)
    text = _("{name}: {size} MiB given back, from {before} to {after}, in {time} ms.").format(
        name=name,
        size=f"{given.given_mb:.1f}",
        before=f"{given.before_mb:.1f}",
        after=f"{given.after_mb:.1f}",
        time=f"{given.took_ms:.0f}",
    )
    if not given.objects:
        return text
    return f"{text} {_('{count} objects were unreachable.').format(count=given.objects)}"


def _draw_operations(operations: tuple[Operation, ...], _: Translate) -> None:
    st.markdown(f"**{_('Last operations')}**")
    if not operations:
        st.caption(_("None yet."))
    for operation in operations[: -OPERATIONS - 1 : -1]:
        text = _("{name}: {kept} MiB kept, {rise} at its peak, {time} s").format(
            name=plain(_(operation.name)),
            kept=f"{operation.kept_mb:+.1f}",
            rise=f"{operation.rise_mb:+.1f}",
            time=f"{operation.duration_ms / 1000:.2f}",
        )
        failed = _("ended by {error}").format(error=operation.failed) if operation.failed else ""
        st.caption(f"{text}, {failed}" if failed else text)


def _draw_allocations(bench: Workbench, _: Translate) -> None:
    with st.expander(_("Top allocations by line")):
        names = list(dict.fromkeys(row.name for row in reversed(bench.ledger.operations())))
        chosen = _draw_arming(names, bench, _) if names else ""
        # The chosen operation's last trace; where it has none, the last there is.
        traces = [row for row in bench.traces if row.name == chosen] or list(bench.traces)
        if traces:
            _draw_trace(traces[-1], _)
        else:
            st.caption(_("Nothing was traced yet: tracing everything would cost too much."))


def _draw_arming(names: list[str], bench: Workbench, _: Translate) -> str:
    """Let one of the operations be chosen and traced; its name."""
    chosen = st.selectbox(_("Operation"), names, format_func=_, key="debug_memory_operation")
    armed = chosen in bench.armed_traces
    if st.button(_("Trace its next run"), disabled=armed, key="debug_memory_trace"):
        bench.armed_traces.add(chosen)
        armed = True
    if armed:
        st.caption(_("Its next run is traced."))
    return chosen


def _draw_trace(trace: Trace, _: Translate) -> None:
    st.markdown(f"**{plain(_(trace.name))}**")
    if trace.refused:
        st.warning(plain(_(trace.refused)))
        return
    st.code("\n".join(map(describe_line, trace.lines)) or "-", language=None, wrap_lines=True)
    st.caption(
        _(
            "{kept} MiB kept, {peak} at its height. Tracing cost {cost} MiB and {time} ms "
            "({predicted} MiB were allowed for)."
        ).format(
            kept=f"{trace.kept_mb:.1f}",
            peak=f"{trace.peak_mb:.1f}",
            cost=f"{trace.cost_mb:.1f}",
            time=f"{trace.reading_ms:.0f}",
            predicted=f"{trace.predicted_mb:.0f}",
        )
    )


def plain(text: str) -> str:
    """``text`` so that Streamlit's Markdown shows it as it is."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
