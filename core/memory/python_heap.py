"""What Python's own allocator for small objects holds, in bytes.

CPython puts everything up to 512 bytes into arenas of its own (pymalloc); larger blocks go to the
C library's ``malloc``. The interpreter tells the state of its arenas only as a report on stderr
(``sys._debugmallocstats``). Here the same report is written into a stream in memory, so that
nothing of what the process logs meanwhile is caught by mistake. It takes about 0.1 ms.

Where the interpreter has no such report (not CPython, a build without pymalloc, musl or Windows
without memory streams), :func:`read_python_heap` says so with None; nothing is guessed.

Source: Objects/obmalloc.c of CPython 3.11 to 3.13.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_ARENAS = re.compile(r"^(\d+) arenas \* (\d+) bytes/arena", re.MULTILINE)
_IN_USE = re.compile(r"^# bytes in allocated blocks\s*=\s*([\d,]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PythonHeap:
    """Arenas of Python's small-object allocator: bytes taken from the system and bytes in use."""

    arena_bytes: int
    in_use_bytes: int

    def __post_init__(self) -> None:
        if not 0 <= self.in_use_bytes <= self.arena_bytes:
            raise ValueError(
                f"expected 0 to {self.arena_bytes} bytes in use, got {self.in_use_bytes}"
            )


def parse_report(report: str) -> PythonHeap | None:
    """The figures of CPython's report; None when it has none."""
    arenas, in_use = _ARENAS.search(report), _IN_USE.search(report)
    if arenas is None or in_use is None:
        return None
    return PythonHeap(int(arenas[1]) * int(arenas[2]), int(in_use[1].replace(",", "")))


def read_python_heap() -> PythonHeap | None:
    """The small-object heap at this moment; None where the interpreter cannot tell."""
    functions = _functions()
    return None if functions is None else parse_report(_report(*functions))


@lru_cache(maxsize=1)
def _functions() -> tuple[Any, Any, Any] | None:
    """The interpreter's report function, the C library, and the ctypes module."""
    import ctypes

    try:
        write = ctypes.pythonapi._PyObject_DebugMallocStats
        library = ctypes.CDLL(None)
        library.open_memstream.restype = ctypes.c_void_p
        library.open_memstream.argtypes = [
            ctypes.POINTER(ctypes.c_void_p),
            ctypes.POINTER(ctypes.c_size_t),
        ]
        library.fclose.argtypes = [ctypes.c_void_p]
        library.free.argtypes = [ctypes.c_void_p]
    except (AttributeError, TypeError, OSError):  # another interpreter or another C library
        return None
    write.argtypes, write.restype = [ctypes.c_void_p], ctypes.c_int
    return write, library, ctypes


def _report(write: Any, library: Any, ctypes: Any) -> str:
    text, length = ctypes.c_void_p(), ctypes.c_size_t()
    stream = library.open_memstream(ctypes.byref(text), ctypes.byref(length))
    if not stream:
        raise MemoryError("no stream could be opened for the report on Python's arenas")
    write(stream)
    library.fclose(stream)
    try:
        return bytes(ctypes.string_at(text, length.value)).decode()
    finally:
        library.free(text)
