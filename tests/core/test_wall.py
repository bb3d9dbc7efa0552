"""The records: what they refuse, and the document they become."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wall import (
    SCHEMA,
    Colour,
    Hold,
    MemoryUse,
    ModelInfo,
    PhotoInfo,
    Problem,
    Timings,
    WallAnalysis,
)
from tests.core.make import make_analysis, make_colour, make_hold

REFUSED_COLOURS = [
    ({"name": ""}, "expected a colour name, got ''"),
    ({"confidence": 1.1}, "expected confidence from 0 to 1, got 1.1"),
    ({"confidence": nan}, "expected confidence from 0 to 1, got nan"),
    ({"alternatives": (("red", 0.1),)}, "expected alternatives that differ from the name"),
    ({"alternatives": (("pink", -0.1),)}, "expected an alternative's probability from 0 to 1"),
    ({"rgb": (0, 0, 256)}, "expected rgb of 0..255, got (0, 0, 256)"),
    ({"rgb": (0, 0)}, "expected rgb of 0..255, got (0, 0)"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED_COLOURS)
def test_a_colour_is_validated(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        replace(make_colour(), **changes)
    assert str(caught.value).startswith(message)


REFUSED_HOLDS = [
    ({"id": 0}, "expected an id from 1, got 0"),
    ({"kind": "jug"}, "expected kind hold or volume, got 'jug'"),
    ({"score": -0.1}, "expected score from 0 to 1, got -0.1"),
    ({"score": inf}, "expected score from 0 to 1, got inf"),
    ({"box": (0.0, 0.0, 0.0, 5.0)}, "expected a box of finite numbers with positive width"),
    ({"box": (0.0, 0.0, 5.0)}, "expected a box of finite numbers with positive width"),
    ({"box": (nan, 0.0, 5.0, 5.0)}, "expected a box of finite numbers with positive width"),
    ({"box": (0.0, 0.0, 5.0, nan)}, "expected a box of finite numbers with positive width"),
    ({"polygon": ((0.0, 0.0), (1.0, 1.0))}, "expected a polygon of at least 3 points"),
    ({"polygon": ((0.0, 0.0), (1.0, inf), (1.0, 0.0))}, "expected a polygon of finite (x, y)"),
    ({"area_px": 0.0}, "expected a positive area, got 0.0"),
    ({"area_px": nan}, "expected a positive area, got nan"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED_HOLDS)
def test_a_hold_is_validated(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        replace(make_hold(), **changes)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, "red", (1,)), "expected an id from 1, got 0"),
        ((1, "", (1,)), "expected a colour name, got ''"),
        ((1, "red", ()), "expected at least one hold, got ()"),
        ((1, "red", (2, 2)), "expected each hold once, got (2, 2)"),
    ],
)
def test_a_problem_is_validated(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Problem(*arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("sides", [(0, 10), (10, -1)])
def test_a_photo_has_sides(sides: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected positive photo sides"):
        PhotoInfo("a.jpg", "0", *sides)


ONE, TWO = make_hold(1, problem=1), make_hold(2, problem=1)
REFUSED_WALLS = [
    ((make_hold(1), make_hold(1)), (), "expected holds with different ids"),
    ((ONE,), (), "expected hold 1 to name its problem, got 1"),
    ((make_hold(1),), (Problem(1, "red", (1,)),), "expected hold 1 to name its problem, got None"),
    ((ONE,), (Problem(1, "red", (1, 7)),), "expected problems of known holds, got [7]"),
    (
        (ONE,),
        (Problem(1, "red", (1,)), Problem(2, "red", (1,))),
        "expected each hold in at most one problem, got 2",
    ),
    (
        (ONE, TWO),
        (Problem(1, "red", (1,)), Problem(1, "red", (2,))),
        "expected problems with different ids, got [1, 1]",
    ),
]


@pytest.mark.parametrize(("holds", "problems", "message"), REFUSED_WALLS)
def test_a_wall_is_consistent(
    holds: tuple[Hold, ...], problems: tuple[Problem, ...], message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        make_analysis(holds, problems)
    assert str(caught.value).startswith(message)


def test_records_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        make_hold().score = 0.1  # type: ignore[misc]


def test_the_centre_is_the_middle_of_the_box() -> None:
    assert make_hold(box=(10.0, 20.0, 30.0, 40.0)).centre == (25.0, 40.0)


def test_the_document_is_the_published_one() -> None:
    hold = replace(
        make_hold(
            1, (1.26, 2.0, 3.04, 4.0), make_colour(alternatives=(("pink", 0.12345),)), problem=1
        ),
        polygon=((1.26, 2.0), (4.0, 2.04), (3.0, 6.0)),
        area_px=5.678,
    )
    analysis = make_analysis(
        [hold],
        [Problem(1, "red", (1,))],
        timings_ms=Timings(total=12.345),
        memory_mb=MemoryUse(1.0, 2.06, 3.0),
        warnings=("dim",),
    )

    assert analysis.document() == {
        "schema": "climbmate.wall/1",
        "photo": {"name": "wall.jpg", "sha256": "0" * 64, "width": 800, "height": 600},
        "models": {"detector": "detector@1", "colour": "colour@1"},
        "holds": [
            {
                "id": 1,
                "kind": "hold",
                "score": 0.8,
                "box": [1.3, 2.0, 3.0, 4.0],
                "polygon": [[1.3, 2.0], [4.0, 2.0], [3.0, 6.0]],
                "area_px": 5.7,
                "colour": {
                    "name": "red",
                    "confidence": 0.9,
                    "sure": True,
                    "alternatives": [["pink", 0.123]],
                    "rgb": [200, 40, 40],
                },
                "problem": 1,
            }
        ],
        "problems": [{"id": 1, "colour": "red", "holds": [1]}],
        "timings_ms": {
            "decode": 0.0,
            "detect": 0.0,
            "masks": 0.0,
            "colour": 0.0,
            "problems": 0.0,
            "total": 12.3,
        },
        "memory_mb": {"before": 1.0, "peak": 2.1, "after": 3.0},
        "warnings": ["dim"],
    }


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.update(schema="climbmate.wall/2"),
        lambda d: d.pop("schema"),
        lambda d: d.pop("holds"),
        lambda d: d["photo"].pop("width"),
        lambda d: d["photo"].update(depth=3),
        lambda d: d["holds"][0].pop("colour"),
        lambda d: d["holds"][0].update(box=[1, 2, 3]),
        lambda d: d["holds"][0].update(polygon=None),
        lambda d: d["holds"][0].update(problem=4),
        lambda d: d["holds"][0].update(score="high"),
    ],
)
def test_a_damaged_document_is_refused(damage: Any) -> None:
    document = make_analysis([make_hold()]).document()
    damage(document)

    with pytest.raises(ValueError, match=r"expected|not enough"):
        WallAnalysis.from_document(document)


share = st.floats(0, 1)
length = st.floats(-1e5, 1e5)
side = st.floats(0.001, 1e5)
names = st.sampled_from(["red", "pink", "blue", "sea green"])


@st.composite
def colours(draw: st.DrawFn) -> Colour:
    name = draw(names)
    others = draw(st.lists(names.filter(lambda other: other != name), max_size=3))
    return Colour(
        name,
        draw(share),
        draw(st.booleans()),
        tuple((other, draw(share)) for other in others),
        draw(st.tuples(*[st.integers(0, 255)] * 3)),
    )


@st.composite
def analyses(draw: st.DrawFn) -> WallAnalysis:
    count = draw(st.integers(0, 4))
    problem_of = [draw(st.sampled_from([None, 1, 2])) for _ in range(count)]
    holds = [
        Hold(
            number,
            draw(st.sampled_from(["hold", "volume"])),
            draw(share),
            draw(st.tuples(length, length, side, side)),
            tuple(draw(st.lists(st.tuples(length, length), min_size=3, max_size=6))),
            draw(side),
            draw(colours()),
            problem,
        )
        for number, problem in enumerate(problem_of, start=1)
    ]
    problems = [
        Problem(number, draw(names), members)
        for number in (1, 2)
        if (members := tuple(hold.id for hold in holds if hold.problem == number))
    ]
    return make_analysis(
        holds,
        problems,
        photo=PhotoInfo(draw(st.text()), "ab", 3, 4),
        models=ModelInfo("a", "b"),
        warnings=tuple(draw(st.lists(st.text(max_size=9), max_size=2))),
    )


@given(analyses())
def test_a_document_reads_back_as_itself(analysis: WallAnalysis) -> None:
    document = analysis.document()

    back = WallAnalysis.from_document(json.loads(json.dumps(document)))

    assert document["schema"] == SCHEMA
    assert back.document() == document
    assert [hold.problem for hold in back.holds] == [hold.problem for hold in analysis.holds]
    for before, after in zip(analysis.holds, back.holds, strict=True):
        assert after.box == pytest.approx(before.box, abs=0.1)
        assert after.area_px == pytest.approx(before.area_px, abs=0.1)


def test_a_problems_name_and_grade_stand_in_the_document_only_where_they_are_set() -> None:
    plain = make_analysis([make_hold(1, problem=1)], [Problem(1, "red", (1,))])
    named = replace(plain, problems=(Problem(1, "red", (1,), "Slab", "V4"),))

    assert plain.document()["problems"] == [{"id": 1, "colour": "red", "holds": [1]}]
    document = json.loads(json.dumps(named.document()))
    assert document["problems"][0] | {"name": "Slab", "grade": "V4"} == document["problems"][0]
    assert WallAnalysis.from_document(document).problems == named.problems
    with pytest.raises(ValueError, match="a name and a grade in words"):
        Problem(1, "red", (1,), 5)  # type: ignore[arg-type]
