"""What the resident memory of this process consists of: parts that add up to RSS.

Every page counted as resident belongs to one mapping of ``/proc/self/smaps``, and every mapping to
one kind, so the parts cannot overlap and nothing is left out. Two kinds are then divided with what
their allocators know:

- the heap of glibc's ``malloc`` (``[heap]`` and the arenas of threads), into what is in use
  (``mallinfo2``, through psutil) and the rest, which was freed and not given back;
- the other anonymous memory, into Python's arenas (:mod:`core.memory.python_heap`), large blocks
  of ``malloc`` (``mallinfo2`` again) and the rest.

What it cannot say. ``malloc``'s blocks are not told apart by owner: numpy's pixels, ``bytes`` and
a C library's buffers look alike. A block counts as in use from its allocation, its pages as
resident from their first use, so large untouched blocks are cut to what is resident. Blocks that a
thread keeps for reuse count as in use. Thread stacks and thread arenas are recognised by how glibc
lays them out; one that the kernel joined with its neighbour counts as other anonymous memory.
Memory that a library takes straight from the system is in that part too.

Sources: proc_pid_smaps(5), mallinfo(3), malloc/arena.c and nptl/allocatestack.c of glibc.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from core.memory.python_heap import PythonHeap, read_python_heap
from core.memory.readings import PROC, rss_mb

_MIB = 2**20
ARENA_BYTES = 64 * _MIB
"""Alignment and greatest size of a thread arena of glibc on 64 bits (HEAP_MAX_SIZE)."""

STACK_BYTES = 8 * _MIB
"""Size of a thread's stack where the usual limit (``ulimit -s``) was left as it is."""

_HEADER = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)\s*(.*)$")


@dataclass(frozen=True, slots=True)
class Mapping:
    """One row of smaps: addresses, permissions, name (empty: anonymous) and resident bytes."""

    start: int
    end: int
    permissions: str
    inode: int
    name: str
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Composition:
    """Parts of the resident memory in MiB; their sum is the RSS at the time of reading.

    ``python_objects_mb``: small Python objects (up to 512 bytes) that are alive.
    ``python_free_mb``: the rest of Python's arenas, kept for the next small objects.
    ``models_mb``: what loading the models added, as it was measured then; part of the native
    memory, which without it is ``native_mb``: blocks of ``malloc`` in use, with large Python
    objects and numpy's data among them.
    ``retained_mb``: freed by the program, kept by ``malloc``; a trim gives most of it back.
    ``other_anonymous_mb``: anonymous memory of neither allocator.
    ``stacks_mb``: stacks of threads. ``file_mapped_mb``: code and data of programs and libraries,
    mapped files and shared memory.
    """

    python_objects_mb: float = 0.0
    python_free_mb: float = 0.0
    models_mb: float = 0.0
    native_mb: float = 0.0
    retained_mb: float = 0.0
    other_anonymous_mb: float = 0.0
    stacks_mb: float = 0.0
    file_mapped_mb: float = 0.0

    def __post_init__(self) -> None:
        for name, part_mb in self.parts().items():
            if part_mb < 0:
                raise ValueError(f"expected parts of at least 0 MiB, got {name}={part_mb}")

    def parts(self) -> dict[str, float]:
        """Name and MiB of every part."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def total_mb(self) -> float:
        """The sum of the parts."""
        return sum(self.parts().values())


@dataclass(frozen=True, slots=True)
class NativeHeap:
    """glibc's own figures in bytes: blocks in use in its heaps, and blocks mapped one by one."""

    heap_bytes: int
    mapped_bytes: int


def read_composition(models_mb: float = 0.0, proc: Path = PROC) -> Composition:
    """The composition at this moment; about 5 ms. ``models_mb`` is what loading the models added.

    Where the system has no smaps (not Linux) all of it is ``other_anonymous_mb``.
    """
    native, python = read_native_heap(), read_python_heap()
    try:
        text = (proc / "self" / "smaps").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return Composition(other_anonymous_mb=rss_mb(proc))
    return compose(parse_mappings(text.splitlines()), native, python, models_mb)


def read_native_heap() -> NativeHeap | None:
    """What glibc says about its heaps; None where the C library has no such figures."""
    import psutil

    if not hasattr(psutil, "heap_info"):
        return None
    info = psutil.heap_info()
    return NativeHeap(int(info.heap_used), int(info.mmap_used))


def parse_mappings(lines: Iterable[str]) -> Iterator[Mapping]:
    """The mappings of a ``smaps`` file. Rows other than the header and ``Rss`` are passed over."""
    header: tuple[int, int, str, int, str] | None = None
    for line in lines:
        if found := _HEADER.match(line):
            start, end, permissions, inode, name = found.groups()
            header = int(start, 16), int(end, 16), permissions, int(inode), name
        elif header is not None and line.startswith("Rss:"):
            yield Mapping(*header, int(line.split()[1]) * 1024)
            header = None


def compose(
    mappings: Iterable[Mapping],
    native: NativeHeap | None,
    python: PythonHeap | None,
    models_mb: float = 0.0,
) -> Composition:
    """Divide the mappings' resident bytes into parts, each cut to what there is to divide.

    Without ``native`` nothing of the heap is called retained, without ``python`` nothing Python's.
    """
    resident = dict.fromkeys(("heap", "stack", "file", "anonymous"), 0)
    for mapping, kind in _kinds(list(mappings)):
        resident[kind] += mapping.rss_bytes
    left = resident["anonymous"]
    arenas = min(python.arena_bytes, left) if python else 0
    objects = min(python.in_use_bytes, arenas) if python else 0
    left -= arenas
    mapped = min(native.mapped_bytes, left) if native else 0
    in_heap = min(native.heap_bytes, resident["heap"]) if native else resident["heap"]
    in_use_mb = (mapped + in_heap) / _MIB
    models_mb = min(max(0.0, models_mb), in_use_mb)
    return Composition(
        python_objects_mb=objects / _MIB,
        python_free_mb=(arenas - objects) / _MIB,
        models_mb=models_mb,
        native_mb=in_use_mb - models_mb,
        retained_mb=(resident["heap"] - in_heap) / _MIB,
        other_anonymous_mb=(left - mapped) / _MIB,
        stacks_mb=resident["stack"] / _MIB,
        file_mapped_mb=resident["file"] / _MIB,
    )


def _kinds(mappings: list[Mapping]) -> Iterator[tuple[Mapping, str]]:
    """Every mapping with its kind: heap, stack, file or anonymous."""
    arenas = _thread_arenas(mappings)
    previous: Mapping | None = None
    for mapping in mappings:
        if mapping.name.startswith("[stack"):
            kind = "stack"
        elif mapping.name == "[heap]" or mapping.start in arenas:
            kind = "heap"
        elif mapping.inode or (mapping.name and not mapping.name.startswith("[anon")):
            kind = "file"
        elif _is_thread_stack(mapping, previous):
            kind = "stack"
        else:
            kind = "anonymous"
        yield mapping, kind
        previous = mapping


def _thread_arenas(mappings: list[Mapping]) -> set[int]:
    """Where the mappings begin that glibc made for thread arenas.

    An arena begins on a multiple of 64 MiB with memory in use, in one mapping or several, and what
    is reserved behind that reaches to the next multiple. Of a full one nothing is reserved, and the
    kernel may have joined its end with an arena that follows.
    """
    found: set[int] = set()
    part: list[Mapping] = []
    for mapping in mappings:
        if part and mapping.start != part[-1].end:
            part = []
        if mapping.inode or mapping.name or mapping.permissions not in ("rw-p", "---p"):
            part = []
            continue
        if not part:
            if mapping.start % ARENA_BYTES or mapping.permissions != "rw-p":
                continue
        elif part[-1].permissions == "---p":  # nothing may come behind the reserve
            part = []
            continue
        part.append(mapping)
        border = (part[0].start // ARENA_BYTES + 1) * ARENA_BYTES
        if mapping.end == border or (mapping.end % ARENA_BYTES == 0 and mapping.end > border):
            found.update(row.start for row in part)
            part = []
        elif mapping.end > border and mapping.permissions == "---p":
            part = []
    return found


def _is_thread_stack(mapping: Mapping, before: Mapping | None) -> bool:
    """Whether it is writable memory of a stack's size right above a guard page."""
    guarded = before is not None and before.permissions == "---p" and before.end == mapping.start
    return (
        guarded
        and mapping.permissions == "rw-p"
        and STACK_BYTES - 64 * 1024 <= mapping.end - mapping.start <= STACK_BYTES
    )
