"""The memory debugger's panel in the sidebar, and what it has to know about the service.

Nothing is measured here: :mod:`debug_memory` does that.
"""

from __future__ import annotations

import debug_memory
from core.service import ModelService
from pages.words import told


def show_panel() -> None:
    """The live panel, on every page."""
    debug_memory.memory_panel(told)


def watch_service(service: ModelService) -> None:
    """Name what the service holds: the models by what loading them took, and kept results."""
    debug_memory.register_owner(
        "models", lambda: round(service.statistics().model_mb * 2**20), holding=lambda: [service]
    )
    debug_memory.register_owner("analysis cache", service.nbytes)
