"""What comparing reaches on rendered walls, whose truth is known: floors, with room below what is
measured. The walls are those of the first sixteen of the benchmark that have at most 130 holds, two
or more of which moved in view of both cameras; no weight was fitted on them."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.comparing import SEED, count, pair_of_walls, true_fates, truth_analysis
from core.alignment import align
from core.compare import Look, compare

WALLS = (1, 3, 6, 7, 13, 15)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table() -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for number in WALLS:
        before, after = pair_of_walls(SEED + number)
        alignment = align(before.image, after.image)
        first, second = truth_analysis(before)[0], truth_analysis(after)[0]
        ids = ({hold.id: hold.id - 1 for hold in side.holds} for side in (first, second))
        look = Look.at(before.image, after.image, alignment)
        fates = true_fates(before, after, alignment)
        count(compare(first, second, alignment, look), fates, *ids, found)
    return found


@pytest.mark.parametrize(
    ("fate", "precision", "recall"),
    [("came", 0.9, 0.9), ("went", 0.9, 0.9), ("moved", 0.75, 0.45), ("stayed", 0.95, 0.97)],
)
def test_what_became_of_holds_is_told(
    table: Counter[tuple[str, str]], fate: str, precision: float, recall: float
) -> None:
    hit, false, true = (table[fate, what] for what in ("hit", "false", "true"))

    assert true > 15
    assert hit / (hit + false) >= precision and hit / true >= recall
