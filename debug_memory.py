"""A memory debugger for any Streamlit app or script: where every megabyte went, and whose it is.

::

    import debug_memory

    @debug_memory.memory_profiler
    def analyse(photo): ...

    with debug_memory.track("load the models"):
        ...

    debug_memory.memory_panel()          # in a Streamlit app: a live panel in the sidebar

Nothing of this happens unless the environment variable ``DEBUG_MEMORY`` is true, and then nothing
is paid for it: the decorator returns the function itself, a tracked block is an empty one, no
thread runs, tracemalloc does not trace, and no module beyond this small one is imported.

It needs ``core/memory/`` beside it, psutil, and Streamlit for the panel alone. As a command,
``python -m debug_memory --help``: flame graphs of native memory with memray, and saved baselines.

What is measured how, and what it cannot say, is written in ``docs/memory.md``. All memory is in
MiB.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from core.memory.owners import Owner, SizeWalk
    from core.memory.tracing import Line, Trace
    from core.memory.workbench import Tracked, Workbench

__all__ = [
    "enabled",
    "memory_panel",
    "memory_profiler",
    "print_memory_usage",
    "register_owner",
    "show_top_memory_usage",
    "start_memory_tracking",
    "stop_memory_tracking",
    "track",
    "workbench",
]

VARIABLE = "DEBUG_MEMORY"

F = TypeVar("F", bound=Callable[..., Any])

_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_workbench: Workbench | None = None
_long_trace: contextlib.ExitStack | None = None
_long_result: Trace | None = None


def enabled() -> bool:
    """Whether ``DEBUG_MEMORY`` is true in this process's environment."""
    return os.environ.get(VARIABLE, "").strip().lower() in _TRUE


def workbench() -> Workbench:
    """The operations, marks, verdicts and traces of this process; made at the first call.

    From then on it gets the work that is marked with :func:`core.memory.ledger.operation`.
    """
    global _workbench
    if _workbench is None:
        from core.memory.ledger import install
        from core.memory.workbench import Workbench

        _workbench = Workbench()
        install(_workbench)
    return _workbench


def track(name: str, *, trace: bool = False) -> AbstractContextManager[Tracked | None]:
    """A block that is kept as the operation ``name``: RSS before, at the peak and after, duration.

    With ``trace`` the lines that allocated are kept too, where that fits
    (:mod:`core.memory.tracing`). The block gets the record, or None when the debugger is off.
    """
    return workbench().track(name, trace=trace) if enabled() else contextlib.nullcontext()


@overload
def memory_profiler(function: F) -> F: ...
@overload
def memory_profiler(*, name: str = "", limit: int = 10) -> Callable[[F], F]: ...
def memory_profiler(
    function: F | None = None, *, name: str = "", limit: int = 10
) -> F | Callable[[F], F]:
    """Keep and log every call of a function: RSS before, its peak inside, after, duration, and the
    ``limit`` lines that allocated most of what is still there when it returns.

    Generators and coroutines are measured from their first step to their last. Off, the function
    itself is returned.
    """
    if function is None:
        return functools.partial(memory_profiler, name=name, limit=limit)
    return _profiled(function, name or function.__qualname__, limit) if enabled() else function


def _profiled(function: F, name: str, limit: int) -> F:
    import inspect

    def measured() -> AbstractContextManager[Tracked]:
        return _logged(name, limit)

    wrapper: Callable[..., Any]
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with measured():
                return await function(*args, **kwargs)

    elif inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with measured():
                return (yield from function(*args, **kwargs))

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with measured():
                return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


@contextlib.contextmanager
def _logged(name: str, limit: int) -> Iterator[Tracked]:
    import logging

    tracked = None
    try:
        with workbench().track(name, trace=True, limit=limit) as tracked:
            yield tracked
    finally:
        operation = tracked.operation if tracked else None
        if tracked is not None and operation is not None:
            top = tracked.trace.lines if tracked.trace else ()
            logging.getLogger("debug_memory").info(
                "operation=%r before_mb=%.1f peak_mb=%.1f after_mb=%.1f duration_ms=%.0f top=%s",
                *(operation.name, operation.before_mb, operation.peak_mb, operation.after_mb),
                operation.duration_ms,
                "; ".join(map(describe_line, top)) or "none",
            )


def describe_line(line: Line) -> str:
    """``file.py:12 3.4 MiB in 56 blocks``, with the last two parts of the file's path."""
    short = "/".join(line.file.replace("\\", "/").split("/")[-2:])
    return f"{short}:{line.line} {line.nbytes / 2**20:.2f} MiB in {line.blocks} blocks"


def print_memory_usage(label: str = "") -> None:
    """Print one line: RSS now, its change since the last such line, and the headroom."""
    if not enabled():
        return
    from core.memory.readings import headroom_mb

    moments = workbench().ledger.moments()
    before_mb = moments[-1].rss_mb if moments else None
    now_mb = workbench().ledger.note()
    change = "" if before_mb is None else f", {now_mb - before_mb:+.1f} since the reading before"
    start = f"{label}: " if label else ""
    print(f"{start}{now_mb:.1f} MiB resident{change}, {headroom_mb():.0f} MiB free")  # noqa: T201


def start_memory_tracking() -> bool:
    """Trace allocations from here until :func:`show_top_memory_usage` or
    :func:`stop_memory_tracking`; whether tracing is on now.

    It is refused, with a sentence on stderr, when its predicted cost does not fit into the memory
    that is free, and ends by itself when its real cost no longer does.
    """
    global _long_trace, _long_result
    if not enabled():
        return False
    from core.memory.tracing import tracing

    stop_memory_tracking()
    stack = contextlib.ExitStack()
    _long_result = stack.enter_context(tracing("tracking"))
    if _long_result.refused:
        stack.close()
        print(_long_result.refused, file=sys.stderr)  # noqa: T201
        return False
    _long_trace = stack
    return True


def stop_memory_tracking() -> Trace | None:
    """End what :func:`start_memory_tracking` began; what was traced, None where nothing was."""
    global _long_trace
    if _long_trace is None:
        return None
    stack, _long_trace = _long_trace, None
    stack.close()
    if _long_result is not None:
        workbench().traces.append(_long_result)
    return _long_result


def show_top_memory_usage(limit: int = 10) -> None:
    """Print the lines that allocated most since :func:`start_memory_tracking`, which ends with
    it; without it, of the last trace there is."""
    if not enabled():
        return
    traces = workbench().traces
    trace = stop_memory_tracking() or (traces[-1] if traces else None)
    if trace is None:
        print("Nothing was traced. Call start_memory_tracking() first.")  # noqa: T201
        return
    if trace.refused:
        print(trace.refused)  # noqa: T201
    for line in trace.lines[:limit]:
        print(describe_line(line))  # noqa: T201
    if not trace.refused:
        print(f"Tracing cost {trace.cost_mb:.1f} MiB while it ran.")  # noqa: T201


def register_owner(
    kind: str,
    measure: Callable[[], object],
    *,
    name: str = "",
    note: str = "",
    holding: Callable[[], Iterable[object]] = tuple,
) -> None:
    """Show ``measure()`` among the owners of memory: a number of bytes, or a value to be sized.

    ``holding`` tells the objects that belong to it, which then count for no other owner.
    Registering the same kind and name again replaces it.
    """
    if not enabled():
        return
    from core.memory.owners import Owner, register_probe

    def probe(walk: SizeWalk) -> Iterable[Owner]:
        held = measure()
        walk.skip(holding())
        if isinstance(held, int):
            return [Owner(kind, name, held, note=note)]
        size = walk.size(held)
        return [Owner(kind, name, size.nbytes, size.small_bytes, size.complete, note)]

    workbench()
    register_probe(f"{kind}: {name}", probe)


def memory_panel(
    translate: Callable[[str], str] = str, *, every_s: float = 2.0, sidebar: bool = True
) -> None:
    """Draw the live panel into Streamlit's sidebar (or, with ``sidebar=False``, here).

    It refreshes itself without rerunning the page. ``translate`` turns the English texts into
    another language. Off, nothing is drawn.
    """
    if not enabled():
        return
    from debug_memory_panel import draw_panel

    draw_panel(workbench(), translate, every_s, sidebar)


if __name__ == "__main__":
    from core.memory.command_line import main

    sys.exit(main())
