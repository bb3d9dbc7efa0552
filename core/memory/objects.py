"""Which Python objects there are: counts by type, growth between two counts, and who refers to one.

Only objects that Python's collector tracks are counted: lists, dicts, tuples, sets and instances of
classes, but no strings, bytes, numbers or numpy arrays without objects in them, and nothing that
was frozen (``gc.freeze``, which :mod:`core.shared_service` leaves be while the debugger is on).
Their bytes are shallow: what they refer to is not added (:class:`core.memory.owners.SizeWalk` does
that).

Counting goes over all objects once, about 50 ms for 500,000 of them, and needs 8 bytes for each
meanwhile. Looking for referrers goes over all of them for every step of a chain; it stops when its
time is up, and says so.
"""

from __future__ import annotations

import gc
import sys
import time
import types
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.memory.bare_object import attributes_of, module_of, size_teller

DEPTH = 12
"""Steps after which a chain is broken off."""


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How many objects of a type there are, and their shallow bytes together."""

    count: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class TypeGrowth:
    """What a type grew by between two counts; ``count`` is the present number."""

    name: str
    more: int
    more_bytes: int
    count: int


@dataclass(frozen=True, slots=True)
class Chain:
    """References from one object up to what keeps it: ``links``, the object itself first.

    ``rooted`` tells whether the last link is something that lives by itself (a module, a running
    function); else the search met its bound or its time was up.
    """

    links: tuple[str, ...]
    rooted: bool


def type_name(kind: type) -> str:
    """``module.Name``, or the plain name of a built-in type."""
    module = module_of(kind)
    plain = module in ("builtins", "")
    return kind.__qualname__ if plain else f"{module}.{kind.__qualname__}"


def count_types() -> dict[str, TypeCount]:
    """The tracked objects by type, as they are now."""
    counts: Counter[type] = Counter()
    sizes: Counter[type] = Counter()
    tellers: dict[type, Callable[[Any], int]] = {}
    for item in gc.get_objects():
        kind = type(item)
        counts[kind] += 1
        if (teller := tellers.get(kind)) is None:
            teller = tellers[kind] = size_teller(kind)
        try:
            sizes[kind] += teller(item)
        except (AttributeError, ReferenceError, TypeError):
            continue  # a proxy of something gone: it counts without bytes
    found: dict[str, TypeCount] = {}
    for kind, count in counts.items():
        name = type_name(kind)
        before = found.get(name, TypeCount(0, 0))  # two classes may share a name
        found[name] = TypeCount(before.count + count, before.nbytes + sizes[kind])
    return found


def type_growth(
    before: Mapping[str, TypeCount], after: Mapping[str, TypeCount]
) -> list[TypeGrowth]:
    """The types whose number changed, those with the most new bytes first."""
    nothing = TypeCount(0, 0)
    rows = []
    for name in {*before, *after}:
        old, new = before.get(name, nothing), after.get(name, nothing)
        if new.count != old.count:
            row = TypeGrowth(name, new.count - old.count, new.nbytes - old.nbytes, new.count)
            rows.append(row)
    return sorted(rows, key=lambda row: (-row.more_bytes, -row.more, row.name))


def referrer_chains(name: str, limit: int = 3, budget_ms: float = 2_000.0) -> list[Chain]:
    """Chains for up to ``limit`` objects of the type ``name`` (:func:`type_name`), the newest
    first; empty where there is none."""
    until = time.monotonic() + budget_ms / 1000
    found = [item for item in gc.get_objects() if type_name(type(item)) == name]
    chosen = found[-limit:][::-1]
    del found
    chains = []
    for item in chosen:
        chains.append(_chain(item, until, [chosen]))
        if time.monotonic() > until:
            break
    return chains


def _chain(start: Any, until: float, hidden: list[Any]) -> Chain:
    """Breadth first from ``start`` upwards, to the nearest thing that lives by itself."""
    parents: dict[int, tuple[Any, Any]] = {id(start): (start, None)}  # object, what it refers to
    level = [start]
    deepest = start
    for _ in range(DEPTH):
        following: list[Any] = []
        for item in level:
            if time.monotonic() > until:
                return Chain(_links(deepest, parents), False)
            referrers = gc.get_referrers(item)
            own = {id(x) for x in (*hidden, parents, level, following, referrers, hidden)}
            own |= {id(pair) for pair in parents.values()}
            for referrer in referrers:
                if id(referrer) in parents or id(referrer) in own or _is_ours(referrer):
                    continue
                parents[id(referrer)] = (referrer, item)
                if _lives_by_itself(referrer):
                    return Chain(_links(referrer, parents), True)
                following.append(referrer)
            del referrers
        if not following:
            for item in level:  # the collector does not see what a running function holds
                if (frame := _running_with(item)) is not None:
                    parents[id(frame)] = (frame, item)
                    return Chain(_links(frame, parents), True)
            return Chain(_links(deepest, parents), False)
        level, deepest = following, following[0]
    return Chain(_links(deepest, parents), False)


def _is_ours(item: Any) -> bool:
    """Whether it is a frame of this search, which holds what it looks at."""
    return isinstance(item, types.FrameType) and item.f_globals.get("__name__") == __name__


def _running_with(item: Any) -> types.FrameType | None:
    """A function that is running, in any thread, with ``item`` in one of its variables."""
    for top in sys._current_frames().values():
        frame: types.FrameType | None = top
        while frame is not None:
            if not _is_ours(frame) and any(held is item for held in frame.f_locals.values()):
                return frame
            frame = frame.f_back
    return None


def _lives_by_itself(item: Any) -> bool:
    return isinstance(item, (types.ModuleType, types.FrameType))


def _links(top: Any, parents: Mapping[int, tuple[Any, Any]]) -> tuple[str, ...]:
    """Words for the way from the object at the bottom to ``top``."""
    links: list[str] = []
    item, below = parents[id(top)]
    while True:
        links.append(_words(item, below))
        if below is None:
            return tuple(reversed(links))
        item, below = parents[id(below)]


def _words(item: Any, held: Any) -> str:
    """What ``item`` is and under which name it holds ``held``; never the value, which may be
    personal."""
    if isinstance(item, types.ModuleType):
        return f"module {item.__name__}"
    if isinstance(item, types.FrameType):
        return f"{item.f_code.co_name}() at {item.f_code.co_filename}:{item.f_lineno}"
    kind = type_name(type(item))
    if held is None:
        return kind
    if isinstance(item, dict):
        for key, value in list(item.items()):
            if value is held:
                return f"{kind}[{key if isinstance(key, (str, int)) else type(key).__name__!r}]"
    elif isinstance(item, (list, tuple)):
        for place, value in enumerate(item):
            if value is held:
                return f"{kind}[{place}]"
    else:
        for name in _attribute_names(item):
            if getattr_static(item, name) is held:
                return f"{kind}.{name}"
    return kind


def _attribute_names(item: Any) -> list[str]:
    names = list(attributes_of(item) or ())
    slots = [getattr(kind, "__slots__", ()) for kind in type(item).__mro__]
    return names + [
        name for group in slots for name in ([group] if isinstance(group, str) else group)
    ]


def getattr_static(item: Any, name: str) -> Any:
    """An attribute without running the object's own code, where that can be had."""
    held = (attributes_of(item) or {}).get(name)
    if held is not None:
        return held
    slot = getattr(type(item), name, None)
    return slot.__get__(item) if isinstance(slot, types.MemberDescriptorType) else None
