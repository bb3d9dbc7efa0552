"""The charts of the Memory page: what a small screen and a young server need of them."""

from __future__ import annotations

from core.memory.ledger import Moment, Operation
from pages.memory_charts import composition_chart, replay_chart, timeline_chart

MOMENTS = [Moment(1_000.0, 100.0), Moment(1_002.5, 120.0)]
WORK = Operation("page review", 1_000.5, 800.0, 100.0, 130.0, 120.0)


def test_a_legend_stands_below_in_columns_that_fit_on_a_phone() -> None:
    timeline = timeline_chart(MOMENTS, [WORK])["layer"][-1]["encoding"]["color"]["legend"]
    parts = composition_chart({"models": 90.0})["encoding"]["color"]["legend"]

    assert timeline == parts
    assert (timeline["orient"], timeline["columns"]) == ("bottom", 2)


def test_the_times_are_whole_seconds_and_told_as_such() -> None:
    for layer in timeline_chart(MOMENTS, [WORK])["layer"]:
        at = layer["encoding"]["x"]
        assert at["scale"] == {"nice": "second"}
        assert at["axis"]["format"] == "%H:%M:%S" and at["axis"]["tickMinStep"] == 1000
        assert 2 <= at["axis"]["tickCount"] <= 6


def test_layers_without_data_are_left_out() -> None:
    marks = [layer["mark"]["type"] for layer in timeline_chart(MOMENTS, [])["layer"]]
    assert marks == ["line"]
    assert [layer["mark"]["type"] for layer in replay_chart([1.0, 2.0], ())["layer"]] == ["point"]
    assert len(timeline_chart(MOMENTS, [WORK])["layer"]) == 3
