"""Who holds the memory: named owners, each with its bytes.

An owner is something a person can act on: the models, a cache, the uploads of a session. Those who
know their own size say it; other values are walked (:class:`SizeWalk`) along the references that
Python's collector knows, every object counted once, in a bounded amount of work. Owners that are
measured with one walk share its memory of what was seen, so that a value held by two of them
counts for the first.

Very long containers are estimated from a sample of their items, so that the debugger's own
memory stays small; everything else is counted.

What a walk cannot see: memory behind a C or C++ object that does not tell its size (an ONNX
session, a file handle). Modules, classes, functions and code are not followed: they belong to the
program, not to a value.

Not done here: knowing any framework. Whoever knows where a value is held registers a probe.
"""

from __future__ import annotations

import gc
import random
import sys
import time
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.memory.bare_object import attributes_of, module_of, size_teller

_MIB = 2**20
SMALL_BYTES = 512
"""Largest block of Python's own allocator; larger ones come from ``malloc`` (obmalloc.c)."""

SAMPLED_ABOVE = 10_000
"""Items above which a container is estimated from :data:`SAMPLE` of them."""

SAMPLE = 2_000

_PROGRAM = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.CodeType,
    types.FrameType,
    types.GeneratorType,
    types.CoroutineType,
)


@dataclass(frozen=True, slots=True)
class Owner:
    """What one owner holds: ``nbytes``, of which ``small_bytes`` in Python's small objects.

    ``kind`` groups owners ("session", "upload", ...), ``name`` tells them apart within a kind.
    ``note`` is for people (when it goes away). Where ``complete`` is False the walk met its bound,
    and the owner holds at least this much.
    """

    kind: str
    name: str
    nbytes: int
    small_bytes: int = 0
    complete: bool = True
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.small_bytes <= self.nbytes:
            raise ValueError(
                f"expected 0 to {self.nbytes} bytes of small objects, got {self.small_bytes}"
            )

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same owner at another time."""
        return self.kind, self.name

    @property
    def held_mb(self) -> float:
        """MiB that it holds."""
        return self.nbytes / _MIB


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of a value with all it refers to; False where the walk met its bound."""

    nbytes: int
    small_bytes: int
    complete: bool


class SizeWalk:
    """Sizes of values, no object counted twice over the life of the walk.

    At most ``max_objects`` objects and ``budget_ms`` of this thread's processor time are spent on
    all values together, and a quarter of either on one value, so that one owner cannot hide the
    others. (By the clock on the wall, a busy server would cut walks short at another place each
    time, and owners would seem to shrink and to grow.) 100,000 objects take about a quarter of a
    second, and 8 MiB while the walk lives. One thread walks.
    """

    def __init__(self, max_objects: int = 100_000, budget_ms: float = 1_000.0) -> None:
        self._seen: set[int] = set()
        self._kept: list[Any] = []
        self._left = max_objects
        self._share = max(1, max_objects // 4)
        self._until = time.thread_time() + budget_ms / 1000
        self._share_s = budget_ms / 4000

    def skip(self, values: Iterable[Any]) -> None:
        """Count ``values`` for nobody: they were counted elsewhere."""
        for value in values:
            self._seen.add(id(value))
            self._kept.append(value)  # an id is only good while its object lives

    def size(self, value: Any) -> Size:
        """Bytes of ``value`` and of everything only reachable through it or first seen here."""
        total = small = 0.0
        left = min(self._left, self._share)
        until = min(self._until, time.thread_time() + self._share_s)
        waiting: list[tuple[Any, float]] = [(value, 1.0)]
        while waiting:
            item, weight = waiting.pop()
            if id(item) in self._seen or isinstance(item, _PROGRAM):
                continue
            if left <= 0 or time.thread_time() > until:
                return Size(round(total), round(small), False)
            left -= 1
            self._left -= 1
            self._seen.add(id(item))
            asked, inner = _own_bytes(item)
            nbytes = block_bytes(asked)
            total += weight * nbytes
            small += weight * nbytes if nbytes <= SMALL_BYTES else 0
            sample, factor = _sampled(inner)
            waiting.extend((part, weight * factor) for part in sample)
        return Size(round(total), round(small), True)


def block_bytes(asked: int) -> int:
    """What an allocator hands out for ``asked`` bytes: both round up to 16, and ``malloc`` needs 8
    more for itself."""
    return -(-(asked if asked <= SMALL_BYTES else asked + 8) // 16) * 16


def _sampled(items: Sequence[Any]) -> tuple[Sequence[Any], float]:
    """The items to follow, and how many each of them stands for."""
    if len(items) <= SAMPLED_ABOVE:
        return items, 1.0
    step = len(items) / SAMPLE
    # By chance, and the same each time: an even step would see only the keys of a dict.
    chance = random.Random(len(items))
    sample = [items[place] for place in chance.sample(range(len(items)), SAMPLE)]
    distinct = len({id(item) for item in sample})
    # Where the same few objects come again and again, they are not many objects.
    return sample, step if distinct > SAMPLE // 2 else 1.0


def _own_bytes(item: Any) -> tuple[int, Sequence[Any]]:
    """Bytes of the object itself and what it refers to."""
    kind = type(item)
    if kind in (str, bytes, int, float, bool, complex, type(None)):
        return sys.getsizeof(item), ()
    module = module_of(kind).partition(".")[0]
    if module == "numpy" and hasattr(item, "dtype"):
        # sys.getsizeof of an array counts its data where it owns it; a view's data is its base's.
        inner = [] if item.base is None else [item.base]
        if item.dtype.hasobject:
            inner.extend(item.ravel().tolist())
        return sys.getsizeof(item), inner
    if module == "pyarrow" and isinstance(told := getattr(item, "nbytes", None), int):
        return told, ()
    if kind is memoryview:
        return sys.getsizeof(item), [item.obj]
    referents = gc.get_referents(item)
    if (attributes := attributes_of(item)) is not None:
        referents.append(attributes)
    return size_teller(kind)(item), referents


Probe = Callable[[SizeWalk], Iterable[Owner]]
"""Tells the owners it knows; measures with the walk it is given."""

_probes: dict[str, Probe] = {}


def register_probe(name: str, probe: Probe) -> None:
    """Ask ``probe`` whenever owners are measured; a probe of the same name is replaced.

    Probes are asked in the order of their first registration, so those who know their sizes
    exactly belong before those who walk over everything.
    """
    _probes[name] = probe


def forget_probes() -> None:
    """Ask nobody any more."""
    _probes.clear()


def measure_owners(max_objects: int = 100_000, budget_ms: float = 1_000.0) -> tuple[Owner, ...]:
    """The owners of all registered probes, the largest first.

    Owners of one kind and name are added up.
    """
    walk = SizeWalk(max_objects, budget_ms)
    found: dict[tuple[str, str], Owner] = {}
    for probe in list(_probes.values()):
        for owner in probe(walk):
            before = found.get(owner.key)
            found[owner.key] = owner if before is None else _joined(before, owner)
    return tuple(sorted(found.values(), key=lambda owner: (-owner.nbytes, owner.key)))


def _joined(one: Owner, other: Owner) -> Owner:
    return Owner(
        one.kind,
        one.name,
        one.nbytes + other.nbytes,
        one.small_bytes + other.small_bytes,
        one.complete and other.complete,
        one.note or other.note,
    )
