"""Where the holds are on the wall, and how big they are, as charts.

The charts are plain Vega-Lite specifications: they are made anew in every run of the page.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.numbers import WallNumbers, density_rows, size_rows
from core.wall import WallAnalysis
from pages.words import _


def show_density(numbers: WallNumbers, analysis: WallAnalysis) -> None:
    """Where the wall is full and where it is empty."""
    st.markdown("**" + _("Where the holds are") + "**")
    rows = pd.DataFrame(density_rows(numbers))
    rows["x2"] = (rows["x"] + rows["side"]).clip(upper=analysis.photo.width)
    rows["y2"] = (rows["y"] + rows["side"]).clip(upper=analysis.photo.height)
    shade_of = {
        "field": "times_mean",
        "type": "quantitative",
        "scale": {"scheme": "viridis"},
        "title": _("times the average"),
    }
    spec = {
        "height": chart_height_px(analysis),
        "mark": "rect",
        "encoding": {
            "x": place("x", [0, analysis.photo.width]),
            "x2": {"field": "x2"},
            "y": place("y", [analysis.photo.height, 0]),
            "y2": {"field": "y2"},
            "color": {**shade_of, "legend": {"orient": "bottom", "gradientLength": 160}},
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
    count = {"aggregate": "count", "type": "quantitative", "title": _("Holds")}
    size = {"field": "size", "type": "quantitative", "title": _("times the median hold")}
    spec = {
        "height": 180,
        "mark": "bar",
        "encoding": {"x": {**size, "bin": {"step": 0.25}}, "y": count, "tooltip": [count]},
    }
    st.vega_lite_chart(pd.DataFrame(size_rows(numbers, analysis)), spec, width="stretch")
