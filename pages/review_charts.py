"""Where the holds are on the wall, and how big they are, as charts.

The charts are plain Vega-Lite specifications: they are made anew in every run of the page. Their
columns are named in the reader's language, since "Show data" shows them, and axes and legends
describe themselves in it, since Vega would do so in English. Their scales are given: the browser
draws a chart once before its rows come, and would say on its console that it found none.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.numbers import WallNumbers, density_rows, size_rows
from core.wall import PhotoInfo, WallAnalysis
from pages.colour_words import colour_word
from pages.words import _

MAP_WIDTH_PX, MAP_HEIGHT_PX = 310, 440
"""What the map of the holds fits into."""

SIZE_STEP = 0.25
"""Between the sizes that are counted together, in sizes of the median hold."""


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
    shades = {"scheme": "viridis", "domain": [float(rows[title].min()), float(rows[title].max())]}
    shade_of = {"field": title, "type": "quantitative", "scale": shades}
    legend = {"orient": "bottom", "gradientLength": 160, "format": ".1f"}
    legend |= {"title": title, "description": title}
    width_px, height_px = map_size_px(analysis.photo)
    spec = {
        "description": _("Where the holds are"),
        "width": width_px,
        "height": height_px,
        "autosize": "pad",  # the map is so large; the legend comes on top of that
        # Each cell reaches a pixel under the next: else the page shines through between them.
        "mark": {"type": "rect", "clip": True, "x2Offset": 1, "y2Offset": 1},
        "encoding": {
            "x": place("x", [0, analysis.photo.width]),
            "x2": {"field": "x2"},
            "y": place("y", [analysis.photo.height, 0]),
            "y2": {"field": "y2"},
            "color": {**shade_of, "legend": legend},
            "tooltip": [{**shade_of, "format": ".1f", "scale": None}],
        },
    }
    st.vega_lite_chart(rows, spec, width="content", height="content")


def map_size_px(photo: PhotoInfo) -> tuple[int, int]:
    """Width and height of the map: of the photo's shape, as large as the screen of a phone takes
    with its margins."""
    scale = min(MAP_WIDTH_PX / photo.width, MAP_HEIGHT_PX / photo.height)
    return max(1, round(scale * photo.width)), max(1, round(scale * photo.height))


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
    steps = rows[title] // SIZE_STEP
    bins = {
        "step": SIZE_STEP,
        "extent": [SIZE_STEP * float(steps.min()), SIZE_STEP * float(steps.max() + 1)],
    }
    size = {"field": title, "type": "quantitative", "title": title, "bin": bins}
    count = {"aggregate": "count", "type": "quantitative", "title": holds}
    tall = {"domain": [0, int(steps.value_counts().max())]}
    spec = {
        "description": _("Sizes of the holds"),
        "height": 180,
        "mark": "bar",
        "encoding": {
            "x": {**size, "axis": {"description": title, "format": ".2f"}},
            "y": {**count, "scale": tall, "axis": {"description": holds, "tickMinStep": 1}},
            "tooltip": [count],
        },
    }
    st.vega_lite_chart(rows, spec, width="stretch")
