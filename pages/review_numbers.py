"""The numbers that setters use, as charts where people would rather look.

Nothing rests on colour alone: every bar has its name and its number in words.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.numbers import (
    ColourNumbers,
    WallNumbers,
    spread_rows,
    wall_numbers,
)
from core.overlay import DISPLAY_COLOURS
from core.wall import WallAnalysis
from pages.colour_words import colour_word
from pages.review_charts import show_density, show_sizes
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
    colour, holds, words = _("Colour"), _("Holds"), _("In words")
    rows = pd.DataFrame(
        {
            colour: [colour_word(row.colour) for row in numbers.colours],
            holds: [row.holds + row.volumes for row in numbers.colours],
            words: [colour_text(row) for row in numbers.colours],
        }
    )
    room = 2.2 * rows[holds].max()  # for the words
    across = {"field": holds, "type": "quantitative", "axis": None}
    down = {"field": colour, "type": "nominal", "sort": None, "title": None}
    down["axis"] = {"description": colour}
    shades = {
        "domain": rows[colour].tolist(),
        "range": [shade(row.colour) for row in numbers.colours],
    }
    outline = {"stroke": "#808080", "strokeWidth": 1, "cornerRadius": 2}
    bars = {
        "mark": {"type": "bar", "aria": False, **outline},  # the words tell all of it
        "encoding": {
            "color": {"field": colour, "type": "nominal", "scale": shades, "legend": None}
        },
    }
    beside = {
        "transform": [{"calculate": f"datum['{colour}'] + ': ' + datum['{words}']", "as": "read"}],
        "mark": {"type": "text", "align": "left", "dx": 6, "color": "#808080"},
        "encoding": {"text": {"field": words}, "description": {"field": "read"}},
    }
    spec = {
        "description": _("Holds and problems per colour"),
        "height": 26 * len(rows) + 10,
        "encoding": {"x": {**across, "scale": {"domain": [0, float(room)]}}, "y": down},
        "layer": [bars, beside],
    }
    st.vega_lite_chart(rows, spec, width="stretch")


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
    number = st.column_config.NumberColumn
    share = _("Share of the wall's extent.")
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        column_config={
            "problem": number(_("Problem"), width=60),
            "colour": st.column_config.TextColumn(_("Colour"), width=60),
            "moves": number(
                _("Moves"), width=50, help=_("An estimate: one move per hold after the first.")
            ),
            "height": number(_("Height"), format="%.0f %%", width=50, help=share),
            "width": number(_("Width"), format="%.0f %%", width=50, help=share),
            "gap": number(
                _("Gap"),
                format="%.1f",
                width=40,
                help=_("The widest gap that cannot be avoided, in sizes of the median hold."),
            ),
        },
        alt=_("Height, width and moves of each problem"),
    )
