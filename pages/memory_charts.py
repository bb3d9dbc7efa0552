"""Charts of the Memory page as Vega-Lite specifications: plain dictionaries with their data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.memory.ledger import Moment, Operation
from core.memory.replay import TrendPoint
from pages.words import _, told

Spec = dict[str, Any]

FLAT_MB = 0.5
"""Room above and below the readings of a replay, so that a flat line looks flat."""

LEGEND = {"orient": "bottom", "columns": 2, "labelLimit": 300}
"""Two columns fit on a phone; what does not fit is cut off."""


def timeline_chart(moments: Sequence[Moment], operations: Sequence[Operation]) -> Spec:
    """RSS in MiB over time, with a point at the peak of each operation."""
    line = [{"at": 1000 * moment.at_s, "mb": round(moment.rss_mb, 2)} for moment in moments]
    points = [
        {
            "at": 1000 * row.started_s + row.duration_ms / 2,
            "from": 1000 * row.started_s,
            "to": 1000 * row.started_s + row.duration_ms,
            "mb": round(row.peak_mb, 2),
            "kept": round(row.kept_mb, 2),
            "name": told(row.name),
        }
        for row in operations
    ]
    at = {
        "field": "at",
        "type": "temporal",
        "title": None,
        "scale": {"nice": "second"},
        "axis": {"format": "%H:%M:%S", "tickCount": 5, "tickMinStep": 1000},
    }
    height = {"field": "mb", "type": "quantitative", "title": "MiB", "scale": {"zero": False}}
    tooltip = [
        {"field": "name", "title": _("Operation")},
        {"field": "mb", "title": _("Peak, MiB"), "type": "quantitative"},
        {"field": "kept", "title": _("Kept, MiB"), "type": "quantitative"},
    ]
    name = {"field": "name", "type": "nominal", "title": None, "legend": LEGEND}
    return {
        "height": 300,
        "layer": _layers(
            {
                "data": {"values": points},
                "mark": {"type": "rect", "opacity": 0.15, "color": "gray"},
                "encoding": {"x": {**at, "field": "from"}, "x2": {"field": "to"}},
            },
            {
                "data": {"values": line},
                "mark": {"type": "line", "color": "gray"},
                "encoding": {"x": at, "y": height},
            },
            {
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {"x": at, "y": height, "color": name, "tooltip": tooltip},
            },
        ),
    }


def composition_chart(parts: Mapping[str, float]) -> Spec:
    """The parts in MiB as one bar, in their order."""
    values = [
        {"part": part, "mb": round(size_mb, 2), "order": order}
        for order, (part, size_mb) in enumerate(parts.items())
    ]
    return {
        "height": 230,
        "data": {"values": values},
        "mark": {"type": "bar", "size": 60},
        "encoding": {
            "x": {"field": "mb", "type": "quantitative", "stack": "zero", "title": "MiB"},
            "color": {
                "field": "part",
                "type": "nominal",
                "title": None,
                "sort": list(parts),
                "legend": LEGEND,
            },
            "order": {"field": "order"},
            "tooltip": [{"field": "part", "title": _("Part")}, {"field": "mb", "title": "MiB"}],
        },
    }


def replay_chart(readings_mb: Sequence[float], trend: Sequence[TrendPoint]) -> Spec:
    """Readings in MiB, one per run from 1 on, with the slope and its interval through them."""
    points = [{"run": run, "mb": round(mb, 3)} for run, mb in enumerate(readings_mb, start=1)]
    line = [{"run": row.run, "mb": row.mb, "low": row.low_mb, "high": row.high_mb} for row in trend]
    heights = [*readings_mb, *(row.low_mb for row in trend), *(row.high_mb for row in trend)]
    domain = [min(heights) - FLAT_MB, max(heights) + FLAT_MB]
    run = {
        "field": "run",
        "type": "quantitative",
        "title": _("Run"),
        "scale": {"domain": [1, max(2, len(points))], "nice": False},
        "axis": {"tickMinStep": 1, "format": "d"},
    }
    height = {
        "field": "mb",
        "type": "quantitative",
        "title": "MiB",
        "scale": {"domain": domain, "nice": False},
    }
    tooltip = [{"field": "run", "title": _("Run")}, {"field": "mb", "title": "MiB"}]
    return {
        "height": 260,
        "layer": _layers(
            {
                "data": {"values": line},
                "mark": {"type": "area", "opacity": 0.18, "color": "gray"},
                "encoding": {"x": run, "y": {**height, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": {"values": line},
                "mark": {"type": "line", "color": "gray"},
                "encoding": {"x": run, "y": height},
            },
            {
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": {"x": run, "y": height, "tooltip": tooltip},
            },
        ),
    }


def _layers(*layers: Spec) -> list[Spec]:
    """Those with data: Vega-Lite looks for the ends of each, and warns where it finds none."""
    return [layer for layer in layers if layer["data"]["values"]]
