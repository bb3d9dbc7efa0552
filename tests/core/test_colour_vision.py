"""The simulation against others' figures and the theory; the pairs on walls made by hand."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.colour_vision import (
    DEFICIENCIES,
    HARD_TO_TELL,
    TOLD_APART,
    WITHIN_MOVES,
    Deficiency,
    confusable_problems,
    simulate,
    simulate_colour,
)
from core.wall import RGB, Hold, Problem, WallAnalysis
from tests.core.make import column, make_analysis, make_colour, make_hold

ASKED: tuple[RGB, ...] = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (255, 0, 255),
    (226, 38, 38),
    (24, 160, 60),
    (140, 60, 210),
    (30, 96, 240),
    (255, 138, 0),
    (130, 78, 36),
)

# What the Python package daltonlens 0.1.5 answers: Simulator_Brettel1997 with its model
# LMSModel_sRGB_SmithPokorny75. It goes through cone responses instead of ready-made matrices,
# leaves out the correction of short wavelengths by Judd and Vos, and cuts fractions off: that is
# worth up to four levels of 255 on the purest colours and little more than one on average.
DALTONLENS: dict[tuple[Deficiency, float], tuple[RGB, ...]] = {
    ("protan", 1.0): (
        (106, 90, 13),
        (254, 237, 0),
        (0, 54, 254),
        (254, 250, 0),
        (0, 105, 254),
        (99, 87, 41),
        (171, 149, 58),
        (0, 84, 210),
        (0, 102, 240),
        (178, 153, 9),
        (96, 84, 36),
    ),
    ("deutan", 0.5): (
        (215, 100, 0),
        (177, 233, 31),
        (0, 61, 254),
        (254, 249, 12),
        (198, 116, 253),
        (191, 95, 28),
        (110, 146, 63),
        (98, 89, 209),
        (0, 104, 239),
        (230, 156, 0),
        (118, 85, 34),
    ),
    ("deutan", 1.0): (
        (163, 138, 0),
        (241, 209, 46),
        (0, 86, 254),
        (254, 242, 21),
        (101, 160, 251),
        (147, 126, 15),
        (149, 132, 65),
        (0, 110, 208),
        (0, 111, 239),
        (202, 173, 0),
        (106, 92, 33),
    ),
    ("tritan", 1.0): (
        (254, 0, 78),
        (123, 234, 254),
        (0, 95, 134),
        (254, 239, 242),
        (238, 98, 120),
        (227, 26, 78),
        (76, 147, 171),
        (115, 98, 100),
        (0, 123, 157),
        (254, 126, 145),
        (132, 72, 80),
    ),
}


@pytest.mark.parametrize("case", DALTONLENS, ids=str)
def test_an_independent_simulator_sees_the_same(case: tuple[Deficiency, float]) -> None:
    seen = simulate(np.array([ASKED], dtype=np.uint8), *case)[0]

    away = np.abs(seen.astype(int) - np.array(DALTONLENS[case]))
    assert away.max() <= 4
    assert away.mean() < 1.2


# The matrices of Machado, Oliveira and Fernandes (2009) for severity 1: another model, from other
# data, so only near. Their shift of spectra does not reach tritanopia.
MACHADO: dict[Deficiency, list[list[float]]] = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


@pytest.mark.parametrize("deficiency", MACHADO)
def test_another_model_of_red_green_blindness_agrees_roughly(deficiency: Deficiency) -> None:
    colours = np.array([[colour for colour in ASKED if max(colour) < 250]], dtype=np.uint8)
    share = colours[0] / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    other = np.clip(light @ np.array(MACHADO[deficiency]).T, 0, 1)
    other = np.where(other <= 0.0031308, 12.92 * other, 1.055 * other ** (1 / 2.4) - 0.055)

    np.testing.assert_allclose(simulate(colours, deficiency)[0] / 255, other, atol=0.08)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("severity", [0.3, 1.0])
def test_greys_stay_grey(deficiency: Deficiency, severity: float) -> None:
    greys = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)

    seen = simulate(greys, deficiency, severity)

    np.testing.assert_allclose(seen, greys.astype(int), atol=1)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_severity_0_changes_nothing(deficiency: Deficiency) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (130, 70, 3), dtype=np.uint8)

    np.testing.assert_array_equal(simulate(pixels, deficiency, 0.0), pixels)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_what_was_seen_once_looks_the_same_again(deficiency: Deficiency) -> None:
    # A projection: dull colours, so that nothing is clipped on the way.
    pixels = np.random.default_rng(2).integers(90, 166, (20, 30, 3), dtype=np.uint8)
    once = simulate(pixels, deficiency)

    np.testing.assert_allclose(simulate(once, deficiency).astype(int), once, atol=2)


def test_a_picture_is_its_pixels_one_by_one() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (150, 3, 3), dtype=np.uint8)

    seen = simulate(pixels, "tritan", 0.7)

    for row in (0, 63, 64, 149):  # also on both sides of a strip's border
        red, green, blue = pixels[row, 1].tolist()
        assert tuple(seen[row, 1].tolist()) == simulate_colour((red, green, blue), "tritan", 0.7)


def test_memory_stays_near_that_of_the_result() -> None:
    pixels = np.zeros((1536, 2048, 3), dtype=np.uint8)
    tracemalloc.start()
    simulate(pixels, "deutan")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < pixels.nbytes + 9 * 2**20


@pytest.mark.parametrize(
    "call",
    [
        lambda: simulate(np.zeros((4, 4), dtype=np.uint8), "protan"),
        lambda: simulate(np.zeros((4, 4, 3), dtype=np.float32), "protan"),  # type: ignore[arg-type]
        lambda: simulate(np.zeros((4, 4, 3), dtype=np.uint8), "achromat"),  # type: ignore[arg-type]
        lambda: simulate(np.zeros((4, 4, 3), dtype=np.uint8), "protan", 1.1),
        lambda: simulate(np.zeros((4, 4, 3), dtype=np.uint8), "protan", float("nan")),
    ],
)
def test_what_cannot_be_simulated_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        call()


RED, GREEN, BLUE = (190, 70, 50), (110, 115, 45), (40, 80, 200)


def wall(*groups: tuple[str, RGB, float], size: float = 30.0) -> WallAnalysis:
    """Columns of six holds, 90 px above each other, at the given x."""
    holds: list[Hold] = []
    problems = []
    for number, (name, rgb, x) in enumerate(groups, start=1):
        rows = column(1 + 10 * number, x, name, size=size)
        holds += [replace(hold, problem=number, colour=make_colour(name, rgb=rgb)) for hold in rows]
        problems.append(Problem(number, name, tuple(hold.id for hold in rows)))
    return make_analysis(holds, problems)


def test_red_beside_green_is_a_trap_for_red_green_blind_climbers_only() -> None:
    analysis = wall(("red", RED, 100.0), ("green", GREEN, 160.0))

    (pair,) = confusable_problems(analysis, "deutan")

    assert pair.problems == (1, 2)
    assert pair.colours == ("red", "green")
    assert pair.difference >= TOLD_APART > HARD_TO_TELL > pair.difference_seen
    assert pair.rgbs == (RED, GREEN)
    assert pair.rgbs_seen == (simulate_colour(RED, "deutan"), simulate_colour(GREEN, "deutan"))
    assert confusable_problems(analysis, "tritan") == ()
    assert confusable_problems(analysis, "deutan", severity=0.0) == ()


def test_blue_beside_red_is_none() -> None:
    analysis = wall(("red", RED, 100.0), ("blue", BLUE, 160.0))

    assert all(confusable_problems(analysis, kind) == () for kind in DEFICIENCIES)


def test_what_looks_alike_to_everybody_is_none() -> None:
    near = (RED[0] - 8, RED[1] + 6, RED[2])
    analysis = wall(("red", RED, 100.0), ("orange", near, 160.0))

    assert confusable_problems(analysis, "deutan") == ()


def test_far_apart_is_none_and_the_limit_is_in_moves() -> None:
    # In a column the nearest hold is 90 px up and 30 px aside: that is a move.
    move = float(np.hypot(90, 30))
    inside, outside = WITHIN_MOVES * move - 1, WITHIN_MOVES * move + 1

    (pair,) = confusable_problems(wall(("red", RED, 0), ("green", GREEN, inside)), "deutan")

    # The sway of the columns does not bring them nearer in the same row.
    assert pair.gap_moves == pytest.approx(inside / move)
    far = wall(("red", RED, 0), ("green", GREEN, outside + 30))
    assert confusable_problems(far, "deutan") == ()


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_the_photo_s_resolution_does_not_matter(factor: float) -> None:
    analysis = wall(("red", RED, 100.0), ("green", GREEN, 190.0))
    holds = [
        replace(hold, box=tuple(factor * value for value in hold.box))  # type: ignore[arg-type]
        for hold in analysis.holds
    ]
    (pair,) = confusable_problems(analysis, "protan")
    (other,) = confusable_problems(make_analysis(holds, analysis.problems), "protan")

    assert other.gap_moves == pytest.approx(pair.gap_moves)
    assert other.problems == pair.problems


def test_a_volume_does_not_lend_its_colour_or_place() -> None:
    analysis = wall(("red", RED, 0.0), ("green", GREEN, 600.0))
    volume = make_hold(
        99, (30.0, 60.0, 200.0, 200.0), make_colour("green", rgb=BLUE), kind="volume", problem=2
    )
    problems = (analysis.problems[0], Problem(2, "green", (*analysis.problems[1].holds, 99)))

    assert confusable_problems(make_analysis([*analysis.holds, volume], problems), "deutan") == ()


def test_the_hardest_pair_comes_first() -> None:
    mild = (140, 110, 45)
    analysis = wall(("red", RED, 100.0), ("green", GREEN, 160.0), ("brown", mild, 220.0))

    pairs = confusable_problems(analysis, "deutan")

    seen = [pair.difference_seen for pair in pairs]
    assert len(pairs) > 1
    assert seen == sorted(seen)


def test_walls_with_little_on_them() -> None:
    assert confusable_problems(make_analysis(), "protan") == ()
    assert confusable_problems(make_analysis([make_hold()]), "protan") == ()
    single = make_analysis([make_hold(problem=1)], [Problem(1, "red", (1,))])
    assert confusable_problems(single, "protan") == ()
    holds = [
        make_hold(1, (0, 0, 30, 30), make_colour("red", rgb=RED), problem=1),
        make_hold(2, (60, 0, 30, 30), make_colour("green", rgb=GREEN), problem=2),
    ]
    two = make_analysis(holds, [Problem(1, "red", (1,)), Problem(2, "green", (2,))])
    assert [pair.gap_moves for pair in confusable_problems(two, "deutan")] == [1.0]
