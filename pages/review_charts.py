"""Where the holds are on the wall, and how big they are, as charts.

The charts are plain Vega-Lite specifications: they are made anew in every run of the page. Their
columns are named in the reader's language, since "Show data" shows them, and axes and legends
describe themselves in it, since Vega would do so in English.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.numbers import WallNumbers, density_rows, size_rows
from core.wall import WallAnalysis
from pages.colour_words import colour_word
from pages.words import _


def show_density(numbers: WallNumbers, analysis: WallAnalysis) -> None:
    """Where the wall is full and where it is empty."""
    st.markdown("**" + _("Where the holds are") + "**")
    cells = density_rows(numbers)
    title = _("times the average")
    rows = pd.DataFrame(
        {
            "x": [cell["x"] for cell in cells],
            "y": [cell["y"] for cell in cells],
            "x2": [min(cell["x"] + cell["side"], analysis.photo.width) for cell in cells],
            "y2": [min(cell["y"] + cell["side"], analysis.photo.height) for cell in cells],
            _("Holds"): [cell["holds"] for cell in cells],
            title: [cell["times_mean"] for cell in cells],
        }
    )
    shade_of = {"field": title, "type": "quantitative", "scale": {"scheme": "viridis"}}
    legend = {"orient": "bottom", "gradientLength": 160, "title": title, "description": title}
    spec = {
        "description": _("Where the holds are"),
        "height": chart_height_px(analysis),
        "mark": "rect",
        "encoding": {
            "x": place("x", [0, analysis.photo.width]),
            "x2": {"field": "x2"},
            "y": place("y", [analysis.photo.height, 0]),
            "y2": {"field": "y2"},
            "color": {**shade_of, "legend": legend},
            "tooltip": [{**shade_of, "format": ".1f", "scale": None}],
        },
    }
    st.vega_lite_chart(rows, spec, width="stretch")


def chart_height_px(analysis: WallAnalysis) -> int:
    """So that the map has about the shape of the photo where it stands in a narrow column."""
    return round(min(440, max(160, 310 * analysis.photo.height / analysis.photo.width)))


def place(field: str, domain: list[int]) -> dict[str, object]:
    """An axis in pixels of the photo, not drawn."""
    scale = {"domain": domain, "nice": False}
    return {"field": field, "type": "quantitative", "axis": None, "scale": scale}


def show_sizes(numbers: WallNumbers, analysis: WallAnalysis) -> None:
    """How big the holds are against each other."""
    st.markdown("**" + _("Sizes of the holds") + "**")
    holds, title = _("Holds"), _("times the median hold")
    sizes = size_rows(numbers, analysis)
    rows = pd.DataFrame(
        {
            _("Hold"): [row["hold"] for row in sizes],
            _("Colour"): [colour_word(row["colour"]) for row in sizes],
            title: [row["size"] for row in sizes],
        }
    )
    count = {"aggregate": "count", "type": "quantitative", "title": holds}
    size = {"field": title, "type": "quantitative", "title": title, "bin": {"step": 0.25}}
    spec = {
        "description": _("Sizes of the holds"),
        "height": 180,
        "mark": "bar",
        "encoding": {
            "x": {**size, "axis": {"description": title}},
            "y": {**count, "axis": {"description": holds}},
            "tooltip": [count],
        },
    }
    st.vega_lite_chart(rows, spec, width="stretch")
