"""Objects by type, their growth, and chains of references, on objects planted here."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from typing import Any

import pytest

from core.memory.objects import (
    TypeCount,
    TypeGrowth,
    count_types,
    referrer_chains,
    type_growth,
    type_name,
)


class Planted:
    """Instances are only made in these tests."""

    def __init__(self, value: object = None) -> None:
        self.value = value


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held: object) -> None:
        self.held = held


@dataclass
class Shelf:
    items: dict[str, list[Planted]]


KEPT: dict[str, Any] = {}
NAME = f"{__name__}.Planted"


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Any:
    gc.unfreeze()  # pages without the debugger freeze what there is, this module's names too
    KEPT.clear()
    yield
    KEPT.clear()


def test_names_have_their_module() -> None:
    assert type_name(dict) == "dict" and type_name(Planted) == NAME


def test_planted_objects_are_counted() -> None:
    assert NAME not in count_types()
    kept = [Planted() for _ in range(500)]

    found = count_types()[NAME]

    assert found.count == len(kept) and found.nbytes >= 500 * 16


def test_growth_is_what_came_and_went() -> None:
    before = {"a": TypeCount(10, 1000), "b": TypeCount(5, 50), "c": TypeCount(1, 10)}
    after = {"a": TypeCount(12, 1200), "b": TypeCount(5, 50), "d": TypeCount(3, 9000)}

    assert type_growth(before, after) == [
        TypeGrowth("d", 3, 9000, 3),
        TypeGrowth("a", 2, 200, 12),
        TypeGrowth("c", -1, -10, 0),
    ]


def test_a_leak_is_the_first_row() -> None:
    before = count_types()
    KEPT["leak"] = [Planted() for _ in range(20_000)]

    rows = type_growth(before, count_types())

    assert next(row for row in rows if row.name == NAME).more == 20_000
    assert NAME in [row.name for row in rows[:3]]


def test_an_object_with_a_broken_size_counts_without_bytes() -> None:
    class Broken(type):
        @property
        def __sizeof__(cls) -> Any:
            raise AttributeError

    assert Broken("Nothing", (), {}) and count_types()["type"].count > 100


def chain_of(item: object) -> tuple[str, ...]:
    (chain,) = referrer_chains(NAME, limit=1)
    assert chain.rooted, chain
    del item
    return chain.links


def test_a_chain_leads_to_the_module_that_keeps_it() -> None:
    KEPT["shelf"] = Shelf({"left": [Planted()]})

    links = chain_of(None)

    assert links[0] == NAME and links[-1] == f"module {__name__}"
    assert any("['left']" in link or '["left"]' in link for link in links), links
    assert any(link.endswith("['KEPT']") for link in links), links


def test_slots_and_attributes_are_named() -> None:
    KEPT["slot"] = Slotted(Planted())

    assert f"{__name__}.Slotted.held" in chain_of(None)


def test_a_running_function_keeps_what_is_in_it() -> None:
    kept_here = Planted()

    (chain,) = referrer_chains(NAME, limit=1)

    assert chain.rooted
    assert "test_a_running_function_keeps_what_is_in_it()" in chain.links[-1]
    del kept_here


def test_values_are_never_told() -> None:
    KEPT["secret"] = Planted("anna@example.org")

    assert "anna" not in " ".join(chain_of(None))


def test_an_unknown_type_has_no_chains() -> None:
    assert referrer_chains("no.such.Type") == []


def test_the_search_keeps_to_its_time() -> None:
    KEPT["many"] = [[[[Planted()]]] for _ in range(3000)]
    started = time.monotonic()

    chains = referrer_chains(NAME, limit=100, budget_ms=50)

    assert chains and time.monotonic() - started < 3
    assert len(chains) < 100 or not all(chain.rooted for chain in chains)
