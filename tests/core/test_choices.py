"""A request's own settings."""

from __future__ import annotations

import pytest

from core.choices import MOST_NAMES, Choices
from core.errors import ChoiceError
from core.settings import load_settings

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_no_choice_is_the_process_s_own_settings() -> None:
    settings = load_settings(max_holds=7)

    assert Choices().applied_to(settings) is settings


def test_what_is_chosen_is_validated_and_the_rest_stays() -> None:
    settings = load_settings(max_holds=7, omp_num_threads=1)

    changed = Choices(yolo_conf="0.5", palette=" Red,dark  Blue", max_holds=0).applied_to(settings)

    assert (changed.yolo_conf, changed.palette) == (0.5, ("red", "dark blue"))
    assert (changed.max_holds, changed.omp_num_threads) == (0, 1)


def test_the_environment_does_not_come_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    monkeypatch.setenv("MAX_HOLDS", "3")

    assert Choices(yolo_conf=0.5).applied_to(settings).max_holds == 0


def test_a_palette_has_a_bound_unless_the_gym_s_own_is_longer() -> None:
    names = tuple(f"colour {number}" for number in range(MOST_NAMES + 1))
    with pytest.raises(ChoiceError, match="expected at most 64"):
        Choices(palette=names).applied_to(load_settings())

    assert Choices(palette=names).applied_to(load_settings(palette=names)).palette == names
