"""The view of the parts that the resident set size is made of, each with its meaning.

They are measured in :mod:`core.memory.composition`.
"""

from __future__ import annotations

import streamlit as st

from core.memory.composition import read_composition
from core.memory.owners import measure_owners
from core.memory.readings import rss_mb
from core.memory.workbench import models_mb
from pages.memory_charts import composition_chart
from pages.words import _


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
