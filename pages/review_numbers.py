"""The numbers that setters use, as charts where people would rather look.

Nothing rests on colour alone: every bar has its name and its number in words.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.numbers import (
    ColourNumbers,
    WallNumbers,
    density_rows,
    size_rows,
    spread_rows,
    wall_numbers,
)
from core.overlay import DISPLAY_COLOURS
from core.wall import WallAnalysis
from pages.colour_words import colour_word
from pages.words import _, ngettext


def show_counts(analysis: WallAnalysis) -> None:
    """The numbers a setter looks for first."""
    volumes = sum(hold.kind == "volume" for hold in analysis.holds)
    holds = len(analysis.holds) - volumes
    unsure = sum(not hold.colour.sure for hold in analysis.holds)
    problems = len(analysis.problems)
    parts = [
        ngettext("**{count}** hold", "**{count}** holds", holds).format(count=holds),
        ngettext("**{count}** volume", "**{count}** volumes", volumes).format(count=volumes),
        ngettext("**{count}** problem", "**{count}** problems", problems).format(count=problems),
        ngettext("**{count}** unsure", "**{count}** unsure", unsure).format(count=unsure),
    ]
    st.markdown(" · ".join(parts))


def show_numbers(analysis: WallAnalysis) -> None:
    """All numbers of the wall."""
    if not analysis.holds:
        st.caption(_("There is nothing to count yet."))
        return
    numbers = wall_numbers(analysis)
    show_colours(numbers)
    if numbers.spreads:
        show_spreads(numbers)
    if numbers.density is not None:
        show_density(numbers, analysis)
    if numbers.sizes is not None:
        show_sizes(numbers, analysis)


def shade(name: str) -> str:
    """What a colour looks like, for a bar; grey for a gym's own name."""
    return "#{:02x}{:02x}{:02x}".format(*DISPLAY_COLOURS.get(name, (128, 128, 128)))


def show_colours(numbers: WallNumbers) -> None:
    """Holds per colour."""
    st.markdown("**" + _("Holds and problems per colour") + "**")
    rows = [
        {
            "colour": colour_word(row.colour),
            "shade": shade(row.colour),
            "holds": row.holds + row.volumes,
            "text": colour_text(row),
        }
        for row in numbers.colours
    ]
    room = 1.8 * max(row.holds + row.volumes for row in numbers.colours)  # for the words
    across = {"field": "holds", "type": "quantitative", "axis": None}
    down = {"field": "colour", "type": "nominal", "sort": None, "title": None}
    bars = {
        "mark": {"type": "bar", "stroke": "#808080", "strokeWidth": 1, "cornerRadius": 2},
        "encoding": {"color": {"field": "shade", "type": "nominal", "scale": None, "legend": None}},
    }
    words = {
        "mark": {"type": "text", "align": "left", "dx": 6, "color": "#808080"},
        "encoding": {"text": {"field": "text", "type": "nominal"}},
    }
    spec = {
        "height": 26 * len(rows) + 10,
        "encoding": {"x": {**across, "scale": {"domainMax": room}}, "y": down},
        "layer": [bars, words],
    }
    st.vega_lite_chart(pd.DataFrame(rows), spec, width="stretch")


def colour_text(row: ColourNumbers) -> str:
    """One colour's numbers in words; short, since they stand beside the bar."""
    parts = [str(row.holds + row.volumes)]
    if row.problems:
        problems = ngettext("{count} problem", "{count} problems", row.problems)
        parts.append(problems.format(count=row.problems))
    if row.unsure:
        parts.append(_("{count} unsure").format(count=row.unsure))
    return " · ".join(parts)


def show_spreads(numbers: WallNumbers) -> None:
    """How each problem lies on the wall."""
    st.markdown("**" + _("How each problem lies") + "**")
    rows = spread_rows(numbers)
    table = pd.DataFrame(
        {
            "problem": [row["problem"] for row in rows],
            "colour": [colour_word(str(row["colour"])) for row in rows],
            "moves": [row["moves_estimate"] for row in rows],
            "height": [100 * float(row["height_share"] or 0) for row in rows],
            "width": [100 * float(row["width_share"] or 0) for row in rows],
            "gap": [row["longest_gap_sizes"] for row in rows],
        }
    )

    def percent(title: str) -> object:
        return st.column_config.ProgressColumn(title, format="%.0f %%", min_value=0, max_value=100)

    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        column_config={
            "problem": st.column_config.NumberColumn(_("Problem"), width=70),
            "colour": st.column_config.TextColumn(_("Colour"), width=80),
            "moves": st.column_config.NumberColumn(
                _("Moves"), width=60, help=_("An estimate: one move per hold after the first.")
            ),
            "height": percent(_("Height")),
            "width": percent(_("Width")),
            "gap": st.column_config.NumberColumn(
                _("Widest gap"), format="%.1f", help=_("In sizes of the wall's median hold.")
            ),
        },
        alt=_("Height, width and moves of each problem"),
    )


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
        "height": 300,
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
