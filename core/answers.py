"""What a service says: the answer to a request, and whether it can answer at all.

Records and sentences that callers, agenda and worker share; who decides on them is
:mod:`core.agenda`. Errors of a single photo are not made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.errors import ClimbMateError, ModelError, NotReadyError
from core.wall import WallAnalysis

ServiceState = Literal["new", "loading", "ready", "unloaded", "failed", "closed"]

MISSING: dict[ServiceState, str] = {
    "new": "The service was not started.",
    "loading": "The models are being loaded.",
    "failed": "The models could not be loaded.",
    "closed": "The service is closed.",
}
"""What each state lacks; the others lack nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a request. ``processing_ms`` is from the request's arrival, waiting included."""

    analysis: WallAnalysis
    from_cache: bool
    processing_ms: float


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests can be answered, and what is missing where they cannot.

    The state ``unloaded`` is ready: the next request loads the models again before its analysis.
    """

    ready: bool
    state: ServiceState
    missing: tuple[str, ...] = ()
    error: ClimbMateError | None = None

    def problem(self) -> ClimbMateError:
        """Why it is not ready, as the error to show or raise."""
        return self.error or NotReadyError(
            "service_not_ready", " ".join(self.missing), "Try again in a moment."
        )


def not_started() -> NotReadyError:
    """The error of a request to a service that was not started."""
    return NotReadyError("service_not_started", MISSING["new"], "Start it, then ask again.")


def closing_down() -> NotReadyError:
    """The error of a request to a service that is being closed, or is closed."""
    return NotReadyError(
        "service_closing", "The service is being closed.", "Try again when it runs again."
    )


def not_loaded(error: Exception) -> ClimbMateError:
    """Why the models could not be loaded, as an error to show."""
    if isinstance(error, ClimbMateError):
        return error
    return ModelError(
        "models_not_loaded",
        f"The models could not be loaded ({type(error).__name__}: {str(error)[:200]}).",
        "Look into the log of the server.",
    )
