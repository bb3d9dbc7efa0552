"""What Streamlit itself holds: uploads, media files, sessions, messages and caches, as owners.

Streamlit has no interface for any of this, so its own attributes are read; every one of them is
touched in this module and nowhere else. When a version of Streamlit renames one, the owners that
need it are left out, :func:`problems` says which, and ``tests/test_debug_memory_streamlit.py``
fails.

Read with Streamlit 1.67. That version keeps no cache of forward messages on the server; what waits
for a browser in the queue of a session is counted instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from core.memory.owners import Owner, SizeWalk

_problems: dict[str, str] = {}


def problems() -> tuple[str, ...]:
    """What could not be read with the installed Streamlit, one sentence each."""
    return tuple(_problems.values())


def _attribute(holder: Any, name: str) -> Any:
    """An attribute of Streamlit's that may be gone in another version."""
    try:
        return getattr(holder, name)
    except AttributeError:
        raise _RenamedError(f"{type(holder).__qualname__}.{name}") from None


class _RenamedError(Exception):
    """Streamlit has no attribute of this name any more."""


def streamlit_owners(walk: SizeWalk) -> Iterator[Owner]:
    """Everything that this process's Streamlit holds; nothing where it does not run."""
    for what, probe in PROBES.items():
        try:
            owners = list(probe(walk))
        except _RenamedError as gone:
            import streamlit

            _problems[what] = (
                f"{what} cannot be measured with Streamlit {streamlit.__version__}: "
                f"it has no {gone}."
            )
        else:
            _problems.pop(what, None)
            yield from owners


def _runtime() -> Any | None:
    """The running server; None in a script, and under AppTest, which has a stand-in."""
    from streamlit.runtime.runtime import Runtime

    if not Runtime.exists():
        return None
    runtime = Runtime.instance()
    # The stand-in claims the class by isinstance, so its real type is asked.
    return runtime if issubclass(type(runtime), Runtime) else None


def session_label(session_id: str) -> str:
    """The first characters of a session's id: enough to tell sessions apart."""
    return f"session {session_id[:8]}"


def _uploads(walk: SizeWalk) -> Iterable[Owner]:
    if (runtime := _runtime()) is None:
        return
    storage = _attribute(_attribute(runtime, "_uploaded_file_mgr"), "file_storage")
    for session_id, files in list(storage.items()):
        size = walk.size(list(files.values()))
        if files:
            note = "until it is replaced or the session ends"
            yield _owner("uploads", session_label(session_id), size, note)


def _media(walk: SizeWalk) -> Iterable[Owner]:
    if (runtime := _runtime()) is None:
        return
    storage = _attribute(_attribute(runtime, "_media_file_mgr"), "_storage")
    files = list(_attribute(storage, "_files_by_id").values())
    if files:
        note = f"{len(files)} files, until no session shows them"
        yield _owner("media files", "", walk.size(files), note)


def _sessions(walk: SizeWalk) -> Iterable[Owner]:
    for session, note in _sessions_with_notes():
        state = _attribute(session, "_session_state")
        held = [
            _attribute(state, "_old_state"),
            _attribute(state, "_new_session_state"),
            _attribute(_attribute(state, "_new_widget_state"), "states"),
        ]
        yield _owner("session_state", session_label(session.id), walk.size(held), note)


def _messages(_: SizeWalk) -> Iterable[Owner]:
    for session, note in _sessions_with_notes():
        queue = _attribute(_attribute(session, "_browser_queue"), "_queue")
        nbytes = sum(message.ByteSize() for message in list(queue))
        if nbytes:
            yield Owner("forward messages", session_label(session.id), nbytes, note=note)


def _sessions_with_notes() -> Iterator[tuple[Any, str]]:
    """All sessions, those too whose browser is gone, and until when each lives."""
    if (runtime := _runtime()) is None:
        return
    manager = _attribute(runtime, "_session_mgr")
    for info in manager.list_active_sessions():
        yield info.session, "connected"
    storage = _attribute(manager, "_session_storage")
    cache = _attribute(storage, "_cache")
    expirations = dict(_attribute(cache, "_expirations"))
    now_s = _attribute(cache, "_timer")()
    for session_id, info in list(_attribute(cache, "_data").items()):
        left_s = expirations[session_id] - now_s
        # An expired session stays in memory until the storage is next written to or counted.
        yield info.session, f"disconnected, ends in {left_s:.0f} s" if left_s > 0 else "expired"


def _cache_data(_: SizeWalk) -> Iterable[Owner]:
    from streamlit.runtime.caching import cache_data_api

    caches = _attribute(cache_data_api, "_data_caches")
    for cache in _function_caches(caches):
        sizes = [stat.byte_length for family in cache.get_stats().values() for stat in family]
        name = _attribute(cache, "display_name")
        yield Owner("st.cache_data", name, sum(sizes), note=f"{len(sizes)} entries, pickled")


def _cache_resource(walk: SizeWalk) -> Iterable[Owner]:
    from streamlit.runtime.caching import cache_resource_api

    caches = _attribute(cache_resource_api, "_resource_caches")
    for cache in _function_caches(caches):
        kept = _attribute(_attribute(cache, "_mem_cache"), "_data")
        values = [_attribute(result, "value") for result in list(kept.values())]
        name = _attribute(cache, "display_name")
        yield _owner("st.cache_resource", name, walk.size(values), f"{len(values)} entries")


def _function_caches(caches: Any) -> list[Any]:
    """The caches of all functions, of those too that belong to one session."""
    groups = list(_attribute(caches, "_function_caches").values())
    return [cache for group in groups for cache in list(group.values())]


def _owner(kind: str, name: str, size: Any, note: str) -> Owner:
    return Owner(kind, name, size.nbytes, size.small_bytes, size.complete, note)


PROBES: dict[str, Callable[[SizeWalk], Iterable[Owner]]] = {
    "Uploads": _uploads,
    "Media files": _media,
    "Forward messages": _messages,
    "Data caches": _cache_data,
    "Resource caches": _cache_resource,
    "Sessions": _sessions,
}
"""In this order: who holds a value for certain, before who may only refer to it."""
