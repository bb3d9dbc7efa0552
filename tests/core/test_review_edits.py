"""Each edit: what it does to holds and to problems, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import replace
from math import nan
from typing import Any

import pytest

from core.errors import EditError
from core.problems import group_problems
from core.review import Review
from core.review_edits import (
    FONT_GRADES,
    MAX_GRADE_LENGTH,
    V_GRADES,
    AddHold,
    ChangeKind,
    DeleteHolds,
    DescribeProblem,
    Edit,
    FormProblem,
    MergeProblems,
    MoveHolds,
    Recolour,
    SplitProblem,
    Together,
    checked_grade,
    chosen_colour,
)
from tests.core.make import column, make_colour, make_hold
from tests.core.test_review import HEIGHT, WIDTH, review_of, sets, wall

RED, BLUE, GREEN = set(range(1, 7)), set(range(11, 17)), set(range(21, 27))


def test_the_wall_of_these_tests_has_three_problems() -> None:
    assert sets(wall()) == {1: ("red", RED), 2: ("blue", BLUE), 3: ("green", GREEN)}


def test_a_recoloured_hold_joins_the_problem_beside_it() -> None:
    review = wall().apply(Recolour((3,), " Blue "))

    assert sets(review) == {1: ("red", RED - {3}), 2: ("blue", BLUE | {3}), 3: ("green", GREEN)}
    colour = review.hold(3).colour
    assert (colour.name, colour.confidence, colour.sure) == ("blue", 1.0, True)
    assert colour.alternatives == () and colour.rgb == wall().hold(3).colour.rgb
    assert review.changed == {3} and review.placed == frozenset()


def test_it_joins_what_the_grouping_rules_say() -> None:
    """For every hold and colour: the same mates as a grouping of the whole wall anew."""
    for number in sorted(RED | BLUE | GREEN):
        for colour in ("red", "blue", "green"):
            review = wall().apply(Recolour((number,), colour))
            holds = [replace(hold, problem=None) for hold in review.holds]
            anew = {frozenset(p.holds) for p in group_problems(holds, WIDTH, HEIGHT)[1]}
            assert {frozenset(problem.holds) for problem in review.problems} == anew


def test_too_far_from_its_colour_a_hold_belongs_to_none() -> None:
    review = wall().apply(Recolour((3,), "green"))

    assert review.hold(3).problem is None
    assert sets(review) == {1: ("red", RED - {3}), 2: ("blue", BLUE), 3: ("green", GREEN)}


def test_loose_holds_become_a_problem_when_they_are_enough() -> None:
    review = wall().apply(Recolour((2,), "mint")).apply(Recolour((4,), "mint"))
    assert review.hold(2).problem is review.hold(4).problem is None

    review = review.apply(Recolour((3,), "mint"))

    assert sets(review)[4] == ("mint", {2, 3, 4})


def test_holds_that_were_left_loose_by_hand_stay_loose() -> None:
    review = wall().apply(Recolour((2,), "mint")).apply(Recolour((4,), "mint"))
    review = review.apply(MoveHolds((4,), None)).apply(Recolour((3,), "mint"))

    assert {review.hold(k).problem for k in (2, 3, 4)} == {None}


def test_a_whole_problem_that_is_recoloured_stays_one() -> None:
    review = wall().apply(DescribeProblem(1, "Slab", "V3")).apply(Recolour(tuple(RED), "blue"))

    assert sets(review) == {1: ("blue", RED), 2: ("blue", BLUE), 3: ("green", GREEN)}
    assert (review.problem(1).name, review.problem(1).grade) == ("Slab", "V3")


def test_of_two_problems_the_nearer_one_is_joined() -> None:
    # The setter parted what the rules take for one.
    review = wall().apply(SplitProblem(2, (14, 15, 16)))

    assert review.apply(Recolour((1,), "blue")).hold(1).problem == 2
    assert review.apply(Recolour((6,), "blue")).hold(6).problem == 4


def test_a_hold_put_into_another_colours_problem_by_hand_stays() -> None:
    review = wall().apply(MoveHolds((11,), 1)).apply(Recolour((11,), "mint"))

    assert sets(review)[1] == ("red", RED | {11})
    assert review.hold(11).colour.name == "mint"


def test_confirming_a_colour_does_not_undo_the_setters_place() -> None:
    review = wall().apply(MoveHolds((3,), None)).apply(Recolour((3,), "red"))

    assert review.hold(3).problem is None and review.hold(3).colour.confidence == 1
    assert review.apply(Recolour((3,), "blue")).hold(3).problem == 2


def test_confirming_an_unsure_hold_moves_it_to_its_colours_problem() -> None:
    unsure = make_colour("red", confidence=0.5, sure=False, alternatives=(("blue", 0.45),))
    holds = [*column(1, 400, "red"), *column(11, 260, "blue")]
    holds = [*holds, make_hold(20, (295.0, 240.0, 20.0, 20.0), unsure)]
    review = review_of(holds)
    asked = review.hold(20).problem
    assert asked is not None

    other = next(p for p in review.problems if p.id != asked).colour
    assert review.apply(Recolour((20,), other)).hold(20).problem not in (None, asked)


def test_a_problem_has_the_colour_of_most_of_its_holds() -> None:
    review = wall().apply(MoveHolds((11, 12, 13, 14, 15), 1))
    assert sets(review)[1] == ("red", RED | {11, 12, 13, 14, 15})

    review = review.apply(MoveHolds((16,), 1))
    assert sets(review)[1] == ("red", RED | BLUE)  # six each: as it was
    assert 2 not in sets(review)

    review = review.apply(DeleteHolds((1,)))
    assert sets(review)[1] == ("blue", RED - {1} | BLUE)


def test_one_sure_hold_does_not_outvote_four_unsure_ones() -> None:
    unsure = make_colour("pink", confidence=0.6, sure=False)
    holds = [replace(hold, colour=unsure) for hold in column(1, 100, "pink", count=4)]
    review = review_of([*holds, *column(11, 1200, "red")]).apply(FormProblem((1, 2, 3, 4)))
    number = review.hold(1).problem

    review = review.apply(MoveHolds((11,), number))

    assert review.problem(number or 0).colour == "pink"


def test_a_problem_vanishes_with_its_last_hold() -> None:
    review = wall().apply(DeleteHolds(tuple(RED)))

    assert sets(review) == {2: ("blue", BLUE), 3: ("green", GREEN)}
    assert len(review.holds) == 12


def test_kind_changes_and_nothing_moves() -> None:
    review = wall().apply(ChangeKind((1, 2), "volume"))

    assert [review.hold(k).kind for k in (1, 2, 3)] == ["volume", "volume", "hold"]
    assert sets(review) == sets(wall()) and review.changed == {1, 2}


def test_an_added_hold_gets_a_number_and_a_problem() -> None:
    review = wall().apply(AddHold.in_box((110, 600, 40, 30), chosen_colour("red", (200, 0, 0))))

    hold = review.hold(27)
    assert (hold.box, hold.score, hold.kind) == ((110, 600, 40, 30), 1.0, "hold")
    assert hold.area_px == pytest.approx(1200) and hold.colour.rgb == (200, 0, 0)
    assert hold.problem == 1 and review.problem(1).holds == (*sorted(RED), 27)
    assert review.changed == {27}


def test_what_reaches_over_the_photo_is_cut_off() -> None:
    review = wall().apply(AddHold.in_box((-20, 680, 60, 60), chosen_colour("mint")))

    assert review.hold(27).box == (0, 680, 40, 20)


def test_a_deleted_hold_can_be_added_again_from_its_record() -> None:
    gone = wall().hold(13)
    review = wall().apply(DeleteHolds((13,))).apply(AddHold.like(gone))

    back = review.holds[-1]
    assert back.box == pytest.approx(gone.box) and back.colour == gone.colour
    assert back.problem == 2 and back.score == gone.score


def test_moving_out_and_in() -> None:
    review = wall().apply(MoveHolds((1, 11), None))
    assert review.hold(1).problem is review.hold(11).problem is None
    assert review.placed == {1, 11} and review.changed == frozenset()

    assert sets(review.apply(MoveHolds((1, 11), 3)))[3] == ("green", GREEN | {1, 11})


def test_a_problem_is_formed_of_whatever_is_selected() -> None:
    review = wall().apply(FormProblem((1, 11, 21), "  Three   worlds ", "6b+"))

    assert sets(review)[4][1] == {1, 11, 21}
    assert (review.problem(4).name, review.problem(4).grade) == ("Three worlds", "6b+")


def test_splitting_leaves_number_name_and_grade_to_the_rest() -> None:
    review = wall().apply(DescribeProblem(1, "Slab", "V3")).apply(SplitProblem(1, (1, 2)))

    assert sets(review)[1] == ("red", RED - {1, 2}) and sets(review)[4] == ("red", {1, 2})
    assert review.problem(1).name == "Slab" and review.problem(4).name == ""


def test_merging_keeps_the_first_ones_number_and_words() -> None:
    review = wall().apply(DescribeProblem(1, "", "V1")).apply(DescribeProblem(2, "Blue", "V5"))
    review = review.apply(MergeProblems((1, 2)))

    assert sets(review) == {1: ("red", RED | BLUE), 3: ("green", GREEN)}
    assert (review.problem(1).name, review.problem(1).grade) == ("Blue", "V1")


def test_name_and_grade_are_given_and_taken_away() -> None:
    review = wall().apply(DescribeProblem(1, "파란 벽", "V3"))
    assert (review.problem(1).name, review.problem(1).grade) == ("파란 벽", "V3")

    review = review.apply(DescribeProblem(1, grade="V4"))
    assert (review.problem(1).name, review.problem(1).grade) == ("파란 벽", "V4")

    review = review.apply(DescribeProblem(1, name=" "))
    assert (review.problem(1).name, review.problem(1).grade) == ("", "V4")


def test_several_edits_are_one_step_or_none() -> None:
    both = Together((Recolour((1,), "blue"), DescribeProblem(2, "Sea")))
    review = wall().apply(both)
    assert review.hold(1).colour.name == "blue" and review.problem(2).name == "Sea"
    assert review.undo().state == wall().state

    with pytest.raises(EditError):
        review.apply(Together((DeleteHolds((2,)), DeleteHolds((77,)))))
    assert review.hold(2).id == 2


@pytest.mark.parametrize("scale", [V_GRADES, FONT_GRADES])
def test_every_offered_grade_can_be_given(scale: tuple[str, ...]) -> None:
    assert len(set(scale)) == len(scale)
    for grade in scale:
        assert checked_grade(grade) == grade


def test_the_scales_go_where_climbing_goes() -> None:
    assert V_GRADES[:2] == ("VB", "V0") and V_GRADES[-1] == "V17"
    assert FONT_GRADES[:4] == ("3", "4", "5", "6A") and FONT_GRADES[-2:] == ("8C+", "9A")


SQUARE = ((100.0, 100.0), (140.0, 100.0), (140.0, 140.0), (100.0, 140.0))
COLOUR = chosen_colour("red")

REFUSED: list[tuple[Edit, str]] = [
    (Recolour((), "red"), "no_holds"),
    (Recolour((1, 77), "red"), "unknown_hold"),
    (Recolour((1,), "  "), "no_colour"),
    (Recolour((1,), "x" * 41), "colour_too_long"),
    (Recolour((1,), "re\x00d"), "bad_text"),
    (ChangeKind((1,), "jug"), "bad_kind"),  # type: ignore[arg-type]
    (DeleteHolds((0,)), "unknown_hold"),
    (MoveHolds((1,), 9), "unknown_problem"),
    (FormProblem((), "x"), "no_holds"),
    (FormProblem((1,), "x" * 61), "name_too_long"),
    (FormProblem((1,), "x", "9" * (MAX_GRADE_LENGTH + 1)), "grade_too_long"),
    (SplitProblem(9, (1,)), "unknown_problem"),
    (SplitProblem(1, (1, 11)), "not_in_problem"),
    (SplitProblem(1, tuple(RED)), "nothing_left"),
    (MergeProblems((1,)), "too_few_problems"),
    (MergeProblems((1, 1)), "too_few_problems"),
    (MergeProblems((1, 9)), "unknown_problem"),
    (DescribeProblem(9, "x"), "unknown_problem"),
    (DescribeProblem(1, "a\ud800"), "bad_text"),
    (AddHold(SQUARE[:2], COLOUR), "bad_outline"),
    (AddHold((*SQUARE[:3], (nan, 1.0)), COLOUR), "bad_outline"),
    (AddHold(SQUARE * 300, COLOUR), "bad_outline"),
    (AddHold(((1.0, 1.0), (9.0, 9.0), (5.0, 5.0)), COLOUR), "outline_too_small"),
    (AddHold.in_box((10, 10, 1, 1), COLOUR), "outline_too_small"),
    (AddHold.in_box((WIDTH + 5, 10, 40, 40), COLOUR), "outside_photo"),
    (AddHold.in_box((10, -50, 40, 40), COLOUR), "outside_photo"),
    (AddHold(SQUARE, COLOUR, "jug"), "bad_kind"),  # type: ignore[arg-type]
    (AddHold(SQUARE, COLOUR, "hold", nan), "bad_score"),
    (Together((DescribeProblem(1, "x"), Recolour((77,), "red"))), "unknown_hold"),
]


@pytest.mark.parametrize(("edit", "code"), REFUSED, ids=lambda part: str(part)[:50])
def test_what_cannot_be_done_is_said_and_changes_nothing(edit: Edit, code: str) -> None:
    review = wall()
    before = review.document()

    with pytest.raises(EditError) as caught:
        review.apply(edit)

    error = caught.value
    assert (error.code, error.status) == (code, 422)
    assert re.fullmatch(r"[^\x00]+\.", error.message)
    assert review.document() == before


def test_every_edit_has_a_code_of_its_own() -> None:
    kinds: list[Any] = [
        Recolour,
        ChangeKind,
        DeleteHolds,
        AddHold,
        MoveHolds,
        FormProblem,
        SplitProblem,
        MergeProblems,
        DescribeProblem,
        Together,
    ]

    assert len({kind.what for kind in kinds}) == len(kinds)


def test_a_wall_without_holds_can_be_filled_by_hand() -> None:
    review: Review = review_of([])
    for number in range(3):
        box = (100.0, 100.0 + 60 * number, 30.0, 30.0)
        review = review.apply(AddHold.in_box(box, chosen_colour("red")))

    assert sets(review) == {1: ("red", {1, 2, 3})}
