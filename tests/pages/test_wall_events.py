"""What a browser sends becomes calls in pixels of the photo; anything else is passed over."""

from __future__ import annotations

from typing import Any

import pytest

from core.review_filter import HoldFilter
from pages import wall_events
from pages.wall_events import MAX_CHOSEN, Listeners, callbacks, read_ids, read_numbers


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """``send`` of a name and a value, as the browser does it, and the calls that came of it."""
    calls: list[tuple[str, Any]] = []
    state: dict[str, dict[str, object]] = {"wall": {}}
    monkeypatch.setattr(wall_events.st, "session_state", state)
    names = ("selection", "point", "box", "remove", "narrow")
    listeners = Listeners(**{n: lambda value, n=n: calls.append((n, value)) for n in names})
    made = callbacks(listeners, "wall", 0.5)

    def send(name: str, value: object) -> None:
        state["wall"] = {name: value}
        made[f"on_{name}_change"]()

    return {"send": send, "calls": calls}


@pytest.mark.parametrize(
    ("name", "value", "call"),
    [
        ("selection", [3, 1, 3], ("selection", (3, 1))),
        ("selection", [], ("selection", ())),
        ("remove", [2], ("remove", (2,))),
        ("point", [10, 20.5], ("point", (5.0, 10.25))),
        ("box", [10, 20, 30, 40], ("box", (5.0, 10.0, 15.0, 20.0))),
        (
            "filter",
            {"colours": ["red"], "problem": 2, "unsure": True},
            ("narrow", HoldFilter(frozenset({"red"}), 2, True)),
        ),
    ],
)
def test_events_become_calls(heard: Any, name: str, value: object, call: object) -> None:
    heard["send"](name, value)

    assert heard["calls"] == [call]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("selection", None),
        ("selection", ["1"]),
        ("remove", []),  # nothing to remove
        ("remove", [0]),
        ("point", [1]),
        ("point", [1, float("nan")]),
        ("box", [1, 2, 3, True]),
        ("filter", {"colours": "red"}),
        ("filter", None),
    ],
)
def test_anything_else_is_passed_over(heard: Any, name: str, value: object) -> None:
    heard["send"](name, value)

    assert heard["calls"] == []


def test_bounds_of_what_is_read() -> None:
    assert read_ids(list(range(1, MAX_CHOSEN + 1))) is not None
    assert read_ids(list(range(1, MAX_CHOSEN + 2))) is None
    assert read_numbers([1, 2.5], 2) == (1.0, 2.5)
    assert read_numbers([float("inf"), 1], 2) is None
