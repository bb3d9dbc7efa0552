"""The debugger in the dashboard: off nothing of it shows, on the panel and every view work."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest

import debug_memory
from core.memory.verdicts import Explained, Verdict, take_reading
from core.memory.workbench import Explanation
from pages.memory_growth import clock
from tests.pages.memory_app import (
    captions,
    checked,
    fresh,
    on,
    open_app,
    press,
    start_page,
    view,
)

__all__ = ["fresh", "on"]

pytestmark = pytest.mark.usefixtures("clean_environment")

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs smaps and glibc's heap figures")


def test_off_there_is_no_panel_and_no_page(repository: Path) -> None:
    app = open_app(repository)

    assert not app.sidebar.metric and not app.sidebar.button
    assert debug_memory._workbench is None


@pytest.mark.usefixtures("on")
def test_on_the_panel_shows_memory_and_the_page_as_an_operation(repository: Path) -> None:
    app = start_page(open_app(repository))

    (metric,) = app.sidebar.metric
    assert metric.label == "Memory of this server" and metric.value.endswith(" MiB")
    assert any("page review: " in caption.value for caption in app.sidebar.caption)
    names = [operation.name for operation in debug_memory.workbench().ledger.operations()]
    assert set(names) == {"load the models", "page review"}


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("label", "told"),
    [("Collect garbage", ["Garbage: "]), ("Give back to the system", ["Garbage: ", "Trim: "])],
)
def test_giving_back_is_told_in_numbers(label: str, told: list[str], repository: Path) -> None:
    app = press(open_app(repository), label)

    found = [c.value for c in app.sidebar.caption if "given back, from" in c.value]
    assert [any(text.startswith(start) for text in found) for start in told] == [True] * len(told)
    assert len(found) == len(told)


@pytest.mark.usefixtures("on")
def test_the_next_run_of_an_operation_is_traced(repository: Path) -> None:
    app = press(start_page(open_app(repository)), "Trace its next run")
    start_page(start_page(app))  # the run with the click had begun before it

    (trace,) = debug_memory.workbench().traces
    assert trace.name == "page review" and trace.lines and not trace.refused
    assert any("MiB in" in code.value for code in app.sidebar.code)


@pytest.mark.usefixtures("on")
def test_each_traced_operation_shows_its_own_lines(repository: Path) -> None:
    kept = []
    for name, size in (("first", 70_000), ("second", 90_000)):
        with debug_memory.track(name, trace=True):
            kept.append([bytearray(size) for _ in range(40)])
    app = open_app(repository)
    shown = {}
    for name in ("first", "second"):
        choice = next(box for box in app.sidebar.selectbox if name in box.options)
        checked(choice.select(name).run())
        shown[name] = app.sidebar.code[-1].value

    for name, blocks_mb in (("first", 40 * 70_000 / 2**20), ("second", 40 * 90_000 / 2**20)):
        told = re.search(r"test_memory_page\.py:\d+ ([\d.]+) MiB", shown[name])
        assert told is not None, shown[name]
        assert float(told[1]) == pytest.approx(blocks_mb, rel=0.02)


@pytest.mark.usefixtures("on")
def test_the_timeline_has_the_operations(repository: Path) -> None:
    app = view(open_app(repository))

    assert [m.label for m in app.main.metric][:2] == ["Resident now", "Highest since the start"]
    assert set(app.dataframe[0].value["Operation"]) == {"load the models", "page review"}


@pytest.mark.usefixtures("on")
def test_every_page_but_this_is_an_operation(repository: Path) -> None:
    app = open_app(repository)
    for page in ("compare", "models", "memory"):
        checked(app.switch_page(f"pages/{page}.py").run())

    names = {operation.name for operation in debug_memory.workbench().ledger.operations()}
    assert names == {"load the models", "page review", "page compare", "page models"}


@pytest.mark.usefixtures("on")
def test_one_reading_is_no_line_yet(repository: Path) -> None:
    app = view(open_app(repository))
    ledger = debug_memory.workbench().ledger
    ledger._operations.clear()
    ledger._moments.clear()
    checked(app.run())
    assert "There are too few readings for a line" in captions(app)
    assert not app.main.get("vega_lite_chart")

    ledger.note()
    checked(app.run())
    assert len(app.main.get("vega_lite_chart")) == 1


@linux
@pytest.mark.usefixtures("on")
def test_the_composition_adds_up(repository: Path) -> None:
    app = view(open_app(repository), "Composition")

    table = app.dataframe[0].value
    words = captions(app).split("Together ")[1].split()
    total_mb, rss_mb = float(words[0]), float(words[-2])
    assert table["MiB"].sum() == pytest.approx(total_mb, abs=0.5)
    assert total_mb == pytest.approx(rss_mb, rel=0.05)


@pytest.mark.usefixtures("on")
def test_owners_are_named(repository: Path) -> None:
    app = view(open_app(repository), "Owners")

    assert {"models", "analysis cache", "st.cache_resource"} <= set(app.dataframe[0].value["Owner"])
    assert not app.warning


@pytest.mark.usefixtures("on")
def test_objects_grow_from_the_count_on(repository: Path) -> None:
    app = view(open_app(repository), "Objects")
    assert "dict" in app.dataframe[0].value["Type"].tolist()

    press(app, "Count from here")
    assert "Growth since the start" not in captions(app)

    (chooser,) = [box for box in app.selectbox if box.label.startswith("Who keeps")]
    if "dict" in chooser.options:
        chooser.set_value("dict")
    press(app, "Find the references")
    assert app.main.code


class Planted:
    """Something that nobody else has."""


@pytest.mark.usefixtures("on")
def test_the_references_are_those_of_the_chosen_type_though_the_order_changes(
    repository: Path,
) -> None:
    planted: list[object] = [Planted() for _ in range(200_000)]
    app = view(open_app(repository), "Objects")
    (chooser,) = [box for box in app.selectbox if box.label.startswith("Who keeps")]
    (name,) = [option for option in chooser.options if option.endswith("Planted")]
    checked(chooser.select(name).run())
    planted.extend([index] for index in range(600_000))
    press(app, "Find the references")

    assert "Planted" in app.main.code[0].value


@linux
@pytest.mark.usefixtures("on")
def test_growth_is_explained_since_a_mark_and_for_an_operation(repository: Path) -> None:
    app = view(open_app(repository), "Growth")
    press(app, "Set a mark")
    assert "Mark of " in captions(app)
    bench = debug_memory.workbench()
    bench.marked_s -= 60
    marked = clock(bench.marked_s)
    press(app, "Explain the growth since the mark")
    now = clock(bench.marked_s)
    (told,) = [text.value for text in app.markdown if "since the mark" in text.value]
    assert marked != now and f"MiB** since the mark of {marked}, at {now}." in told
    assert f"The mark has moved to {now}, at " in captions(app)

    press(app, "Explain its next run")
    assert "The next run of page review is explained." in captions(app)
    start_page(app)
    view(app, "Growth")

    assert [row.name for row in bench.explanations] == ["", "page review"]
    assert "The next run of" not in captions(app)
    since, at = (clock(bench.explanations[-1].since_s), clock(bench.explanations[-1].at_s))
    assert any(f"MiB** page review, {since} to {at}." in text.value for text in app.markdown)


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("given_back_mb", "sentence"),
    [(12.34, " 12.3 MiB were given back."), (0.0, ""), (0.04, ""), (-1.0, "")],
)
def test_what_was_given_back_is_told_where_anything_was(
    repository: Path, given_back_mb: float, sentence: str
) -> None:
    bench = debug_memory.workbench()
    explained = Explained(Verdict(1.2, (), given_back_mb), take_reading(), 1.0)
    bench.explanations.append(Explanation("", 1_000.0, 1_062.0, explained))
    app = view(open_app(repository), "Growth")

    heading = f"**+1.2 MiB** since the mark of {clock(1_000)}, at {clock(1_062)}.{sentence}"
    assert heading in [text.value for text in app.markdown]


@pytest.mark.usefixtures("on")
def test_forecasts_are_empty_before_a_photo(repository: Path) -> None:
    from core.memory import preflight

    preflight.forget()
    app = view(open_app(repository), "Forecasts")

    assert "No photo was analysed yet." in captions(app)


@pytest.mark.usefixtures("on")
def test_files_and_baselines(repository: Path, tmp_path: Path) -> None:
    app = view(open_app(repository), "Files")
    assert [button.label for button in app.main.download_button] == ["JSON", "CSV"]
    assert "No baseline of another version was saved yet." in captions(app)

    press(app, "Save as baseline of this version")
    assert "Saved in " in app.success[0].value
    assert "No baseline of another version was saved yet." in captions(app)
    (saved,) = (tmp_path / "cache" / "memory-baselines").glob("*.json")
    assert json.loads(saved.read_text())["figures"]["rss"] > 10

    app.text_input[0].set_value("9.9")
    checked(app.run())
    changes = app.dataframe[0].value
    assert "rss" in changes["Figure"].tolist() and "Beside the baseline of" in captions(app)


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("version", ["", "   "])
def test_a_baseline_needs_a_version(repository: Path, tmp_path: Path, version: str) -> None:
    app = view(open_app(repository), "Files")
    app.text_input[0].set_value(version)
    (save,) = [button for button in app.main.button if button.label.startswith("Save as")]
    save.click()  # with the field being emptied in the same moment
    checked(app.run())

    (save,) = [button for button in app.main.button if button.label.startswith("Save as")]
    assert save.disabled and "fill in the field" in captions(app) and not app.success
    assert not (tmp_path / "cache" / "memory-baselines").exists()


@pytest.mark.usefixtures("on")
def test_a_damaged_baseline_is_told_in_a_sentence(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "memory-baselines"
    folder.mkdir(parents=True)
    (folder / "1.0.json").write_text("{")
    app = open_app(repository)
    app.switch_page("pages/memory.py").run()
    (chooser,) = [group for group in app.button_group if group.key == "memory_view"]

    chooser.set_value(["Files"] if isinstance(chooser.value, list) else "Files").run()

    assert not app.exception and "is not a memory baseline" in app.error[0].value


def test_the_report_is_what_the_files_hold() -> None:
    from core.memory.baseline import encode_csv, encode_json

    report = debug_memory.workbench().report("1")

    assert json.loads(encode_json(report))["rss_mb"] == report.rss_mb
    rows = list(csv.DictReader(io.StringIO(encode_csv(report).decode())))
    assert float(rows[0]["value"]) == report.rss_mb
