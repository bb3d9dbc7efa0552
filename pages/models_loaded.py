"""What is loaded: a card per model, with where it comes from and its files.

The facts come from :mod:`core.model_report`.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.model_report import ModelReport
from pages.colour_words import colour_word
from pages.shared import plain
from pages.words import _


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
            show_facts(model)
            show_files(model)


def show_facts(model: ModelReport) -> None:
    """Where the model comes from and what it knows, in a line."""
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


def show_files(model: ModelReport) -> None:
    """The files it was read from, to be checked against others."""
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


def class_word(name: str) -> str:
    """A class that a model tells apart: a kind of hold, or a colour."""
    return {"hold": _("hold"), "volume": _("volume")}.get(name) or colour_word(name)
