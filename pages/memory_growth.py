"""Views of the Memory page about growth: objects by type, explanations, and files to compare."""

from __future__ import annotations

import time
from datetime import datetime

import streamlit as st

import debug_memory
from core.memory.baseline import (
    difference,
    encode_csv,
    encode_json,
    last_of_another_version,
    load_baselines,
    save_baseline,
)
from core.memory.objects import referrer_chains
from core.memory.verdicts import NEGLIGIBLE_MB, Reason, Verdict
from core.memory.workbench import Explanation
from core.settings import load_settings
from core.version import VERSION
from pages.shared import plain, show_error
from pages.words import _, told

TYPES = 30

WORTH_MB = NEGLIGIBLE_MB / 5
"""Smaller sizes are not spoken of."""


def show_objects() -> None:
    """Objects by type, what they grew by since the last count, and who keeps one."""
    bench = debug_memory.workbench()
    if st.button(_("Count from here"), help=_("Growth is then counted from this moment.")):
        bench.count_objects()
    growth = bench.object_growth()
    since = clock(bench.counted_s) if bench.counted else _("the start")
    st.caption(
        _("Growth since {time}. Only containers and instances are counted.").format(time=since)
    )
    rows = [
        {
            _("Type"): row.name,
            _("More"): row.more,
            _("More, KiB"): round(row.more_bytes / 1024, 1),
            _("Now"): row.count,
        }
        for row in growth[:TYPES]
    ]
    if rows:
        st.dataframe(rows, hide_index=True)
    # By its key the choice stays when the types change places, as they do all the time.
    chosen = st.selectbox(
        _("Who keeps objects of a type?"),
        [row.name for row in growth[:TYPES]],
        key="memory_type",
    )
    if st.button(_("Find the references"), disabled=chosen is None):
        for chain in referrer_chains(str(chosen)):
            ending = "" if chain.rooted else f"\n{_('... not followed further')}"
            st.code("\n  ⤷ ".join(chain.links) + ending, language=None)


def reason_words() -> dict[Reason, str]:
    """What each reason for growth means, and what to do."""
    return {
        "garbage": _("garbage: objects that kept each other alive; the collector has freed them"),
        "retained": _("retained by the allocators: freed, but not given back by themselves"),
        "owner": _("held by {owner}"),
        "python": _("small Python objects that no known owner holds; see Objects"),
        "mapped": _("code and files that were mapped, as by an import"),
        "native": _("native memory or large buffers that nobody named; memray shows the stack"),
    }


def show_explanations() -> None:
    """Explain the growth since a mark, or of the next run of an operation."""
    bench = debug_memory.workbench()
    names = list(dict.fromkeys(row.name for row in reversed(bench.ledger.operations())))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button(_("Set a mark")):
            bench.set_mark()
        if st.button(_("Explain the growth since the mark"), disabled=bench.mark is None):
            bench.explain_since_mark()
        chosen = st.selectbox(_("Operation"), names, format_func=told, key="memory_operation")
        if st.button(_("Explain its next run"), disabled=chosen is None):
            bench.armed_explanations.add(str(chosen))
    if bench.mark is not None:
        moved = any(not row.name and row.at_s == bench.marked_s for row in bench.explanations)
        text = (
            _("The mark has moved to {time}, at {size} MiB.")
            if moved
            else _("Mark of {time}, at {size} MiB.")
        )
        st.caption(text.format(time=clock(bench.marked_s), size=f"{bench.mark.rss_mb:.1f}"))
    for name in sorted(bench.armed_explanations):
        st.caption(_("The next run of {name} is explained.").format(name=plain(told(name))))
    for explanation in reversed(bench.explanations):
        show_explanation(explanation)


def show_explanation(explanation: Explanation) -> None:
    """One verdict: the growth, what was given back, then the reasons with their sizes."""
    verdict = explanation.explained.verdict
    text = (
        _("**{growth} MiB** {name}, {since} to {time}.")
        if explanation.name
        else _("**{growth} MiB** since the mark of {since}, at {time}.")
    )
    heading = text.format(
        growth=f"{verdict.growth_mb:+.1f}",
        name=plain(told(explanation.name)),
        since=clock(explanation.since_s),
        time=clock(explanation.at_s),
    )
    if verdict.given_back_mb >= WORTH_MB:
        given = _("{given} MiB were given back.").format(given=f"{verdict.given_back_mb:.1f}")
        heading = f"{heading} {given}"
    with st.container(border=True):
        st.markdown(heading)
        st.markdown("\n".join(f"- {line}" for line in sentences(verdict)) or _("Nothing grew."))


def sentences(verdict: Verdict) -> list[str]:
    """Size and reason of every share worth speaking of."""
    words = reason_words()
    return [
        f"**{share.size_mb:+.1f} MiB** {words[share.reason].format(owner=plain(told(share.owner)))}"
        for share in verdict.shares
        if abs(share.size_mb) >= WORTH_MB
    ]


def show_export() -> None:
    """All readings as files, and the figures of this version beside another's."""
    version = st.text_input(_("Version"), VERSION, max_chars=60).strip()
    report = debug_memory.workbench().report(version)
    with st.container(horizontal=True):
        st.download_button("JSON", encode_json(report), "memory.json", "application/json")
        st.download_button("CSV", encode_csv(report), "memory.csv", "text/csv")
        pressed = st.button(_("Save as baseline of this version"), disabled=not version)
    save = pressed and bool(version)  # the field may be emptied while the button is pressed
    if not version:
        st.caption(_("A baseline is saved under its version: fill in the field."))
    folder = load_settings().cache_dir / "memory-baselines"
    try:
        before = last_of_another_version(load_baselines(folder), version)
        if save:
            save_baseline(folder, report)
    except (OSError, ValueError) as error:
        show_error(str(error), _("Check or remove the file."))
        return
    if save:
        st.success(_("Saved in {folder}").format(folder=plain(str(folder))))
    if before is None:
        st.caption(_("No baseline of another version was saved yet."))
        return
    st.caption(
        _("Beside the baseline of {version}, {time}").format(
            version=plain(before.version), time=time.strftime("%F %R", time.localtime(before.at_s))
        )
    )
    rows = [
        {
            _("Figure"): row.name,
            _("Then, MiB"): None if row.before_mb is None else round(row.before_mb, 1),
            _("Now, MiB"): None if row.now_mb is None else round(row.now_mb, 1),
            _("Change, MiB"): None if row.more_mb is None else round(row.more_mb, 1),
        }
        for row in difference(before.figures, report.figures())
    ]
    st.dataframe(rows, hide_index=True)


def clock(at_s: float) -> str:
    """Hours, minutes and seconds of a moment, in the server's time."""
    return datetime.fromtimestamp(at_s).strftime("%H:%M:%S")
