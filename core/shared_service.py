"""The one service of a process, shared by its faces.

Dashboard and REST each take it and give it back; who comes first starts it, who leaves last closes
it. The process keeps its black box meanwhile.
"""

from __future__ import annotations

import threading

from core.memory import black_box
from core.service import ModelService
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
        service, holders = _shared.pop() if _shared else (ModelService(settings), 0)
        _shared.append((service, holders + 1))
        service.start()
        return service


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
