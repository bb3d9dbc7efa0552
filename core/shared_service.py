"""The one service of a process, shared by its faces.

Dashboard and REST each take it and give it back; who comes first starts it, who leaves last closes
it. The process keeps its black box meanwhile, and its garbage collector looks at what came with
start and models no more.
"""

from __future__ import annotations

import gc
import threading
from functools import partial

from core.memory import black_box
from core.service import ModelService
from core.service_statistics import Event
from core.settings import Settings

_shared_lock = threading.Lock()
_shared: list[tuple[ModelService, int]] = []
"""The one service of this process with the number of its holders; empty where there is none."""


def shared_service(settings: Settings) -> ModelService:
    """The started service of this process; the first caller's settings count.

    From here on the process keeps its black box (:mod:`core.memory.black_box`). Every call has to
    be matched by one of :func:`release_shared`: the last closes the service.
    """
    with _shared_lock:
        black_box.start_recording(settings.cache_dir / "state")
        service, holders = _shared.pop() if _shared else (_new_service(settings), 0)
        _shared.append((service, holders + 1))
        service.start()
        return service


def _new_service(settings: Settings) -> ModelService:
    service = ModelService(settings)
    service.observe(partial(_settle, settings))
    return service


def _settle(settings: Settings, event: Event) -> None:
    """After loading, take all that lives now out of the garbage collector's rounds.

    A full collection over the 120,000 objects of the libraries stopped every thread for 77 to 122
    ms, and Streamlit asks for one after each run of a page; under load the slowest one in a hundred
    answers to ``/api/health`` took 79 ms with them and 27 ms without. The memory debugger wants to
    see every object, so it goes without this.
    """
    if event.kind == "loaded" and not settings.debug_memory and not gc.get_freeze_count():
        gc.collect()
        gc.freeze()


def release_shared(service: ModelService, timeout_s: float = 10.0) -> None:
    """Give back what :func:`shared_service` gave; the last holder's call closes the service."""
    with _shared_lock:
        if not _shared or _shared[0][0] is not service:
            return
        holders = _shared.pop()[1] - 1
        if holders:
            _shared.append((service, holders))
            return
    service.close(timeout_s)
    black_box.stop_recording()
