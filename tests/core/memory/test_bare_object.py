"""Looking at objects that do something when they are asked."""

from __future__ import annotations

import functools
import gc
import sys
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.memory.bare_object import attributes_of, module_of, size_teller
from core.memory.objects import count_types, referrer_chains, type_name
from core.memory.owners import SizeWalk

ASKED: list[str] = []
HELD: list[object] = []


class Deprecated:
    """As Streamlit wraps an object whose name is deprecated: every special method is a property
    that writes a warning."""

    def __getattr__(self, name: str) -> Any:
        ASKED.append(name)
        raise AttributeError(name)


def _ask(name: str) -> property:
    return property(lambda _self: ASKED.append(name) or getattr([], name))


for name in ("__sizeof__", "__len__", "__module__", "__hash__", "__eq__", "__iter__"):
    setattr(Deprecated, name, _ask(name))


class Slotted:
    __slots__ = ("held",)

    def __getattr__(self, name: str) -> Any:
        ASKED.append(name)
        raise AttributeError(name)


@pytest.fixture(autouse=True)
def asleep() -> Any:
    """Nothing of an object was asked, in the whole test."""
    gc.unfreeze()  # pages without the debugger freeze what there is, this module's names too
    ASKED.clear()
    yield
    HELD.clear()
    assert not ASKED


@pytest.mark.parametrize("kind", [Deprecated, Slotted])
def test_counting_walking_and_searching_ask_no_object_anything(kind: type) -> None:
    HELD.append(kind())

    assert count_types()[type_name(kind)].count == 1
    assert SizeWalk().size(HELD).complete
    (chain,) = referrer_chains(type_name(kind))
    assert chain.rooted and "['HELD']" in " ".join(chain.links)


def test_the_attributes_of_a_proxy_are_its_own() -> None:
    proxy = Deprecated()
    vars(proxy)["held"] = np.ones(1_000_000, np.uint8)

    assert attributes_of(proxy) == {"held": vars(proxy)["held"]}
    assert SizeWalk().size(proxy).nbytes > 1_000_000


@pytest.mark.parametrize("item", [[1], {1: 2}, (1,), "text", 7, np.ones(3), object()])
def test_what_has_no_attributes_has_none(item: object) -> None:
    assert attributes_of(item) is None


@pytest.mark.parametrize(
    "item", [types, ValueError("x"), functools.partial(print), pd.DataFrame({"a": [1]})]
)
def test_attributes_are_those_that_python_shows(item: object) -> None:
    assert attributes_of(item) == item.__dict__


@pytest.mark.parametrize("item", [[1, 2, 3], {1: 2}, "text", 7, b"x" * 100, np.ones(300)])
def test_sizes_are_those_that_python_tells(item: object) -> None:
    assert size_teller(type(item))(item) == sys.getsizeof(item)


def test_a_size_written_in_python_is_left_out() -> None:
    frame = pd.DataFrame({"a": np.ones(1_000_000)})

    assert size_teller(pd.DataFrame)(frame) < 1000 < 8_000_000 < sys.getsizeof(frame)


def test_a_metaclass_may_hide_the_size() -> None:
    class Hiding(type):
        @property
        def __sizeof__(cls) -> Any:
            raise AttributeError

    item = Hiding("Nothing", (), {})()

    assert size_teller(type(item))(item) >= 16


def test_a_module_is_text_or_nothing() -> None:
    assert module_of(dict) == "builtins" and module_of(Slotted) == __name__
    assert module_of(Deprecated) == "" and type_name(Deprecated) == "Deprecated"
