"""What a generator returns, past all that it yields."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from core.generators import result_of


def counting(limit: int, seen: list[int]) -> Generator[int, None, str]:
    for number in range(limit):
        seen.append(number)
        yield number
    return f"{limit} steps"


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_it_is_run_to_its_end_and_no_further(limit: int) -> None:
    seen: list[int] = []

    assert result_of(counting(limit, seen)) == f"{limit} steps"
    assert seen == list(range(limit))


def test_what_the_work_raises_is_raised() -> None:
    def failing() -> Generator[float, None, None]:
        yield 0.5
        raise LookupError("half-way")

    with pytest.raises(LookupError, match="half-way"):
        result_of(failing())
