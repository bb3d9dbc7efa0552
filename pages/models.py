"""What is loaded and how it does; and what this session wants otherwise.

The choices of a session are plain values under the key ``choices``, named as the fields of
:class:`core.choices.Choices`; the other pages pass them along with every photo. Facts come from
:mod:`core.model_report` and the service; nothing is computed here.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.choices import Choices
from core.errors import ClimbMateError
from core.model_report import ModelReport, measure, report
from core.settings import DEFAULT_PALETTE
from pages.colour_words import colour_word
from pages.shared import Ready, plain, ready_or_stop, show_error
from pages.words import _, ngettext

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo_wall.jpg"
CONTROLS = ("models_conf", "models_palette", "models_holds", "models_side")


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


def class_word(name: str) -> str:
    """A class that a model tells apart: a kind of hold, or a colour."""
    return {"hold": _("hold"), "volume": _("volume")}.get(name) or colour_word(name)


def show_models(reports: tuple[ModelReport, ...]) -> None:
    """One card per model: what it is for, where it comes from, its files."""
    roles = {
        "detector": _("Detector: finds holds and volumes and traces their outlines."),
        "colour": _("Colour model: compares each hold with the words of the palette."),
        "statistics": _("Statistics network: reads a hold's colour from its pixels alone."),
    }
    for model in reports:
        with st.container(border=True):
            st.markdown(f"**{plain(model.name)}** · {roles[model.role]}")
            source = (
                _("Chosen by {setting}.").format(setting=model.replaced)
                if model.replaced
                else _("Embedded: it comes with ClimbMate.")
            )
            shape = " x ".join(map(str, model.shape))
            facts = _("Input {shape}. On disk {size} MiB. Version {digest}. Knows: {names}.")
            st.caption(
                f"{plain(source)} "
                + facts.format(
                    shape=shape,
                    size=round(model.size_mb, 2),
                    digest=model.digest,
                    names=plain(", ".join(map(class_word, model.classes))),
                )
            )
            with st.expander(_("Files and checksums")):
                files = [
                    {
                        _("File"): file.name,
                        _("kB"): round(file.size / 1000, 1),
                        "SHA-256": file.sha256,
                    }
                    for file in model.files
                ]
                st.dataframe(pd.DataFrame(files), hide_index=True, alt=_("Files of this model"))
                st.caption(plain(str(model.folder)))


def show_speed(ready: Ready) -> None:
    """The demo wall, timed on demand."""
    st.subheader(_("Speed"))
    st.caption(
        _("Analyses the demo wall once more, in turn with all others, and shows where time went.")
    )
    if st.button(_("Measure now"), icon=":material/speed:"):
        try:
            with st.spinner(_("Measuring")):
                st.session_state["measured"] = asdict(measure(ready.service, DEMO.read_bytes()))
        except ClimbMateError as error:
            show_error(error.message, error.hint)
    if timings := st.session_state.get("measured"):
        stages = {
            "decode": _("Opening the photo"),
            "detect": _("Finding holds and volumes"),
            "masks": _("Tracing their outlines"),
            "colour": _("Reading their colours"),
            "problems": _("Grouping them into problems"),
            "total": _("Altogether"),
        }
        rows = [{_("Stage"): stages[s], _("ms"): round(timings[s], 1)} for s in stages]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=_("Milliseconds of each stage"))


def show_choices(ready: Ready) -> None:
    """Controls whose values go along with the photos of this session."""
    settings = ready.settings
    chosen: dict[str, Any] = st.session_state.get("choices", {})
    st.subheader(_("For this session"))
    st.caption(
        _("These change how your next photos are analysed. Nobody else is affected, and nothing is "
          "kept when you leave.")
    )  # fmt: skip
    confidence = st.slider(
        _("Least confidence of a hold"),
        0.05,
        0.95,
        float(chosen.get("yolo_conf", settings.yolo_conf)),
        0.05,
        key="models_conf",
        help=_("Lower finds more holds, and more that are none."),
    )
    known = list(dict.fromkeys((*settings.palette, *DEFAULT_PALETTE)))
    palette = list(chosen.get("palette", settings.palette))
    words = st.multiselect(
        _("Colour names"),
        list(dict.fromkeys((*known, *palette))),
        palette,
        accept_new_options=True,
        key="models_palette",
        format_func=colour_word,
        help=_("Only these names are given. Type a word of your own and press Enter."),
    )
    most = st.number_input(
        _("Most holds"),
        0,
        100_000,
        int(chosen.get("max_holds", settings.max_holds)),
        key="models_holds",
        help=_("The largest ones are kept; 0 keeps all."),
    )
    side = st.number_input(
        _("Longest side that is looked at, in pixels"),
        320,
        8192,
        int(chosen.get("max_image_size", settings.max_image_size)),
        64,
        key="models_side",
        help=_("Larger photos are reduced to it. More takes longer and more memory."),
    )
    wanted: dict[str, Any] = {
        "yolo_conf": round(confidence, 2),
        "palette": tuple(words),
        "max_holds": int(most),
        "max_image_size": int(side),
    }
    differing = {k: v for k, v in wanted.items() if v != getattr(settings, k)}
    try:
        Choices(**differing).applied_to(settings)
    except ClimbMateError as error:
        show_error(error.message, error.hint)
    else:
        st.session_state["choices"] = differing
    st.button(
        _("Back to the defaults"),
        icon=":material/undo:",
        on_click=reset,
        disabled=not st.session_state.get("choices"),
    )


def reset() -> None:
    """Forget the session's choices, and what the controls show."""
    for key in ("choices", *CONTROLS):
        st.session_state.pop(key, None)


def show_caches(ready: Ready) -> None:
    """What is remembered, and a button to forget it."""
    st.subheader(_("Kept results"))
    cache = ready.service.cache_info()
    if not cache.maxsize:
        st.caption(_("Results are not kept: ENABLE\\_MODEL\\_CACHE is off."))
        return
    text = _(
        "{count} of at most {most} results are kept, {size} of {bound} MiB. {hits} of {asked} "
        "requests were answered from them."
    )
    st.caption(
        text.format(
            count=cache.currsize,
            most=cache.maxsize,
            size=round(cache.bytes / 2**20, 2),
            bound=round(cache.max_bytes / 2**20, 1),
            hits=cache.hits,
            asked=cache.hits + cache.misses,
        )
    )
    if st.button(_("Forget kept results"), icon=":material/delete:"):
        held = cache.bytes
        dropped = ready.service.clear_cache()
        text = ngettext(
            "{count} result was forgotten, {size} MiB.",
            "{count} results were forgotten, {size} MiB.",
            dropped,
        )
        st.success(text.format(count=dropped, size=round(held / 2**20, 2)))


def show() -> None:
    """The page."""
    st.title(_("Models"))
    ready = ready_or_stop()
    show_state(ready)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader(_("What is loaded"))
        try:
            show_models(report(ready.settings))
        except ClimbMateError as error:
            show_error(error.message, error.hint)
    with right:
        show_choices(ready)
        show_caches(ready)
        show_speed(ready)


show()
